"""What all of OpenAI's dialects share: errors, limit headers, usage. (https://platform.openai.com/docs/api-reference)"""

from typing import Any, ClassVar

import msgspec

from proxy.core.enforcement import Fault, Reason
from proxy.core.facts import Usage
from proxy.core.quota import Meter, Unit, tightest
from proxy.dialects import limits, peek, problem, sse
from proxy.dialects.base import Headers, Unchanged


def usage_of(reported: object) -> Usage | None:
    """What `usage` says, under either of the two sets of names that OpenAI uses; None where it says nothing readable."""
    if not isinstance(reported, dict):
        return None
    return Usage(
        input=peek.whole(reported.get("prompt_tokens") or reported.get("input_tokens")),
        output=peek.whole(reported.get("completion_tokens") or reported.get("output_tokens")),
        cached_input=_part(reported, ("prompt_tokens_details", "input_tokens_details"), "cached_tokens"),
        reasoning=_part(reported, ("completion_tokens_details", "output_tokens_details"), "reasoning_tokens"),
    )


def _part(reported: dict[str, Any], groups: tuple[str, str], name: str) -> int:
    details = reported.get(groups[0]) or reported.get(groups[1])
    return peek.whole(details.get(name)) if isinstance(details, dict) else 0


class OpenAI(Unchanged):
    """Base of OpenAI's dialects."""

    provider: ClassVar[str] = "openai"

    def error(self, fault: Fault) -> tuple[Headers, bytes]:
        kind = problem.TYPES.get(fault.reason, "about:blank")
        body = {"error": error_object(fault), "type": kind, **problem.members(fault)}
        return problem.headers(fault, "application/problem+json", "x-request-id"), msgspec.json.encode(body)

    def error_event(self, fault: Fault) -> bytes:
        return sse.event(msgspec.json.encode({"error": error_object(fault)}))

    def limit_headers(self, meters: tuple[Meter, ...], at: float) -> Headers:
        found = list(limits.ietf(meters))
        for name, units in (("requests", (Unit.REQUESTS,)), ("tokens", (Unit.TOKENS, Unit.INPUT, Unit.OUTPUT))):
            if (meter := tightest(meters, units)) is not None:
                found += [
                    (f"x-ratelimit-limit-{name}", str(meter.quota.burst)),
                    (f"x-ratelimit-remaining-{name}", str(meter.remaining)),
                    (f"x-ratelimit-reset-{name}", problem.duration(meter.frees_in)),
                ]
        return tuple(found)


_KINDS = {
    Reason.BUDGET: "insufficient_quota",
    Reason.UPSTREAM: "server_error",
    Reason.UPSTREAM_TIMEOUT: "server_error",
    Reason.INTERNAL: "server_error",
    Reason.STORE_LOST: "server_error",
    Reason.CAPACITY: "server_error",
    Reason.SHAPING: "server_error",
}


def error_object(fault: Fault) -> dict[str, Any]:
    """OpenAI's own error; on a 429 its `type` says what ran out, as OpenAI's does."""
    kind = _KINDS.get(fault.reason, "invalid_request_error")
    if fault.reason in {Reason.QUOTA, Reason.SLOWED} and fault.denial is not None:
        unit = fault.denial.binding.quota.unit
        kind = "requests" if unit in {Unit.REQUESTS, Unit.IN_FLIGHT, Unit.SINGLE} else "tokens"
    return {"message": problem.sentence(fault), "type": kind, "param": fault.param, "code": fault.reason.value}
