"""Metrics in Prometheus's text format: one worker's own, and several workers' put together.

Counters and histograms of several workers are summed, for a scrape asks the gateway and not a worker. A gauge is kept per
worker, with the worker's name as a label: a sum of "policy in force" or "breaker open" would say nothing.
"""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

PREFIX = "stillgate_"

_SUMMED = frozenset({"counter", "histogram"})

_Key = tuple[str, tuple[tuple[str, str], ...]]
"""What makes a series: its name and labels."""


def render(registry: CollectorRegistry) -> bytes:
    """All of `registry`, every name with our prefix."""
    return generate_latest(_Families([_prefixed(family) for family in registry.collect()]))


def merge(parts: Sequence[tuple[str, bytes]]) -> bytes:
    """One exposition from several workers' (name, text). Raises `ValueError` for a text that is not in the format."""
    merged: dict[str, _Merged] = {}
    for worker, text in parts:
        for family in text_string_to_metric_families(text.decode()):
            shown = family.name + ("_total" if family.type == "counter" else "")
            into = merged.setdefault(shown, _Merged(family))
            if into.type == family.type:  # else two versions disagree during an upgrade: one name has one type, the first seen
                into.add(worker, family.samples)
    return generate_latest(_Families([each.whole() for each in merged.values()]))


def counters_only(text: bytes) -> bytes:
    """What of a worker's text outlives it: counters and histograms. A gauge of a worker that is gone says nothing."""
    families = (family for family in text_string_to_metric_families(text.decode()) if family.type in _SUMMED)
    return generate_latest(_Families(list(families)))


class _Merged:
    """One family over all workers."""

    def __init__(self, family: Metric) -> None:
        self.type = family.type
        self._family = Metric(family.name, family.documentation, family.type)
        self._series: dict[_Key, Sample] = {}

    def add(self, worker: str, samples: Iterable[Sample]) -> None:
        for sample in samples:
            if self.type not in _SUMMED:
                sample = _of(worker, sample)  # noqa: PLW2901
            key = (sample.name, tuple(sorted(sample.labels.items())))
            known = self._series.get(key) if self.type in _SUMMED else None
            self._series[key] = sample if known is None else known._replace(value=known.value + sample.value)

    def whole(self) -> Metric:
        self._family.samples = list(self._series.values())
        return self._family


class _Families(Collector):
    """Families as something that can be written out."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _of(worker: str, sample: Sample) -> Sample:
    return sample._replace(labels={**sample.labels, "worker": worker})


def _prefixed(family: Metric) -> Metric:
    if not family.name.startswith(PREFIX):
        family.name = PREFIX + family.name
        family.samples = [sample._replace(name=PREFIX + sample.name) for sample in family.samples]
    return family
