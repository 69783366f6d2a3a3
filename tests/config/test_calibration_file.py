"""The file of a calibration: written, read again, and every error of it in words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config import calibration_file
from proxy.config.calibration_file import Learned
from proxy.core.risk import Calibration
from proxy.errors import ConfigError

GOOD = '{"calibration": 1, "start": 1.2, "scale": 2, "accounts": 3, "said": "ours"}'


@given(st.floats(0, 1000), st.floats(0.001, 1000), st.integers(0, 10**9))
def test_what_was_written_is_read(start: float, scale: float, accounts: int) -> None:
    learned = Learned(calibration=1, start=start, scale=scale, accounts=accounts, said="ours", policy="abc")
    assert calibration_file.read(learned.model_dump_json(), "x") == learned
    assert calibration_file.parse(learned.model_dump_json(), "x") == Calibration(start, scale, accounts, "ours")


def test_through_a_file(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    calibration_file.write(path, Learned(calibration=1, start=1.2, scale=2, accounts=3, said="ours", first=5.0, last=9.0))
    assert calibration_file.load(path) == Calibration(1.2, 2.0, 3, "ours")
    assert path.read_text().endswith("}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON; `stillgate calibrate` writes such a file"),
        ("risk: {}", "is not JSON"),
        ("[]", "a mapping (key: value) is expected"),
        ("{}", "'calibration' is missing"),
        (GOOD.replace('"scale": 2', '"scale": 0'), "scale: must be more than 0"),
        (GOOD.replace("1.2", "1e999"), "start: a number is expected"),
        (GOOD.replace("1.2", "-1"), "start: must be at least 0"),
        (GOOD.replace('n": 1', 'n": 2'), "calibration: must be at most 1"),
        (GOOD.replace('"said"', '"sayd": 2, "said"'), "unknown key 'sayd'; did you mean 'said'?"),
        (GOOD.replace("ours", "a\\nb"), "is not one line of at most 200 characters"),
    ],
)
def test_errors_name_the_file_and_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        calibration_file.load(path)
    assert str(path) in str(raised.value)
    assert said in str(raised.value)


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_no_text_is_more_than_an_operators_error(text: str | bytes) -> None:
    with pytest.raises(ConfigError):
        calibration_file.parse(text, "x")


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: cannot be read: No such file"):
        calibration_file.load(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        calibration_file.load(tmp_path)
    (tmp_path / "large").write_bytes(b" " * (calibration_file.LARGEST + 1))
    with pytest.raises(ConfigError, match="is larger than 16 KiB"):
        calibration_file.load(tmp_path / "large")
    with pytest.raises(ConfigError, match="cannot write"):
        calibration_file.write(tmp_path, Learned(calibration=1, start=1, scale=1, accounts=0, said=""))
