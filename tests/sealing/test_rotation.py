"""`stillgate seal`: secrets come in and move up, nothing is lost on the way, and none is ever shown."""

import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli import COMMANDS
from proxy.cli.seal import command
from proxy.errors import ConfigError
from proxy.sealing import rotation
from proxy.sealing.keyfile import LARGEST, load
from proxy.sealing.keyring import key_id

OLD = "an old secret of at least 32 characters"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_made_and_then_grows_at_its_head(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    first = rotation.rotate(path)
    second = rotation.rotate(path)
    assert rotation.shown(path) == (second, first)
    assert path.read_text().splitlines() == [secret.decode() for secret in load(path)]
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# ours\r\n\n{OLD}")
    rotation.rotate(path)
    rotation.rotate(path, stage=True)
    lines = path.read_bytes().decode().split("\n")
    assert lines[1:4] == ["# ours\r", "", OLD]
    assert load(path) == (lines[0].encode(), OLD.encode(), lines[4].encode())


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o640), (0o640, 0o640), (0o600, 0o600), (0o400, 0o600), (0o666, 0o640)])
def test_nobody_else_may_read_it(tmp_path: Path, before: int, after: int) -> None:
    path = tmp_path / "keys"
    path.write_text(OLD)
    path.chmod(before)
    rotation.rotate(path)
    assert mode(path) == after


def test_its_owner_stays(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(OLD)
    owner = (1234, 2345) if os.geteuid() == 0 else (os.geteuid(), os.getegid())  # only root may give files away
    os.chown(path, *owner)
    rotation.rotate(path)
    assert (path.stat().st_uid, path.stat().st_gid) == owner


def test_through_a_link_the_file_behind_it_is_changed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(OLD)
    (tmp_path / "keys").symlink_to("real")
    rotation.rotate(tmp_path / "keys")
    assert (tmp_path / "keys").is_symlink()
    assert len(load(tmp_path / "real")) == 2


def test_a_staged_key_opens_and_seals_once_promoted(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"{OLD}\n# a note\n")
    old = key_id(OLD.encode()).hex()
    fresh = rotation.rotate(path, stage=True)
    assert rotation.shown(path) == (old, fresh)
    rotation.promote(path, fresh)
    assert rotation.shown(path) == (fresh, old)
    assert path.read_text().splitlines()[1:] == [OLD, "# a note"]
    rotation.promote(path, fresh)
    assert rotation.shown(path) == (fresh, old)


def test_what_cannot_be_done_changes_nothing(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.write_text("canary")
    good.write_text(OLD)
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    for path, said in {
        bad: "bad:1: must have at least 32 characters",
        tmp_path / "folder": "is not a file",
        tmp_path / "dangling": "cannot be read",
        tmp_path / "nowhere" / "keys": "cannot be written: No such file or directory",
        good / "keys": "cannot be written: Not a directory",
    }.items():
        with pytest.raises(ConfigError, match=said):
            rotation.rotate(path)
    with pytest.raises(ConfigError, match="there is no key of that id"):
        rotation.promote(good, "00000000")
    assert (bad.read_text(), good.read_text()) == ("canary", OLD)


def test_a_file_does_not_outgrow_what_gateways_read(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"{OLD}\n#".ljust(LARGEST))
    with pytest.raises(ConfigError, match="remove old lines first"):
        rotation.rotate(path)
    assert len(load(path)) == 1


def test_two_rotations_at_once_do_not_lose_a_key(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(OLD)
    (tmp_path / "keys.new").touch()
    with pytest.raises(ConfigError, match="another rotation is under way"):
        rotation.rotate(path)
    assert path.read_text() == OLD
    assert (tmp_path / "keys.new").exists(), "the other one's"


def test_the_commands_show_ids_and_say_what_comes_next_and_never_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    outputs = [run("rotate", path), run("rotate", path, "--stage")]
    first, last = rotation.shown(path)
    outputs += [run("show", path), run("promote", path, last), run("show", path, "--json")]
    assert [output.exit_code for output in outputs] == [0] * 5
    assert f"{first} is the first key" in outputs[0].output
    assert "remove them" in outputs[0].output
    assert f"stillgate seal promote {path} {last}" in outputs[1].output
    assert outputs[2].output == f"{first}  seals and opens\n{last}  opens\n"
    assert json.loads(outputs[4].output) == [{"id": last, "seals": True}, {"id": first, "seals": False}]
    for secret in load(path):
        assert not [output for output in outputs if secret.decode() in output.output]


def test_the_help_teaches() -> None:
    assert "seal" in COMMANDS
    text = run("--help").output
    for words in ("newest first", "--stage", "promote", "rotate", "show", "within two"):
        assert words in text
