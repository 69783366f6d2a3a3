"""What a request asks of single tokens: to lean on them, or to see them and their probabilities.

A guard that knew `logit_bias` and `logprobs` only would be walked around: vLLM's request classes for chat, completions and
responses do the same under more names, and servers pass on what they do not know. So all of them are governed in all three
dialects. Each says here what it gives away.
"""

import msgspec

from proxy.core.facts import LogitAsk
from proxy.core.logits import STEERS
from proxy.dialects import peek
from proxy.errors import CallerError

MOST_BIASED = 2048
"""Token ids that one request may single out: each is looked up in the store."""

EXTREME = 50.0
"""Of a bias, which runs from -100 to 100: from here on it decides by itself what is said."""

SHORT = 2
"""Tokens of an answer that says little but where the logits lie."""

SHOWS = (
    "logprobs", "top_logprobs", "prompt_logprobs", "echo",
    "return_token_ids", "return_tokens_as_token_ids", "enable_response_messages", "n_probs",
)  # fmt: skip
"""Log probabilities of what is generated, of the prompt (`echo` with `logprobs` does so in completions); the ids of tokens.
In responses `include` may ask for the first."""

NAMES = STEERS + SHOWS
KEYS = frozenset(NAMES) | {"min_tokens"}
"""Governed in each dialect that generates."""

Shown = int | None
"""Alternatives shown at each generated token, -1 for all; None where not even the token's own probability is asked for."""

_biases = msgspec.json.Decoder(dict[int, float])
_NOTHING: tuple[object, ...] = (None, False, [], {})


def asked(found: peek.Fields, shown: Shown, cap: int | None, answers: int, *, echoed: bool = False) -> LogitAsk | None:
    """What the request asks of single tokens, None where it asks nothing. `cap`: tokens allowed for each of `answers` to one prompt;
    `echoed`: the prompt comes back as though it had been generated. Raises `CallerError`."""
    probs = alternatives(found, "n_probs")  # llama.cpp's own name for top_logprobs
    shown = shown if not probs else _most(shown or 0, probs)
    single = cap is not None and cap <= SHORT
    if shown is None and KEYS.isdisjoint(found):
        return LogitAsk(single=True, answers=answers) if single else None
    extras = tuple(name for name in NAMES if _used(found, name))
    if shown is not None and not ({"logprobs", "top_logprobs", "n_probs"} & {*extras}):
        extras += ("include",)
    if not extras and shown is None and not single:
        return None
    biases, wanted, of_prompt = biases_of(found), _ids(found, "logprob_token_ids"), alternatives(found, "prompt_logprobs")
    masked = [*_ids(found, "allowed_token_ids"), *(_ids(found, "stop_token_ids") if "stop_token_ids" in extras else ())]
    return LogitAsk(
        biased=_few({*biases, *wanted, *masked}, extras),
        extreme=sum(abs(bias) >= EXTREME for bias in biases.values()),
        logprobs=shown is not None,
        top_logprobs=_most(shown or 0, of_prompt or 0, len(wanted) if shown is not None else 0),
        prompt=of_prompt is not None or (echoed and shown is not None),
        single=single,
        answers=answers,
        extras=extras,
    )


def biases_of(found: peek.Fields) -> dict[int, float]:
    """`logit_bias`, by token id. Raises `CallerError`: of what one reader takes and another does not, both must read the same."""
    raw = bytes(found.get("logit_bias", b"null"))
    if raw == b"null":
        return {}
    if raw.count(b":") > MOST_BIASED:
        raise _too_many("logit_bias")
    try:
        biases = _biases.decode(raw)
    except peek.BROKEN:
        raise CallerError("'logit_bias' must map token ids to numbers.", param="logit_bias") from None
    if raw.count(b":") != len(biases):
        raise CallerError("'logit_bias' has a token id twice.", param="logit_bias")
    _check(biases, "logit_bias")
    return biases


def alternatives(found: peek.Fields, name: str) -> Shown:
    """A number of alternatives, -1 for all; None where absent. Raises `CallerError`."""
    number = peek.value(found, name, int | None, None)  # type: ignore[arg-type]
    if number is not None and not -1 <= number <= peek.MOST:
        raise CallerError(f"'{name}' must be a number from -1 to {peek.MOST}.", param=name)
    return number


def _used(found: peek.Fields, name: str) -> bool:
    """Is it there, and not said to be nothing?"""
    if name not in found:
        return False
    if name == "stop_token_ids" and not peek.amount(found, "min_tokens"):
        return False
    said = peek.value(found, name, object, None)
    return said not in _NOTHING or (said == 0 and said is not False and name != "top_logprobs")


def _ids(found: peek.Fields, name: str) -> list[int]:
    ids = peek.value(found, name, list[int], [])
    if len(ids) > MOST_BIASED:
        raise _too_many(name)
    _check(ids, name)
    return ids


def _check(ids: dict[int, float] | list[int], name: str) -> None:
    if ids and not (min(ids) >= 0 and max(ids) <= peek.MOST):
        raise CallerError(f"'{name}' names a token id that there is not.", param=name)


def _few(ids: set[int], extras: tuple[str, ...]) -> tuple[int, ...]:
    if len(ids) > MOST_BIASED:
        raise _too_many(next(name for name in STEERS if name in extras))
    return tuple(sorted(ids))


def _too_many(name: str) -> CallerError:
    return CallerError(f"'{name}' has more than {MOST_BIASED} entries.", param=name)


def _most(*counts: int) -> int:
    return -1 if -1 in counts else max(counts)
