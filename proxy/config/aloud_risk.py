"""`risk`, read aloud: when an account has a score, what may add to it, and what the figures promise."""

from collections.abc import Iterator, Mapping

from proxy.config.measures import conversations_words, duration_words
from proxy.core.policy import Policy
from proxy.core.risk import LINKS, SIGNALS, Calibration, Risk


def risk(policy: Policy) -> Iterator[str]:
    """How evidence becomes a score."""
    found = policy.risk
    if not found.on:
        yield "risk: off; nothing is observed and nothing is scored"
        return
    yield "risk: accounts are scored by what they do; N points are reached by at most one in 10^(N/20) of your honest accounts"
    yield f"  {_learned(found.calibration)}"
    yield f"  below {conversations_words(found.minimum)} begun: not enough to say"
    again = f"the whole population is looked at every {duration_words(found.every)}"
    yield f"  evidence that nothing renews halves in {duration_words(found.half_life)}; {again}"
    yield from _vouched(found)
    yield from _terms(found, SIGNALS, "signals, of an account by itself", "of what an account does by itself nothing counts")
    yield from _terms(found, LINKS, "links, between accounts that act as one", "of what accounts do together nothing counts")


def _learned(calibration: Calibration) -> str:
    if not calibration.accounts:
        return "calibration: the one that ships; `stillgate calibrate` learns your own accounts' from recorded traffic"
    return f"calibration: learned from {calibration.accounts:,} accounts ({calibration.said})"


def _vouched(risk: Risk) -> Iterator[str]:
    if risk.vouched.tiers:
        tiers = ", ".join(sorted(risk.vouched.tiers))
        yield f"  verified accounts of {tiers}: learned from, and never members of a campaign"


def _terms(risk: Risk, table: Mapping[str, float], what: str, nothing: str) -> Iterator[str]:
    """The strongest first."""
    terms = sorted(((name, risk.named(name)) for name in table), key=lambda pair: (-pair[1].weight, pair[0]))
    counted = [f"{name} {term.weight:g}" for name, term in terms if term.enforce]
    shadow = [name for name, term in terms if not term.enforce]
    yield f"  {what}, with the most nats that each adds: {', '.join(counted)}" if counted else f"  {nothing}"
    if shadow:
        yield f"    in shadow, seen and not counted: {', '.join(shadow)}"
