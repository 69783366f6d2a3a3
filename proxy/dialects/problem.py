"""A refusal in words and as RFC 9457 members; every dialect puts its own error around them."""

import math

from proxy.core.enforcement import Fault, Reason
from proxy.core.quota import UNIT_WORDS, Denial, Unit, amount_words
from proxy.dialects.base import Headers

TITLES = {
    Reason.QUOTA: "Quota exceeded",
    Reason.BUDGET: "Budget exceeded",
    Reason.NEVER_FITS: "Request exceeds quota",
    Reason.CAPACITY: "Temporarily reduced capacity",
}

TYPES = {
    Reason.QUOTA: "https://iana.org/assignments/http-problem-types#quota-exceeded",
    Reason.BUDGET: "https://iana.org/assignments/http-problem-types#quota-exceeded",
    Reason.CAPACITY: "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
}
"""Registered by draft-ietf-httpapi-ratelimit-headers; everything else is `about:blank` and told apart by `code`."""


def sentence(fault: Fault) -> str:
    """What an unmodified SDK shows: what binds, how much is used, when it frees, and what to do."""
    denial = fault.denial
    if denial is None or denial.never:
        return fault.message
    return f"{_binding(denial)} Please try again in {_words(fault.retry_after or 0.0)}. {fault.message}"


def _binding(denial: Denial) -> str:
    quota, unit = denial.binding.quota, denial.binding.quota.unit
    used, asked = amount_words(unit, denial.binding.used), amount_words(unit, denial.cost)
    burst = "" if quota.burst == quota.amount else f" (at once: {amount_words(unit, quota.burst)})"
    local = " The usage service is away, so this is a share of the limit." if denial.local else ""
    return f"Rate limit reached: limit {quota.words()}{burst}, used {used}, requested {asked} {UNIT_WORDS[unit]}.{local}"


def _words(seconds: float) -> str:
    """`4.1s`, `6m0s`, `3h10m`: durations as OpenAI writes them."""
    if seconds < 60:  # noqa: PLR2004
        return f"{math.ceil(seconds * 10) / 10:g}s"
    whole = math.ceil(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}h{minutes}m" if hours else f"{minutes}m{whole % 60}s"


duration = _words


def members(fault: Fault) -> dict[str, object]:
    """RFC 9457's members and ours, without `type`."""
    found: dict[str, object] = {
        "title": TITLES.get(fault.reason, fault.reason.value.replace("_", " ").capitalize()),
        "status": fault.status,
        "detail": sentence(fault),
        "code": fault.reason.value,
        "reference": fault.reference,
    }
    if fault.denial is not None:
        binding = fault.denial.binding
        found["violated-policies"] = [binding.quota.field]
        found["quota"] = {
            "unit": binding.quota.unit.value, "limit": binding.quota.amount, "window": binding.quota.window.name,
            "used": round(binding.used), "requested": fault.denial.cost, "frees_in": round(binding.frees_in, 1),
        }  # fmt: skip
    return found


def headers(fault: Fault, media_type: str) -> Headers:
    """What every refusal carries besides limits."""
    found = [("Content-Type", media_type), *fault.headers]
    if fault.retry_after is not None:
        found.append(("Retry-After", str(max(1, math.ceil(fault.retry_after)))))
    if fault.retry is False:
        found.append(("x-should-retry", "false"))
    return tuple(found)


def spends(fault: Fault) -> bool:
    """Is it money that ran out?"""
    return fault.denial is not None and fault.denial.binding.quota.unit is Unit.SPEND
