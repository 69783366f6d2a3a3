"""A refusal in words and as RFC 9457 members; every dialect puts its own error around them."""

import math

from proxy.core.enforcement import Fault, Reason
from proxy.core.quota import Denial, Unit, amount_words
from proxy.dialects.base import Headers

TITLES = {
    Reason.QUOTA: "Quota exceeded",
    Reason.BUDGET: "Budget exceeded",
    Reason.NEVER_FITS: "Request exceeds quota",
    Reason.CAPACITY: "Temporarily reduced capacity",
    Reason.SLOWED: "Abnormal usage detected",
}

TYPES = {
    Reason.QUOTA: "https://iana.org/assignments/http-problem-types#quota-exceeded",
    Reason.BUDGET: "https://iana.org/assignments/http-problem-types#quota-exceeded",
    Reason.CAPACITY: "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
    Reason.SLOWED: "https://iana.org/assignments/http-problem-types#abnormal-usage-detected",
}
"""Registered by draft-ietf-httpapi-ratelimit-headers; everything else is `about:blank` and told apart by `code`."""


def sentence(fault: Fault) -> str:
    """What an unmodified SDK shows: what binds, how much is used, when it frees, and what to do."""
    denial = fault.denial
    if denial is None or denial.never:
        return fault.message
    return f"{_binding(denial)} {_frees(denial)} {fault.message}"


def _binding(denial: Denial) -> str:
    quota, unit = denial.binding.quota, denial.binding.quota.unit
    what = "Budget used up" if quota.window.kind == "calendar" else "Rate limit reached"
    burst = "" if quota.burst == quota.amount else f" (at once: {amount_words(unit, quota.burst)})"
    used, asked = amount_words(unit, denial.binding.used), amount_words(unit, denial.cost)
    local = " The usage service is away, so this is a share of the limit." if denial.local else ""
    requested = f", requested {asked}" if denial.cost else ""  # already reserved, when it turned out that the limit is smaller now
    return f"{what}: limit {quota.words()}{burst}, used {used}{requested}.{local}"


def _frees(denial: Denial) -> str:
    wait = duration(denial.binding.frees_in)
    return f"It renews in {wait}, at 00:00 UTC." if denial.binding.quota.window.kind == "calendar" else f"Please try again in {wait}."


def duration(seconds: float) -> str:
    """`4.1s`, `6m0s`, `3h10m`: durations as OpenAI writes them."""
    if seconds < 60:  # noqa: PLR2004
        return f"{math.ceil(seconds * 10) / 10:g}s"
    whole = math.ceil(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}h{minutes}m" if hours else f"{minutes}m{whole % 60}s"


def members(fault: Fault, *, detail: bool = True) -> dict[str, object]:
    """RFC 9457's members and ours, without `type`."""
    found: dict[str, object] = {
        "title": TITLES.get(fault.reason, fault.reason.value.replace("_", " ").capitalize()),
        "status": fault.status,
        **({"detail": sentence(fault)} if detail else {}),
        "code": fault.reason.value,
        "reference": fault.reference,
    }
    if fault.denial is not None:
        binding, quota = fault.denial.binding, fault.denial.binding.quota
        found["violated-policies"] = [quota.name]
        found["quota"] = {
            "unit": "micro-usd" if quota.unit is Unit.SPEND else quota.unit.value, "limit": quota.amount, "window": quota.window.name,
            "used": round(binding.used), "requested": fault.denial.cost, "frees_in": round(binding.frees_in, 1),
        }  # fmt: skip
    return found


def headers(fault: Fault, media_type: str, id_field: str) -> Headers:
    """What every refusal carries besides limits. `id_field`: where the provider's SDKs look for a request's id."""
    found = [("Content-Type", media_type), *fault.headers]
    if fault.reference:
        found.append((id_field, fault.reference))
    if fault.retry_after is not None:
        found.append(("Retry-After", str(max(1, math.ceil(fault.retry_after)))))
    if fault.retry is False:
        found.append(("x-should-retry", "false"))
    return tuple(found)
