"""The kinds of value that the policy's models are made of: words read into numbers, names, patterns."""

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from proxy.config import measures
from proxy.config.numbers import shown
from proxy.config.words import Limit, limit
from proxy.core.quota import Unit

ACCOUNT_ID = re.compile(r"[^\s{}\x00-\x1f\x7f]{1,200}")
"""An account's name: a brace would end the hash tag that keeps an organization in one part of the store."""


class Strict(BaseModel):
    """A mapping of known keys; the docstring under a key is its description in editors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def reads(parse: Callable[[object], Any], *examples: str, numbers: bool = True) -> PlainValidator:
    """A value that `parse` reads from text, or also from a plain number."""
    text = Annotated[str, Field(examples=list(examples))]
    return PlainValidator(parse, json_schema_input_type=text | float if numbers else text)


def listed(value: object) -> object:
    """One value stands for a list of one."""
    return value if isinstance(value, list | tuple) else [value]


def _limits(unit: Unit, *examples: str) -> Any:
    one = Annotated[Limit, reads(partial(limit, unit=unit), *examples, numbers=False)]
    return Annotated[tuple[one, ...], BeforeValidator(listed, json_schema_input_type=one | list[one])]


RequestLimits = _limits(Unit.REQUESTS, "20/minute", "600/minute burst 50", "5000/day")
TokenLimits = _limits(Unit.TOKENS, "40k/minute", "500k/5 minutes", "1.5m/day")
SpendLimits = _limits(Unit.SPEND, "200 usd/day", "50 usd/hour burst 5 usd")
BiasedLimits = _limits(Unit.BIASED, "2k/day")
SingleLimits = _limits(Unit.SINGLE, "5k/day")

Duration = Annotated[float, reads(measures.duration, "30s", "5m", "7d")]
Share = Annotated[float, reads(measures.share, "50%")]
Conversations = Annotated[int, reads(measures.conversations, "3 conversations")]
Money = Annotated[int, reads(measures.price, "3 usd/1m")]
Mode = Literal["enforce", "shadow"]
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Tokens = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
Weight = Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)]
Score = Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)]


def matching(expression: str, wanted: str) -> AfterValidator:
    """A text of which the whole matches; the message says what is wanted instead."""
    pattern = re.compile(expression)

    def check(value: str) -> str:
        if pattern.fullmatch(value) is None:
            raise ValueError(f"{shown(value)} is not {wanted}")
        return value

    return AfterValidator(check)


Name = Annotated[str, matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name: letters, digits, '.', '_' and '-', at most 64")]
AccountId = Annotated[str, matching(ACCOUNT_ID.pattern, "an account: 1 to 200 characters, no spaces and no braces")]
Pattern = Annotated[str, matching(r"[^\s\x00-\x1f\x7f]{1,200}", "a pattern of model names, such as large-*")]
RoutePath = Annotated[
    str, matching(r"/(?!/)(?:(?!//|/\.\.?(?:/|$))[^\s?#])*", "a path: it begins with '/' and has no '//', '..', query or space")
]
HeaderName = Annotated[str, matching(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", "the name of a header field")]
HttpUrl = Annotated[str, matching(r"https?://[^\s@/?#]+(?:/[^\s?#]*)?(?:\?[^\s#]*)?", "an http:// or https:// URL without a credential")]
Line = Annotated[str, matching(r"[^\x00-\x1f\x7f-\x9f]{0,200}", "one line of at most 200 characters")]
FileName = Annotated[str, matching(r"[^\x00-\x1f\x7f]{1,1000}", "a file's path")]
