"""The W3C trace context on its way through: from the caller's headers to the upstream's.

The caller's `baggage` ends here: it may name people, and the model side has no business with it.
"""

from contextvars import ContextVar
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from proxy.dialects.base import Headers

PROPAGATED = frozenset({"traceparent", "tracestate", "baggage"})

current: ContextVar[trace.SpanContext | None] = ContextVar("stillgate_span", default=None)
"""The span of the exchange that runs, for log lines; None outside of one."""

_W3C = TraceContextTextMapPropagator()
_IDS = RandomIdGenerator()


def arriving(headers: Headers) -> Context:
    """The caller's context, empty where there is none that can be read. Two `traceparent` fields cannot (W3C Trace Context 3.2)."""
    carrier: dict[str, list[str]] = {}
    for name, value in headers:
        if (field := name.lower()) in PROPAGATED:
            carrier.setdefault(field, []).append(value)
    return _W3C.extract(carrier, Context()) if len(carrier.get("traceparent", ())) == 1 else Context()


def leaving(headers: Headers, span: trace.Span) -> Headers:
    """`headers` with `span` as the parent of what the upstream records."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, trace.set_span_in_context(span, Context()))
    return (*(field for field in headers if field[0].lower() not in PROPAGATED), *carrier.items())


class PassingTracer(trace.NoOpTracer):
    """Records nothing: continues the caller's trace with ids of its own, and begins none."""

    def start_span(self, name: str, context: Context | None = None, *_: Any, **__: Any) -> trace.Span:
        parent = trace.get_current_span(context).get_span_context()
        if not parent.is_valid:
            return trace.INVALID_SPAN
        own = trace.SpanContext(
            parent.trace_id, _IDS.generate_span_id(), is_remote=False, trace_flags=parent.trace_flags, trace_state=parent.trace_state
        )
        return trace.NonRecordingSpan(own)
