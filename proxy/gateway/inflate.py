"""Decompressing a bounded copy of a body, only to look at it. What is forwarded stays as it came (RFC 9110 8.4)."""

import io
import zlib
from typing import Protocol

import brotli
import zstandard

from proxy.errors import CallerError

_WINDOW = 1 << 27
"""Largest zstd window accepted, bytes: a frame may not make us allocate more."""


class Inflater(Protocol):
    """Decompresses a stream piece by piece."""

    def feed(self, data: bytes) -> bytes: ...


def inflate(data: bytes, encoding: str, limit: int) -> bytes:
    """`data` decompressed, at most `limit` bytes. Raises `CallerError` 413 past it, 400 for torn data, 415 for an unknown coding."""
    for coding in reversed(_codings(encoding)):
        try:
            data = _WHOLE[coding](data, limit)
        except KeyError:
            raise CallerError(f"Content-Encoding '{coding[:40]}' is not supported.", status=415) from None
        except (zlib.error, brotli.error, zstandard.ZstdError, EOFError):
            raise CallerError(f"The body is not valid {coding}.") from None
        if len(data) > limit:
            raise CallerError(f"The decompressed body is larger than {limit} bytes.", status=413, code="request_too_large")
    return data


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


def _gzip(data: bytes, limit: int) -> bytes:
    """Every member (RFC 1952 2.2): reading only the first would hide the rest from us but not from the upstream."""
    out = bytearray()
    while data and len(out) <= limit:
        member = zlib.decompressobj(wbits=47)
        out += member.decompress(data, limit + 1 - len(out))
        if not member.eof and len(out) <= limit:
            raise EOFError
        data = member.unused_data
    return bytes(out)


def _deflate(data: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj(wbits=15)
    return stream.decompress(data, limit + 1)


def _br(data: bytes, limit: int) -> bytes:
    stream = brotli.Decompressor()
    out = bytearray(stream.process(data, output_buffer_limit=limit + 1))
    while not stream.is_finished() and len(out) <= limit:
        piece = stream.process(b"", output_buffer_limit=limit + 1)
        if not piece:
            raise EOFError
        out += piece
    return bytes(out)


def _zstd(data: bytes, limit: int) -> bytes:
    with zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        return reader.read(limit + 1)


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
        self._stream = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()

    def feed(self, data: bytes) -> bytes:
        return self._stream.decompress(data)


_WHOLE = {"gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate, "br": _br, "zstd": _zstd}
_STREAM: dict[str, type[Inflater]] = {"gzip": _Zlib, "x-gzip": _Zlib, "deflate": _Zlib, "br": _Brotli, "zstd": _Zstd}
BROKEN = (zlib.error, brotli.error, zstandard.ZstdError)
"""What a torn stream raises."""
