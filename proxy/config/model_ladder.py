"""`ladder`: what is done from which score on."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema

from proxy.config import measures
from proxy.config.fields import Duration, Mode, Score, Strict, reads
from proxy.config.model_sanctions import Sanctions
from proxy.config.numbers import shown
from proxy.core.ladder import Rung
from proxy.core.sanctions.base import Sanction

RUNGS = tuple(rung.word for rung in Rung if rung is not Rung.CLEAR)
"""Mildest first."""


def _review(value: object) -> object:
    if value != "required":
        raise ValueError(f"{shown(value) if isinstance(value, str) else 'this'} is not taken here; write review: required, or leave it out")
    return value


class AnyStep(Strict):
    """A rung of the ladder."""

    at: Score
    """Score from which an account stands here."""
    sanctions: Sanctions = ()
    """What is done; all of it together, in any order."""
    review: Annotated[Literal["required"] | None, BeforeValidator(_review)] = None
    """required: a human must look; verification alone does not lift it."""
    expires: Duration | None = None
    """One rung down by itself after so long."""
    mode: Mode = "enforce"
    """shadow: recorded, not done."""

    @property
    def chosen(self) -> tuple[Sanction, ...]:
        """The sanctions, typed."""
        found: tuple[Sanction, ...] = self.sanctions
        return found


class Watch(AnyStep):
    """The rung on which an account is looked at more closely."""

    quiet: Annotated[bool, Field(strict=True)] = False
    """true: nothing is done here, so that callers are told nothing."""


def _never_quiet(_: object) -> None:
    raise ValueError("only 'watch' can be quiet: what is done to an account's requests is always told to the caller")


class Step(AnyStep):
    """A rung of the ladder."""

    quiet: SkipJsonSchema[Annotated[None, BeforeValidator(_never_quiet)]] = None


class StepDown(Strict):
    """When an account comes down one rung."""

    below: Score = 10.0
    """Points below the rung at which a score is quiet."""
    after: Duration = 1800.0
    """So long must it be quiet."""


class Verified(Strict):
    """What verification gives."""

    clear_for: Duration = 2592000.0
    """Clear for so long, on the same evidence."""


def pinned(value: object) -> float:
    """Seconds of `1h`; 0 for `off`."""
    if isinstance(value, str) and value.strip().lower() == "off":
        return 0.0
    try:
        return measures.duration(value)
    except ValueError:
        raise ValueError(f"{shown(value)} is neither a duration such as 1h nor off") from None


class LadderPart(Strict):
    """What follows from a score, mildest first. A rung does what stands on it, and nothing of what stands on those below."""

    watch: Watch | None = None
    throttled: Step | None = None
    challenged: Step | None = None
    degraded: Step | None = None
    blocked: Step | None = None
    step_down: StepDown = StepDown()
    verified: Verified = Verified()
    pin: Annotated[float, reads(pinned, "1h", "off")] = 3600.0
    """A conversation keeps for so long the shaping it began with; off: a new rung bites at once."""

    def steps(self) -> dict[str, AnyStep]:
        """The rungs that are described, mildest first."""
        found = {name: getattr(self, name) for name in RUNGS}
        return {name: step for name, step in found.items() if step is not None}
