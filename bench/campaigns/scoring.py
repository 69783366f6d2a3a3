"""`score TRACE LABELS DECISIONS`: reads the three files, and prints the figures as a table."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.campaigns.figures import ACTIONS, Decision, Figures, figures
from bench.campaigns.files import opened

_HEAD = re.compile(rb'\{"time":[0-9.eE+-]+,"account":"([^"\\]+)"')

BARS = {
    "honest accounts ever restricted": (0.005, 0.001),
    "worst honest kind, lower 95 % bound": (0.05, 0.02),
    "honest requests restricted": (0.005, 0.0001),
    "extraction served before restriction": (0.5, 0.1),
    "campaign accounts missed": (0.4, 0.05),
    "campaign accounts missed, worst family": (0.8, 0.05),
    "linking: wrong pairs": (0.1, 0.01),
    "linking: pairs missed": (0.6, 0.1),
}
"""Of each error rate: what is the least to be reached, and the goal."""


class MismatchError(Exception):
    """The decisions are not about this trace."""


def score(trace: Path, labels: Path, decisions: Path) -> Figures:
    """Raises `MismatchError` unless there is one decision for each exchange, in order."""
    asked, made = list(accounts(trace)), list(_decisions(decisions))
    if len(asked) != len(made):
        raise MismatchError(f"{len(made)} decisions for {len(asked)} exchanges")
    for place, (account, decision) in enumerate(zip(asked, made, strict=True)):
        if account != decision.account:
            raise MismatchError(f"decision {place} is about {decision.account}, the exchange is {account}'s")
    return figures(json.loads(labels.read_text()), made)


def accounts(trace: Path) -> Iterator[str]:
    """Of each exchange, in order. Bodies are not parsed."""
    with opened(trace) as file:
        for line in file:
            head = _HEAD.match(line)
            yield head[1].decode() if head else json.loads(line)["account"]


def _decisions(path: Path) -> Iterator[Decision]:
    with opened(path) as file:
        for place, line in enumerate(file):
            told: dict[str, Any] = json.loads(line)
            if told["index"] != place or told["action"] not in ACTIONS or not 0 <= told["score"] <= 100:
                raise MismatchError(f"decision {place} is none: {line[:200].decode()}")
            yield Decision(told["account"], told["action"], told.get("campaign"))


def table(found: Figures) -> Iterator[str]:
    """One screen."""
    honest, caught = found.honest, found.caught
    yield f"honest: {honest.accounts} accounts, {honest.requests} requests"
    yield f"campaigns: {caught.accounts} accounts, {caught.exchanges} extraction exchanges"
    yield f"{'error rate':<42}{'here':>9}{'floor':>9}{'goal':>9}"
    for name, rate in found.rates.items():
        floor, goal = BARS[name]
        mark = "goal" if rate <= goal else "floor" if rate <= floor else "missed"
        yield f"{name:<42}{rate:>9.2%}{floor:>9.2%}{goal:>9.2%}  {mark}"
    yield ""
    yield f"{'honest kind':<14}{'accounts':>9}{'restricted':>12}{'at least':>10}{'requests':>10}{'restricted':>12}"
    for name, harm in sorted(found.kinds.items(), key=lambda each: (-each[1].share, each[0])):
        yield f"{name:<14}{harm.accounts:>9}{harm.share:>12.1%}{harm.bounds[0]:>10.1%}{harm.requests:>10}{harm.request_share:>12.2%}"
    yield ""
    yield f"{'family':<14}{'accounts':>9}{'missed':>12}{'extractions':>12}{'served before restriction':>27}"
    for name, catch in sorted(found.families.items(), key=lambda each: (-each[1].missed, each[0])):
        yield f"{name:<14}{catch.accounts:>9}{catch.missed:>12.1%}{catch.exchanges:>12}{catch.leaked:>27.1%}"
