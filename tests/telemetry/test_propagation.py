"""The W3C trace context where nothing is recorded: passed on, as a child, or left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry import OpenedTelemetry, TelemetryOptions, open_telemetry
from proxy.telemetry.propagation import current
from tests.support.exchanges import CALLER, begin, outcome, serve


@pytest.fixture(scope="module")
def telemetry() -> OpenedTelemetry:
    return open_telemetry(TelemetryOptions("1", "worker-0"))


def test_the_callers_trace_goes_on_as_a_child(telemetry: OpenedTelemetry) -> None:
    sent = dict(
        serve(telemetry, ("TraceParent", CALLER), ("tracestate", "a=1"), ("tracestate", "b=2"), ("baggage", "x=y"), ("x-else", "1"))
    )
    assert sent.keys() == {"traceparent", "tracestate", "x-else"}
    version, trace, span, flags = sent["traceparent"].split("-")
    assert (version, trace, flags) == ("00", "ab" * 16, "01")
    assert span != "cd" * 8
    assert sent["tracestate"] == "a=1,b=2"


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("traceparent", "nonsense"),),
        (("traceparent", "00-" + "0" * 32 + "-" + "cd" * 8 + "-01"),),
        (("traceparent", "ff" + CALLER[2:]),),
        (("traceparent", CALLER), ("traceparent", CALLER.replace("a", "b"))),
        (("tracestate", "a=1"), ("baggage", "x=y")),
    ],
)
def test_without_a_context_that_can_be_read_none_is_made_up(telemetry: OpenedTelemetry, headers: tuple[tuple[str, str], ...]) -> None:
    assert serve(telemetry, *headers, ("x-else", "1")) == (("x-else", "1"),)


@given(st.lists(st.tuples(st.sampled_from(["traceparent", "tracestate", "baggage", "x-a"]), st.text(max_size=600)), max_size=5))
def test_no_header_can_break_it(telemetry: OpenedTelemetry, headers: list[tuple[str, str]]) -> None:
    sent = serve(telemetry, *headers)
    assert [header for header in sent if header[0] == "x-a"] == [header for header in headers if header[0] == "x-a"]
    assert not [name for name, _ in sent if name == "baggage"]


def test_the_current_span_ends_with_the_exchange(telemetry: OpenedTelemetry) -> None:
    trace = begin(telemetry, ("traceparent", CALLER))
    span = current.get()
    assert span is not None
    assert f"{span.trace_id:x}" == "ab" * 16
    trace.end(outcome())
    assert current.get() is None
