"""Turning what stands in a request: the steps that the dialects share. Each changes an opened object and leaves what is right alone.

Nothing here raises: a member of an unexpected type is left as it is, for the provider to refuse.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from proxy.core.shaping import EFFORTS, NO_LOGPROBS, Logprobs, Plan, Reasoning, Show
from proxy.dialects import twins
from proxy.dialects.openai_stream import Choices
from proxy.shaping.edit import BROKEN, NULL, Object, Raw, closed, maybe_items, maybe_object, maybe_text, written

LEAST_BUDGET = 1024
"""Tokens of thinking that Anthropic asks for at least."""

BUDGETS = {"none": LEAST_BUDGET, "minimal": LEAST_BUDGET, "low": 2048, "medium": 8192, "high": 24000, "xhigh": 48000}
"""Tokens of thinking that an effort comes to, where a budget is how a model is told; `max` has no limit."""

SPELLS = ("return_token_ids", "prompt_logprobs", "enable_response_messages", "echo")
"""What shows, token by token, as the model's own messages or in front of its answer, text that a plan hides: a prompt may hold
reasoning that was put back, and tags that stand behind it are no longer an answer's beginning."""

SHOWS = ("return_token_ids", "prompt_logprobs", "logprobs", "top_logprobs", "return_tokens_as_token_ids", "logprob_token_ids", "n_probs")
"""What shows the model's distribution, or only makes sense beside it."""

_AS_IT_COMES, _AS_ASKED = Reasoning(), Logprobs()

Step = Callable[[Object, Plan], None]


def shaped(body: bytes, plan: Plan, steps: Iterable[Step], names: frozenset[str]) -> bytes:
    """`body` after `steps`; the same object where they changed nothing. A member of `names` that stands there twice is written
    once: an upstream that reads the other one would not do what was decided here."""
    found = maybe_object(body) if turns(plan) else None
    if found is None:
        return body
    before = dict(found)
    for step in steps:
        step(found, plan)
    return body if found == before and twins.repeated(body, names & found.keys()) is None else written(found)


def turns(plan: Plan) -> bool:
    """May a request have to change, but for its usage, which is asked for elsewhere?"""
    if plan.single_choice or plan.output_cap is not None or plan.model or plan.instruct:
        return True
    return plan.reasoning != _AS_IT_COMES or plan.logprobs != _AS_ASKED


def with_usage(body: bytes, plan: Plan, dialect: Choices) -> bytes:
    """A stream that reports its usage; the same bytes where it does so already, or nothing streams: there the option is refused."""
    found = maybe_object(body) if plan.ask_for_usage else None
    if found is None or not _says(found, "stream"):
        return body
    return body if _says(maybe_object(found.get("stream_options")) or {}, "include_usage") else dialect.ask_for_usage(body)


def _says(found: Object, name: str) -> bool:
    return bytes(found.get(name, NULL)) == b"true"


def within(found: Object, path: Sequence[str], edit: Callable[[Object], object]) -> None:
    """Edits the object at `path`, if there is one."""
    inner = maybe_object(found.get(path[0]))
    if inner is None:
        return
    before = dict(inner)
    if path[1:]:
        within(inner, path[1:], edit)
    else:
        edit(inner)
    if inner != before:
        found[path[0]] = closed(inner)


def put(found: Object, path: Sequence[str], value: object) -> None:
    """Says `value` at `path`, in new objects where there are none; nowhere, where something else stands in the way."""
    if not path[1:]:
        say(found, path[0], value)
        return
    if not there(found, path[0]):
        found[path[0]] = closed({})
    within(found, path[:1], lambda inner: put(inner, path[1:], value))


def there(found: Object, name: str) -> bool:
    """Does the caller say anything under this name?"""
    return found.get(name, NULL) != NULL


def say(found: Object, name: str, value: object) -> None:
    """Leaves the bytes alone where they say it already, in whatever spelling."""
    if name not in found or _plain(found[name]) != value:
        found[name] = closed(value)


def number(found: Object, name: str) -> int | None:
    """A whole number, None where there is none."""
    value = _plain(found.get(name))
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def lower(found: Object, name: str, most: int) -> None:
    """At most `most`; a negative number asks for all there is."""
    value = number(found, name)
    if value is not None and (value > most or value < 0):
        found[name] = closed(most)


def set_model(found: Object, plan: Plan) -> None:
    if plan.model:
        say(found, "model", plan.model)


def single_choice(found: Object, plan: Plan) -> None:
    """Only what is there: a server that never knew `n` is not told of it."""
    for name in ("n", "best_of") if plan.single_choice else ():
        lower_to_one(found, name)


def lower_to_one(found: Object, name: str) -> None:
    if (number(found, name) or 0) > 1:
        found[name] = closed(1)


def fewer_logprobs(found: Object, plan: Plan) -> None:
    """`logit_bias` stays: the guard watches it."""
    most = plan.logprobs.most
    gone = {*(SPELLS if plan.reasoning.show is not Show.ALL else ()), *(SHOWS if most == NO_LOGPROBS else ())}
    if plan.reasoning.show is not Show.ALL and _unparted(found):
        gone |= {*SHOWS}
    for name in gone & found.keys():
        del found[name]
    if most is not None and most != NO_LOGPROBS:
        found.pop("logprob_token_ids", None)  # of any token, however unlikely
        for name in ("top_logprobs", "prompt_logprobs", "logprobs", "n_probs"):
            lower(found, name, most)


def _unparted(found: Object) -> bool:
    """Does the caller ask that reasoning stay away? Then nothing in the answer tells which of its tokens were reasoning."""
    excluded = (maybe_object(found.get("reasoning")) or {}).get("exclude", NULL)
    return bytes(found.get("include_reasoning", b"true")) not in {b"true", b"null"} or bytes(excluded) not in {b"false", b"null"}


def lower_effort(found: Object, name: str, level: str) -> bool:
    """At most `level`; an effort of a name that is not known cannot be compared, and is replaced. False where none is said."""
    asked = maybe_text(found.get(name)) if there(found, name) else None
    if asked is None:
        return False
    if asked not in EFFORTS or EFFORTS.index(asked) > EFFORTS.index(level):
        found[name] = closed(level)
    return True


def below(level: str, usual: str) -> bool:
    """Would saying `level` lower what a model does when nothing is said?"""
    return EFFORTS.index(level) < EFFORTS.index(usual)


def lower_budget(found: Object, name: str, level: str) -> bool:
    """A budget of thinking tokens, at most what `level` comes to. False where none is said."""
    if number(found, name) is None:
        return False
    if (most := BUDGETS.get(level)) is not None:
        lower(found, name, most)
    return True


def joined(plan: Plan) -> str:
    """The instructions as one text; "" where there are none."""
    return "\n\n".join(plan.instruct)


def appended(text: str, more: str) -> str:
    """`more` at the end of `text`, once."""
    return text if text == more or text.endswith("\n\n" + more) else f"{text}\n\n{more}" if text else more


def edited_items(found: Object, name: str, edit: Callable[[list[Raw]], list[Raw]]) -> None:
    """Edits the list at `name`, if it is one."""
    items = maybe_items(found.get(name))
    if items is not None and (after := edit(list(items))) != items:
        found[name] = closed(after)


def _plain(raw: Raw | None) -> object:
    try:
        return msgspec.json.decode(raw) if raw is not None else None
    except BROKEN:
        return None
