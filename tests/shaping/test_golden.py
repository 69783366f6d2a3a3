"""Answers as providers stream them, recorded, and hard ones made by hand: what we make of each stands beside it (`golden/SOURCES.md`).

`DIALECT.NAME.sse` is a stream, `.json` a whole answer; `.omit.` before the ending: what a caller gets whose reasoning is left out,
unsealed. Where that changes, the wire has changed.
"""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openai import NOT_GIVEN
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types import Completion
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent

from proxy.core.sealing import MARK
from proxy.core.shaping import NO_LOGPROBS, Knobs, Logprobs, Plan, Reasoning, Show
from proxy.dialects import CATALOGUE as DIALECTS
from proxy.dialects.base import Tally
from proxy.shaping.answers import CATALOGUE as ANSWERS
from proxy.shaping.stream import Shaper
from tests.support import blocks, chunks
from tests.support.seals import a_binder

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(path for path in GOLDEN.iterdir() if path.suffix in {".sse", ".json"} and ".omit." not in path.name)
STREAMS, WHOLES = ([path.name for path in FILES if path.suffix == suffix] for suffix in (".sse", ".json"))
SILENT = {"openai_chat.refusal.sse", "anthropic_messages.redacted.sse", "anthropic_messages.redacted.json"}
"""No reasoning that can be read: what comes is what is shown."""
OMIT = Reasoning(Show.OMIT)
PLANS = {
    "omit": Plan(reasoning=OMIT), "keep": Plan(reasoning=Reasoning(Show.KEEP, keep=1)), "summary": Plan(reasoning=Reasoning(Show.SUMMARY)),
    "bound": Plan(bind=True), "no logprobs": Plan(reasoning=OMIT, logprobs=Logprobs(NO_LOGPROBS), bind=True),
}  # fmt: skip
TAGS = {False: re.compile(r"(\s*<think>.*?</think>)*", re.DOTALL), True: re.compile(r"(.*?</think>)?", re.DOTALL)}
"""What stands before an answer; by whether its template opens the tag."""
ASIDE = {"signature", "data", "encrypted_content", "logprobs", "obfuscation"}
"""Opaque, or not asked about here."""
UNTAKEN = {"openai_responses.rotating.sse"}
"""By the official SDK, as it comes: its ids change from event to event."""
SAID = {"usage": True, "choices": {"__all__": {"finish_reason": True, "message": {"content", "refusal", "tool_calls"}}}}
"""Of a chat answer; of members that it does not know, the SDK strings all together, even names."""
PIECES = ({"type": "thinking_delta"}, {"type": "signature_delta"})
"""Of a block of thoughts, without what they say: we may add some."""
TOKEN = re.compile(rf"\s*</?think>\s*|{MARK}[A-Za-z0-9+/=]+")
"""What of ours may stand where reasoning was."""

ways = pytest.mark.parametrize(("way", "sealed"), [(way, sealed) for way in PLANS for sealed in (False, True)])


def shaped(name: str, plan: Plan, sealed: bool, size: int = 0) -> bytes:
    """`size`: bytes of a chunk; 0: all at once."""
    given, dialect = (GOLDEN / name).read_bytes(), name.partition(".")[0]
    plan = replace(plan, knobs=Knobs(preopened=".preopened." in name))
    answer = ANSWERS[dialect](plan, a_binder() if sealed else None, "turn") if plan.reshapes else None
    if name.endswith(".json"):
        return blocks.run(answer.whole(given)) if answer else given
    cuts = [given[at : at + size] for at in range(0, len(given), size)] if size else [given]
    return blocks.driven(Shaper(next(each for each in DIALECTS if each.name == dialect), plan, Tally(), answer), cuts)


def said(name: str, told: bytes) -> Any:
    """What a client reads: an answer put together, then what is none of it; of blocks, every event."""
    if name.endswith(".json"):
        return json.loads(told)
    if name.startswith(("anthropic_messages.", "openai_responses.")):
        return chunks.events(told)
    errors, kept = ([each for each in chunks.events(told) if ("choices" in each) == wanted] for wanted in (False, True))
    return [chunks.assembled(b"".join(map(chunks.sse, kept)), name.partition(".")[0]), *errors]


def bare(name: str, value: Any, found: list[str]) -> Any:
    """Without its reasoning, which is `found`."""
    if isinstance(value, list):
        rests = [bare(name, each, found) for each in value]
        return [each for each in rests if not isinstance(each, dict) or each.get("delta") not in PIECES]
    if not isinstance(value, dict):
        return value
    rest = {}
    for member, each in value.items():
        if isinstance(each, str) and _is_reasoning(str(value.get("type")), member):
            found.append(each)
        elif isinstance(each, str) and member in {"content", "text"} and name.startswith("openai_c"):
            found.append(TAGS[".preopened." in name].match(each)[0])
            rest[member] = each[len(found[-1]) :].lstrip()
        elif member not in ASIDE:
            rest[member] = bare(name, each, found)
    return rest


def _is_reasoning(kind: str, member: str) -> bool:
    named = member in {"thinking", "reasoning", "reasoning_content"}
    return named or (member in {"text", "delta", "summary"} and ("reasoning" in kind or kind == "summary_text"))


def official(name: str, told: bytes) -> Any:
    """What the provider's own SDK makes of a stream."""
    events, dialect = chunks.events(told), name.partition(".")[0]
    if dialect == "anthropic_messages":
        return blocks.assembled(told)
    if dialect == "openai_completions":
        return said(name, b"".join(chunks.sse(construct_type(type_=Completion, value=chunk).to_dict()) for chunk in events))
    if dialect == "openai_responses":
        state = ResponseStreamState(input_tools=NOT_GIVEN, text_format=NOT_GIVEN)
        return [state.handle_event(construct_type(type_=ResponseStreamEvent, value=event))[-1].to_dict() for event in events]
    chat = ChatCompletionStreamState()
    for chunk in (each for each in events if "choices" in each):
        chat.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    return chat.current_completion_snapshot.model_dump(include=SAID)


@pytest.mark.parametrize("name", STREAMS + WHOLES)
def test_no_plan_changes_no_byte_and_what_is_left_out_is_as_ever(name):
    given, expected = GOLDEN / name, (GOLDEN / name).with_suffix(f".omit{Path(name).suffix}")
    assert shaped(name, Plan(), sealed=True, size=7) == given.read_bytes()
    assert shaped(name, PLANS["omit"], sealed=False) == (expected if expected.exists() else given).read_bytes()
    assert expected.exists() == (name not in SILENT)


@ways
@pytest.mark.parametrize("name", STREAMS + WHOLES)
def test_all_but_the_reasoning_stays_and_nothing_of_it_is_left(name, way, sealed):
    thought, left, told = [], [], shaped(name, PLANS[way], sealed)
    before, after = said(name, (GOLDEN / name).read_bytes()), said(name, told)
    plain = bare(name, before, thought)
    assert bare(name, after, left) == plain
    if way in {"omit", "no logprobs"}:
        text = TOKEN.sub("", "".join(thought))
        assert bool(text) == (name not in SILENT)
        assert [each for each in left if TOKEN.sub("", each).strip()] == []
        shown, meant = json.dumps(after, ensure_ascii=False) + told.decode(), json.dumps(plain, ensure_ascii=False)
        words = {text[at : at + 12] for at in range(len(text) - 11)}
        assert {each for each in words if each in shown and each not in meant} == set()
    assert (b"token_logprobs" in told) == (name == "openai_completions.tags.sse" and way != "no logprobs")


@ways
@pytest.mark.parametrize("name", STREAMS)
def test_the_cuts_do_not_matter_and_the_official_accumulator_takes_it(name, way, sealed):
    told = shaped(name, PLANS[way], sealed)
    assert shaped(name, PLANS[way], sealed, size=1) == told
    if name not in UNTAKEN:
        assert bare(name, official(name, told), []) == bare(name, official(name, (GOLDEN / name).read_bytes()), [])
