"""What the strict models of OpenAI's chat put into their tool calls, and want back: DeepSeek's and vLLM's reasoning, Gemini's signatures.

Rule 1: a tool call's id is made of the reasoning before it, so that a history can be checked without remembering anything.
Rule 2: what an answer depends on holds neither reasoning nor its marks, but for one thing: whether reasoning that a template
needs is missing. Then the answer is another, which is the quiet loss that real servers show.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proxy.demo.conversation import Turn
from proxy.demo.inline import forgotten
from proxy.demo.kinds import FIELDS, INLINE, Kind
from proxy.demo.model import Call, Reply
from proxy.demo.seals import Verdict, judged, sealed, stamp
from proxy.errors import CallerError

THOUGHT = b"gthc"

PLAIN_ID = len("call_") + 16
"""Characters of a tool call's id that do not depend on the reasoning."""

NOT_PASSED = "The reasoning_content in the thinking mode must be passed back to the API."
UNSIGNED = "Function call is missing a thought_signature in functionCall parts."
CORRUPTED = "Corrupted thought signature."

OF_ANOTHER = frozenset({"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"})
"""Taken in a signature's place, for histories of another origin. (https://ai.google.dev/gemini-api/docs/thought-signatures)"""


def call_id(kind: Kind, model: str, reply: Reply, call: Call) -> str:
    plain = f"call_{call.seed:016x}"
    return plain + _mark(model, plain, "".join(reply.reasoning)) if _marks(kind) else plain


def addition(kind: Kind, model: str, name: str) -> dict[str, Any]:
    """What Gemini adds to the call of this id."""
    return {"extra_content": {"google": {"thought_signature": sealed(THOUGHT, model, "", name)}}} if kind is Kind.GEMINI else {}


def check(kind: Kind, model: str, messages: Sequence[Turn], *, thinks: bool) -> None:
    """Raises `CallerError` 400 in the provider's words."""
    for turn in messages:
        calls = _calls(turn)
        if calls and _marks(kind):
            _check_reasoning(kind, model, turn, thinks=thinks)
        if kind is Kind.GEMINI:
            for call in calls:
                _check_signature(model, call)


def normal(kind: Kind, model: str, messages: Sequence[Turn]) -> list[dict[str, Any]]:
    """What an answer depends on."""
    return [dict(_parts(kind, model, turn)) for turn in messages]


def _parts(kind: Kind, model: str, turn: Turn) -> Iterator[tuple[str, Any]]:
    """What clients send in several ways (no content as null, "" or not at all) is the same to the model."""
    content, calls, field = turn.get("content"), _calls(turn), FIELDS.get(kind)
    own = kind in INLINE and turn.get("role") == "assistant"
    yield "role", turn.get("role")
    yield "content", (forgotten(content) if own else content) or ""
    if calls:
        yield "calls", [[str(call.get("id"))[:PLAIN_ID], call.get("function")] for call in calls]
    if turn.get("tool_call_id"):
        yield "answers", str(turn["tool_call_id"])[:PLAIN_ID]
    if field and calls and not turn.get(field) and _owed(model, turn):
        yield "missing", True


def _marks(kind: Kind) -> bool:
    return kind in {Kind.DEEPSEEK, Kind.VLLM}


def _mark(model: str, plain: str, text: str) -> str:
    return stamp(model, plain, text)


def _calls(turn: Turn) -> list[Mapping[str, Any]]:
    calls = turn.get("tool_calls")
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) and turn.get("role") == "assistant" else []


def _said(model: str, turn: Turn, text: str) -> bool:
    """Whether every call of this turn was made after this reasoning."""
    names = [str(call.get("id")) for call in _calls(turn)]
    return all(name[PLAIN_ID:] == _mark(model, name[:PLAIN_ID], text) for name in names)


def _owed(model: str, turn: Turn) -> bool:
    return not _said(model, turn, "")


def _check_reasoning(kind: Kind, model: str, turn: Turn, *, thinks: bool) -> None:
    text, field = turn.get(FIELDS[kind]), FIELDS[kind]
    if text is None:
        if kind is Kind.DEEPSEEK and thinks and _owed(model, turn):
            raise CallerError(NOT_PASSED, code="invalid_request_error")
    elif not isinstance(text, str) or not _said(model, turn, text):
        raise CallerError(f"{field} was altered", code="invalid_request_error", param="messages")


def _check_signature(model: str, call: Mapping[str, Any]) -> None:
    found: Any = call
    for name in ("extra_content", "google", "thought_signature"):
        found = found.get(name) if isinstance(found, dict) else None
    if not found:
        raise CallerError(UNSIGNED, code="INVALID_ARGUMENT")
    if str(found) not in OF_ANOTHER and judged(found, THOUGHT, model, "", str(call.get("id"))) is not Verdict.MADE:
        raise CallerError(CORRUPTED, code="INVALID_ARGUMENT")
