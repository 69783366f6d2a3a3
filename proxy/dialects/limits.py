"""Limit headers: the IETF pair in every dialect, and helpers for each provider's own.

draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` says the limits, `RateLimit` what is left. There is no
registered quota unit for tokens or money yet, so ours carry a vendor's name and may change with the draft.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

from proxy.core.quota import Meter, Unit
from proxy.dialects.base import Headers

MOST = 8
"""Quotas shown; the tightest first."""

UNITS = {
    Unit.INPUT: "stillgate-input-tokens",
    Unit.OUTPUT: "stillgate-output-tokens",
    Unit.TOKENS: "stillgate-tokens",
    Unit.SPEND: "stillgate-micro-usd",
    Unit.IN_FLIGHT: "stillgate-in-flight",
    Unit.BIASED: "stillgate-biased-tokens",
    Unit.SINGLE: "stillgate-single-token",
}


def ietf(meters: Sequence[Meter]) -> Headers:
    """The IETF pair, as structured fields (RFC 9651)."""
    if not meters:
        return ()
    shown = sorted(meters, key=lambda meter: meter.remaining / max(1, meter.quota.burst))[:MOST]
    return (
        ("RateLimit-Policy", ", ".join(_policy(meter) for meter in shown)),
        ("RateLimit", ", ".join(f'"{_name(meter)}";r={meter.remaining};t={math.ceil(meter.frees_in)}' for meter in shown)),
    )


def _policy(meter: Meter) -> str:
    """A rate with a burst of its own is, to the reader of this field, its burst over the time in which that drains."""
    quota = meter.quota
    unit = f';qu="{UNITS[quota.unit]}"' if quota.unit in UNITS else ""
    seconds = quota.window.seconds * quota.burst // quota.amount if quota.window.kind == "rate" else quota.window.seconds
    window = f";w={max(1, seconds)}" if seconds else ""
    return f'"{_name(meter)}";q={quota.burst}{unit}{window}'


def _name(meter: Meter) -> str:
    """A structured-field string: printable ASCII without quotes or backslashes."""
    return _plain(meter.quota.name)


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    return "".join(sign for sign in name if " " <= sign <= "~" and sign not in '"\\')
