"""What the gateway does with a request: `Forward`, `Challenge` or `Refuse`; there is no fourth."""

from dataclasses import dataclass, field
from enum import StrEnum

from proxy.core.quota import Denial, Meter
from proxy.core.shaping import Plan


class Reason(StrEnum):
    """Why a request is not served; the `code` that a caller's program can branch on."""

    BAD_REQUEST = "invalid_request"
    UNAUTHENTICATED = "invalid_api_key"
    NO_ROUTE = "route_not_served"
    MODEL_NOT_ALLOWED = "model_not_found"
    TOO_LARGE = "request_too_large"
    NEVER_FITS = "request_exceeds_quota"
    QUOTA = "rate_limit_exceeded"
    SLOWED = "abnormal_usage_detected"
    """A quota of an account whose share of its plan is smaller for now."""
    VERIFY = "verification_required"
    BLOCKED = "account_blocked"
    GUARD = "parameter_not_allowed"
    FOREIGN = "foreign_reasoning"
    NOT_FOUND = "response_not_found"
    SHAPING = "shaping_failed"
    BUDGET = "insufficient_quota"
    CAPACITY = "temporary_reduced_capacity"
    STORE_LOST = "quota_service_unavailable"
    UPSTREAM = "upstream_error"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    INTERNAL = "internal_error"


@dataclass(frozen=True, slots=True)
class Fault:
    """A refusal in full: everything a dialect needs to say it in its own words (RFC 9457 members and its own error)."""

    reason: Reason
    status: int
    message: str
    """Plain words: what happened, and what to do next."""
    reference: str = ""
    """The request id, which an operator can look up."""
    param: str | None = None
    retry_after: float | None = None
    """Seconds; rendered rounded up."""
    retry: bool | None = None
    """False tells official SDKs not to try again by themselves (`x-should-retry`)."""
    denial: Denial | None = None
    meters: tuple[Meter, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Forward:
    """Serve it."""

    plan: Plan = field(default_factory=Plan)
    pace: float | None = None
    """Most tokens per second of a stream; None: as it comes."""
    delay: float = 0.0
    """Seconds to wait first."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """Ask the account's owner to verify."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not serve it."""

    fault: Fault


Enforcement = Forward | Challenge | Refuse
