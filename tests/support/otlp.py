"""A real collector for tests: takes OTLP over HTTP, decodes it, keeps it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Received:
    """What came in so far."""

    url: str = ""
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    logs: list[ExportLogsServiceRequest] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def spans(self) -> list[Any]:
        return [span for each in self.traces for r in each.resource_spans for s in r.scope_spans for span in s.spans]

    def records(self) -> list[Any]:
        return [record for each in self.logs for r in each.resource_logs for s in r.scope_logs for record in s.log_records]

    def metric(self, name: str) -> Any:
        """The newest state of one metric."""
        found = [m for each in self.metrics for r in each.resource_metrics for s in r.scope_metrics for m in s.metrics if m.name == name]
        return found[-1]

    def text(self) -> str:
        """Everything, to look for what must not be there."""
        return "".join(str(each) for each in (*self.traces, *self.metrics, *self.logs))


def attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    """OTLP's key-value list as a dict."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(_value(each) for each in value.array_value.values)
    return getattr(value, kind)


@asynccontextmanager
async def collector() -> AsyncIterator[Received]:
    """A collector on a free port. Close the telemetry in a thread, for this one answers from the test's own loop."""
    received = Received()
    app = web.Application()
    kinds = (
        ("traces", ExportTraceServiceRequest, received.traces),
        ("metrics", ExportMetricsServiceRequest, received.metrics),
        ("logs", ExportLogsServiceRequest, received.logs),
    )
    for signal, message, into in kinds:

        async def take(request: web.Request, message: Any = message, into: Any = into) -> web.Response:
            into.append(message.FromString(await request.read()))
            received.headers.append(dict(request.headers))
            return web.Response(content_type="application/x-protobuf")

        app.router.add_post(f"/v1/{signal}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    received.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield received
    finally:
        await runner.cleanup()
