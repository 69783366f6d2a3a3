"""Log lines: JSON on stderr, one per line, or words for a person at a terminal. Credentials are taken out of every one.

A line may carry fields beside its message: `log.info("refused", extra={"fields": {"reason": …}})`.
"""

import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec
from opentelemetry.trace import format_span_id, format_trace_id

from proxy.errors import ConfigError
from proxy.telemetry.propagation import current
from proxy.telemetry.redaction import redact

LEVELS = ("debug", "info", "warning", "error", "critical")

_QUIET = {"opentelemetry": logging.ERROR, "opentelemetry.exporter": logging.CRITICAL, "urllib3": logging.ERROR}
"""Callers' torn headers and a dead collector would fill the log; drops are counted, and the collector's state is told once."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configure(level: str) -> None:
    """Sends all logging to stderr. May be called again. Raises `ConfigError` for a level that does not exist."""
    if level.lower() not in LEVELS:
        raise ConfigError(f"log level {level[:20]!r} does not exist; use one of {', '.join(LEVELS)}")
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, StderrHandler)]:
        root.removeHandler(handler)
    root.addHandler(StderrHandler(terminal=sys.stderr.isatty()))
    root.setLevel(level.upper())
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(quiet)


class StderrHandler(logging.StreamHandler[Any]):
    """Ours, so that it can be told from handlers of others."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(WordsFormatter() if terminal else JsonFormatter())


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
