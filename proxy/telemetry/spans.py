"""The telemetry of one exchange: a SERVER span, a CLIENT span for the upstream's part, an event per decision, the metrics.

Times are the exchange's own: what happens between two stamps is placed by a steady clock, so that a stepping wall clock
cannot turn a span inside out.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from proxy.core.enforcement import Enforcement, Fault
from proxy.core.facts import Account, Ask, Outcome
from proxy.core.policy import Policy
from proxy.core.sealing import Finding
from proxy.core.shaping import Notice
from proxy.dialects.base import Headers
from proxy.gateway.ports import Arrival
from proxy.telemetry import attributes
from proxy.telemetry import conventions as names
from proxy.telemetry.attributes import BROKEN, Known
from proxy.telemetry.measures import Measures
from proxy.telemetry.propagation import arriving, current, leaving
from proxy.telemetry.redaction import model_name

log = logging.getLogger(__name__)

_ERROR = Status(StatusCode.ERROR)


@dataclass(frozen=True, slots=True)
class Instrumented:
    """What all exchanges of a worker share."""

    tracer: Tracer
    measures: Measures


class ExchangeTrace:
    """Implements `gateway.ports.Trace`."""

    __slots__ = ("_began", "_client", "_known", "_measures", "_server", "_tracer")

    def __init__(self, shared: Instrumented, arrival: Arrival) -> None:
        self._tracer = shared.tracer
        self._measures = shared.measures
        self._began = monotonic()
        method = arrival.method if arrival.method in names.METHODS else names.OTHER_METHOD
        self._known = Known(arrival, method)
        self._client: Span | None = None
        parent = arriving(arrival.headers)
        self._server = self._tracer.start_span(_name(method), parent, SpanKind.SERVER, start_time=_nanoseconds(arrival.at))
        if self._server.is_recording():
            self._server.set_attributes(attributes.of_arrival(arrival, method))
        own = self._server.get_span_context()
        current.set(own if own.is_valid else None)
        self._measures.begun()

    def upstream_headers(self, headers: Headers) -> Headers:
        known = self._known
        known.sent_at = self._now()
        words = f"{known.ask.operation.value} {model_name(known.ask.model)}".rstrip()
        parent, start = set_span_in_context(self._server, Context()), _nanoseconds(known.sent_at)
        self._client = self._tracer.start_span(words, parent, SpanKind.CLIENT, attributes.of_call(known), start_time=start)
        return leaving(headers, self._client)

    def read(self, dialect: str, provider: str, route: str, ask: Ask, account: Account) -> None:
        known = self._known
        known.dialect, known.provider, known.route, known.ask, known.account = dialect, provider, route, ask, account
        if self._server.is_recording():
            self._server.update_name(_name(known.method, route))
            self._server.set_attributes(attributes.of_request(known))

    def decided(self, enforcement: Enforcement, advised: Enforcement, policy: Policy, rung: str) -> None:
        decision = attributes.of_decision(enforcement, advised, policy, rung)
        tier = policy.tier(self._known.account).name if self._known.account else ""
        self._measures.decided(decision, tier)
        if self._server.is_recording():
            self._server.add_event(names.DECISION, decision | {names.TIER: tier}, _nanoseconds(self._now()))

    def told(self, notice: Notice) -> None:
        account = self._known.account
        told: dict[str, str | int] = {"reference": notice.reference, "rung": notice.rung, "measures": "; ".join(notice.measures)}
        log.info("served under sanctions", extra={"fields": told | ({"account": account.id} if account is not None else {})})

    def found(self, findings: Sequence[tuple[Finding, str]]) -> None:
        """Evidence: it is logged with the accounts, and counted without them."""
        account = self._known.account
        for finding, _ in findings:
            self._measures.found(finding.value)
        for (finding, issued_to), number in Counter(findings).items():
            told: dict[str, str | int] = {"finding": finding.value, "blocks": number, "reference": self._known.arrival.id}
            told |= {"issued_to": issued_to} if issued_to else {}
            log.info("foreign reasoning", extra={"fields": told | ({"account": account.id} if account is not None else {})})
            if self._server.is_recording():
                self._server.add_event(names.FOUND, {names.FINDING: finding.value, names.ISSUED_TO: issued_to}, _nanoseconds(self._now()))

    def refused(self, fault: Fault) -> None:
        self._known.fault = fault
        self._measures.refused(fault.reason.value)
        if self._server.is_recording():
            self._server.set_attribute(names.REFUSAL_REASON, fault.reason.value)
        log.info("refused", extra={"fields": self._refusal(fault)})

    def first_byte(self, at: float) -> None:
        self._known.first_byte_at = at

    def end(self, outcome: Outcome, *, error: str = "") -> None:
        error = error or attributes.error_type(outcome, self._known.fault)
        self._measures.ended(self._known, outcome, error)
        if self._client is not None:
            self._end_client(self._client, outcome, attributes.call_error_type(outcome, error))
        self._end_server(outcome, error)
        current.set(None)  # a kept-alive connection's next exchange runs in the same context

    def _end_client(self, span: Span, outcome: Outcome, error: str) -> None:
        if span.is_recording():
            span.set_attributes(attributes.of_answer(self._known, outcome))
            if error:
                span.set_attribute(names.ERROR_TYPE, error)
            if outcome.ending in BROKEN or outcome.status >= HTTPStatus.BAD_REQUEST:
                span.set_status(_ERROR)
        span.end(_nanoseconds(max(outcome.ended_at, self._known.sent_at or 0.0)))

    def _end_server(self, outcome: Outcome, error: str) -> None:
        span = self._server
        if span.is_recording():
            span.set_attribute(names.ENDING, outcome.ending.value)
            if outcome.status:
                span.set_attribute(names.HTTP_STATUS, outcome.status)
            if error:
                span.set_attribute(names.ERROR_TYPE, error)
            if outcome.ending in BROKEN or outcome.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                span.set_status(_ERROR)
        span.end(_nanoseconds(max(outcome.ended_at, self._known.arrival.at)))

    def _refusal(self, fault: Fault) -> dict[str, str | int]:
        """What the one log line of a refusal says; nothing of the request's own text."""
        account = self._known.account
        found: dict[str, str | int] = {"reference": fault.reference, "reason": fault.reason.value, "status": fault.status}
        if account is not None:
            found["account"] = account.id
        if fault.denial is not None:
            found["quota"] = fault.denial.binding.quota.field
        return found

    def _now(self) -> float:
        """Epoch seconds, by the arrival's stamp and a steady clock."""
        return self._known.arrival.at + (monotonic() - self._began)


def _name(method: str, route: str = "") -> str:
    """A SERVER span's name by the convention: `{method} {http.route}`, `HTTP` for a method that nobody knows."""
    return f"{'HTTP' if method == names.OTHER_METHOD else method} {route}".rstrip()


def _nanoseconds(at: float) -> int:
    return int(at * 1_000_000_000)
