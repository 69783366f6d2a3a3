"""Why an account stands where it stands: every rule of the policy in the order in which they are considered, and what each says of it.

Rule 1: where it stands is what `core.case` says, the same as for its requests; the rest is why.
Rule 2: a rule that does not hold is told too, with what it would take.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from proxy.core.case import Place, place
from proxy.core.facts import Account
from proxy.core.ladder import CLEAR, NEW_EVIDENCE, Rung, Standing
from proxy.core.policy import Policy
from proxy.core.risk import LINKS, SIGNALS, Risk
from proxy.core.windows import moment
from proxy.learning.campaign import Campaign, Verdict
from proxy.learning.score import Reading, Score


@dataclass(frozen=True, slots=True)
class Subject:
    """An account, and what is known of it."""

    account: Account
    standing: Standing = CLEAR
    score: Score | None = None
    """None: it has none, or one of less than a point."""
    readings: tuple[Reading, ...] = ()
    """Its own signals, counted or in shadow."""
    campaign: Campaign | None = None
    verdict: Verdict | None = None
    """What a person said last of it, or else of its campaign; the analyst may not have heard it yet."""
    said: str = ""
    """Who, when and why, in words."""

    @property
    def points(self) -> float | None:
        return self.score.value if self.score is not None else self.standing.score


@dataclass(frozen=True, slots=True)
class Considered:
    """One rule of the policy."""

    part: str
    """routes | lists | quotas | guards | signals | links | ladder | capacity: in this order."""
    rule: str
    holds: bool
    why: str
    """Or why not, in plain words."""
    shadow: bool = False
    """It is seen and recorded, and nothing is done for it."""


def stands(subject: Subject, policy: Policy, at: float) -> Place:
    """Where it stands at `at`."""
    return place(subject.account, subject.standing.text(), at, policy)


def considered(subject: Subject, policy: Policy, at: float) -> Iterator[Considered]:
    """Every rule, in the order in which the engine and the analyst consider them."""
    opened = f"the dialects' own, and {len(policy.routes)} that the policy opens; every other one is refused"
    yield Considered("routes", "routes", holds=True, why=opened)
    yield from _lists(subject, policy, at)
    yield from _quotas(subject, policy, at)
    yield from _guards(policy)
    if policy.risk.on:
        yield _enough(subject, policy.risk)
    linked = subject.campaign.readings if subject.campaign is not None else ()
    yield from terms("signals", SIGNALS, subject.readings, policy.risk)
    yield from terms("links", LINKS, linked, policy.risk)
    yield _verdict(subject)
    yield from _people(subject, policy, at)
    yield from _rungs(subject, policy, at)
    priority = policy.tier(subject.account).priority
    yield Considered("capacity", "priority", bool(policy.capacity.in_flight), f"priority {priority} where the upstream is full")


def terms(part: str, table: Iterable[str], readings: Iterable[Reading], risk: Risk) -> Iterator[Considered]:
    """Each signal, or each link: what it saw, or that it saw nothing."""
    seen: Mapping[str, Reading] = {reading.name: reading for reading in readings}
    for name in table:
        term, reading = risk.named(name), seen.get(name)
        if not risk.on:
            yield Considered(part, name, holds=False, why="the policy has no risk")
        elif reading is None:
            yield Considered(part, name, holds=False, why=f"nothing seen (it could add {term.weight:g} nats)", shadow=not term.enforce)
        else:
            why = f"{reading.nats:.1f} of {term.weight:g} nats: {reading.why}"
            yield Considered(part, name, holds=True, why=why, shadow=not reading.counted)


def _lists(subject: Subject, policy: Policy, at: float) -> Iterator[Considered]:
    account, hold = subject.account, subject.standing.hold
    unless = "; a person's hold outranks it" if hold is not None and hold.alive(at) else ""
    for name, accounts, what in (("trusted", policy.trusted, "no score moves it"), ("watch", policy.watch, "it is on watch at least")):
        listed = account.id in accounts
        yield Considered("lists", name, listed, f"on the list: {what}{unless}" if listed else "not on the list")
    tier = policy.tier(account).name
    if policy.risk.vouched.covers(tier, account.verified):
        yield Considered("lists", "vouched", holds=True, why=f"a verified account of {tier}: never a member of a campaign")
    else:
        known = "verified, and of" if account.verified else "not known to be verified; of"
        yield Considered("lists", "vouched", holds=False, why=f"{known} tier {tier}")


def _quotas(subject: Subject, policy: Policy, at: float) -> Iterator[Considered]:
    tier, share = policy.tier(subject.account), stands(subject, policy, at).terms(policy).share
    of = "" if share == 1 else f", of which it has {share:.0%} now"
    for quota in tier.quotas:
        yield Considered("quotas", f"tier {tier.name}", holds=True, why=f"{quota.words()}{of}", shadow=not policy.enforce)


def _guards(policy: Policy) -> Iterator[Considered]:
    bound, guard = policy.binding, policy.logit_guard
    why = f"reasoning is bound to its {bound.scope.name.lower()}" if bound.on else "off"
    yield Considered("guards", "reasoning_binding", bound.on, why, shadow=bound.on and not (bound.enforce and policy.enforce))
    why = "requests that look at single tokens are bounded" if guard is not None else "off"
    yield Considered("guards", "logit_probing", guard is not None, why, shadow=guard is not None and not (guard.enforce and policy.enforce))


def _enough(subject: Subject, risk: Risk) -> Considered:
    known = subject.points is not None
    why = "there is something to say" if known else f"not enough to say, or nothing: it takes {risk.minimum} conversations begun"
    return Considered("signals", "minimum_evidence", known, why)


def _verdict(subject: Subject) -> Considered:
    """It outranks the evidence, both ways."""
    if subject.verdict is None:
        return Considered("links", "verdict", holds=False, why="no person has judged it, or its campaign")
    means = "nothing counts against it" if subject.verdict is Verdict.HONEST else "its campaign is certain"
    return Considered("links", "verdict", holds=True, why=f"{means}: {subject.verdict.value} {subject.said}".rstrip())


def _people(subject: Subject, policy: Policy, at: float) -> Iterator[Considered]:
    standing = subject.standing
    hold, verified = standing.hold, standing.verified
    if hold is not None:
        until = "until it is released" if hold.until is None else f"until {moment(hold.until)}"
        over = "" if hold.alive(at) else "; that is over"
        yield Considered("ladder", "hold", hold.alive(at), f"{hold.rung.word} {until}, by {hold.by}: {hold.because}{over}")
    else:
        yield Considered("ladder", "hold", holds=False, why="no person holds it anywhere")
    if verified is None:
        yield Considered("ladder", "verified", holds=False, why="its owner was not verified")
        return
    said = f"verified ({verified.how}) on {moment(verified.at)}, until {moment(verified.until)}"
    holds, why = _clears(subject, policy, at)
    yield Considered("ladder", "verified", holds, f"{said}; {why}")


def _clears(subject: Subject, policy: Policy, at: float) -> tuple[bool, str]:
    """Does verification keep it clear?"""
    standing, verified = subject.standing, subject.standing.verified
    if verified is None or at >= verified.until:
        return False, "that is over"
    if standing.rung in policy.ladder.steps.review:
        return False, f"{standing.rung.word} is a rung that a person must look at"
    if standing.score is not None and standing.score > verified.score + NEW_EVIDENCE:
        return False, f"the evidence is new: {standing.score:.0f} points, and it was verified at {verified.score:.0f}"
    return True, "it is clear on the same evidence"


def _rungs(subject: Subject, policy: Policy, at: float) -> Iterator[Considered]:
    """Mildest first."""
    here, standing = stands(subject, policy, at), subject.standing
    for rung in Rung:
        if rung is Rung.CLEAR:
            continue
        rule, least = policy.ladder.rule(rung), policy.ladder.steps.at.get(rung)
        shadow = not (rule.enforce and policy.enforce)
        name = rung.word if least is None else f"{rung.word} at {least:g}"
        why = _reached(least, subject.points)
        if rung is standing.rung:
            why += f"; earned since {moment(standing.since)}{_down(subject, policy, at)}"
        if rung is here.rung:
            why += f"; stands here since {moment(here.since)}: {'; '.join(rule.measures) or 'it is only looked at'}"
        yield Considered("ladder", name, rung is here.rung, why, shadow)


def _reached(least: float | None, points: float | None) -> str:
    if least is None:
        return "the policy leaves it out"
    if points is None:
        return "not reached: no score"
    return f"{'reached' if points >= least else 'not reached'}, {points:.0f} points"


def _down(subject: Subject, policy: Policy, at: float) -> str:
    """When the rung that a score has earned is left."""
    standing, steps = subject.standing, policy.ladder.steps
    lasts = steps.expires.get(standing.rung)
    by_itself = "" if lasts is None else f", left by itself {moment(standing.since + lasts)}"
    quiet = steps.at.get(standing.rung, 0.0) - steps.below
    if standing.score is not None and standing.score > quiet:
        return f"{by_itself}, left when it was below {quiet:g} for long enough" if quiet > 0 else by_itself
    left = max(standing.loud_at, standing.since) + steps.after
    return f"{by_itself}, quiet now and left {moment(left)}" if left > at else f"{by_itself}, quiet for long enough"
