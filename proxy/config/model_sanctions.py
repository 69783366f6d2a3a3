"""The list of a rung's sanctions, made from the catalogue: what a value may be stands with the sanction (`core.sanctions`)."""

import inspect
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, create_model

from proxy.config import measures
from proxy.config.fields import Strict
from proxy.config.numbers import meant, printable, shown
from proxy.core.sanctions import CATALOGUE
from proxy.core.sanctions.base import Sanction


class _Item(Strict):
    """One thing that is done on a rung: a word, or a key with its value."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})


def _reader(kind: type[Sanction]) -> PlainValidator:
    def read(value: object) -> Sanction:
        try:
            return kind.read(value, measures)
        except ValueError as error:
            missing = value is True and kind.example is not True
            said = f"'{kind.name}' needs a value, as in {kind.name}: {kind.example}" if missing else _what_is_taken(kind, value, error)
            raise ValueError(said) from None

    return PlainValidator(read)


def _what_is_taken(kind: type[Sanction], value: object, error: ValueError) -> str:
    """Where a sanction lists how it is written, what was written stands before it."""
    begins = f"it is written like {kind.name}: "
    if not isinstance(value, str) or not str(error).startswith(begins):
        return printable(error)
    choices = str(error).removeprefix(begins).split(" | ")
    words = [choice for choice in choices if " " not in choice]
    return f"{shown(value)} is not one of {', '.join(choices)}{meant(value, words)}"


def _field(kind: type[Sanction]) -> Any:
    return Annotated[Any, _reader(kind), WithJsonSchema(kind.shape)], Field(default=None, description=inspect.getdoc(kind))


def _stands_alone(kind: type[Sanction]) -> bool:
    """May its name stand without a value?"""
    shape: Any = kind.shape
    return any(one.get("const") is True for one in (shape, *shape.get("anyOf", ())))


def _as_mapping(value: object) -> object:
    return {value: True} if isinstance(value, str) else value


def _the_one(item: BaseModel) -> Sanction:
    if len(item.model_fields_set) != 1:
        raise ValueError(f"each item of the list is one sanction; known are {', '.join(CATALOGUE)}")
    sanction: Sanction = getattr(item, next(iter(item.model_fields_set)))
    return sanction


def _sanctions() -> Any:
    """The list of a rung's sanctions, made from the catalogue."""
    fields: dict[str, Any] = {name: _field(kind) for name, kind in CATALOGUE.items()}
    item: Any = create_model("Sanction", __base__=_Item, __doc__=_Item.__doc__, __module__=__name__, **fields)
    words = Annotated[str, WithJsonSchema({"type": "string", "enum": [name for name, kind in CATALOGUE.items() if _stands_alone(kind)]})]
    return tuple[Annotated[item, BeforeValidator(_as_mapping, json_schema_input_type=words | item), AfterValidator(_the_one)], ...]


Sanctions = _sanctions()
