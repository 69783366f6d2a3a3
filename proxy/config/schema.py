"""The policy's JSON Schema (draft 2020-12), so that editors complete and check while people type."""

from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from proxy.config.model import PolicyFile


class _Plain(GenerateJsonSchema):
    """Without what an editor must not offer: null, for a key without a value is an error here, and class names."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def get_title_from_name(self, name: str) -> str:
        return ""


def policy_schema() -> dict[str, Any]:
    """The schema of a whole policy; a file of a folder is checked against it too, apart from what is required."""
    schema = PolicyFile.model_json_schema(schema_generator=_Plain)
    for part in _parts(schema):
        if "title" in part and isinstance(part["title"], str):
            del part["title"]
        if "default" in part and (part["default"] is None or isinstance(part["default"], dict)):
            del part["default"]
    return {"$schema": GenerateJsonSchema.schema_dialect, "title": "Stillgate policy", **schema}


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema in `schema`, itself included."""
    if isinstance(schema, dict):
        yield schema
    for inner in list(schema.values()) if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _parts(inner)
