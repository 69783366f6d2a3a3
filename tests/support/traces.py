"""Traces made by hand, and an analysis that does what it is told: for the tests of replay."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from proxy.core.ladder import Rung, Steps
from proxy.core.policy import Policy
from proxy.core.risk import Risk
from proxy.core.rules import Ladder, Rule
from proxy.core.sanctions.block import Block
from proxy.core.sanctions.reasoning import Reasoning
from proxy.core.sanctions.throttle import Throttle
from proxy.core.sanctions.verify import Verify
from proxy.core.shaping import Reasoning as Knob
from proxy.core.shaping import Show
from proxy.learning import codec
from proxy.learning.campaign import Campaign, Member
from proxy.learning.observation import Observation
from proxy.learning.score import NOT_ENOUGH, Reading, Score
from proxy.learning.sketch import Keyed
from proxy.replay.run import SECRET, understood
from proxy.replay.trace import Exchange, parsed
from tests.support.policies import policy

START = 1_788_739_200.0
"""2026-09-07 00:00 UTC."""

STEPS = {Rung.WATCH: 40.0, Rung.THROTTLED: 60.0, Rung.CHALLENGED: 75.0, Rung.DEGRADED: 85.0, Rung.BLOCKED: 95.0}
RULES = {
    Rung.WATCH: Rule(),
    Rung.THROTTLED: Rule((Throttle(0.5),)),
    Rung.CHALLENGED: Rule((Verify(3600.0),)),
    Rung.DEGRADED: Rule((Reasoning(Knob(Show.OMIT)),)),
    Rung.BLOCKED: Rule((Block(),)),
}


def risky(rules: dict[Rung, Rule] | None = None, **parts: Any) -> Policy:
    """A policy that scores, with a whole ladder; `rules` replaces some of it."""
    steps = Steps(at=STEPS, review=frozenset({Rung.BLOCKED}))
    return policy(**({"risk": Risk(on=True), "ladder": Ladder(RULES | (rules or {}), steps)} | parts))


def recorded(account: str = "ann", after: float = 0.0, said: str = "Hello.", **parts: Any) -> dict[str, Any]:
    """One line: `account` asks `said`, `after` seconds from `START`."""
    facts = {"created": START - 1e6, "tier": "free", "organization": None, "payment": None, "verified": False, "program": None}
    whole = {
        "time": START + after, "account": account, "account_facts": facts,
        "client": {"address": "192.0.2.7", "asn": 64500, "user_agent": "tests/1", "tls": "t13", "headers": "h1"},
        "dialect": "openai_chat", "model": "demo-small",
        "request": {"model": "demo-small", "messages": [{"role": "user", "content": said}]},
        "usage": {"input_tokens": 10, "output_tokens": 20, "reasoning_tokens": 5}, "status": 200,
    }  # fmt: skip
    return whole | parts


def sketched(line: dict[str, Any]) -> dict[str, Any]:
    """The same line as a gateway records it that keeps no text."""
    exchange = parsed(0, encoded(line))
    assert isinstance(exchange, Exchange)
    seen = understood(exchange, Keyed(SECRET)).seen
    assert seen is not None
    return {"time": line["time"], "account": line["account"], "observation": codec.write(seen)}


def encoded(line: dict[str, Any]) -> bytes:
    return json.dumps(line).encode()


def written(path: Path, lines: Iterable[dict[str, Any] | bytes]) -> Path:
    """A trace file; gzip where its name says so."""
    data = b"".join((line if isinstance(line, bytes) else encoded(line)) + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


class Told:
    """An analysis for which each account's every exchange is worth `points`, and whoever reaches 50 is of one campaign."""

    def __init__(self, points: dict[str, float]) -> None:
        self.points = points
        self.seen: list[Observation] = []
        self.counts: dict[str, int] = {}
        self.stopped: list[tuple[str, float]] = []

    def learn(self, seen: Observation) -> tuple[str, ...]:
        self.seen.append(seen)
        self.counts[seen.account] = self.counts.get(seen.account, 0) + 1
        return (seen.account,)

    def score(self, account: str) -> Score:
        if account not in self.points:
            return NOT_ENOUGH
        value = min(99.0, self.points[account] * self.counts[account])
        return Score(value, value, (), "c1" if value >= 50 else "", f"asked {self.counts[account]} times")

    def campaigns(self) -> tuple[Campaign, ...]:
        found = tuple(Member(name, name, START, "linked", 1, 1.0) for name in sorted(self.counts) if self.score(name).campaign)
        readings = (Reading("coverage", 9.0, "they work through one list"),)
        return (Campaign("c1", START, START + 60, 9.0, 77.0, readings, found, 12, 345),) if found else ()

    def blocked(self, account: str, at: float) -> None:
        self.stopped.append((account, at))

    def look(self, at: float) -> tuple[str, ...]:
        return ()

    def evidence(self) -> tuple[float, ...]:
        return tuple(self.score(name).evidence for name in sorted(self.counts))
