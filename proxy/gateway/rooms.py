"""Everything that an exchange needs, behind ports."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from proxy.core.estimate import Estimator
from proxy.core.facts import Account
from proxy.core.policy import Policy
from proxy.core.sealing import Seal
from proxy.gateway.capacity import Places
from proxy.gateway.fronts import NOBODY, Fronts
from proxy.gateway.ports import Door, Identity, Recorder, Store, Telemetry, Upstream
from proxy.learning.sketch import Keyed


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
    seal: Seal
    key: Keyed
    """With the operator's secret: what is learned from is hashed with it."""
    recorder: Recorder
    links: Callable[[Account, float, float], str]
    """Where an account's owner can verify, as an address: at a time, and when earlier links were spent. "" where nowhere."""
    fronts: Fronts = NOBODY
    """Who is believed in what it says of its own callers."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
