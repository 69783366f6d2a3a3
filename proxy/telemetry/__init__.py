"""What the gateway tells of itself: spans, metrics and log lines; to Prometheus, and to a collector where one is named."""

from dataclasses import dataclass, field

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry

from proxy.core.policy import Policy
from proxy.gateway.ports import Arrival
from proxy.telemetry import logs
from proxy.telemetry.export import Collector
from proxy.telemetry.exposition import render
from proxy.telemetry.instruments import Instruments
from proxy.telemetry.measures import Measures
from proxy.telemetry.propagation import PassingTracer
from proxy.telemetry.spans import ExchangeTrace, Instrumented

__all__ = ["OpenedTelemetry", "TelemetryOptions", "open_telemetry"]


@dataclass(frozen=True)
class TelemetryOptions:
    """Where telemetry goes."""

    service_version: str
    instance: str
    """Name of the worker."""
    otlp_endpoint: str = ""
    """Base URL of a collector that speaks OTLP over HTTP; "" for none."""
    otlp_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Sent with every export; they may hold a credential."""
    sample: float = 1.0
    """Share of traces recorded where the caller's `traceparent` has not decided, 0–1."""
    service_name: str = "stillgate"


class OpenedTelemetry:
    """Implements `gateway.ports.Telemetry`."""

    def __init__(self, options: TelemetryOptions) -> None:
        resource = Resource.create({
            "service.name": options.service_name, "service.version": options.service_version, "service.instance.id": options.instance,
        })  # fmt: skip
        self._registry = CollectorRegistry()
        readers: list[MetricReader] = [PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=self._registry)]
        self._collector = None
        if options.otlp_endpoint:
            self._collector = Collector(options.otlp_endpoint, dict(options.otlp_headers), options.sample, resource)
            readers.append(self._collector.reader)
        meters = MeterProvider(readers, resource, AlwaysOffExemplarFilter(), shutdown_on_exit=False)
        self._instruments = Instruments(meters.get_meter("stillgate"), self._dropped)
        tracer = self._collector.tracer if self._collector else PassingTracer()
        self._shared = Instrumented(tracer, Measures(self._instruments))

    def begin(self, arrival: Arrival) -> ExchangeTrace:
        return ExchangeTrace(self._shared, arrival)

    def gauge(self, name: str, value: float) -> None:
        """Raises `ValueError` for a name that `telemetry.instruments` does not list."""
        self._instruments.gauge(name, value)

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Raises `ValueError` for a name or labels that `telemetry.instruments` does not list."""
        self._instruments.count(name, amount, labels)

    def policy(self, policy: Policy) -> None:
        """Shows which policy is in force."""
        self._instruments.policy(policy.name, policy.digest, enforce=policy.enforce)

    def exposition(self) -> bytes:
        """This worker's metrics as Prometheus text."""
        return render(self._registry)

    def close(self, seconds: float = 1.0) -> None:
        """Sends what waits; blocks for at most `seconds`, also before a dead collector. May be called twice."""
        if self._collector is not None:
            self._collector.close(seconds)

    def _dropped(self) -> dict[str, int]:
        return (self._collector.dropped() if self._collector else {}) | {"stderr": logs.dropped()}


def open_telemetry(options: TelemetryOptions) -> OpenedTelemetry:
    return OpenedTelemetry(options)
