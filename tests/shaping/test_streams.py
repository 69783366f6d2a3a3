"""Laws of streams: wherever chunks break, the same bytes come out; an empty plan changes none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder

from proxy.core.shaping import Plan
from proxy.dialects import CATALOGUE
from proxy.dialects.base import Dialect, Tally
from proxy.dialects.sse import data_of
from proxy.shaping.base import Shaped, ShapingError
from proxy.shaping.framing import Framer
from proxy.shaping.stream import Shaper

lines = st.sampled_from([
    b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"na\xc3\xafve"}}],"usage":null}',
    b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}',
    b'data: {"choices":[{"delta":{"content":"x"}}], "usage" : null , "later":1}',
    b"data: [DONE]", b": ping", b"event: unknown", b"data:", b"data", b"id: 7", b"retry: 10", b"nonsense", b"data: {torn",
    b"\xef\xbb\xbf", b"\xff\xfe",
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"d","usage":{"input_tokens":9,"output_tokens":1}}}',
    b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"hello"}}',
    b'data: {"type":"response.output_text.delta","delta":"hello"}',
])  # fmt: skip
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
streams = st.lists(st.tuples(lines, ends, st.one_of(st.just(b""), ends)), max_size=12).map(
    lambda parts: b"".join(b"".join(part) for part in parts)
)
PLANS = (Plan(), Plan(ask_for_usage=True))


def shaped(dialect: Dialect, plan: Plan, chunks: list[bytes]) -> tuple[bytes, Tally]:
    tally = Tally()
    shaper = Shaper(dialect, plan, tally)
    out = b"".join([*(shaper.feed(chunk) for chunk in chunks), shaper.close()])
    return out, tally


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("dialect", CATALOGUE, ids=lambda dialect: dialect.name)
@given(stream=streams, data=st.data())
def test_byte_by_byte_is_all_at_once(dialect, plan, stream, data):
    whole = shaped(dialect, plan, [stream])
    assert shaped(dialect, plan, [stream[i : i + 1] for i in range(len(stream))]) == whole
    cut = data.draw(st.integers(0, len(stream)))
    assert shaped(dialect, plan, [stream[:cut], b"", stream[cut:]]) == whole


@pytest.mark.parametrize("dialect", CATALOGUE, ids=lambda dialect: dialect.name)
@given(stream=st.one_of(streams, st.binary(max_size=300)))
def test_an_empty_plan_changes_no_byte(dialect, stream):
    assert shaped(dialect, Plan(), [stream])[0] == stream


@pytest.mark.parametrize("dialect", CATALOGUE, ids=lambda dialect: dialect.name)
@given(stream=streams)
def test_shaping_twice_is_shaping_once(dialect, stream):
    once = shaped(dialect, PLANS[1], [stream])[0]
    assert shaped(dialect, PLANS[1], [once])[0] == once


@given(streams)
def test_nothing_whole_is_held_back(stream):
    """After any chunk, what is kept holds no end of an event."""
    framer = Framer()
    out = b""
    for i in range(len(stream)):
        late, events = framer.feed(stream[i : i + 1])
        out += late + b"".join(events)
        kept = stream[len(out) : i + 1]
        assert b"\n\n" not in kept
        assert b"\r\n\r\n" not in kept


@given(st.lists(st.tuples(st.sampled_from(["text", "zwei", ""]), st.text(alphabet="ab {}é", max_size=8)), max_size=6))
def test_data_is_what_an_independent_reader_finds(events):
    """The official SDK's own reader as the oracle."""
    frames = [f"event: {name}\ndata: {text}\n\n".encode() for name, text in events]
    theirs = [event.data for event in SSEDecoder().iter_bytes(iter(frames))]
    assert [data_of(frame).decode() for frame in frames] == theirs


def test_usage_that_was_not_asked_for_is_hidden():
    chat = CATALOGUE[0]
    first = b'data: {"id":"a","choices":[{"delta":{"content":"hi"}}],"usage":null}\n\n'
    last = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\r\n\r\n'
    out, tally = shaped(chat, PLANS[1], [first + last + b"data: [DONE]\n\n"])
    assert out == b'data: {"id":"a","choices":[{"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\n'
    assert tally.usage is not None
    assert (tally.usage.input, tally.usage.output, tally.finished) == (3, 4, True)


def test_usage_inside_a_text_stays():
    chat = CATALOGUE[0]
    said = b'data: {"choices":[{"delta":{"content":"\\",\\"usage\\":null"}}]}\n\n'
    assert shaped(chat, PLANS[1], [said])[0] == said


class Refusing:
    """An answer's shaper that takes no event with `bad` in it."""

    def event(self, frame: bytes) -> Shaped:
        yield from ()
        if b"bad" in frame:
            raise ShapingError("bad")
        return frame.upper()

    def close(self) -> Shaped:
        yield from ()
        return b"closed"

    def whole(self, body: bytes) -> Shaped:
        yield from ()
        return body


@given(st.lists(st.sampled_from([b"data: good\n\n", b": ping\r\n\r\n", b"data: bad\n\n", b"data: torn"]), max_size=6), st.data())
def test_what_came_before_an_event_that_cannot_be_shaped_is_given_and_nothing_after(frames, data):
    stream = b"".join(frames)
    given_out = []
    for cuts in (range(1, len(stream)), [], sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=4)))):
        shaper = Shaper(CATALOGUE[0], Plan(bind=True), Tally(), Refusing())
        ends = [*cuts, len(stream)]
        out = b"".join(shaper.feed(stream[start:end]) for start, end in zip([0, *cuts], ends, strict=True))
        given_out.append((out + shaper.close(), shaper.failed is None))
    assert len(set(given_out)) == 1
    out, fine = given_out[0]
    assert fine is (b"closed" in out)
    assert fine is (b"data: bad\n\n" not in stream)
    assert out.removesuffix(b"closed") == stream.partition(b"data: bad\n\n")[0].upper()[: len(out.removesuffix(b"closed"))]
