"""What spans say of an exchange. Pure: facts in, attributes out; no credential, no query, no prompt."""

from dataclasses import dataclass
from http import HTTPStatus

from proxy.core.enforcement import Challenge, Enforcement, Fault, Forward, Refuse
from proxy.core.facts import Account, Ask, Ending, Operation, Outcome
from proxy.core.ladder import Rung
from proxy.core.policy import Policy
from proxy.gateway.ports import Arrival
from proxy.telemetry import conventions as names
from proxy.telemetry.redaction import brief, model_name

Attributes = dict[str, str | bool | int | float | tuple[str, ...]]

NOTHING_ASKED = Ask(Operation.TUNNEL)

BROKEN = frozenset({Ending.UPSTREAM_BROKE, Ending.FAILED})
"""Endings that are somebody's error on our side of the caller."""


@dataclass(slots=True)
class Known:
    """What has become known of one exchange so far."""

    arrival: Arrival
    method: str
    """The request's method, or `_OTHER`."""
    dialect: str = ""
    provider: str = ""
    route: str = ""
    """The route's template, "" while there is none."""
    ask: Ask = NOTHING_ASKED
    account: Account | None = None
    fault: Fault | None = None
    sent_at: float | None = None
    """Epoch seconds when the upstream's part began; None where it has none."""
    first_byte_at: float | None = None


def of_arrival(arrival: Arrival, method: str) -> Attributes:
    found: Attributes = {names.HTTP_METHOD: method, names.URL_SCHEME: arrival.scheme, names.REQUEST_ID: arrival.id}
    if arrival.path.startswith("/"):  # an absolute form may hold a name and a password
        found[names.URL_PATH] = brief(arrival.path)
    if arrival.address != "local":
        found[names.CLIENT_ADDRESS] = arrival.address
    if agent := arrival.header("user-agent"):
        found[names.USER_AGENT] = brief(agent)
    return found


def of_request(known: Known) -> Attributes:
    found: Attributes = {names.HTTP_ROUTE: known.route, names.DIALECT: known.dialect}
    if (account := known.account) is not None:
        found |= {names.ACCOUNT_ID: account.id, names.ORGANIZATION_ID: account.organization, names.IDENTITY_SOURCE: account.source}
        if account.key:
            found[names.KEY_ID] = account.key
    return found


def of_decision(enforcement: Enforcement, advised: Enforcement, policy: Policy, rung: str) -> Attributes:
    fault = fault_of(advised)
    found: Attributes = {
        names.VERDICT: verdict(enforcement), names.ADVISED: verdict(advised), names.SHADOW: enforcement != advised,
        names.REASON: fault.reason.value if fault else "", names.RUNG: rung,
        names.POLICY_NAME: policy.name, names.POLICY_DIGEST: policy.digest,
    }  # fmt: skip
    if fault is not None and fault.denial is not None:
        found[names.QUOTA] = fault.denial.binding.quota.field
    if measures := policy.ladder.rule(Rung[rung.upper()]).measures:
        found[names.MEASURES] = measures
    return found


def of_call(known: Known) -> Attributes:
    """What the CLIENT span knows when it begins."""
    ask = known.ask
    found: Attributes = {names.GEN_AI_OPERATION: ask.operation.value, names.GEN_AI_PROVIDER: known.provider}
    if ask.model:
        found |= {names.GEN_AI_REQUEST_MODEL: model_name(ask.model), names.GEN_AI_REQUEST_STREAM: ask.stream}
    if ask.output_cap is not None:
        found[names.GEN_AI_REQUEST_MAX_TOKENS] = ask.output_cap
    if ask.choices != 1:
        found[names.GEN_AI_REQUEST_CHOICES] = ask.choices
    return found


def of_answer(known: Known, outcome: Outcome) -> Attributes:
    """What the CLIENT span knows when it ends."""
    usage = outcome.usage
    found: Attributes = {
        names.GEN_AI_INPUT_TOKENS: usage.input, names.GEN_AI_OUTPUT_TOKENS: usage.output,
        names.GEN_AI_CACHE_READ_TOKENS: usage.cached_input, names.GEN_AI_CACHE_WRITE_TOKENS: usage.cache_write,
        names.GEN_AI_REASONING_TOKENS: usage.reasoning, names.USAGE_REPORTED: outcome.reported,
        names.GEN_AI_RESPONSE_MODEL: model_name(outcome.response_model), names.GEN_AI_RESPONSE_ID: brief(outcome.response_id),
        names.GEN_AI_RESPONSE_FINISH_REASONS: tuple(brief(reason) for reason in outcome.finish_reasons[:16]),
    }  # fmt: skip
    if known.sent_at is not None and known.first_byte_at is not None:
        found[names.GEN_AI_RESPONSE_FIRST_CHUNK] = max(0.0, known.first_byte_at - known.sent_at)
    if known.fault is None and outcome.status:
        found[names.HTTP_STATUS] = outcome.status
    return {name: value for name, value in found.items() if value not in {"", ()}}


def error_type(outcome: Outcome, fault: Fault | None) -> str:
    """`error.type` of an exchange, "" where it went well; a refusal that the caller earned is not an error."""
    if fault is not None and fault.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return fault.reason.value
    if outcome.ending not in {Ending.COMPLETE, Ending.REFUSED}:
        return outcome.ending.value
    return str(outcome.status) if outcome.status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""


def call_error_type(outcome: Outcome, error: str) -> str:
    """`error.type` of the upstream's part: there a 4xx is an error too."""
    return error or (str(outcome.status) if outcome.status >= HTTPStatus.BAD_REQUEST else "")


def verdict(enforcement: Enforcement) -> str:
    match enforcement:
        case Forward():
            return "forward"
        case Challenge():
            return "challenge"
        case Refuse():
            return "refuse"


def fault_of(enforcement: Enforcement) -> Fault | None:
    return None if isinstance(enforcement, Forward) else enforcement.fault
