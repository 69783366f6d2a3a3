"""What Anthropic's dialects share: errors and limit headers. (https://platform.claude.com/docs/en/api/errors)"""

from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from proxy.core.enforcement import Fault, Reason
from proxy.core.quota import Meter, Unit, tightest
from proxy.dialects import limits, problem, sse
from proxy.dialects.base import Headers, Unchanged

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""Error types by status; anything else is `invalid_request_error` below 500 and `api_error` from there."""

LIMITS = (
    ("requests", (Unit.REQUESTS,)),
    ("tokens", (Unit.TOKENS, Unit.INPUT, Unit.OUTPUT)),
    ("input-tokens", (Unit.INPUT,)),
    ("output-tokens", (Unit.OUTPUT,)),
)


class Anthropic(Unchanged):
    """Base of Anthropic's dialects."""

    provider: ClassVar[str] = "anthropic"

    def error(self, fault: Fault) -> tuple[Headers, bytes]:
        """RFC 9457's `type` gives way to Anthropic's `"type": "error"`, which its SDKs look for; `detail` would say the message
        twice, for these SDKs show the whole document. The other members stand."""
        body = {**_document(fault), "request_id": fault.reference, **problem.members(fault, detail=False)}
        return problem.headers(fault, "application/json", "request-id"), msgspec.json.encode(body)

    def error_event(self, fault: Fault) -> bytes:
        return sse.event(msgspec.json.encode(_document(fault)), "error")

    def limit_headers(self, meters: tuple[Meter, ...], at: float) -> Headers:
        found = list(limits.ietf(meters))
        for name, units in LIMITS:
            if (meter := tightest(meters, units)) is not None:
                prefix = f"anthropic-ratelimit-{name}"
                reset = datetime.fromtimestamp(at + meter.frees_in, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                found += [
                    (f"{prefix}-limit", str(meter.quota.burst)),
                    (f"{prefix}-remaining", str(meter.remaining)),
                    (f"{prefix}-reset", reset),
                ]
        return tuple(found)


def _document(fault: Fault) -> dict[str, Any]:
    kind = KINDS.get(fault.status, "api_error" if fault.status >= 500 else "invalid_request_error")  # noqa: PLR2004
    kind = "billing_error" if fault.reason is Reason.BUDGET else kind
    return {"type": "error", "error": {"type": kind, "message": problem.sentence(fault)}}
