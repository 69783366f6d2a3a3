"""Answers of chat and completions for tests: what a model says, as a stream and whole, and a small assembler that knows no shaper."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import strategies as st

from proxy.shaping.base import AnswerShaper, Shaped
from proxy.shaping.framing import Framer

HEAD = {"id": "c-1", "created": 1_700_000_000, "model": "m"}
KINDS = {"openai_chat": "chat.completion", "openai_completions": "text_completion"}


def told(step: Shaped, rewrite: Callable[[str], str] = lambda text: f"[{len(text)}]") -> bytes:
    """Drives one step; `rewrite` is the other model."""
    try:
        held = next(step)
        while True:
            held = step.send(rewrite(held.text))
    except StopIteration as done:
        return done.value


def through(answer: AnswerShaper, chunks: Iterable[bytes]) -> bytes:
    """A stream, shaped."""
    framer, out = Framer(), []
    for chunk in chunks:
        late, events = framer.feed(chunk)
        out += [late, *(told(answer.event(event)) for event in events)]
    return b"".join([*out, framer.rest(), told(answer.close())])


def sse(data: object, end: bytes = b"\n") -> bytes:
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return b"data: " + text + end + end


def delta(said: dict[str, Any], index: int = 0, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chat chunk."""
    return {**HEAD, "object": "chat.completion.chunk", "choices": [{"index": index, "delta": said, "finish_reason": finish, **more}]}


def piece(text: str, index: int = 0, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of completions."""
    return {**HEAD, "object": "text_completion", "choices": [{"index": index, "text": text, "finish_reason": finish, **more}]}


def events(stream: bytes) -> list[Any]:
    """The chunks of a stream, parsed."""
    data = [line[6:] for line in stream.splitlines() if line.startswith(b"data: ")]
    return [json.loads(each) for each in data if each != b"[DONE]"]


def assembled(stream: bytes, dialect: str = "openai_chat") -> dict[str, Any]:
    """The whole answer that a client makes of it."""
    member = "message" if dialect == "openai_chat" else None
    whole: dict[str, Any] = {**HEAD, "object": KINDS[dialect], "choices": []}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in events(stream):
        whole |= {name: value for name, value in chunk.items() if name not in {"choices", "object"}}
        for choice in chunk["choices"]:
            mine = choices.setdefault(choice["index"], {"index": choice["index"]})
            _join(mine, {name: value for name, value in choice.items() if name not in {"index", "delta"}})
            if member:
                _join(mine.setdefault(member, {}), choice["delta"])
    whole["choices"] = [choices[index] for index in sorted(choices)]
    return whole


def _join(mine: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        known = mine.get(name)
        if name in {"index", "type", "id", "role", "format"} or known is None or value is None:
            mine[name] = known if value is None else value
        elif isinstance(value, str):
            mine[name] = known + value
        elif isinstance(value, dict):
            _join(mine[name], value)
        else:
            mine[name] = _listed(known, value)


def _listed(known: list[Any], more: list[Any]) -> list[Any]:
    out = [dict(each) if isinstance(each, dict) else each for each in known]
    for each in more:
        index = each.get("index") if isinstance(each, dict) else None
        mine = next((one for one in out if index is not None and one["index"] == index), None)
        if mine is None:
            out.append(each)
        else:
            _join(mine, each)
    return out


WORDS = st.text(alphabet='ab <>/thinké😀\n`"\\', max_size=12)
"""Among them pieces of tags, and characters of many bytes."""


@st.composite
def scripts(draw: st.DrawFn, tags: bool = True) -> list[tuple[int, dict[str, Any], str | None]]:
    """What the choices of a chat answer say, bit by bit: (index, delta, finish reason)."""
    said = [draw(_choice(index, tags)) for index in range(draw(st.integers(1, 2)))]
    turns = [index for index, bits in enumerate(said) for _ in bits]
    order = draw(st.permutations(turns))
    queues = [iter(bits) for bits in said]
    return [next(queues[index]) for index in order]


@st.composite
def _choice(draw: st.DrawFn, index: int, tags: bool) -> list[tuple[int, dict[str, Any], str | None]]:
    bits: list[dict[str, Any]] = [{"role": "assistant", "content": ""}] if draw(st.booleans()) else []
    fields = draw(st.sampled_from([("reasoning_content",), ("reasoning",), ("reasoning", "reasoning_content"), ()]))
    for _ in range(draw(st.integers(1, 2))):
        bits += [dict.fromkeys(fields, text) for text in draw(st.lists(WORDS, max_size=3)) if fields]
        text = draw(WORDS)
        if tags and not fields and draw(st.booleans()):
            text = draw(st.sampled_from(["", " \n"])) + "<think>" + draw(WORDS) + "</think>" + text
        bits += [{"content": cut} for cut in cuts(draw, text)]
        if draw(st.booleans()):
            bits += [{"tool_calls": [{"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": '{"a'}}]}]
            bits += [{"tool_calls": [{"index": 0, "function": {"arguments": '": 1}'}}]}]
    ends = draw(st.sampled_from(["stop", "length", None]))
    return [(index, bit, None) for bit in bits] + ([(index, {}, ends)] if ends else [])


def cuts(draw: st.DrawFn, text: str) -> list[str]:
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=5)))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


def as_chat(script: list[tuple[int, dict[str, Any], str | None]]) -> bytes:
    return b"".join(sse(delta(said, index, finish)) for index, said, finish in script) + sse(b"[DONE]")


def as_completions(script: list[tuple[int, dict[str, Any], str | None]]) -> bytes:
    """The same without what completions do not have."""
    out = []
    for index, said, finish in script:
        fields = {name: value for name, value in said.items() if name.startswith("reasoning")}
        out.append(sse(piece(said.get("content", ""), index, finish, **fields)))
    return b"".join(out) + sse(b"[DONE]")


STREAMS = {"openai_chat": as_chat, "openai_completions": as_completions}
