"""`risk`: how evidence becomes a score. `risk: {}` switches scoring on as it ships."""

from typing import Annotated, Any

from pydantic import Field

from proxy.config import measures
from proxy.config.fields import Conversations, Duration, FileName, Mode, Name, Strict, Weight, reads
from proxy.core import risk as core


def every(value: object) -> float:
    """Seconds of `every 4h`, or of `4h`."""
    return measures.duration(value.strip().lower().removeprefix("every ") if isinstance(value, str) else value)


class RiskTerm(Strict):
    """One signal or link; what is left out is as it ships."""

    weight: Weight | None = None
    """The most nats of evidence that it can add: 2.3 nats make an account ten times rarer, which is 20 points."""
    mode: Mode | None = None
    """shadow: measured and shown, and adds nothing."""


class VouchedPart(Strict):
    """Accounts that a contract speaks for."""

    tiers: tuple[Name, ...] = ()
    """Tiers of which a verified account is learned from, and never a member of a campaign."""


def _named(names: Any) -> Any:
    """Editors complete the names; a wrong one is found with its place, and a suggestion."""
    return Field(default={}, json_schema_extra={"propertyNames": {"enum": list(names)}})


class RiskPart(Strict):
    """How evidence becomes a score. N points say that at most one in 10^(N/20) of the operator's own accounts reaches them."""

    half_life: Duration = 345600.0
    """How fast a campaign's evidence fades, where nothing renews it: 4d."""
    minimum_evidence: Conversations = 3
    """Conversations begun, below which an account's score is "not enough to say": 3 conversations."""
    look: Annotated[float, reads(every, "every 4h")] = 14400.0
    """How often the whole population is looked at: every 4h. A known campaign's newcomers are seen at once."""
    calibration: FileName | None = None
    """What `stillgate calibrate` wrote, beside this file; the one that ships, where this is left out."""
    vouched: VouchedPart = VouchedPart()
    signals: dict[Name, RiskTerm] = _named(core.SIGNALS)
    """What speaks against an account alone."""
    links: dict[Name, RiskTerm] = _named(core.LINKS)
    """What says that accounts act as one."""
