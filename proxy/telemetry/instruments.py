"""Every metric, in one table. A new metric is one line here.

Rule 1: labels have few values; account, organization and key ids are never among them.
Rule 2: a text that a caller can choose becomes a label only through a `Vocabulary`, which is bounded.
Rule 3: one exchange touches fewer than ten instruments, for each costs about five microseconds.

`count` and `gauge` know a metric by its name without `stillgate.` and with `_` for `.`: `store_errors`. Prometheus shows all
of them with the prefix `stillgate_`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, Observation

from proxy.telemetry import conventions as names
from proxy.telemetry.redaction import OTHER

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""What the convention advises for HTTP, and longer: a stream may last minutes."""
DOUBLING = tuple(0.01 * 2**power for power in range(14))
TOKENS = tuple(float(4**power) for power in range(14))


@dataclass(frozen=True, slots=True)
class Row:
    """One metric."""

    name: str
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds, for histograms only."""

    @property
    def key(self) -> str:
        return self.name.removeprefix(names.PREFIX).replace(".", "_")


_GEN_AI = (names.GEN_AI_OPERATION, names.GEN_AI_PROVIDER, names.GEN_AI_REQUEST_MODEL)

HISTOGRAMS = (
    Row(names.HTTP_SERVER_DURATION, "s", "Duration of exchanges, from arrival to the end of the answer.",
        (names.HTTP_METHOD, names.HTTP_ROUTE, names.HTTP_STATUS, names.URL_SCHEME, names.ERROR_TYPE), SECONDS),
    Row(names.GEN_AI_CLIENT_DURATION, "s", "Duration of the upstream's part.", (*_GEN_AI, names.ERROR_TYPE), DOUBLING),
    Row(names.GEN_AI_CLIENT_TOKENS, "{token}", "Tokens of an exchange.", (*_GEN_AI, names.GEN_AI_TOKEN_TYPE, names.USAGE_REPORTED), TOKENS),
    Row(names.GEN_AI_FIRST_TOKEN, "s", "Time from arrival to the beginning of a streamed answer.", _GEN_AI, SECONDS),
)  # fmt: skip

COUNTERS = (
    Row("stillgate.decisions", "{decision}", "Decisions; the reason is of what was advised.",
        ("verdict", "reason", "shadow", "tier", "rung")),
    Row("stillgate.reasoning.blocks", "{block}", "Reasoning blocks that came back and were not at home.", ("finding",)),
    Row("stillgate.refusals", "{request}", "Requests that were not served.", ("reason",)),
    Row("stillgate.upstream.failures", "{failure}", "Answers that the upstream did not give, or not whole.", ("reason", "provider")),
    Row("stillgate.store.errors", "{error}", "Calls of the store that failed.", ("operation",)),
    Row("stillgate.store.trips", "{trip}", "Times that the store's breaker opened."),
    Row("stillgate.settlements.dropped", "{settlement}", "Settlements given up; their leases are charged as estimated."),
    Row("stillgate.observations.dropped", "{observation}", "Observations given up: nobody will learn from them."),
    Row("stillgate.recording.dropped", "{exchange}", "Exchanges that were served and not recorded."),
    Row("stillgate.analyst.failures", "{failure}", "Faults in learning, by what was at fault.", ("what",)),
    Row("stillgate.analyst.observations", "{observation}", "Observations that the analyst read, by what became of them.", ("result",)),
    Row("stillgate.policy.reloads", "{reload}", "Changes of the policy's files.", ("result",)),
)  # fmt: skip

DROPPED = Row(
    "stillgate.telemetry.dropped", "{item}", "Spans and log records that the collector, and lines that stderr did not get.", ("signal",)
)
POLICY = Row("stillgate.policy.info", "", "1 for the policy in force.", ("policy", "digest", "mode"))

GAUGES = (
    Row("stillgate.in_flight", "{exchange}", "Exchanges that run."),
    Row("stillgate.settlements.pending", "{settlement}", "Settlements that the store has not got yet."),
    Row("stillgate.store.breaker.open", "", "1 while calls of the store are held back, else 0."),
    Row("stillgate.analyst.lag", "s", "Age of the oldest observation in the last batch when all of the batch was learned and told."),
    Row("stillgate.analyst.partitions", "{partition}", "Partitions of the stream that this analyst owns."),
    Row("stillgate.analyst.accounts", "{account}", "Accounts that the analyst remembers."),
    Row("stillgate.analyst.campaigns", "{campaign}", "Campaigns that live."),
    Row("stillgate.analyst.look", "s", "Duration of the last look at the whole population."),
)  # fmt: skip


class Vocabulary:
    """A bounded set of words: the first `most` are kept, whatever comes later is `other`."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self._words: set[str] = set()

    def admit(self, word: str) -> str:
        """`word`, learned if there is room."""
        if word not in self._words and len(self._words) < self._most:
            self._words.add(word)
        return self.known(word)

    def known(self, word: str) -> str:
        """`word` if it was learned before; "" stays ""."""
        return word if not word or word in self._words else OTHER


class Instruments:
    """The table's instruments, on one meter."""

    def __init__(self, meter: Meter, dropped: Callable[[], Mapping[str, int]]) -> None:
        """`dropped` tells the items lost by signal, whenever somebody looks."""
        self._histograms = {row.name: _histogram(meter, row) for row in HISTOGRAMS}
        self._counters = {row.key: _counter(meter, row) for row in COUNTERS}
        self._vocabularies = {row.key: {label: Vocabulary() for label in row.labels} for row in COUNTERS}
        self._gauges: dict[str, float] = {}
        self._policy: dict[str, str] | None = None
        for row in GAUGES:
            meter.create_observable_gauge(row.name, [partial(self._observe, row.key)], row.unit, row.help)
        meter.create_observable_gauge(POLICY.name, [self._observe_policy], POLICY.unit, POLICY.help)
        seen = partial(_observe_dropped, dropped)
        meter.create_observable_counter(DROPPED.name, [seen], DROPPED.unit, DROPPED.help)

    def record(self, name: str, value: float, labels: Mapping[str, str | int | bool]) -> None:
        """Into one of `HISTOGRAMS`; the labels are the caller's care."""
        self._histograms[name].record(value, labels)

    def count(self, name: str, amount: int, labels: Mapping[str, str]) -> None:
        """Raises `ValueError` for a counter or labels that the table does not have: that is a mistake in our code."""
        words = self._vocabularies.get(name)
        if words is None or words.keys() != labels.keys():
            raise ValueError(f"no counter {name!r} with labels {sorted(labels)}; see telemetry.instruments")
        self._counters[name].add(amount, {label: words[label].admit(value) for label, value in labels.items()})

    def gauge(self, name: str, value: float) -> None:
        """Kept until somebody looks. Raises `ValueError` for a gauge that the table does not have."""
        if name not in _GAUGE_KEYS:
            raise ValueError(f"no gauge {name!r}; see telemetry.instruments")
        self._gauges[name] = value

    def policy(self, name: str, digest: str, *, enforce: bool) -> None:
        self._policy = {"policy": name, "digest": digest, "mode": "enforce" if enforce else "shadow"}

    def _observe(self, key: str, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(self._gauges[key])] if key in self._gauges else []

    def _observe_policy(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(1, self._policy)] if self._policy else []


_GAUGE_KEYS = frozenset(row.key for row in GAUGES)


def _observe_dropped(dropped: Callable[[], Mapping[str, int]], _: CallbackOptions) -> Iterable[Observation]:
    return [Observation(count, {"signal": signal}) for signal, count in dropped().items()]


def _histogram(meter: Meter, row: Row) -> Histogram:
    return meter.create_histogram(row.name, row.unit, row.help, explicit_bucket_boundaries_advisory=row.buckets)


def _counter(meter: Meter, row: Row) -> Counter:
    return meter.create_counter(row.name, row.unit, row.help)
