"""YAML into pydantic models, with the line of every mistake, and `${NAME}` filled from the environment.

Before an `@` it is the password of an address, and quoted as one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import ConfigurationError

_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")  # as in a shell: ${NAME}, ${NAME:-what else}

# Chinese for pydantic's most usual complaints; others come as pydantic says them.
_WORDS = {
    "missing": "缺少这一项",
    "extra_forbidden": "没有这个设置项（拼写错了？）",
    "string_type": "应为文字",
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "float_parsing": "应为数字",
    "bool_parsing": "应为 true 或 false",
    "list_type": "应为列表",
    "model_type": "应为一组设置",
}


class Strict(BaseModel):
    """Base of every configuration model: unknown keys are refused, values don't change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


M = TypeVar("M", bound=BaseModel)


def load_model(path: Path, model: type[M]) -> M:
    """Read one YAML file. Raises ConfigurationError naming file, line and field."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError("找不到这个文件", file=path) from None
    except UnicodeDecodeError:
        raise ConfigurationError("文件不是 UTF-8 编码", file=path) from None
    except OSError as error:
        raise ConfigurationError(f"读不了这个文件（{error.strerror}）", file=path) from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigurationError(f"YAML 写法有误：{error.problem}", file=path, line=line) from None
    try:
        return model.model_validate(_filled(data or {}, path))
    except ValidationError as error:
        first = error.errors()[0]
        loc = first["loc"]
        words = _WORDS.get(first["type"], str(first["msg"]).removeprefix("Value error, "))
        if first["type"] == "literal_error":
            words = "只能是 " + str(first["ctx"]["expected"]).replace("'", "").replace(", ", "、").replace(" or ", "、")
        more = f"（另有 {error.error_count() - 1} 处）" if error.error_count() > 1 else ""
        raise ConfigurationError(
            words + more, file=path, line=_line(node, loc), field=".".join(map(str, loc))
        ) from None


def load_models(folder: Path, model: type[M]) -> list[M]:
    """Every `*.yaml` of a folder, by file name. A missing folder is empty."""
    return [load_model(path, model) for path in sorted(folder.glob("*.yaml"))]


def _filled(value: Any, path: Path) -> Any:
    if isinstance(value, str):

        def put(match: re.Match[str]) -> str:
            name, otherwise = match.groups()
            word = os.environ.get(name, otherwise)
            if word is None:
                raise ConfigurationError(f"环境变量 {name} 没有设置", file=path)
            return quote(word, safe="") if match.string[match.end() :].startswith("@") else word

        return _VARIABLE.sub(put, value)
    if isinstance(value, dict):
        return {k: _filled(v, path) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, path) for v in value]
    return value


def _line(node: yaml.Node | None, loc: tuple[int | str, ...]) -> int | None:
    """1-based line of the innermost node on the way to `loc`."""
    line = node.start_mark.line + 1 if node is not None else None
    for step in loc:
        found: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if getattr(key, "value", None) == str(step):
                    found, line = value, key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = node.value[step]
            line = found.start_mark.line + 1
        if found is None:
            break
        node = found
    return line
