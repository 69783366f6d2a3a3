"""What an exchange adds to the metrics. It touches seven instruments at most."""

from http import HTTPStatus

from proxy.core.facts import CONSUMES, Ending, Operation, Outcome
from proxy.telemetry import conventions as names
from proxy.telemetry.attributes import Attributes, Known, call_error_type
from proxy.telemetry.instruments import Instruments, Vocabulary
from proxy.telemetry.redaction import model_name

Labels = dict[str, str | int | bool]


class Measures:
    """Writes exchanges into the instruments; holds the model names that may become labels."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._models = Vocabulary()
        self._running = 0
        instruments.gauge("in_flight", 0)

    def begun(self) -> None:
        self._running += 1
        self._instruments.gauge("in_flight", self._running)

    def decided(self, decision: Attributes, tier: str) -> None:
        labels = {
            "verdict": str(decision[names.VERDICT]),
            "reason": str(decision[names.REASON]),
            "shadow": "true" if decision[names.SHADOW] else "false",
            "tier": tier,
            "rung": str(decision[names.RUNG]),
        }
        self._instruments.count("decisions", 1, labels)

    def found(self, finding: str) -> None:
        self._instruments.count("reasoning_blocks", 1, {"finding": finding})

    def refused(self, reason: str) -> None:
        self._instruments.count("refusals", 1, {"reason": reason})

    def ended(self, known: Known, outcome: Outcome, error: str) -> None:
        self._running -= 1
        self._instruments.gauge("in_flight", self._running)
        seconds = max(0.0, outcome.ended_at - known.arrival.at)
        self._instruments.record(names.HTTP_SERVER_DURATION, seconds, _http_labels(known, outcome, error))
        if outcome.ending is Ending.UPSTREAM_BROKE:
            reason = known.fault.reason.value if known.fault else "broke_off"
            self._instruments.count("upstream_failures", 1, {"reason": reason, "provider": known.provider})
        if known.sent_at is not None:
            self._called(known, outcome, call_error_type(outcome, error), known.sent_at)

    def _called(self, known: Known, outcome: Outcome, error: str, sent_at: float) -> None:
        """The upstream's part."""
        labels = self._model_labels(known, outcome)
        failed = {names.ERROR_TYPE: error} if error else {}
        self._instruments.record(names.GEN_AI_CLIENT_DURATION, max(0.0, outcome.ended_at - sent_at), labels | failed)
        served = _served(known, outcome)
        if served and known.ask.stream and known.first_byte_at is not None:
            self._instruments.record(names.GEN_AI_FIRST_TOKEN, max(0.0, known.first_byte_at - known.arrival.at), labels)
        if known.ask.operation in CONSUMES and outcome.usage.total:
            self._tokens(outcome, labels)

    def _tokens(self, outcome: Outcome, labels: Labels) -> None:
        labels = labels | {names.USAGE_REPORTED: outcome.reported}
        for kind, tokens in (("input", outcome.usage.input), ("output", outcome.usage.output)):
            self._instruments.record(names.GEN_AI_CLIENT_TOKENS, tokens, labels | {names.GEN_AI_TOKEN_TYPE: kind})

    def _model_labels(self, known: Known, outcome: Outcome) -> Labels:
        """A model's name is a label only once the upstream has served it: callers can invent names, but not models."""
        ask, model = known.ask, model_name(known.ask.model)
        worthy = _served(known, outcome) and ask.operation is not Operation.TUNNEL
        shown = self._models.admit(model) if worthy and model else self._models.known(model)
        return {names.GEN_AI_OPERATION: ask.operation.value, names.GEN_AI_PROVIDER: known.provider, names.GEN_AI_REQUEST_MODEL: shown}


def _served(known: Known, outcome: Outcome) -> bool:
    """The upstream agreed to answer, however it ended."""
    return known.fault is None and HTTPStatus.OK <= outcome.status < HTTPStatus.MULTIPLE_CHOICES


def _http_labels(known: Known, outcome: Outcome, error: str) -> Labels:
    labels: Labels = {names.HTTP_METHOD: known.method, names.URL_SCHEME: known.arrival.scheme}
    if known.route:
        labels[names.HTTP_ROUTE] = known.route
    if outcome.status:
        labels[names.HTTP_STATUS] = outcome.status
    if error:
        labels[names.ERROR_TYPE] = error
    return labels
