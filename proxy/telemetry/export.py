"""The way to the collector (OTLP over HTTP): bounded queues, counted losses, and an end that nobody has to wait for.

Rule 1: an exchange only appends to a queue; all sending is done by threads.
Rule 2: what finds the queue full, or cannot be sent, is dropped and counted.
Rule 3: the libraries' own shutdown may block for seconds; it runs in threads that are left behind when time is up.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from threading import Lock, Thread
from time import monotonic

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from proxy.telemetry.log_export import CollectorHandler

log = logging.getLogger(__name__)

QUEUE = 4096
"""Spans, and log records, that may wait for the collector."""
BATCH = 512
DELAY = 1_000.0
"""Longest wait before a batch goes, milliseconds."""
METRICS_EVERY = 15_000.0
"""Milliseconds."""
PATIENCE = 5.0
"""Longest time for one batch with all its retries, seconds."""
LONGEST = 1024
"""Characters of a span's longest attribute."""


End = Callable[[], object]


class Reach:
    """Whether the collector takes what it is sent; told in one log line per change."""

    def __init__(self) -> None:
        self._reached = True

    def saw(self, *, delivered: bool) -> None:
        if delivered is self._reached:
            return
        self._reached = delivered
        if delivered:
            log.info("the telemetry collector takes data again")
        else:
            log.warning("the telemetry collector takes no data; what cannot be sent is dropped and counted")


class Gate:
    """Counts one signal's items: those that wait, and those that were dropped. Used by several threads."""

    def __init__(self, reach: Reach) -> None:
        self.dropped = 0
        self._reach = reach
        self._waiting = 0
        self._open = True
        self._lock = Lock()

    def admit(self) -> bool:
        """True where there is room for one more; else it counts as dropped."""
        with self._lock:
            room = self._open and self._waiting < QUEUE
            self._waiting += room
            self.dropped += not room
            return room

    def left(self, count: int, *, delivered: bool) -> None:
        with self._lock:
            self._waiting -= count
            self.dropped += 0 if delivered else count
        self._reach.saw(delivered=delivered)

    def close(self) -> int:
        """Admits nothing more; the number of items that were not sent."""
        with self._lock:
            self._open = False
            return self._waiting


class SpanExporter(OTLPSpanExporter):
    """Tells its gate what became of each batch."""

    def __init__(self, gate: Gate, endpoint: str, headers: Mapping[str, str]) -> None:
        super().__init__(f"{endpoint}/v1/traces", headers=headers, timeout=PATIENCE, compression=Compression.Gzip)
        self._gate = gate

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        self._gate.left(len(spans), delivered=result is SpanExportResult.SUCCESS)
        return result


class LogExporter(OTLPLogExporter):
    """Tells its gate what became of each batch."""

    def __init__(self, gate: Gate, endpoint: str, headers: Mapping[str, str]) -> None:
        super().__init__(f"{endpoint}/v1/logs", headers=headers, timeout=PATIENCE, compression=Compression.Gzip)
        self._gate = gate

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        result = super().export(batch)
        self._gate.left(len(batch), delivered=result is LogRecordExportResult.SUCCESS)
        return result


class SpanQueue(BatchSpanProcessor):
    """Never longer than its gate allows, so that the library's own queue, which drops without counting, is never full."""

    def __init__(self, gate: Gate, exporter: SpanExporter) -> None:
        super().__init__(exporter, max_queue_size=QUEUE, schedule_delay_millis=DELAY, max_export_batch_size=BATCH)
        self._gate = gate

    def on_end(self, span: ReadableSpan) -> None:
        if self._gate.admit():
            super().on_end(span)


class LogQueue(BatchLogRecordProcessor):
    """The same for log records."""

    def __init__(self, gate: Gate, exporter: LogExporter) -> None:
        super().__init__(exporter, max_queue_size=QUEUE, schedule_delay_millis=DELAY, max_export_batch_size=BATCH)
        self._gate = gate

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        if self._gate.admit():
            super().on_emit(log_record)


class Collector:
    """The three pipelines to one collector."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], sample: float, resource: Resource) -> None:
        """`endpoint` is the base URL; `sample` the share of traces recorded where the caller has not decided."""
        base, reach = endpoint.rstrip("/"), Reach()
        self._gates = {"traces": Gate(reach), "logs": Gate(reach)}
        spans = SpanExporter(self._gates["traces"], base, headers)
        logs = LogExporter(self._gates["logs"], base, headers)
        metrics = OTLPMetricExporter(f"{base}/v1/metrics", headers=dict(headers), timeout=PATIENCE, compression=Compression.Gzip)
        limits = SpanLimits(max_span_attribute_length=LONGEST)
        sampler = ParentBased(TraceIdRatioBased(sample))
        tracers = TracerProvider(sampler, resource, shutdown_on_exit=False, span_limits=limits)
        tracers.add_span_processor(SpanQueue(self._gates["traces"], spans))
        loggers = LoggerProvider(resource, shutdown_on_exit=False)
        loggers.add_log_record_processor(LogQueue(self._gates["logs"], logs))
        self.reader = PeriodicExportingMetricReader(metrics, export_interval_millis=METRICS_EVERY)
        self.tracer = tracers.get_tracer("stillgate")
        self._ends: tuple[tuple[End, End], ...] = (
            (tracers.shutdown, spans.shutdown),
            (loggers.shutdown, logs.shutdown),
            (self.reader.shutdown, metrics.shutdown),
        )
        """For each signal: what sends the rest and may block, and what makes it give up."""
        self._closed = False
        self._handler = CollectorHandler(loggers)
        logging.getLogger().addHandler(self._handler)

    def dropped(self) -> dict[str, int]:
        """Items lost so far, by signal."""
        return {signal: gate.dropped for signal, gate in self._gates.items()}

    def close(self, seconds: float) -> None:
        """Sends what waits, for at most `seconds`. The second call does nothing."""
        if self._closed:
            return
        self._closed = True
        logging.getLogger().removeHandler(self._handler)
        deadline = monotonic() + seconds
        threads = [Thread(target=send_rest, daemon=True) for send_rest, _ in self._ends]
        for thread in threads:
            thread.start()
        for thread, (_, give_up) in zip(threads, self._ends, strict=True):
            thread.join(max(0.0, deadline - monotonic()))
            if thread.is_alive():
                give_up()
        if lost := sum(gate.close() for gate in self._gates.values()):
            log.warning("%d spans and log records were not sent to the telemetry collector in time", lost)
