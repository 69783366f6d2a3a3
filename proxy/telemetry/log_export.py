"""Log records on their way to the collector: the same redacted text as on stderr, as OpenTelemetry's log records."""

import logging

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from proxy.telemetry.logs import said
from proxy.telemetry.propagation import current

_SEVERITY = {
    logging.DEBUG: (SeverityNumber.DEBUG, "DEBUG"),
    logging.INFO: (SeverityNumber.INFO, "INFO"),
    logging.WARNING: (SeverityNumber.WARN, "WARN"),
    logging.ERROR: (SeverityNumber.ERROR, "ERROR"),
    logging.CRITICAL: (SeverityNumber.FATAL, "FATAL"),
}


class CollectorHandler(logging.Handler):
    """Appends records to the collector's queue; never blocks."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._logger = provider.get_logger("stillgate")

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("opentelemetry", "urllib3")):
            return  # what the export itself says must not feed the export
        parts = said(record)
        message = parts.pop("message")
        number, text = _SEVERITY.get(record.levelno, (SeverityNumber.UNSPECIFIED, record.levelname))
        span = current.get()
        self._logger.emit(
            LogRecord(
                timestamp=int(record.created * 1_000_000_000),
                context=set_span_in_context(NonRecordingSpan(span), Context()) if span else None,
                severity_number=number,
                severity_text=text,
                body=message,
                attributes={"logger": record.name, **parts},
            )
        )
