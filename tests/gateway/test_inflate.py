"""Decompression is bounded, whole, and never trusts what it is given."""

import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import CallerError
from proxy.gateway.inflate import BROKEN, inflate, inflater

CODERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
    "": bytes,
}


@pytest.mark.parametrize("coding", CODERS)
@given(data=st.binary(max_size=5000))
def test_whole_bodies_come_back(coding: str, data: bytes) -> None:
    assert inflate(CODERS[coding](data), coding, 5000) == data


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_refused_without_unpacking_it(coding: str) -> None:
    with pytest.raises(CallerError) as refused:
        inflate(CODERS[coding](bytes(50_000_000)), coding, 1000)
    assert refused.value.status == 413


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_torn_data_is_the_callers_fault(coding: str) -> None:
    data = CODERS[coding](b"x" * 1000)
    for cut in range(1, len(data)):
        try:
            assert len(inflate(data[:cut], coding, 2000)) <= 1000
        except CallerError as error:
            assert error.status == 400


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@given(data=st.binary(min_size=1, max_size=200))
def test_noise_never_raises_anything_else(coding: str, data: bytes) -> None:
    try:
        inflate(data, coding, 10_000)
    except CallerError as error:
        assert error.status in {400, 413}


def test_all_members_are_read_so_that_none_is_hidden() -> None:
    assert inflate(gzip.compress(b'{"a"') + gzip.compress(b":1}"), "gzip", 100) == b'{"a":1}'


def test_an_unknown_coding_is_415_and_several_are_undone_in_order() -> None:
    with pytest.raises(CallerError) as refused:
        inflate(b"", "lzma", 10)
    assert refused.value.status == 415
    assert inflate(gzip.compress(brotli.compress(b"hello")), "br, gzip", 100) == b"hello"


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "identity"])
def test_streams_come_back_byte_by_byte(coding: str) -> None:
    reader = inflater(coding)
    assert reader is not None
    data = CODERS[coding](b"data: hello\n\n" * 50)
    assert b"".join(reader.feed(data[i : i + 1]) for i in range(len(data))) == b"data: hello\n\n" * 50


def test_an_unknown_stream_coding_only_passes() -> None:
    assert inflater("lzma") is None
    reader = inflater("gzip")
    assert reader is not None
    with pytest.raises(BROKEN):
        reader.feed(b"not gzip at all")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_of_just_the_limit_is_read(coding: str) -> None:
    data = bytes(3_000_001)
    assert inflate(CODERS[coding](data), coding, len(data)) == data
    with pytest.raises(CallerError) as refused:
        inflate(CODERS[coding](data), coding, len(data) - 1)
    assert refused.value.status == 413


def test_what_costs_us_much_and_the_sender_little_is_refused() -> None:
    with pytest.raises(CallerError) as many_members:
        inflate(gzip.compress(b"") * 100_000, "gzip", 1000)
    with pytest.raises(CallerError) as many_codings:
        inflate(b"x", "gzip, gzip, gzip, gzip", 1000)
    with pytest.raises(CallerError) as large_window:
        inflate(
            zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=24)).compress(bytes(20_000_000)),
            "zstd",
            10,
        )
    assert [each.value.status for each in (many_members, many_codings, large_window)] == [400, 415, 400]


def test_nothing_may_follow_a_deflate_stream() -> None:
    with pytest.raises(CallerError):
        inflate(zlib.compress(b"{}") + b"more", "deflate", 100)
