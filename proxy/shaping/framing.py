"""Cutting a byte stream into server-sent events (WHATWG HTML 9.2.6), wherever the chunks happen to break."""

import re

LARGEST = 16 * 1024 * 1024
"""Bytes of one event that are kept until it is whole; a larger one passes as it comes, unread."""

_end = re.compile(rb"(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)")


class Framer:
    """Feeds on chunks, gives whole events with their blank line; LF, CR and CRLF may be mixed."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._seen = 0
        """Bytes of the buffer that hold no end of an event."""
        self._after_cr = False
        """The last event was ended by a CR at a chunk's end: an LF that follows belongs to it."""

    @property
    def empty(self) -> bool:
        """Has every byte that came in left in a whole event?"""
        return not self._buffer

    def feed(self, chunk: bytes) -> tuple[bytes, list[bytes]]:
        """What still belongs to the last event (b"" or LF), and the events that are whole now."""
        late = b""
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):
                late, chunk = b"\n", chunk[1:]
        self._buffer += chunk
        return late, self._whole()

    def _whole(self) -> list[bytes]:
        found, start, buffer = [], 0, self._buffer
        for match in _end.finditer(buffer, self._seen):
            found.append(bytes(buffer[start : match.end()]))
            start = match.end()
        if start:
            self._after_cr = start == len(buffer) and buffer.endswith(b"\r")
            del buffer[:start]
        self._seen = max(0, len(buffer) - 3)
        return found

    def rest(self) -> bytes:
        """What is left when the stream ends or an event grows too large; forgotten here."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._seen = 0
        return rest

    @property
    def overgrown(self) -> bool:
        return len(self._buffer) > LARGEST
