"""The open benchmark's scorer, against cases counted by hand."""

import gzip
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.campaigns.__main__ import main
from bench.campaigns.figures import Decision, Figures, figures, pairs, wilson
from bench.campaigns.scoring import BARS, MismatchError, score, table

ANN, BEN, CAT, DAN, EVE, FAY, GUS = (f"acct_{name}" for name in ("ann", "ben", "cat", "dan", "eve", "fay", "gus"))

LABELS: dict[str, Any] = {
    "accounts": {
        ANN: {"label": "benign", "kind": "chat", "campaign": None},
        BEN: {"label": "benign", "kind": "chat", "campaign": None},
        CAT: {"label": "benign", "kind": "grader", "campaign": None},
        DAN: {"label": "campaign", "kind": "harvest", "campaign": "harvest"},
        EVE: {"label": "campaign", "kind": "harvest", "campaign": "harvest"},
        FAY: {"label": "mixed", "kind": "hydra", "campaign": "hydra-1"},
        GUS: {"label": "campaign", "kind": "hydra", "campaign": "hydra-2"},
    },
    "events_extract": [1, 3, 5, 6, 8, 10],
    "campaigns": {
        "harvest": {"planned_exchanges": 4, "accounts": [DAN, EVE], "family": "harvest", "knobs": {}},
        "hydra-1": {"planned_exchanges": 1, "accounts": [FAY], "family": "hydra", "knobs": {}},
        "hydra-2": {"planned_exchanges": 1, "accounts": [GUS], "family": "hydra", "knobs": {}},
    },
}

MADE = [
    Decision(ANN, "allow"),
    Decision(DAN, "allow"),  # extraction, served
    Decision(CAT, "throttle", "c1"),  # harm
    Decision(DAN, "throttle", "c1"),  # extraction, restricted
    Decision(BEN, "watch"),  # no harm
    Decision(DAN, "allow", "c1"),  # extraction, after its restriction: not counted as served before
    Decision(EVE, "watch", "c1"),  # extraction, served
    Decision(FAY, "degrade"),  # cover, restricted
    Decision(FAY, "allow"),  # extraction, after its restriction
    Decision(CAT, "allow", "c1"),
    Decision(GUS, "allow", "c2"),  # extraction, served
    Decision(FAY, "allow"),  # cover, served
]


def test_a_case_counted_by_hand() -> None:
    found = figures(LABELS, MADE)
    assert (found.honest.accounts, found.honest.restricted, found.honest.requests, found.honest.requests_restricted) == (3, 1, 4, 1)
    assert (found.kinds["chat"].restricted, found.kinds["grader"].share, found.kinds["grader"].request_share) == (0, 1.0, 0.5)
    assert (found.worst_kind, found.worst_family) == ("grader", "hydra")
    assert (found.families["harvest"].accounts, found.families["harvest"].restricted) == (2, 1)
    assert (found.families["harvest"].exchanges, found.families["harvest"].served) == (4, 2)
    assert (found.families["hydra"].accounts, found.families["hydra"].restricted) == (2, 1)
    assert (found.families["hydra"].exchanges, found.families["hydra"].served) == (2, 1)
    assert found.caught.leaked == pytest.approx(3 / 6)
    assert found.caught.missed == pytest.approx(2 / 4)
    assert found.cover_restricted == pytest.approx(1 / 2)
    # Linked: Cat, Dan and Eve in one (three pairs, one of them right), Gus alone; one pair belongs together.
    assert (found.precision, found.recall) == (pytest.approx(1 / 3), 1.0)
    assert set(found.rates) == set(BARS)
    assert found.rates["worst honest kind, lower 95 % bound"] == pytest.approx(0.2065, abs=1e-4)


def test_who_does_nothing_hurts_nobody_and_finds_nothing() -> None:
    found = figures(LABELS, [Decision(each.account, "allow") for each in MADE])
    assert found.rates["honest accounts ever restricted"] == found.rates["worst honest kind, lower 95 % bound"] == 0
    assert found.caught.leaked == found.caught.missed == found.rates["linking: pairs missed"] == 1
    assert (found.precision, found.worst_kind) == (None, "")


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 0, 0, 1), (0, 10, 0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1), (1, 1000, 0.0002, 0.0056)],
)
def test_wilsons_interval_as_it_is_tabled(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(st.integers(1, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_interval_holds_the_share(case: tuple[int, int]) -> None:
    hits, of = case
    low, high = wilson(hits, of)
    assert 0 <= low <= hits / of <= high <= 1


NAMES = st.sampled_from(["c1", "c2", "c3"])


@given(st.lists(st.tuples(st.none() | NAMES, st.none() | NAMES), max_size=12))
def test_pairs_are_what_looking_at_every_pair_says(accounts: list[tuple[str | None, str | None]]) -> None:
    truth = {str(place): belongs for place, (belongs, _) in enumerate(accounts)}
    linked = {str(place): told for place, (_, told) in enumerate(accounts) if told is not None}
    wanted = {pair for pair in combinations(sorted(truth), 2) if None is not truth[pair[0]] == truth[pair[1]]}
    said = {pair for pair in combinations(sorted(linked), 2) if linked[pair[0]] == linked[pair[1]]}
    precision, recall = pairs(truth, linked)
    assert precision == (pytest.approx(len(said & wanted) / len(said)) if said else None)
    assert recall == (pytest.approx(len(said & wanted) / len(wanted)) if wanted else None)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """The case above, on disk."""
    trace, labels, decisions = tmp_path / "trace.jsonl.gz", tmp_path / "labels.json", tmp_path / "decisions.jsonl"
    lines = [json.dumps({"time": 1.5 + place, "account": each.account}, separators=(",", ":")) for place, each in enumerate(MADE)]
    trace.write_bytes(gzip.compress("\n".join(lines).encode()))
    labels.write_text(json.dumps(LABELS))
    told = [
        {"index": n, "account": each.account, "score": 0, "action": each.action, "campaign": each.campaign} for n, each in enumerate(MADE)
    ]
    decisions.write_text("\n".join(map(json.dumps, told)) + "\n")
    return trace, labels, decisions


def test_from_disk_it_is_the_same(files: tuple[Path, Path, Path]) -> None:
    assert score(*files).record() == figures(LABELS, MADE).record()


def test_a_head_that_is_written_otherwise_is_read_too(files: tuple[Path, Path, Path]) -> None:
    trace, labels, decisions = files
    plain = trace.with_suffix("")
    plain.write_text("\n".join(json.dumps({"account": each.account, "time": place}) for place, each in enumerate(MADE)))
    assert score(plain, labels, decisions).record() == figures(LABELS, MADE).record()


@pytest.mark.parametrize(
    ("place", "member", "wrong"), [(3, "index", 4), (3, "account", ANN), (0, "action", "scold"), (0, "score", 101), (0, "score", -1)]
)
def test_decisions_about_something_else_are_refused(files: tuple[Path, Path, Path], place: int, member: str, wrong: Any) -> None:
    *_, decisions = files
    told = [json.loads(line) for line in decisions.read_text().splitlines()]
    told[place][member] = wrong
    decisions.write_text("\n".join(map(json.dumps, told)))
    with pytest.raises(MismatchError, match=str(place)):
        score(*files)


def test_too_few_decisions_are_refused(files: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    *_, decisions = files
    decisions.write_text("\n".join(decisions.read_text().splitlines()[:-1]))
    assert main(["score", *map(str, files)]) == 2
    assert "11 decisions for 12 exchanges" in capsys.readouterr().err


def test_the_command_prints_the_table_and_writes_all_figures(
    files: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", *map(str, files), "--json", str(tmp_path / "figures.json")]) == 0
    shown = capsys.readouterr().out
    assert "extraction served before restriction" in shown
    assert shown.rstrip().endswith("50.0%")
    told = json.loads((tmp_path / "figures.json").read_text())
    assert told["rates"]["campaign accounts missed"] == 0.5
    assert told["kinds"]["grader"]["wilson95"] == list(wilson(1, 1))


def test_an_empty_log_has_a_table_too() -> None:
    assert any("goal" in line for line in table(Figures()))
