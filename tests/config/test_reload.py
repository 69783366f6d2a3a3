"""Hot reload on real files: a good change comes whole and once, a bad one as its error, and the last good policy stays."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from proxy.config.policy import compile_policy
from proxy.config.reload import Watcher
from proxy.core.policy import Policy
from proxy.errors import ConfigError

EVERY = 0.005


def limit(number: int) -> str:
    return f"tiers: {{free: {{requests: {number}/minute}}}}\n"


def amount(change: Policy | ConfigError) -> int:
    assert isinstance(change, Policy), str(change)
    return change.tiers["free"].quotas[0].amount


async def following(changes: AsyncIterator[Policy | ConfigError]) -> Policy | ConfigError:
    async with asyncio.timeout(10):
        return await anext(changes)


async def silent(changes: AsyncIterator[Policy | ConfigError], looks: int = 20) -> bool:
    """No change comes for a while; the iterator is used up by it."""
    try:
        async with asyncio.timeout(EVERY * looks):
            await anext(changes)
    except TimeoutError:
        return True
    return False


def replaced(path: Path, text: str) -> None:
    """As editors and operators do it: a new file takes the old one's name."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


async def test_a_good_change_comes_and_a_bad_one_comes_once_as_its_error(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(limit(1))
    changes = Watcher(path, EVERY).changes()
    assert amount(await following(changes)) == 1
    replaced(path, limit(2))
    assert amount(await following(changes)) == 2
    replaced(path, "tiers: {free: {requets: 3/minute}}")
    error = await following(changes)
    assert isinstance(error, ConfigError)
    assert "did you mean 'requests'?" in str(error)
    replaced(path, "tiers: {free: {requets: 3/minute}}   # touched, not mended")
    replaced(path, limit(4))
    assert amount(await following(changes)) == 4


async def test_what_is_in_force_already_is_not_told_again(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(limit(1))
    assert await silent(Watcher(path, EVERY, current=compile_policy(path).digest).changes())


async def test_a_change_between_the_start_and_the_first_look_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(limit(1))
    current = compile_policy(path).digest
    replaced(path, limit(2))
    assert amount(await following(Watcher(path, EVERY, current=current).changes())) == 2


async def test_a_comment_is_no_change(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(limit(1))
    changes = Watcher(path, EVERY).changes()
    await following(changes)
    replaced(path, "# said more clearly\n" + limit(1))
    assert await silent(changes)


async def test_a_file_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(limit(1))
    changes = Watcher(path, EVERY).changes()
    await following(changes)
    path.unlink()
    assert "cannot be read" in str(await following(changes))
    path.write_text(limit(5))
    change = await following(changes)
    assert amount(change if isinstance(change, Policy) else await following(changes)) == 5


async def test_a_list_that_the_policy_names_is_watched_too(tmp_path: Path) -> None:
    path, trusted = tmp_path / "p.yaml", tmp_path / "trusted.txt"
    path.write_text(limit(1) + "accounts: {lists: {trusted: trusted.txt}}\n")
    trusted.write_text("ann\n")
    changes = Watcher(path, EVERY).changes()
    await following(changes)
    replaced(trusted, "ann\nbob\n")
    change = await following(changes)
    assert isinstance(change, Policy)
    assert change.trusted == {"ann", "bob"}


async def test_a_new_file_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(limit(1))
    changes = Watcher(tmp_path, EVERY).changes()
    await following(changes)
    replaced(tmp_path / "b.yaml", "mode: shadow")
    change = await following(changes)
    assert isinstance(change, Policy)
    assert not change.enforce


async def test_a_volume_swap_through_symbolic_links(tmp_path: Path) -> None:
    """Kubernetes: policy.yaml → ..data/policy.yaml, and ..data is renamed onto another folder."""
    for name, number in (("..one", 1), ("..two", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy.yaml").write_text(limit(number))
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "policy.yaml").symlink_to("..data/policy.yaml")
    for path in (tmp_path, tmp_path / "policy.yaml"):
        changes = Watcher(path, EVERY).changes()
        assert amount(await following(changes)) in {1, 2}
        other = "..two" if (tmp_path / "..data").readlink().name == "..one" else "..one"
        (tmp_path / "..next").symlink_to(other)
        (tmp_path / "..next").rename(tmp_path / "..data")
        assert amount(await following(changes)) in {1, 2}
