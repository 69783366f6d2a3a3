"""What the metrics say, and what they never say."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.core.enforcement import Fault, Forward, Reason
from proxy.core.facts import Account, Ask, Ending, Operation, Usage
from proxy.core.sealing import Finding
from proxy.telemetry import OpenedTelemetry, TelemetryOptions, open_telemetry
from proxy.telemetry.instruments import COUNTERS, DROPPED, GAUGES, HISTOGRAMS, POLICY, Vocabulary
from tests.support.exchanges import ANN, arrival, begin, decide, outcome, over_quota, refuse, serve
from tests.support.policies import policy


@pytest.fixture
def telemetry() -> Iterator[OpenedTelemetry]:
    opened = open_telemetry(TelemetryOptions("1", "worker-0"))
    yield opened
    opened.close()


def samples(telemetry: OpenedTelemetry, name: str) -> list[tuple[dict[str, str], float]]:
    """The series of one Prometheus name."""
    families = text_string_to_metric_families(telemetry.exposition().decode())
    return [(sample.labels, sample.value) for family in families for sample in family.samples if sample.name == name]


def value(telemetry: OpenedTelemetry, name: str, **labels: str) -> float:
    return sum(value for found, value in samples(telemetry, name) if labels.items() <= found.items())


def test_an_exchange_is_counted_once_everywhere(telemetry: OpenedTelemetry) -> None:
    serve(telemetry)
    route = {"http_route": "/chat/completions", "http_request_method": "POST", "http_response_status_code": "200"}
    model = {"gen_ai_request_model": "demo-small", "gen_ai_operation_name": "chat", "gen_ai_provider_name": "openai"}
    assert value(telemetry, "stillgate_http_server_request_duration_seconds_count", **route) == 1
    assert value(telemetry, "stillgate_http_server_request_duration_seconds_sum") == 2.0
    assert value(telemetry, "stillgate_gen_ai_server_time_to_first_token_seconds_sum", **model) == 0.5
    assert value(telemetry, "stillgate_gen_ai_client_operation_duration_seconds_count", **model) == 1
    assert value(telemetry, "stillgate_gen_ai_client_token_usage_sum", gen_ai_token_type="input", **model) == 10
    assert value(telemetry, "stillgate_gen_ai_client_token_usage_sum", gen_ai_token_type="output", stillgate_usage_reported="true") == 20
    assert samples(telemetry, "stillgate_decisions_total") == [
        ({"verdict": "forward", "reason": "", "shadow": "false", "tier": "free", "rung": "clear"}, 1.0)
    ]


def test_foreign_reasoning_is_counted_and_names_nobody(telemetry: OpenedTelemetry) -> None:
    trace = begin(telemetry)
    trace.found([(Finding.FOREIGN, "somebody"), (Finding.FOREIGN, "somebody"), (Finding.FORGED, "")])
    trace.end(outcome())
    assert value(telemetry, "stillgate_reasoning_blocks_total", finding="foreign") == 2
    assert value(telemetry, "stillgate_reasoning_blocks_total", finding="forged") == 1
    assert "somebody" not in telemetry.exposition().decode()


def test_a_refusal_reaches_no_upstream_metric(telemetry: OpenedTelemetry) -> None:
    refuse(telemetry)
    assert samples(telemetry, "stillgate_refusals_total") == [({"reason": "rate_limit_exceeded"}, 1.0)]
    assert value(telemetry, "stillgate_decisions_total", verdict="refuse", reason="rate_limit_exceeded", shadow="false") == 1
    assert "gen_ai" not in telemetry.exposition().decode()


def test_shadow_counts_what_was_advised(telemetry: OpenedTelemetry) -> None:
    trace = begin(telemetry)
    decide(trace, Forward(), over_quota())
    trace.end(outcome())
    assert value(telemetry, "stillgate_decisions_total", verdict="forward", reason="rate_limit_exceeded", shadow="true") == 1


def test_what_is_not_understood_is_counted_without_a_route(telemetry: OpenedTelemetry) -> None:
    trace = telemetry.begin(arrival(method="BREW", path="/invented"))
    trace.refused(Fault(Reason.NO_ROUTE, 404, "", "sg_ref1"))
    trace.end(outcome(404, Ending.REFUSED, usage=Usage()))
    (labels, _), *_ = samples(telemetry, "stillgate_http_server_request_duration_seconds_count")
    assert labels == {"http_request_method": "_OTHER", "http_response_status_code": "404", "url_scheme": "http"}


def test_a_caller_who_leaves_early_has_no_status(telemetry: OpenedTelemetry) -> None:
    begin(telemetry).end(outcome(0, Ending.CALLER_LEFT, usage=Usage(), first_byte_at=None))
    (labels, _), *_ = samples(telemetry, "stillgate_http_server_request_duration_seconds_count")
    assert labels["error_type"] == "caller_left"
    assert "http_response_status_code" not in labels


def test_an_upstream_that_fails_is_counted_by_how(telemetry: OpenedTelemetry) -> None:
    serve(telemetry, end=outcome(200, Ending.UPSTREAM_BROKE))
    trace = begin(telemetry)
    trace.upstream_headers(())
    trace.refused(Fault(Reason.UPSTREAM_TIMEOUT, 504, "", "sg_ref1"))
    trace.end(outcome(504, Ending.UPSTREAM_BROKE, usage=Usage()))
    assert value(telemetry, "stillgate_upstream_failures_total", reason="broke_off", provider="openai") == 1
    assert value(telemetry, "stillgate_upstream_failures_total", reason="upstream_timeout") == 1


def test_in_flight_goes_up_and_down(telemetry: OpenedTelemetry) -> None:
    assert [labels for labels, _ in samples(telemetry, "stillgate_in_flight")], "shown from the start"
    traces = [begin(telemetry) for _ in range(3)]
    assert value(telemetry, "stillgate_in_flight") == 3
    for trace in traces:
        trace.end(outcome())
    assert value(telemetry, "stillgate_in_flight") == 0


def test_a_clock_that_steps_back_harms_nothing(telemetry: OpenedTelemetry) -> None:
    serve(telemetry, end=outcome(ended_at=0.0))
    assert value(telemetry, "stillgate_http_server_request_duration_seconds_sum") == 0


def models(telemetry: OpenedTelemetry) -> set[str]:
    return {labels["gen_ai_request_model"] for labels, _ in samples(telemetry, "stillgate_gen_ai_client_operation_duration_seconds_count")}


def test_a_model_is_a_label_once_the_upstream_served_it(telemetry: OpenedTelemetry) -> None:
    serve(telemetry, model="invented", end=outcome(404))
    serve(telemetry, model="invented-too", end=outcome(502, Ending.UPSTREAM_BROKE))
    assert models(telemetry) == {"other"}
    serve(telemetry, model="real")
    serve(telemetry, model="real", end=outcome(503))
    assert models(telemetry) == {"other", "real"}


@pytest.mark.parametrize("text", ["Tell me a story", "x" * 101, "sk-abcdefgh12345", "a\nb"])
def test_a_text_that_no_model_is_called_is_no_label(telemetry: OpenedTelemetry, text: str) -> None:
    serve(telemetry, model=text)
    assert models(telemetry) == {"other"}


def test_a_hundred_models_and_no_more(telemetry: OpenedTelemetry) -> None:
    for number in range(300):
        serve(telemetry, model=f"m{number}")
    assert len(models(telemetry)) == 101
    assert {"m0", "m99", "other"} <= models(telemetry)


def test_a_tunnel_mints_no_model(telemetry: OpenedTelemetry) -> None:
    trace = telemetry.begin(arrival())
    trace.read("openai_chat", "openai", "/files/**", Ask(Operation.TUNNEL, fixed_input=5), ANN)
    trace.upstream_headers(())
    trace.end(outcome())
    assert models(telemetry) == {""} or models(telemetry) == set()


def test_accounts_are_never_labels(telemetry: OpenedTelemetry) -> None:
    for number in range(20):
        trace = telemetry.begin(arrival())
        account = Account(f"account-{number}", f"organization-{number}", "invented-tier", key=f"key_{number}", source="keys")
        trace.read("openai_chat", "openai", "/chat/completions", Ask(Operation.CHAT, "m"), account)
        decide(trace)
        trace.refused(over_quota().fault)
        trace.end(outcome(429, Ending.REFUSED))
    assert re.search(r"account-|organization-|key_|invented", telemetry.exposition().decode()) is None


def test_the_policy_in_force_is_shown_and_the_old_one_is_not(telemetry: OpenedTelemetry) -> None:
    telemetry.policy(policy(digest="old"))
    telemetry.policy(policy(digest="new", enforce=False))
    assert samples(telemetry, "stillgate_policy_info") == [({"policy": "test", "digest": "new", "mode": "shadow"}, 1.0)]


def test_counters_and_gauges_of_the_table(telemetry: OpenedTelemetry) -> None:
    telemetry.count("policy_reloads", result="rejected")
    telemetry.count("policy_reloads", 2, result="rejected")
    telemetry.gauge("store_breaker_open", 1)
    telemetry.gauge("settlements_pending", 7)
    assert value(telemetry, "stillgate_policy_reloads_total", result="rejected") == 3
    assert value(telemetry, "stillgate_store_breaker_open") == 1
    assert value(telemetry, "stillgate_settlements_pending") == 7


def test_labels_given_from_outside_are_bounded_too(telemetry: OpenedTelemetry) -> None:
    for number in range(300):
        telemetry.count("store_errors", operation=f"o{number}")
    assert len(samples(telemetry, "stillgate_store_errors_total")) == 101


@pytest.mark.parametrize(
    "call", [("count", "invented", {}), ("count", "store_errors", {"account": "ann"}), ("gauge", "invented", {"value": 1.0})]
)
def test_what_the_table_does_not_have_is_a_mistake(telemetry: OpenedTelemetry, call: tuple[str, str, dict[str, Any]]) -> None:
    method, name, arguments = call
    with pytest.raises(ValueError, match=r"telemetry\.instruments"):
        getattr(telemetry, method)(name, **arguments)


def test_the_table_is_sound() -> None:
    rows = (*HISTOGRAMS, *COUNTERS, *GAUGES, DROPPED, POLICY)
    assert len({row.name for row in rows}) == len({row.key for row in rows}) == len(rows)
    assert all(row.help.endswith(".") or row is POLICY or "," in row.help for row in rows)
    assert [row.name for row in HISTOGRAMS if list(row.buckets) != sorted(set(row.buckets))] == []
    ids = re.compile(r"account|organization|key\b|user|prompt")
    assert [row.name for row in rows for label in row.labels if ids.search(label)] == []


def test_a_vocabulary_is_bounded() -> None:
    words = Vocabulary(2)
    assert [words.admit(word) for word in ("a", "b", "c", "a", "")] == ["a", "b", "other", "a", ""]
    assert [words.known(word) for word in ("a", "c", "")] == ["a", "other", ""]
