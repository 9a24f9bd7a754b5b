"""The envelope of each object, its versions, and its shape by JSON Schema (`schemas/`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from kibana_objects.check.problem import Problem
from kibana_objects.check.unpack import STRINGS, name_of, unpacked
from kibana_objects.columns import Json
from kibana_objects.saved import CORE_VERSION, VERSIONS, Office

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"


def problems(objects: Sequence[Json], office: Office) -> list[Problem]:
    return [problem for found in objects for problem in _one(found, office)] or list(_twice(objects))


def _one(found: Json, office: Office) -> Iterator[Problem]:
    where = f"{found.get('type')}:{found.get('id')}"
    if found.get("type") not in STRINGS:
        yield Problem("unknown-type", where, "Kibana would say unsupported_type, or we never write it")
        return
    try:
        opened = unpacked(found)
    except ValueError as error:
        yield Problem("string-not-json", where, f"{error} holds no JSON")
        return
    for wrong in _validator(str(found["type"])).iter_errors(opened):
        yield Problem("shape:" + _place(wrong), where, wrong.message[:300])
    yield from _versions(found, where)
    if not str(found.get("id")).startswith(f"{office.space}-"):
        yield Problem("id-not-of-office", where, "the same id in two spaces is renamed at import, and references break")


def _versions(found: Json, where: str) -> Iterator[Problem]:
    wanted, got = VERSIONS[found["type"]], found.get("typeMigrationVersion")
    if not isinstance(got, str):
        yield Problem("version-missing", where, "every migration since 6.x would run on the new shape")
    elif _numbers(got) > _numbers(wanted):
        yield Problem("version-newer", where, f"{got}: a server at {wanted} answers 422")
    elif _numbers(got) < _numbers(wanted):
        yield Problem("version-older", where, f"{got}: migrations up to {wanted} would run on the new shape")
    if found.get("coreMigrationVersion") != CORE_VERSION:
        yield Problem("core-version", where, str(found.get("coreMigrationVersion")))


def _twice(objects: Sequence[Json]) -> Iterator[Problem]:
    names = [name_of(found) for found in objects]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem("object-twice", name, "an import with a type:id twice is refused with 400")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdecimal() else 0 for part in version.split("."))


def _place(error: ValidationError) -> str:
    """Where in the object, without the numbers of lists: `attributes.panelsJSON.gridData`."""
    return ".".join(str(step) for step in error.absolute_path if isinstance(step, str)) or "envelope"


@cache
def _validator(kind: str) -> Draft202012Validator:
    known: dict[str, Any] = {path.name: json.loads(path.read_text("utf-8")) for path in SCHEMAS.glob("*.json")}
    registry: Registry[Any] = Registry().with_resources((n, DRAFT202012.create_resource(s)) for n, s in known.items())
    return Draft202012Validator(known[f"{kind}.json"], registry=registry)
