"""deploy/compose.yaml as Compose reads it: anchors merged, `${NAME:-default}` and `${NAME:?words}` filled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::([-?])([^}]*))?\}")
IMAGE = "tingjian:local"  # what runs our own code


def compose(values: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The file; where `values` are given, with its variables filled. Raises KeyError for a required one without value."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found if values is None else filled(found, values)


def filled(part: Any, values: Mapping[str, str]) -> Any:
    if isinstance(part, str):

        def put(match: re.Match[str]) -> str:
            name, how, more = match.groups()
            value = values.get(name, "")
            if not value and how == "?":
                raise KeyError(f"{name}: {more}")
            return value or (more if how == "-" else "")

        return VARIABLE.sub(put, part)
    if isinstance(part, dict):
        return {key: filled(value, values) for key, value in part.items()}
    if isinstance(part, list):
        return [filled(value, values) for value in part]
    return part


def example() -> dict[str, str]:
    """env.example: name → value."""
    lines = (DEPLOY / "env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))  # type: ignore[misc]


def service(name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """One service, filled."""
    found: dict[str, Any] = compose(values)["services"][name]
    return found
