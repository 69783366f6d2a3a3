"""What all of OpenAI's dialects share: errors, limit headers, usage. (https://platform.openai.com/docs/api-reference)"""

from typing import Any, ClassVar

import msgspec

from proxy.core.enforcement import Fault, Reason
from proxy.core.facts import Usage
from proxy.core.quota import Meter, Unit, tightest
from proxy.dialects import limits, problem, sse
from proxy.dialects.base import Headers, Tally


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class ReportedUsage(msgspec.Struct):
    """Usage under either of the two sets of names that OpenAI uses."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None

    def usage(self) -> Usage:
        taken = self.prompt_tokens_details or self.input_tokens_details
        made = self.completion_tokens_details or self.output_tokens_details
        return Usage(
            input=max(0, self.prompt_tokens or self.input_tokens or 0),
            output=max(0, self.completion_tokens or self.output_tokens or 0),
            cached_input=max(0, (taken.cached_tokens or 0) if taken else 0),
            reasoning=max(0, (made.reasoning_tokens or 0) if made else 0),
        )


class OpenAI:
    """Base of OpenAI's dialects."""

    provider: ClassVar[str] = "openai"

    def ask_for_usage(self, body: bytes) -> bytes:
        return body

    def without_usage(self, frame: bytes) -> bytes:
        return frame

    def read_event(self, tally: Tally, frame: bytes) -> None:
        """Nothing streams here."""

    def error(self, fault: Fault) -> tuple[Headers, bytes]:
        kind = problem.TYPES.get(fault.reason, "about:blank")
        body = {"error": error_object(fault), "type": kind, **problem.members(fault)}
        return problem.headers(fault, "application/problem+json"), msgspec.json.encode(body)

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
}


def error_object(fault: Fault) -> dict[str, Any]:
    """OpenAI's own error; on a 429 its `type` says what ran out, as OpenAI's does."""
    kind = _KINDS.get(fault.reason, "invalid_request_error")
    if fault.reason is Reason.QUOTA and fault.denial is not None:
        unit = fault.denial.binding.quota.unit
        kind = "requests" if unit in {Unit.REQUESTS, Unit.IN_FLIGHT} else "tokens"
    return {"message": problem.sentence(fault), "type": kind, "param": fault.param, "code": fault.reason.value}
