"""Log lines: JSON on stderr, one per line, or words for a person at a terminal. Credentials are taken out of every one.

Rule: nobody waits for whoever reads stderr. Lines queue for a thread of their own; what finds the queue full is dropped and counted.

A line may carry fields beside its message: `log.info("refused", extra={"fields": {"reason": …}})`.
"""

import logging
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import QueueHandler
from queue import Full, Queue
from threading import Event, Thread
from typing import Any

import msgspec
from opentelemetry.trace import format_span_id, format_trace_id

from proxy.errors import ConfigError
from proxy.telemetry.propagation import current
from proxy.telemetry.redaction import redact

LEVELS = ("debug", "info", "warning", "error", "critical")

QUEUE = 4096
"""Lines that may wait."""

PATIENCE = 1.0
"""Longest wait for lines to be written, at the end, seconds."""

_QUIET = {"opentelemetry": logging.ERROR, "opentelemetry.exporter": logging.CRITICAL, "urllib3": logging.ERROR}
"""Callers' torn headers and a dead collector would fill the log; drops are counted, and the collector's state is told once."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configure(level: str) -> None:
    """Sends all logging to stderr. May be called again. Raises `ConfigError` for a level that does not exist."""
    if level.lower() not in LEVELS:
        raise ConfigError(f"log level {level[:20]!r} does not exist; use one of {', '.join(LEVELS)}")
    root = logging.getLogger()
    for handler in _ours():
        root.removeHandler(handler)
        handler.flush()
        handler.close()
    root.addHandler(StderrHandler(terminal=sys.stderr.isatty()))
    root.setLevel(level.upper())
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(quiet)


def dropped() -> int:
    """Lines of this process that were dropped so far."""
    return sum(handler.dropped for handler in _ours())


def _ours() -> list["StderrHandler"]:
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, StderrHandler)]


class StderrHandler(QueueHandler):
    """Puts finished lines into a queue, from which a thread writes them in order.

    The library's own `QueueListener` waits without end for a reader that stalled, and its streams' locks would too.
    """

    def __init__(self, *, terminal: bool) -> None:
        self._lines: Queue[str | Event | None] = Queue(QUEUE)
        super().__init__(self._lines)
        self.setFormatter(WordsFormatter() if terminal else JsonFormatter())
        self.dropped = 0
        self._raw = getattr(sys.stderr.buffer, "raw", sys.stderr.buffer)
        """Without a buffer, whose lock a stalled write would hold while the process wants to end."""
        self._writer = Thread(target=self._write_all, name="stderr", daemon=True)
        self._writer.start()

    def prepare(self, record: logging.LogRecord) -> str:
        return self.format(record)

    def enqueue(self, record: Any) -> None:
        try:
            self._lines.put_nowait(record)
        except Full:
            self.dropped += 1

    def flush(self) -> None:
        """Waits until what was logged is written, for at most `PATIENCE`. Called at exit too."""
        written = Event()
        if self._writer.is_alive():
            with suppress(Full):
                self._lines.put(written, timeout=PATIENCE / 2)
                written.wait(PATIENCE / 2)

    def close(self) -> None:
        """Takes nothing more; what waits is still written."""
        with suppress(Full):
            self._lines.put_nowait(None)
        super().close()

    def _write_all(self) -> None:
        told = 0
        while (line := self._lines.get()) is not None:
            if isinstance(line, Event):
                line.set()
                continue
            self._write(line)
            if (lost := self.dropped - told) and self._lines.empty():
                told += lost
                self._write(self.format(logging.LogRecord(__name__, logging.WARNING, "", 0, "%d log lines were dropped", (lost,), None)))

    def _write(self, line: str) -> None:
        rest = f"{line}\n".encode(errors="replace")
        with suppress(OSError, ValueError):  # who read it is gone
            while rest and (written := self._raw.write(rest)):
                rest = rest[written:]


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time (RFC 3339, UTC), level, logger, message, trace_id, span_id, the fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        head = {"time": _time(record).isoformat(timespec="milliseconds"), "level": record.levelname.lower(), "logger": record.name}
        return msgspec.json.encode(head | said(record) | where()).decode()


class WordsFormatter(logging.Formatter):
    """For people. No control character of a record reaches the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        parts = said(record)
        message, trouble = parts.pop("message"), parts.pop("exception", "")
        fields = "".join(f"  {name}={value}" for name, value in parts.items())
        line = f"{_time(record).astimezone():%H:%M:%S} {record.levelname.lower():8} {_CONTROL.sub('?', f'{message}{fields}')}"
        return f"{line}\n{trouble}" if trouble else line


def said(record: logging.LogRecord) -> dict[str, str | int]:
    """A record's message, fields and exception, redacted: the only way by which a record's text gets out."""
    parts: dict[str, str | int] = {"message": redact(record.getMessage())}
    for name, value in getattr(record, "fields", {}).items():
        parts[name] = value if isinstance(value, int) else redact(str(value))
    if record.exc_info:
        parts["exception"] = redact(logging.Formatter().formatException(record.exc_info))
    return parts


def where() -> dict[str, str]:
    """The ids of the span that runs, if one does."""
    span = current.get()
    return {"trace_id": format_trace_id(span.trace_id), "span_id": format_span_id(span.span_id)} if span else {}


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
