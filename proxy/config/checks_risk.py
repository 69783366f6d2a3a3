"""What `risk` must be to the rest of a policy, and what of it is probably not meant: rates that nobody can want, rungs out of reach."""

from collections.abc import Iterable, Iterator

from proxy.config.model import PolicyFile
from proxy.config.model_ladder import AnyStep
from proxy.config.model_risk import RiskPart
from proxy.config.numbers import meant, shown
from proxy.config.problems import Keys
from proxy.core.risk import IN_SHADOW, LINKS, MOST, SIGNALS, WEIGHTS, Risk, rarity

Finding = tuple[Keys, str]
"""Where, and what."""

LOOKED_AT = 20.0
"""Points of a watch that somebody can still look through: one account in ten."""

RESTRICTED = 40.0
"""Points below which more than one honest account in a hundred would be restricted, …"""

BLOCKED = 60.0
"""… and more than one in a thousand blocked."""

OFTEN = 60.0
"""Seconds; a look at a large population takes several itself."""


def problems(file: PolicyFile) -> Iterator[Finding]:
    """All that stops this policy."""
    if file.risk is None:
        return
    yield from _names(file.risk.signals, "signals", SIGNALS, LINKS)
    yield from _names(file.risk.links, "links", LINKS, SIGNALS)
    for index, tier in enumerate(file.risk.vouched.tiers):
        if tier not in file.tiers:
            yield ("risk", "vouched", "tiers", index), f"there is no tier {shown(tier)}{meant(tier, file.tiers)}"


def _names(given: Iterable[str], part: str, known: Iterable[str], elsewhere: Iterable[str]) -> Iterator[Finding]:
    for name in given:
        if name in elsewhere:
            yield ("risk", part, name), f"'{name}' belongs in risk.{'links' if part == 'signals' else 'signals'}"
        elif name not in known:
            listed = meant(name, known) or f"; known are {', '.join(known)}"
            yield ("risk", part, name), f"there is no {part.removesuffix('s')} {shown(name)}{listed}"


def notes(file: PolicyFile, risk: Risk) -> Iterator[str]:
    """What is probably not meant. `risk`: as it was compiled."""
    steps = file.ladder.steps()
    if file.risk is None:
        if steps:
            yield "ladder: its figures are scores, and without 'risk' nobody is scored; accounts come onto a rung by hand only"
        return
    if not steps:
        yield "risk: accounts are scored, and the ladder has no rung that a score leads to"
    yield from _terms(file, file.risk, risk)
    if risk.every < OFTEN:
        yield "risk.look: each look goes through the whole population; minutes are soon enough, for a campaign's newcomers are seen at once"
    for name, step in steps.items():
        yield from (f"ladder.{name}: {said}" for said in (*_rate(name, step), *_reach(step, risk)))


def _terms(file: PolicyFile, part: RiskPart, risk: Risk) -> Iterator[str]:
    for name, term in (*part.signals.items(), *part.links.items()):
        where = f"risk.{'signals' if name in SIGNALS else 'links'}.{name}"
        if term.weight and term.mode is None and name in IN_SHADOW:
            yield f"{where}: adds nothing, for it ships in shadow; mode: enforce lets it count"
        elif term.weight == 0 and risk.named(name).enforce:
            yield f"{where}: weight: 0 adds nothing; mode: shadow says so"
    bound = file.guards.reasoning_binding
    if "foreign_reasoning" in part.signals and (bound is None or bound.mode == "off"):
        yield "risk.signals.foreign_reasoning: sees nothing, for guards.reasoning_binding is off"


def _rate(name: str, step: AnyStep) -> Iterator[str]:
    """More honest accounts than anybody can want here; `at: 0` is noted with the ladder."""
    least = LOOKED_AT if name == "watch" else BLOCKED if name == "blocked" else RESTRICTED
    done = "on watch" if name == "watch" else name
    if 0 < step.at < least and (step.chosen or name == "watch"):
        yield f"at: {step.at:g} lets {rarity(step.at)} of your honest accounts be {done}; at: {least:g} lets {rarity(least)}"


def _reach(step: AnyStep, risk: Risk) -> Iterator[str]:
    if step.at > MOST:
        yield f"at: {step.at:g} is never reached, for no score is above {MOST:g}"
        return
    most = sum(term.weight for term in map(risk.named, WEIGHTS) if term.enforce)
    needed = risk.calibration.evidence(step.at)
    if most < needed:
        yield f"at: {step.at:g} takes {needed:.1f} nats of evidence, and all signals and links together add {most:.1f} at most"
