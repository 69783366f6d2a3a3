"""A server-sent event with other data. Everything else of it stays: its name, its id, comments, and how its lines end.

A mark of byte order may stand before a stream's first line (WHATWG HTML 9.2.5); readers take it off, so it hides nothing here.
"""

import re

from proxy.dialects import sse

BOM = b"\xef\xbb\xbf"

DONE = b"[DONE]"
"""The data of OpenAI's last event."""

_line = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_break = re.compile(rb"\r\n|\r|\n")


def data_of(frame: bytes) -> bytes:
    """What the frame says, its data lines joined by LF; b"" where it has none."""
    return sse.data_of(frame.removeprefix(BOM))


def replaced(frame: bytes, data: bytes) -> bytes:
    """`frame` with `data` in place of its own: where its first data line stood; the others go. Without any it stays as it is."""
    length = len(frame.rstrip(b"\r\n"))
    if frame.startswith(b"data:") and frame.find(b"\n", 0, length) < 0 and frame.find(b"\r", 0, length) < 0:
        return _lines(data, _end(frame[length:])) + frame[length:]
    head = BOM if frame.startswith(BOM) else b""
    out, written = [head], False
    for line, end in _line.findall(frame[len(head) :]):
        if not line.startswith(b"data:"):
            out.append(line + end)
        elif not written:
            written = True
            out.append(_lines(data, end or _end(frame)) + end)
    return b"".join(out)


def inserted(frame: bytes, data: bytes) -> bytes:
    """A frame of ours to stand before `frame`, its lines ended in the same way."""
    end = _end(frame)
    return _lines(data, end) + end + end


def _lines(data: bytes, end: bytes) -> bytes:
    """One line, but for data that spanned several: a value that was not changed may hold the break still."""
    return b"data: " + (data.replace(b"\n", end + b"data: ") if b"\n" in data else data)


def _end(frame: bytes) -> bytes:
    """How the frame's first line ends. The last one's end may be torn: its LF may come later than its CR."""
    found = _break.search(frame)
    return found[0] if found else b"\n"
