"""Log probabilities as a plan shows them: none, or fewer alternatives, or rounded.

Three shapes are known, wherever they stand:
`tokens`    `[{"token", "logprob", "bytes", "top_logprobs": [same]}]`, of chat (`content`, `refusal`) and Responses
`columns`   `{"tokens": [], "token_logprobs": [], "top_logprobs": [{token: number}], "text_offset": []}`, of legacy completions
`prompt`    `[null, {token id: {"logprob", "rank", "decoded_token"}}]`, vLLM's `prompt_logprobs`

Rule: an entry's own token always stays, whatever is cut around it: it is the text that the caller has anyway. What is not
understood is left out, for it may be what the plan hides. (They are decoded whole, unlike all else: most of it changes.)
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from proxy.core.shaping import NO_LOGPROBS, Logprobs
from proxy.shaping.edit import BROKEN, NULL, Raw, closed

NONE_OF_MANY = Raw(b"[]")

LEAST = -9000.0
"""OpenAI's -9999 says "hardly ever", and is no measurement; neither is anything below this."""

T = TypeVar("T")

_Change = Callable[[Any], bool | None]
"""Changes a value in place, and says whether it did; None: it is not what it should be, and must not be shown."""

_decode = msgspec.json.Decoder().decode


class Distribution:
    """One plan's log probabilities. Every method gives the very same value back where nothing changes."""

    __slots__ = ("_decimals", "_most", "active", "none")

    def __init__(self, wanted: Logprobs) -> None:
        self._most = wanted.most
        self._decimals = wanted.decimals
        self.none = wanted.most == NO_LOGPROBS
        """Are none shown at all?"""
        self.active = wanted.most is not None or wanted.decimals is not None

    def of_choice(self, raw: Raw) -> Raw:
        """`choices[].logprobs`, chat's or completions'."""
        return self._shaped(raw, self._columns, NULL)

    def tokens(self, raw: Raw) -> Raw:
        """A list of tokens, each with its alternatives; `[]` where none are shown."""
        return self._shaped(raw, self._tokens, NONE_OF_MANY)

    def prompt(self, raw: Raw) -> Raw:
        """vLLM's `prompt_logprobs`."""
        return self._shaped(raw, self._positions, NULL)

    def _shaped(self, raw: Raw, change: _Change, nothing: Raw) -> Raw:
        if not self.active or raw == NULL:
            return raw
        if self.none:
            return nothing
        try:
            found = _decode(raw)
        except BROKEN:
            return nothing
        changed = change(found)
        return nothing if changed is None else closed(found) if changed else raw

    def _columns(self, found: Any) -> bool | None:
        if not isinstance(found, dict):
            return None
        lists: dict[str, _Change] = {"content": self._tokens, "refusal": self._tokens}
        columns: dict[str, _Change] = {"token_logprobs": self._numbers, "top_logprobs": self._mappings}
        return self._each(found, lists | columns)

    def _tokens(self, found: Any) -> bool | None:
        return self._list(found, self._token)

    def _token(self, found: Any) -> bool | None:
        if not isinstance(found, dict):
            return None
        changed = self._rounded(found, "logprob")
        top = found.get("top_logprobs")
        if top is None:
            return changed
        if isinstance(top, list) and self._most is not None and len(top) > self._most:
            found["top_logprobs"] = top = _likeliest(top, self._most, _number_of)
            changed = True
        return self._each(found, {"top_logprobs": self._tokens}) or changed

    def _numbers(self, found: Any) -> bool | None:
        return max([self._rounded(found, at) for at in range(len(found))], default=False) if isinstance(found, list) else None

    def _mappings(self, found: Any) -> bool | None:
        return self._list(found, self._mapping)

    def _mapping(self, found: Any) -> bool | None:
        """`{token: number}`, one position of completions' alternatives."""
        if not isinstance(found, dict):
            return None
        changed = self._cut(found, found.items(), lambda each: each[1])
        return max([self._rounded(found, name) for name in found], default=False) or changed

    def _positions(self, found: Any) -> bool | None:
        return self._list(found, self._position)

    def _position(self, found: Any) -> bool | None:
        """The prompt's own token stands first, then the likeliest."""
        if not isinstance(found, dict):
            return None
        changed = self._cut(found, list(found.items())[1:], lambda each: _number_of(each[1]))
        return self._each(found, dict.fromkeys(found, self._token)) or changed

    def _cut(self, found: dict[str, Any], items: Iterable[tuple[str, Any]], number: Callable[[tuple[str, Any]], Any]) -> bool:
        """Takes the unlikeliest of `items` out of `found`."""
        each = list(items)
        if self._most is None or len(each) <= self._most:
            return False
        kept = {name for name, _ in _likeliest(each, self._most, number)}
        for name, _ in each:
            if name not in kept:
                del found[name]
        return True

    def _rounded(self, holder: Any, key: Any) -> bool:
        value = holder.get(key) if isinstance(holder, dict) else holder[key]
        if self._decimals is None or not isinstance(value, float) or value < LEAST:
            return False
        rounded = round(value, self._decimals) + 0.0
        holder[key] = rounded
        return rounded != value

    @staticmethod
    def _each(found: dict[str, Any], changes: dict[str, _Change]) -> bool:
        """Changes members, each in its own way; what is not understood becomes null."""
        changed = False
        for name, change in changes.items():
            value = found.get(name)
            if value is None:
                continue
            differs = change(value)
            if differs is None:
                found[name] = None
            changed = changed or differs is not False
        return changed

    @staticmethod
    def _list(found: Any, change: _Change) -> bool | None:
        if not isinstance(found, list):
            return None
        changed = False
        for at, value in enumerate(found):
            differs = change(value) if value is not None else False
            if differs is None:
                found[at] = None
            changed = changed or differs is not False
        return changed


def _likeliest(found: list[T], most: int, number: Callable[[T], Any]) -> list[T]:
    """The `most` with the greatest numbers, in the order they came."""
    values = [value if isinstance(value := number(each), int | float) else -math.inf for each in found]
    kept = set(sorted(range(len(found)), key=lambda at: -values[at])[:most])
    return [each for at, each in enumerate(found) if at in kept]


def _number_of(token: Any) -> Any:
    return token.get("logprob") if isinstance(token, dict) else None
