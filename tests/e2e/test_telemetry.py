"""What an operator sees of exchanges: spans at a collector, metrics over all workers, log lines; and a collector that is dead."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.support.accounts import key_of
from tests.support.demo import demo_model
from tests.support.gateway import Running, gateway
from tests.support.meters import until
from tests.support.otlp import Received, attributes, collector

POLICY = Path(__file__).parent / "policy.yaml"
CHAT: Any = {"model": "demo-small", "messages": [{"role": "user", "content": "Hello."}], "max_tokens": 12}
CLAUDE: Any = {"model": "demo-small", "max_tokens": 12, "messages": [{"role": "user", "content": "Hello."}]}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Watched:
    """A gateway of two workers, with a collector."""

    gate: Running
    model: str
    received: Received
    http: aiohttp.ClientSession
    key: str

    async def post(self, path: str, body: Any, **headers: str) -> aiohttp.ClientResponse:
        fields = {"Authorization": f"Bearer {self.key}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.post(self.gate.url + path, json=body, headers=fields) as answer:
            await answer.read()
            return answer

    async def spans(self, answer: aiohttp.ClientResponse, number: int = 2) -> list[Any]:
        """The spans of one exchange, the SERVER's first."""
        reference = answer.headers["stillgate-request-id"]

        async def look() -> list[Any]:
            server = next((s for s in self.received.spans() if attributes(s.attributes).get("stillgate.request.id") == reference), None)
            return [] if server is None else [s for s in self.received.spans() if s.trace_id == server.trace_id]

        return sorted(await until(look, lambda found: len(found) >= number), key=lambda span: span.kind)

    async def metrics(self) -> dict[str, Any]:
        """Families on the admin port, by name."""
        async with self.http.get(f"{self.gate.admin}/metrics") as answer:
            assert answer.content_type == "text/plain"
            return {family.name: family for family in text_string_to_metric_families(await answer.text())}

    def told(self, **wanted: Any) -> list[dict[str, Any]]:
        """Log lines with these fields."""
        lines = [json.loads(line) for line in self.gate.logged().splitlines() if line.startswith("{")]
        return [line for line in lines if wanted.items() <= line.items()]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched() -> AsyncIterator[Watched]:
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(demo_model())
        received = await stack.enter_async_context(collector())
        flags = ("--upstream", model, "--policy", str(POLICY), "--workers", "2", "--otlp-endpoint", received.url)
        gate = await stack.enter_async_context(gateway(*flags))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        yield Watched(gate, model, received, http, await key_of(gate, "ann", "open", "acme"))


async def test_one_exchange_is_two_spans_in_the_caller_s_trace(watched: Watched) -> None:
    trace, parent = "ab" * 16, "cd" * 8
    state = "vendor=1"
    answer = await watched.post("/v1/chat/completions", CHAT, traceparent=f"00-{trace}-{parent}-01", tracestate=state, baggage="who=ann")
    server, client = await watched.spans(answer)
    assert (server.name, server.kind, client.name, client.kind) == ("POST /chat/completions", 2, "chat demo-small", 3)
    assert (server.trace_id.hex(), server.parent_span_id.hex(), server.trace_state) == (trace, parent, state)
    assert (client.trace_id.hex(), client.parent_span_id) == (trace, server.span_id)
    async with watched.http.get(f"{watched.model}/demo/ledger") as told:
        seen = (await told.json())["last_headers"]
    assert seen["traceparent"] == f"00-{trace}-{client.span_id.hex()}-01"
    assert seen["tracestate"] == state
    assert "baggage" not in seen
    assert server.start_time_unix_nano <= client.start_time_unix_nano <= client.end_time_unix_nano <= server.end_time_unix_nano


async def test_a_caller_s_trace_that_is_not_sampled_is_continued_but_not_recorded(watched: Watched) -> None:
    trace = "12" * 16
    await watched.post("/v1/chat/completions", CHAT, traceparent=f"00-{trace}-{'34' * 8}-00")
    async with watched.http.get(f"{watched.model}/demo/ledger") as told:
        seen = (await told.json())["last_headers"]
    assert seen["traceparent"].startswith(f"00-{trace}-")
    assert seen["traceparent"].endswith("-00")
    assert await watched.spans(await watched.post("/v1/chat/completions", CHAT))
    assert trace not in {span.trace_id.hex() for span in watched.received.spans()}


async def test_the_spans_say_who_what_and_how_much(watched: Watched) -> None:
    kinds = [(path, body, stream) for path, body in (("/v1/chat/completions", CHAT), ("/v1/messages", CLAUDE)) for stream in (False, True)]
    answers = [await watched.post(path, {**body, "stream": stream}) for path, body, stream in kinds]
    for (path, _, stream), answer in zip(kinds, answers, strict=True):
        server, client = await watched.spans(answer)
        who, what = attributes(server.attributes), attributes(client.attributes)
        assert (who["stillgate.account.id"], who["stillgate.organization.id"], who["stillgate.identity.source"]) == ("ann", "acme", "keys")
        assert who["stillgate.key.id"].startswith("key_")
        assert (who["http.route"], who["http.response.status_code"], who["stillgate.ending"]) == (path.removeprefix("/v1"), 200, "complete")
        provider = "anthropic" if path.endswith("messages") else "openai"
        assert (what["gen_ai.operation.name"], what["gen_ai.provider.name"]) == ("chat", provider)
        assert (what["gen_ai.request.model"], what["gen_ai.request.stream"], what["gen_ai.request.max_tokens"]) == (
            "demo-small",
            stream,
            12,
        )
        assert (what["gen_ai.usage.output_tokens"], what["stillgate.usage.reported"]) == (12, True)
        assert what["gen_ai.usage.input_tokens"] >= 1
        assert what["gen_ai.response.model"]
        assert what["gen_ai.response.id"]
        assert what["gen_ai.response.finish_reasons"] in {("length",), ("max_tokens",)}


async def test_a_decision_is_one_event_with_the_policy_s_digest(watched: Watched) -> None:
    answer = await watched.post("/v1/chat/completions", CHAT)
    (event,) = (await watched.spans(answer))[0].events
    said = attributes(event.attributes)
    async with watched.http.get(f"{watched.gate.admin}/status") as status:
        digests = {worker["policy"] for worker in (await status.json())["workers"].values()}
    assert event.name == "stillgate.decision"
    assert (said["stillgate.verdict"], said["stillgate.policy.name"], said["stillgate.tier"]) == ("forward", "e2e", "open")
    assert {said["stillgate.policy.digest"]} == digests
    assert said["stillgate.shadow"] is False


async def test_a_refusal_is_one_span_one_event_and_one_log_line(watched: Watched) -> None:
    key = await key_of(watched.gate, "bert", "two_requests")
    answers = [await watched.post("/v1/chat/completions", CHAT, Authorization=f"Bearer {key}") for _ in range(3)]
    refused = answers[-1]
    assert [answer.status for answer in answers] == [200, 200, 429]
    (server,) = await watched.spans(refused, 1)
    (event,) = server.events
    assert attributes(event.attributes)["stillgate.verdict"] == "refuse"
    assert attributes(event.attributes)["stillgate.quota"] == "requests/hour"
    assert attributes(server.attributes)["stillgate.refusal.reason"] == "rate_limit_exceeded"
    (line,) = watched.told(reference=refused.headers["stillgate-request-id"])
    assert {name: line[name] for name in ("message", "level", "reason", "status", "account", "quota")} == {
        "message": "refused", "level": "info", "reason": "rate_limit_exceeded", "status": 429, "account": "bert", "quota": "requests/hour",
    }  # fmt: skip
    assert line["trace_id"] == server.trace_id.hex()

    async def records() -> list[Any]:
        return [record for record in watched.received.records() if record.trace_id == server.trace_id]

    (record,) = await until(records, bool)
    assert record.body.string_value == "refused"
    assert record.span_id == server.span_id


@pytest.mark.parametrize(
    ("path", "body", "fields", "status", "reason"),
    [
        ("/v1/chat/completions", CHAT, {"Authorization": "Bearer sk-none"}, 401, "invalid_api_key"),
        ("/v1/chat/completions", {"model": 1}, {}, 400, "invalid_request"),
        ("/v1/none", CHAT, {}, 404, "route_not_served"),
    ],
)
async def test_whatever_is_refused_has_one_line_that_its_reference_finds(
    watched: Watched, path: str, body: Any, fields: dict[str, str], status: int, reason: str
) -> None:
    answer = await watched.post(path, body, **fields)
    assert answer.status == status
    await watched.gate.says(answer.headers["stillgate-request-id"])
    (line,) = watched.told(reference=answer.headers["stillgate-request-id"])
    assert (line["message"], line["reason"], line["status"]) == ("refused", reason, status)


async def test_an_answer_that_is_served_has_no_line(watched: Watched) -> None:
    answer = await watched.post("/v1/chat/completions", CHAT)
    assert answer.headers["stillgate-request-id"] not in watched.gate.logged()


def total(family: Any, name: str, **labels: str) -> float:
    return float(sum(sample.value for sample in family.samples if sample.name == name and labels.items() <= sample.labels.items()))


async def test_metrics_are_summed_over_workers_and_well_formed(watched: Watched) -> None:
    before = await watched.metrics()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as fresh:  # each on a connection of its own
        many = Watched(watched.gate, watched.model, watched.received, fresh, watched.key)
        answers = await asyncio.gather(*(many.post("/v1/chat/completions", CHAT) for _ in range(24)))
    assert {answer.status for answer in answers} == {200}
    workers = {process async for process in _workers_seen(watched, answers)}
    assert len(workers) == 2, "one worker did it all; sums cannot be tried"

    async def served() -> float:
        return total((await watched.metrics())["stillgate_decisions"], "stillgate_decisions_total", verdict="forward", tier="open")

    known = before.get("stillgate_decisions")
    earlier = total(known, "stillgate_decisions_total", verdict="forward", tier="open") if known else 0.0
    assert await until(served, lambda now: now >= earlier + 24) == earlier + 24
    families = await watched.metrics()
    assert {
        "stillgate_http_server_request_duration_seconds", "stillgate_gen_ai_client_operation_duration_seconds", "stillgate_decisions",
        "stillgate_gen_ai_client_token_usage", "stillgate_refusals", "stillgate_in_flight", "stillgate_settlements_pending",
        "stillgate_store_breaker_open", "stillgate_policy_info", "stillgate_telemetry_dropped",
    } <= families.keys()  # fmt: skip
    for family in families.values():
        _well_formed(family)
    assert {sample.labels["worker"] for sample in families["stillgate_in_flight"].samples} == {"0", "1"}


async def _workers_seen(watched: Watched, answers: list[aiohttp.ClientResponse]) -> AsyncIterator[str]:
    """Which workers' spans there are for these answers."""
    references = {answer.headers["stillgate-request-id"] for answer in answers}

    async def found() -> dict[str, str]:
        return {
            reference: next(pair.value.string_value for pair in group.resource.attributes if pair.key == "service.instance.id")
            for each in watched.received.traces for group in each.resource_spans for scope in group.scope_spans for span in scope.spans
            if (reference := attributes(span.attributes).get("stillgate.request.id")) in references
        }  # fmt: skip

    for worker in (await until(found, lambda seen: len(seen) == len(references))).values():
        yield worker


def _well_formed(family: Any) -> None:
    """What `promtool check metrics` looks at: help, a type, unique series, histograms that add up; and no ids as labels."""
    assert family.documentation
    assert family.type in {"counter", "gauge", "histogram"}
    series = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
    assert len(series) == len(set(series))
    assert not {"account", "organization", "key"} & {label for sample in family.samples for label in sample.labels}
    if family.type == "counter":
        assert all(sample.name.endswith("_total") and sample.value >= 0 for sample in family.samples)
    if family.type == "histogram":
        for labels in {tuple(sorted((n, v) for n, v in sample.labels.items() if n != "le")) for sample in family.samples}:
            _adds_up(family.name, [s for s in family.samples if tuple(sorted((n, v) for n, v in s.labels.items() if n != "le")) == labels])


def _adds_up(name: str, samples: list[Sample]) -> None:
    buckets = sorted((float(sample.labels["le"]), sample.value) for sample in samples if sample.name == f"{name}_bucket")
    counts = [count for _, count in buckets]
    assert buckets[-1][0] == float("inf")
    assert counts == sorted(counts)
    assert [counts[-1]] == [sample.value for sample in samples if sample.name == f"{name}_count"]
    assert len([sample for sample in samples if sample.name == f"{name}_sum"]) == 1


@pytest.fixture
def silent_collector() -> Iterator[str]:
    """Takes connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=128)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_a_dead_collector_delays_neither_requests_nor_the_end(watched: Watched, silent_collector: str) -> None:
    drain = 1
    flags = ("--upstream", watched.model, "--policy", str(POLICY), "--otlp-endpoint", silent_collector, "--drain", str(drain))
    async with gateway(*flags) as gate, aiohttp.ClientSession() as http:
        lonely = Watched(gate, watched.model, Received(), http, await key_of(gate, "ann"))
        took = [await _timed(lonely) for _ in range(20)]
        assert sorted(took)[10] < 2.0, "the exporter itself would wait for five seconds"
        began = time.monotonic()
        gate.process.send_signal(signal.SIGTERM)

        async def ended() -> int | None:
            return gate.process.poll()

        assert await until(ended, lambda code: code is not None) == 0
        assert time.monotonic() - began < drain + 10
        lines = [line for line in gate.logged().splitlines() if "telemetry collector" in line]
        assert 1 <= len(lines) <= 2, lines


async def _timed(watched: Watched) -> float:
    began = time.monotonic()
    assert (await watched.post("/v1/chat/completions", CHAT)).status == 200
    return time.monotonic() - began


async def test_the_collector_s_metrics_are_those_of_the_admin_port(watched: Watched) -> None:
    """Last: it ends the gateway, which sends what it has."""
    counted = total((await watched.metrics())["stillgate_decisions"], "stillgate_decisions_total")
    watched.gate.process.terminate()

    async def ended() -> int | None:
        return watched.gate.process.poll()

    assert await until(ended, lambda code: code is not None) == 0
    by_worker: dict[str, float] = {}
    for each in watched.received.metrics:
        for group in each.resource_metrics:
            worker = attributes(group.resource.attributes)["service.instance.id"]
            for metric in (m for scope in group.scope_metrics for m in scope.metrics if m.name == "stillgate.decisions"):
                by_worker[worker] = sum(point.as_int for point in metric.sum.data_points)
    assert len(by_worker) == 2
    assert sum(by_worker.values()) == counted
