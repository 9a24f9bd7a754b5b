"""The JSON Schema of `sources/*.yaml`, for editors: names, choices and Chinese explanations while one types."""

from __future__ import annotations

from typing import Any

from pipeline.settings.sources import Source

NAME = "source.schema.json"


def source_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of one source file. What fields must fit together is said by `tingjian source check` only."""
    schema = Source.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        model.pop("description", None)  # docstrings are for developers
        for field in model.get("properties", {}).values():
            field.pop("title", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "听见：一个来源"}
