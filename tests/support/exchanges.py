"""Exchanges as the gateway would report them to its telemetry, without a gateway."""

from typing import Any

from proxy.core.enforcement import Enforcement, Fault, Forward, Reason, Refuse
from proxy.core.facts import Account, Ask, Ending, Operation, Outcome, Usage
from proxy.core.quota import Denial, Meter, Quota, Unit, Window
from proxy.dialects.base import Headers
from proxy.gateway.ports import Arrival, Telemetry, Trace
from tests.support.policies import policy

AT = 1_800_000_000.0
ANN = Account("ann-id", "acme-id", "free", key="key_1", source="keys")
CALLER = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


def arrival(*headers: tuple[str, str], **parts: Any) -> Arrival:
    whole: dict[str, Any] = {
        "at": AT, "id": "sg_ref1", "method": "POST", "path": "/v1/chat/completions", "query": "", "headers": headers, "peer": "192.0.2.7",
    }  # fmt: skip
    return Arrival(**(whole | parts))


def ask(model: str = "demo-small", *, stream: bool = True) -> Ask:
    return Ask(Operation.CHAT, model, stream, output_cap=64)


def outcome(status: int = 200, ending: Ending = Ending.COMPLETE, **parts: Any) -> Outcome:
    whole: dict[str, Any] = {
        "status": status, "ending": ending, "usage": Usage(input=10, output=20, cached_input=4, reasoning=5), "reported": True,
        "ended_at": AT + 2.0, "first_byte_at": AT + 0.5, "response_model": "demo-small-1", "response_id": "resp_1",
        "finish_reasons": ("stop",),
    }  # fmt: skip
    return Outcome(**(whole | parts))


def over_quota() -> Refuse:
    quota = Quota(Unit.TOKENS, 100, Window("rate", "minute", 60), 100)
    meter = Meter(quota, 100.0, 12.0)
    denial = Denial(meter, 30, (meter,))
    return Refuse(Fault(Reason.QUOTA, 429, "Over the limit.", "sg_ref1", retry_after=12.0, denial=denial))


def begin(telemetry: Telemetry, *headers: tuple[str, str], model: str = "demo-small", **parts: Any) -> Trace:
    """An exchange that has been understood."""
    trace = telemetry.begin(arrival(*headers, **parts))
    trace.read("openai_chat", "openai", "/chat/completions", ask(model), ANN)
    return trace


def decide(trace: Trace, enforcement: Enforcement | None = None, advised: Enforcement | None = None) -> None:
    enforcement = enforcement or Forward()
    trace.decided(enforcement, advised or enforcement, policy(), "clear")


def serve(telemetry: Telemetry, *headers: tuple[str, str], model: str = "demo-small", end: Outcome | None = None) -> Headers:
    """A whole exchange; the headers that went upstream."""
    trace = begin(telemetry, *headers, model=model)
    decide(trace)
    sent = trace.upstream_headers(headers)
    trace.first_byte(AT + 0.5)
    trace.end(end or outcome())
    return sent


def refuse(telemetry: Telemetry, fault: Fault | None = None) -> None:
    """An exchange that is refused over its quota, or as `fault` says."""
    trace = begin(telemetry)
    refusal = Refuse(fault) if fault else over_quota()
    decide(trace, refusal)
    trace.refused(refusal.fault)
    trace.end(outcome(refusal.fault.status, Ending.REFUSED, usage=Usage(), reported=False, first_byte_at=None))
