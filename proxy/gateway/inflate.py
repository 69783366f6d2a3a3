"""Decompressing a bounded copy of a body, only to look at it. What is forwarded stays as it came (RFC 9110 8.4)."""

import io
import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli
import zstandard

from proxy.errors import CallerError

_WINDOW = 1 << 23
"""Largest zstd window accepted, bytes: RFC 9659 allows no larger one in this content coding."""

_PIECE = 1 << 20
"""Bytes decompressed at a time: a bomb is noticed with little more than the limit in memory."""

_CUT = 1 << 16

_MOST_CODINGS = 3
_MOST_MEMBERS = 1000
"""More would be an attack: each costs a pass over the body, or over what is left of it."""


class Inflater(Protocol):
    """Decompresses a stream piece by piece."""

    def feed(self, data: bytes) -> bytes: ...


def inflate(data: bytes, encoding: str, limit: int) -> bytes:
    """`data` decompressed, at most `limit` bytes. Raises `CallerError` 413 past it, 400 for torn data, 415 for an unknown coding."""
    codings = _codings(encoding)
    unknown = next((coding for coding in codings if coding not in _WHOLE), None)
    if unknown is not None or len(codings) > _MOST_CODINGS:
        raise CallerError(f"Content-Encoding '{(unknown or encoding)[:40]}' is not supported.", status=415)
    for coding in reversed(codings):
        try:
            data = _bounded(_WHOLE[coding](data), limit)
        except (zlib.error, brotli.error, zstandard.ZstdError, EOFError):
            raise CallerError(f"The body is not valid {coding}.") from None
    return data


def _bounded(pieces: Iterator[bytes], limit: int) -> bytes:
    found: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise CallerError(f"The decompressed body is larger than {limit} bytes.", status=413, code="request_too_large")
        found.append(piece)
    return b"".join(found)


def inflater(encoding: str) -> Inflater | None:
    """For reading a compressed stream; None where the coding is not one of ours (then it only passes)."""
    codings = _codings(encoding)
    if not codings:
        return _Identity()
    make = _STREAM.get(codings[0])
    return make() if make and len(codings) == 1 else None


def _codings(encoding: str) -> list[str]:
    names = [name.strip().lower() for name in encoding.split(",")]
    return [name for name in names if name not in {"", "identity"}]


def _gzip(data: bytes) -> Iterator[bytes]:
    """Every member (RFC 1952 2.2): reading only the first would hide the rest from us but not from the upstream."""
    return _zlib(data, wbits=47, members=_MOST_MEMBERS)


def _deflate(data: bytes) -> Iterator[bytes]:
    return _zlib(data, wbits=15, members=1)


def _zlib(data: bytes, wbits: int, members: int) -> Iterator[bytes]:
    """Handed over in small cuts: zlib copies what it has not used yet with every call."""
    stream = zlib.decompressobj(wbits)
    for start in range(0, len(data), _CUT):
        rest = data[start : start + _CUT]
        while rest:
            if stream.eof:
                stream, members = zlib.decompressobj(wbits), members - 1
                if not members:
                    raise EOFError
            yield stream.decompress(rest, _PIECE)
            rest = stream.unused_data if stream.eof else stream.unconsumed_tail
    while not stream.eof:
        piece = stream.decompress(b"", _PIECE)
        if not piece:
            raise EOFError
        yield piece


def _br(data: bytes) -> Iterator[bytes]:
    stream = brotli.Decompressor()
    yield stream.process(data, output_buffer_limit=_PIECE)
    while not stream.is_finished():
        piece = stream.process(b"", output_buffer_limit=_PIECE)
        if not piece:
            raise EOFError
        yield piece


def _zstd(data: bytes) -> Iterator[bytes]:
    with zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        while piece := reader.read(_PIECE):
            yield piece


class _Identity:
    def feed(self, data: bytes) -> bytes:
        return data


class _Zlib:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=47)

    def feed(self, data: bytes) -> bytes:
        return self._stream.decompress(data)


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def feed(self, data: bytes) -> bytes:
        return bytes(self._stream.process(data))


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj(read_across_frames=True)

    def feed(self, data: bytes) -> bytes:
        return self._stream.decompress(data)


_WHOLE = {"gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate, "br": _br, "zstd": _zstd}
_STREAM: dict[str, type[Inflater]] = {"gzip": _Zlib, "x-gzip": _Zlib, "deflate": _Zlib, "br": _Brotli, "zstd": _Zstd}
BROKEN = (zlib.error, brotli.error, zstandard.ZstdError)
"""What a torn stream raises."""
