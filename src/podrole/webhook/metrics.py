"""The metrics: those of the EKS webhook under its names, and podrole's own.

To count is to change a dictionary entry or a list element, so it costs a review almost nothing. The Prometheus text is
made on request. The counts of several processes are added up.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import HistogramMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

AMAZON_BUCKETS = tuple(125_000.0 * 2**power for power in range(7))
"""Microseconds, as in the EKS webhook. Every request it measures falls into the first bucket."""

BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds."""

_OURS = len(BUCKETS) + 1
"""The durations of a request are counted in one list: podrole's buckets and one for longer durations, then the same for
Amazon's buckets."""


@dataclass(frozen=True, slots=True)
class _Described:
    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...] = ()


DESCRIBED = {
    "http_request_count": _Described("counter", "Requests answered.", ("verb", "path", "code")),
    "pod_identity_webhook_pod_count": _Described("counter", "Pods with an identity, by method.", ("method",)),
    "pod_identity_webhook_missing_sa_count": _Described("counter", "Pods whose service account was not found."),
    "pod_identity_webhook_used": _Described("gauge", "1 once a service account has been seen."),
    "podrole_webhook_reviews_total": _Described("counter", "Reviews, by result.", ("result", "namespace")),
    "podrole_webhook_warnings_total": _Described(
        "counter", "Reviews answered with warnings about the identity.", ("namespace",)
    ),
    "podrole_webhook_lookups_total": _Described(
        "counter", "Service accounts looked up because they were not in the cache, by outcome.", ("outcome",)
    ),
    "podrole_webhook_events_total": _Described("counter", "Events written about pods, by outcome.", ("outcome",)),
    "podrole_webhook_service_accounts": _Described("gauge", "Service accounts in the cache."),
    "podrole_webhook_synced": _Described("gauge", "1 once every source has been read completely."),
    "podrole_webhook_connected": _Described("gauge", "1 while every source is being watched."),
    "podrole_webhook_pods_without_identity": _Described(
        "gauge", "Running pods without their identity, as of the last scan.", ("namespace", "reason")
    ),
}
"""Every counter and gauge. Names and labels of the first four are the EKS webhook's."""

MOST_SERIES = 10_000
"""Values of one process that differ in name or labels. Once there are so many, further namespaces are counted together,
under the namespace "": those of deleted namespaces stay until the process ends.
"""

Key = tuple[str, ...]
"""The name of a metric and the values of its labels."""

_NAMESPACE = ("namespace",)


class MetricsSnapshot(msgspec.Struct):
    """The counts of one process, as a worker sends them to the supervisor."""

    values: list[tuple[list[str], float]]
    durations: dict[str, list[int]]
    seconds: dict[str, float]


class Metrics:
    """The counts of one process."""

    def __init__(self) -> None:
        self.values: defaultdict[Key, float] = defaultdict(float)
        self._durations: dict[str, list[int]] = {}
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def count(self, *key: str) -> None:
        """Add one."""
        if len(self.values) >= MOST_SERIES and key not in self.values and DESCRIBED[key[0]].labels[-1:] == _NAMESPACE:
            key = (*key[:-1], "")
        self.values[key] += 1

    def set(self, value: float, *key: str) -> None:
        """Set a gauge."""
        self.values[key] = float(value)

    def replace(self, name: str, values: Mapping[tuple[str, str], float]) -> None:
        """Set a gauge for these labels and remove it for all others."""
        for key in [key for key in self.values if key[0] == name]:
            del self.values[key]
        for labels, value in values.items():
            self.values[name, *labels] = value

    def observe(self, request: str, seconds: float) -> None:
        """Record how long a request took; ``request`` is its method and path: ``POST /mutate``."""
        counts = self._durations.get(request)
        if counts is None:
            counts = self._durations[request] = [0] * (_OURS + len(AMAZON_BUCKETS) + 1)
        counts[bisect.bisect_left(BUCKETS, seconds)] += 1
        counts[_OURS + bisect.bisect_left(AMAZON_BUCKETS, seconds * 1e6)] += 1
        self._seconds[request] += seconds

    def snapshot(self) -> MetricsSnapshot:
        """Return all counts so far."""
        values = [(list(key), value) for key, value in self.values.items()]
        return MetricsSnapshot(
            values, {request: [*counts] for request, counts in self._durations.items()}, dict(self._seconds)
        )


def merged(snapshots: Iterable[MetricsSnapshot]) -> MetricsSnapshot:
    """Merge the counts of several processes: counters are added, of gauges the lowest is taken.

    So ``podrole_webhook_synced`` is 1 when every worker is synced.
    """
    values: dict[Key, float] = {}
    durations: dict[str, list[int]] = {}
    seconds: defaultdict[str, float] = defaultdict(float)
    for snapshot in snapshots:
        for parts, value in snapshot.values:
            key = tuple(parts)
            if key not in values:
                values[key] = value
            elif DESCRIBED[key[0]].kind == "counter":
                values[key] += value
            else:
                values[key] = min(values[key], value)
        for request, counts in snapshot.durations.items():
            so_far = durations.get(request)
            durations[request] = counts if so_far is None else [a + b for a, b in zip(so_far, counts, strict=True)]
        for request, spent in snapshot.seconds.items():
            seconds[request] += spent
    return MetricsSnapshot([(list(key), value) for key, value in values.items()], durations, dict(seconds))


def render(snapshot: MetricsSnapshot) -> bytes:
    """Write Prometheus' text format, with the metrics of this process added."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(snapshot))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    text = generate_latest(registry)
    for name, described in DESCRIBED.items():
        if described.kind == "counter" and not name.endswith("_total"):
            # The library adds this suffix to every counter, and the EKS webhook's counters have none.
            text = text.replace(f"{name}_total ".encode(), f"{name} ".encode())
    return text


class _Collector:
    def __init__(self, snapshot: MetricsSnapshot) -> None:
        self._snapshot = snapshot

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        by_name: defaultdict[str, list[tuple[list[str], float]]] = defaultdict(list)
        for (name, *labels), value in self._snapshot.values:
            by_name[name].append((labels, value))
        for name, samples in by_name.items():
            described = DESCRIBED[name]
            family = Metric(name.removesuffix("_total"), described.help, described.kind)
            for labels, value in samples:
                family.add_sample(name, dict(zip(described.labels, labels, strict=True)), value)
            yield family
        yield from self._histograms()

    def _histograms(self) -> Iterator[Metric]:
        labels = ["verb", "path"]
        ours = HistogramMetricFamily("podrole_webhook_request_seconds", "Time to answer, in seconds.", labels=labels)
        amazons = HistogramMetricFamily("http_request_latencies", "Time to answer, in microseconds.", labels=labels)
        summary = SummaryMetricFamily(
            "http_request_duration_microseconds", "Time to answer, in microseconds.", labels=labels
        )
        for request, counts in self._snapshot.durations.items():
            method, _, path = request.partition(" ")
            seconds = self._snapshot.seconds[request]
            ours.add_metric([method, path], _cumulated(BUCKETS, counts[:_OURS]), seconds)
            amazons.add_metric([method, path], _cumulated(AMAZON_BUCKETS, counts[_OURS:]), seconds * 1e6)
            summary.add_metric([method, path], sum(counts[:_OURS]), seconds * 1e6)
        yield from (ours, amazons, summary)


def _cumulated(bounds: tuple[float, ...], counts: list[int]) -> list[tuple[str, float]]:
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*map(repr, bounds), "+Inf"), counts, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets
