"""Telemetry before a real collector, a dead one, and one that never answers."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from time import monotonic

import pytest

from proxy.core.enforcement import Fault, Forward, Reason
from proxy.core.facts import Ending, Usage
from proxy.telemetry import OpenedTelemetry, TelemetryOptions, open_telemetry
from proxy.telemetry.export import QUEUE
from proxy.telemetry.logs import configure
from tests.support.exchanges import ANN, AT, CALLER, begin, decide, outcome, over_quota, refuse, serve
from tests.support.logs import printed as printed_by
from tests.support.otlp import Received, attributes, collector


def opened(url: str, sample: float = 1.0) -> OpenedTelemetry:
    return open_telemetry(TelemetryOptions("1.2.3", "worker-0", url, (("x-token", "collector-secret"),), sample))


async def closed(telemetry: OpenedTelemetry) -> None:
    await asyncio.to_thread(telemetry.close, 10.0)


async def received_of(*headers: tuple[str, str]) -> tuple[Received, tuple[tuple[str, str], ...]]:
    """What a collector gets of one exchange that went well, and what the upstream got."""
    async with collector() as received:
        telemetry = opened(received.url)
        sent = serve(telemetry, *headers)
        await closed(telemetry)
    return received, sent


async def test_one_exchange_is_a_server_and_a_client_span() -> None:
    received, _ = await received_of(("user-agent", "tool/1"))
    client, server = sorted(received.spans(), key=lambda span: span.kind, reverse=True)
    assert (server.name, client.name) == ("POST /chat/completions", "chat demo-small")
    assert client.parent_span_id == server.span_id
    assert attributes(server.attributes) == {
        "http.request.method": "POST", "url.scheme": "http", "url.path": "/v1/chat/completions", "http.route": "/chat/completions",
        "http.response.status_code": 200, "client.address": "192.0.2.7", "user_agent.original": "tool/1", "stillgate.request.id": "sg_ref1",
        "stillgate.dialect": "openai_chat", "stillgate.account.id": "ann-id", "stillgate.organization.id": "acme-id",
        "stillgate.key.id": "key_1", "stillgate.identity.source": "keys", "stillgate.ending": "complete",
    }  # fmt: skip
    said = attributes(client.attributes)
    assert 0.4 < said.pop("gen_ai.response.time_to_first_chunk") <= 0.5
    assert said == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "demo-small",
        "gen_ai.request.stream": True, "gen_ai.request.max_tokens": 64, "gen_ai.response.model": "demo-small-1",
        "gen_ai.response.id": "resp_1", "gen_ai.response.finish_reasons": ("stop",), "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 20, "gen_ai.usage.cache_read.input_tokens": 4, "gen_ai.usage.cache_write.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 5, "stillgate.usage.reported": True, "http.response.status_code": 200,
    }  # fmt: skip
    assert server.start_time_unix_nano == AT * 1e9
    assert server.end_time_unix_nano == (AT + 2) * 1e9
    assert AT * 1e9 <= client.start_time_unix_nano <= client.end_time_unix_nano


async def test_who_sends_is_said_and_the_collectors_headers_are_sent() -> None:
    received, _ = await received_of()
    about = attributes(received.traces[0].resource_spans[0].resource.attributes)
    assert about["service.name"] == "stillgate"
    assert (about["service.version"], about["service.instance.id"]) == ("1.2.3", "worker-0")
    assert all(headers["x-token"] == "collector-secret" for headers in received.headers)
    assert "collector-secret" not in repr(TelemetryOptions("1", "w", received.url, (("x-token", "collector-secret"),)))


async def test_the_callers_trace_goes_on_and_its_baggage_does_not() -> None:
    received, sent = await received_of(("Traceparent", CALLER), ("tracestate", "a=1"), ("baggage", "user=ann"), ("x-else", "1"))
    client, server = sorted(received.spans(), key=lambda span: span.kind, reverse=True)
    assert server.trace_id.hex() == "ab" * 16
    assert server.parent_span_id.hex() == "cd" * 8
    assert dict(sent) == {
        "x-else": "1", "traceparent": f"00-{'ab' * 16}-{client.span_id.hex()}-01", "tracestate": "a=1",
    }  # fmt: skip


async def test_a_decision_is_an_event_also_in_shadow() -> None:
    async with collector() as received:
        telemetry = opened(received.url)
        trace = begin(telemetry)
        decide(trace, Forward(), over_quota())
        trace.end(outcome())
        await closed(telemetry)
    (event,) = received.spans()[0].events
    assert event.name == "stillgate.decision"
    assert attributes(event.attributes) == {
        "stillgate.verdict": "forward", "stillgate.advised": "refuse", "stillgate.shadow": True, "stillgate.reason": "rate_limit_exceeded",
        "stillgate.policy.name": "test", "stillgate.policy.digest": "0123456789ab", "stillgate.rung": "clear", "stillgate.tier": "free",
        "stillgate.quota": "tokens/minute",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("end", "fault", "server_error", "client_error"),
    [
        (outcome(), None, "", ""),
        (outcome(404), None, "", "404"),
        (outcome(503), None, "503", "503"),
        (outcome(200, Ending.UPSTREAM_BROKE), None, "upstream_broke", "upstream_broke"),
        (outcome(200, Ending.CALLER_LEFT), None, "caller_left", "caller_left"),
        (outcome(504, Ending.UPSTREAM_BROKE), Fault(Reason.UPSTREAM_TIMEOUT, 504, ""), "upstream_timeout", "upstream_timeout"),
    ],
)
async def test_what_went_wrong_is_named(end: object, fault: Fault | None, server_error: str, client_error: str) -> None:
    async with collector() as received:
        telemetry = opened(received.url)
        trace = begin(telemetry)
        trace.upstream_headers(())
        if fault:
            trace.refused(fault)
        trace.end(end)  # type: ignore[arg-type]
        await closed(telemetry)
    client, server = sorted(received.spans(), key=lambda span: span.kind, reverse=True)
    assert attributes(server.attributes).get("error.type", "") == server_error
    assert attributes(client.attributes).get("error.type", "") == client_error


async def test_an_error_named_by_the_exchange_counts() -> None:
    async with collector() as received:
        telemetry = opened(received.url)
        begin(telemetry).end(outcome(500, Ending.FAILED), error="RuntimeError")
        await closed(telemetry)
    (span,) = received.spans()
    assert attributes(span.attributes)["error.type"] == "RuntimeError"
    assert span.status.code == 2


async def test_metrics_and_logs_arrive_too() -> None:
    configure("info")
    async with collector() as received:
        telemetry = opened(received.url)
        serve(telemetry)
        refuse(telemetry)
        await closed(telemetry)
    usage = received.metric("gen_ai.client.token.usage").histogram.data_points
    assert {attributes(point.attributes)["gen_ai.token.type"]: point.sum for point in usage} == {"input": 10, "output": 20}
    (record,) = received.records()
    assert record.body.string_value == "refused"
    assert attributes(record.attributes) == {
        "logger": "proxy.telemetry.spans", "reference": "sg_ref1", "reason": "rate_limit_exceeded", "status": 429,
        "account": ANN.id, "quota": "tokens/minute",
    }  # fmt: skip
    assert record.trace_id in {span.trace_id for span in received.spans()}


async def test_sampled_out_spans_are_not_sent_but_the_context_goes_on() -> None:
    async with collector() as received:
        telemetry = opened(received.url, sample=0.0)
        sent = dict(serve(telemetry))
        assert "abab" in dict(serve(telemetry, ("traceparent", CALLER)))["traceparent"]
        await closed(telemetry)
    assert sent["traceparent"].endswith("-00") or sent["traceparent"].endswith("-02")
    assert {span.trace_id.hex() for span in received.spans()} == {"ab" * 16}, "the caller decided that its own trace is recorded"


async def test_a_prompt_where_a_model_should_be_is_not_shown() -> None:
    async with collector() as received:
        telemetry = opened(received.url)
        serve(telemetry, model="CANARY tell me a story", end=outcome(response_model="CANARY once upon a time"))
        shown = telemetry.exposition().decode()
        await closed(telemetry)
    client = max(received.spans(), key=lambda span: span.kind)
    assert (client.name, attributes(client.attributes)["gen_ai.request.model"]) == ("chat other", "other")
    assert "CANARY" not in received.text() + shown


async def test_canaries_appear_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    canaries = ("sg-CANARYCANARYCANARY", "sk-CANARYCANARYCANARY", "CANARYPROMPT", "CANARYQUERY", "CANARYBAGGAGE", "CANARYTOKEN")
    key, other, prompt, query, baggage, token = canaries
    configure("debug")
    async with collector() as received:
        telemetry = opened(received.url)
        headers = (("authorization", f"Bearer {key}"), ("x-api-key", other), ("baggage", f"a={baggage}"), ("user-agent", f"x {other}"))
        trace = begin(telemetry, *headers, model=f"m-{other}", query=f"key={query}", path=f"/v1/chat/{key}")
        decide(trace)
        trace.upstream_headers(headers)
        trace.refused(Fault(Reason.BAD_REQUEST, 400, f"cannot read '{prompt}'", "sg_ref1"))
        logging.getLogger("proxy.x").warning("upstream said %s, key %s, Bearer %s", "no", key, token)
        try:
            raise RuntimeError(f"boom {other}")
        except RuntimeError:
            logging.getLogger("proxy.x").exception("failed with %s", other)
        trace.end(outcome(200, usage=Usage(1, 1)))
        scraped = telemetry.exposition().decode()
        await closed(telemetry)
    printed = printed_by(capsys)
    assert received.spans()
    assert received.records()
    assert "boom" in printed
    everything = received.text() + scraped + printed + "".join(str(h) for h in received.headers)
    assert [canary for canary in canaries if canary in everything] == []


@pytest.fixture(params=["dead", "mute"])
def no_collector(request: pytest.FixtureRequest) -> Iterator[str]:
    """A port where nobody listens, and one where somebody listens and says nothing."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        if request.param == "mute":
            sock.listen(16)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"


def test_without_a_collector_nobody_waits(no_collector: str) -> None:
    configure("info")
    telemetry = opened(no_collector)
    longest = 0.0
    for _ in range(QUEUE):
        began = monotonic()
        serve(telemetry)
        longest = max(longest, monotonic() - began)
    assert longest < 3.0, "the exporter itself would wait for five seconds"
    began = monotonic()
    telemetry.close()
    assert monotonic() - began < 4.0, "it gives up after one"
    assert 'stillgate_telemetry_dropped_total{signal="traces"}' in telemetry.exposition().decode()


def test_what_finds_the_queue_full_is_counted() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(16)
        telemetry = opened(f"http://127.0.0.1:{mute.getsockname()[1]}")
        for _ in range(QUEUE):
            serve(telemetry)  # two spans each
        telemetry.close(0.1)
        assert f'stillgate_telemetry_dropped_total{{signal="traces"}} {float(QUEUE)}' in telemetry.exposition().decode()


def test_after_the_end_everything_is_harmless() -> None:
    telemetry = open_telemetry(TelemetryOptions("1", "worker-0"))
    telemetry.close()
    telemetry.close()
    serve(telemetry)
    assert b"stillgate_decisions_total" in telemetry.exposition()
