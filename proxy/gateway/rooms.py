"""Everything that an exchange needs, behind ports."""

from collections.abc import Callable
from dataclasses import dataclass

from proxy.core.estimate import Estimator
from proxy.core.policy import Policy
from proxy.gateway.capacity import Places
from proxy.gateway.ports import Door, Identity, Store, Telemetry, Upstream


@dataclass(slots=True)
class Rooms:
    """Everything that an exchange needs, bound once by `app`."""

    policy: Policy
    """Swapped whole on reload; an exchange keeps the one it began with."""
    identity: Identity
    store: Store
    upstream: Upstream
    telemetry: Telemetry
    door: Door
    places: Places
    estimator: Estimator
    max_body: int
    clock: Callable[[], float]
