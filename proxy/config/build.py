"""From the checked file to the core's records, part by part."""

from collections.abc import Iterator
from dataclasses import dataclass

from proxy.config.model import AccountingPart, CapacityPart, Failure, Limits, PolicyFile, PriceList, Tier
from proxy.config.model_identity import Identity
from proxy.config.model_recording import RecordingPart
from proxy.config.problems import Keys
from proxy.config.words import Limit
from proxy.core import policy as core
from proxy.core.quota import HELD, Accounting, Price, Quota, Scope, Unit


def sourced(name: str, tier: Tier) -> Iterator[tuple[Keys, Quota]]:
    """A tier's quotas, each with where in the file it stands."""
    top: Keys = ("tiers", name)
    yield from _quotas(tier, _At(top))
    yield from _quotas(tier.per.key, _At((*top, "per", "key"), Scope.KEY))
    yield from _quotas(tier.per.organization, _At((*top, "per", "organization"), Scope.ORGANIZATION))
    for pattern, limits in tier.models.limits().items():
        yield from _quotas(limits, _At((*top, "models", pattern), model=pattern))


@dataclass(frozen=True, slots=True)
class _At:
    """Whose limits these are."""

    path: Keys
    scope: Scope = Scope.ACCOUNT
    model: str = ""

    def quota(self, unit: Unit, limit: Limit) -> Quota:
        return Quota(unit, limit.amount, limit.window, limit.burst, self.scope, self.model)


def _quotas(limits: Limits, at: _At) -> Iterator[tuple[Keys, Quota]]:
    tokens = limits.tokens
    parts: tuple[tuple[Keys, Unit, tuple[Limit, ...]], ...] = (
        (("requests",), Unit.REQUESTS, limits.requests),
        (("tokens", "input"), Unit.INPUT, tokens.input),
        (("tokens", "output"), Unit.OUTPUT, tokens.output),
        (("tokens", "total"), Unit.TOKENS, tokens.total),
        (("spend",), Unit.SPEND, limits.spend),
    )
    for path, unit, found in parts:
        yield from (((*at.path, *path, index), at.quota(unit, limit)) for index, limit in enumerate(found))
    if limits.in_flight is not None:
        yield (*at.path, "in_flight"), at.quota(Unit.IN_FLIGHT, Limit(limits.in_flight, HELD, limits.in_flight))


def tiers(file: PolicyFile) -> dict[str, core.Tier]:
    """All tiers by name."""
    return {
        name: core.Tier(name, tuple(quota for _, quota in sourced(name, tier)), tier.models.only, tier.priority)
        for name, tier in file.tiers.items()
    }


def routes(file: PolicyFile) -> tuple[core.OpenRoute, ...]:
    """The opened routes, in order."""
    return tuple(
        core.OpenRoute(route.path, route.methods, route.cost.requests, route.cost.tokens, unshaped=route.unshaped == "serve")
        for route in file.routes
    )


def identity_settings(identity: Identity) -> dict[str, dict[str, object]]:
    """What the operator wrote for each source that is used; the defaults stand with the sources."""
    parts = {name: getattr(identity, name) for name in ("jwt", "header", "upstream") if name in identity.from_}
    return {name: part.model_dump(exclude_none=True) for name, part in parts.items() if part is not None}


def accounting(part: AccountingPart) -> Accounting:
    """How usage is charged."""
    return Accounting(
        cached_input=part.weights.cached_input,
        reasoning=part.weights.reasoning,
        bytes_per_token=part.bytes_per_token,
        media_tokens=part.media_tokens,
        typical_output=part.typical_output,
        slice=part.slice,
        include_usage=part.include_usage,
        prices=tuple((pattern, _price(listed)) for pattern, listed in part.prices.items()),
    )


def _price(listed: PriceList) -> Price:
    cached = listed.input if listed.cached_input is None else listed.cached_input
    written = listed.input if listed.cache_write is None else listed.cache_write
    return Price(listed.input, listed.output, cached, written)


def capacity(part: CapacityPart) -> core.Capacity:
    """What the upstream can take."""
    return core.Capacity(part.in_flight or 0, part.queue.for_ or part.queue.seconds or 2.0, part.queue.length)


def store_lost(part: Failure) -> core.StoreLost:
    """What holds without the store."""
    lost = part.store_lost
    return core.StoreLost(lost.serve_locally, lost.for_, then_refuse=lost.then == "refuse")


def recording(part: RecordingPart | None) -> core.Recording:
    """What is written down of exchanges."""
    return core.Recording() if part is None else core.Recording(part.to, part.text)
