"""A small world through the real analysis: the campaign in it climbs the ladder, and nobody else is touched."""

import random
from pathlib import Path
from typing import Any

import pytest

from proxy.core.ladder import Rung
from proxy.core.risk import Risk
from proxy.learning.analysis import Analysis
from proxy.replay.play import Played, play
from proxy.replay.run import Replay
from proxy.replay.trace import Trace
from tests.support.traces import recorded, risky, sketched, written

HOUR = 3600.0
MEMBERS = tuple(f"sock-{number}" for number in range(12))
HONEST = tuple(f"person-{number}" for number in range(70))
TEMPLATE = (
    "You are the grader of a distillation set. Think step by step, weigh every alternative aloud, and only then settle on one final "
    "answer, which you repeat in a box of its own at the end. The question of this round is as follows: "
)


def _words(chance: random.Random, count: int) -> str:
    return " ".join("".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9))) for _ in range(count))


def _asks(name: str, chance: random.Random, said: str) -> dict[str, Any]:
    number = (HONEST + MEMBERS).index(name)
    client = {"address": f"192.0.2.{number}", "user_agent": "sdk/1", "tls": "t13", "headers": "h1"}
    facts = {"tier": "free", "payment": f"card-{number % 4 if name in MEMBERS else number}"}
    return recorded(name, chance.uniform(0, 96) * HOUR, said, client=client, account_facts=facts)


def world() -> list[dict[str, Any]]:
    """Four days: people who ask what they like, and a dozen accounts that work through one list."""
    chance = random.Random(4)
    lines = [_asks(name, chance, _words(chance, 40)) for name in HONEST for _ in range(8)]
    lines += [_asks(name, chance, TEMPLATE + _words(chance, 25)) for name in MEMBERS for _ in range(20)]
    lines.sort(key=lambda line: line["time"])
    return [line | {"id": f"r{index}"} for index, line in enumerate(lines)]


def played(path: Path, lines: list[dict[str, Any]], **parts: Any) -> tuple[bytes, Played]:
    policy = risky(**({"risk": Risk(on=True, every=2 * HOUR)} | parts))
    out = path / "out.jsonl"
    with Trace(written(path / "trace.jsonl.gz", lines)) as trace, out.open("wb") as sink:
        found = play(trace, [Replay(policy, Analysis(policy.risk))], sink)
    return out.read_bytes(), found


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Played]:
    return played(tmp_path_factory.mktemp("golden"), world())


def test_the_campaign_climbs_and_nobody_else_is_touched(golden: tuple[bytes, Played]) -> None:
    tally = golden[1].tallies[0]
    assert tally.hit == frozenset(MEMBERS)
    assert {tally.fates[name].earned for name in HONEST} == {Rung.CLEAR}
    assert all(tally.fates[name].earned >= Rung.THROTTLED for name in MEMBERS)


def test_it_is_named_and_explained(golden: tuple[bytes, Played]) -> None:
    campaign = golden[1].tallies[0].campaigns[0]
    assert {member.account for member in campaign.members} == set(MEMBERS)
    assert {golden[1].tallies[0].fates[name].campaign for name in MEMBERS} == {campaign.id}


def test_the_same_bytes_again_and_from_sketches(golden: tuple[bytes, Played], tmp_path: Path) -> None:
    assert played(tmp_path, world())[0] == golden[0]
    assert played(tmp_path, [sketched(line) for line in world()])[0] == golden[0]


def test_the_trusted_list_spares_and_is_counted(tmp_path: Path) -> None:
    _, found = played(tmp_path, world(), trusted=frozenset(MEMBERS[:3]))
    tally = found.tallies[0]
    assert tally.hit == frozenset(MEMBERS[3:])
    assert sum(fate.trusted and fate.earned >= Rung.THROTTLED for fate in tally.fates.values()) == 3


def test_in_shadow_nobody_is_touched_and_scores_are_the_same(golden: tuple[bytes, Played], tmp_path: Path) -> None:
    tally = played(tmp_path, world(), enforce=False)[1].tallies[0]
    assert tally.hit == frozenset()
    assert {name: fate.score for name, fate in tally.fates.items()} == {
        name: fate.score for name, fate in golden[1].tallies[0].fates.items()
    }
