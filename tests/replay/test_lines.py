"""A file's lines: none lost, none made up, whatever the bytes and however they are packed."""

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.replay import lines as module
from proxy.replay.lines import Lines

FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path) -> list[bytes | None]:
    with Lines(path) as lines:
        return list(lines)


@FEW
@given(st.lists(st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"").rstrip(b"\r")), max_size=8), st.booleans(), st.booleans())
@example([b"\x1f\x8b not gzip inside"], True, True)
def test_what_was_written_is_read(tmp_path: Path, lines: list[bytes], packed: bool, ended: bool) -> None:
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    expected = lines if ended or not lines or lines[-1] else lines[:-1]
    path = tmp_path / "trace"
    path.write_bytes(gzip.compress(data) if packed else data)
    if packed or not data.startswith(b"\x1f\x8b"):
        assert read(path) == expected


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("packed", [False, True])
def test_a_line_that_is_too_long_is_one_line_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool, end: bytes
) -> None:
    monkeypatch.setattr(module, "LONGEST", 8)
    monkeypatch.setattr(module, "_CHUNK", 4)
    data = b"\n".join([b"1234567", b"12345678", b"123456789", b"x" * 100, b"last"]) + end
    path = tmp_path / "trace"
    path.write_bytes(gzip.compress(data) if packed else data)
    assert read(path) == [b"1234567", b"12345678", None, None, b"last"]


def test_a_file_that_breaks_off_keeps_what_stands_before(tmp_path: Path) -> None:
    path = tmp_path / "trace.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n", mtime=0)[:-8])
    with Lines(path) as lines:
        assert list(lines) == [b"one", b"two"]
        assert "ended before" in lines.broken


def test_a_damaged_file_ends_with_a_word_instead_of_an_error(tmp_path: Path) -> None:
    path = tmp_path / "trace.gz"
    whole = gzip.compress(b"one\n" * 1000, mtime=0)
    path.write_bytes(whole[:20] + b"\x00\xff\x00\xff" + whole[24:])
    with Lines(path) as lines:
        list(lines)
        assert lines.broken


def test_it_knows_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_bytes(b"one\ntwo\n")
    with Lines(path) as lines:
        assert (lines.size, lines.read) == (8, 0)
        list(lines)
        assert lines.read == 8


def test_what_cannot_be_opened_is_the_operators_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: cannot be read: No such file"):
        Lines(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        Lines(tmp_path)
