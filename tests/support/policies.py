"""A small policy for tests, of which any part can be replaced."""

from typing import Any

from proxy.core.policy import Capacity, Policy, StoreLost, Tier
from proxy.core.quota import Accounting


def policy(**parts: Any) -> Policy:
    """An enforcing policy with one tier and no quotas, unless `parts` say otherwise."""
    whole: dict[str, Any] = {
        "name": "test",
        "digest": "0123456789ab",
        "enforce": True,
        "tiers": {"free": Tier("free")},
        "default_tier": "free",
        "account_tiers": {},
        "routes": (),
        "identity": ("keys",),
        "accounting": Accounting(),
        "capacity": Capacity(0, 1.0, 100),
        "store_lost": StoreLost(0.5, 300.0),
        "stream_over_quota": "slow",
        "idle_seconds": 60.0,
        "contact": "",
    }
    return Policy(**(whole | parts))
