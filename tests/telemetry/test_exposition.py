"""Several workers' metrics as one valid exposition."""

import re
from collections import Counter as Tally
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from proxy.telemetry import TelemetryOptions, open_telemetry
from proxy.telemetry.exposition import CONTENT_TYPE, merge
from tests.support.exchanges import refuse, serve
from tests.support.policies import policy

LABELS = st.text(max_size=8) | st.sampled_from(['"', "\\", "\n", "a,b", "{}", "a=b", '\\"', "# HELP"])
WORKER = st.tuples(
    st.dictionaries(LABELS, st.integers(0, 10**6), max_size=4),
    st.lists(st.tuples(LABELS, st.sampled_from([0.05, 0.5, 5.0, 50.0])), max_size=6),
    st.floats(-1e9, 1e9, allow_nan=False),
)
Worker = tuple[dict[str, int], list[tuple[str, float]], float]


def text_of(worker: Worker) -> bytes:
    counts, observed, level = worker
    registry = CollectorRegistry()
    counter = Counter("hits", "What \\ happened.\nTwice.", ["kind"], registry=registry)
    histogram = Histogram("took", "How long.", ["kind"], buckets=(0.1, 1.0, 10.0), registry=registry)
    Gauge("level", "How full.", registry=registry).set(level)
    for kind, count in counts.items():
        counter.labels(kind).inc(count)
    for kind, seconds in observed:
        histogram.labels(kind).observe(seconds)
    return generate_latest(registry)


def series(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, "a series stands once"
            found[key] = sample.value
    return found


def named(workers: list[Worker]) -> list[tuple[str, bytes]]:
    return [(f"worker-{index}", text_of(worker)) for index, worker in enumerate(workers)]


@given(st.lists(WORKER, max_size=4))
def test_counters_and_histograms_are_summed_and_gauges_are_kept(workers: list[Worker]) -> None:
    merged = series(merge(named(workers)))
    hits: Tally[str] = Tally()
    took: Tally[str] = Tally()
    for counts, observed, _ in workers:
        hits.update(counts)
        took.update(kind for kind, _ in observed)
    assert {dict(labels)["kind"]: value for (name, labels), value in merged.items() if name == "hits_total"} == dict(hits)
    assert {dict(labels)["kind"]: value for (name, labels), value in merged.items() if name == "took_count"} == dict(took)
    infinite = {dict(labels)["kind"]: v for (name, labels), v in merged.items() if name == "took_bucket" and dict(labels)["le"] == "+Inf"}
    assert infinite == dict(took)
    levels = {dict(labels)["worker"]: value for (name, labels), value in merged.items() if name == "level"}
    assert levels == {f"worker-{index}": pytest.approx(level) for index, (_, _, level) in enumerate(workers)}


@given(st.lists(WORKER, min_size=1, max_size=4))
def test_a_family_is_described_once_and_stands_together(workers: list[Worker]) -> None:
    lines = merge(named(workers)).decode().splitlines()
    for kind in ("HELP", "TYPE"):
        described = [match[1] for line in lines if (match := re.match(rf"# {kind} (\S+)", line))]
        assert len(described) == len(set(described))
    owners = [re.match(r"(hits|took|level)", line.removeprefix("# HELP ").removeprefix("# TYPE ")) for line in lines]
    order = [owner[1] for owner in owners if owner and "_created" not in owner.string]
    assert sum(a != b for a, b in pairwise(order)) <= 2


@given(st.lists(WORKER, max_size=3), st.randoms())
def test_the_order_of_workers_means_nothing(workers: list[Worker], random: object) -> None:
    parts = named(workers)
    shuffled = sorted(parts, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert series(merge(shuffled)) == pytest.approx(series(merge(parts)))


@given(WORKER)
def test_one_workers_sums_are_its_own(worker: Worker) -> None:
    def summed(text: bytes) -> dict[object, float]:
        return {key: value for key, value in series(text).items() if key[0] in {"hits_total", "took_bucket", "took_sum", "took_count"}}

    assert summed(merge([("worker-0", text_of(worker))])) == summed(text_of(worker))


def test_no_workers_is_no_text() -> None:
    assert merge([]) == b""


def test_two_types_under_one_name_the_first_holds() -> None:
    merged = merge([("a", b"# TYPE x gauge\nx 1\n"), ("b", b"# TYPE x histogram\nx_count 1\nx_sum 1\n"), ("c", b"# TYPE x gauge\nx 3\n")])
    assert series(merged) == {("x", (("worker", "a"),)): 1, ("x", (("worker", "c"),)): 3}


def test_our_own_metrics_merge() -> None:
    parts = []
    for name in ("worker-0", "worker-1"):
        telemetry = open_telemetry(TelemetryOptions("1", name))
        telemetry.policy(policy())
        serve(telemetry)
        refuse(telemetry)
        parts.append((name, telemetry.exposition()))
    text = merge(parts)
    merged = series(text)
    assert sum(value for (name, _), value in merged.items() if name == "stillgate_decisions_total") == 4
    assert merged["stillgate_in_flight", (("worker", "worker-1"),)] == 0
    assert {dict(labels)["worker"] for name, labels in merged if name == "stillgate_policy_info"} == {"worker-0", "worker-1"}
    assert all(re.match(r"(# (HELP|TYPE) )?stillgate_", line) for line in text.decode().splitlines())
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")
