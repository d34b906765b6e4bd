"""Counting, adding up, and showing."""

from __future__ import annotations

import msgspec
import pytest

from podrole.webhook import metrics as module
from podrole.webhook.metrics import DESCRIBED, Metrics, MetricsSnapshot, merged, render


def lines(snapshot: MetricsSnapshot) -> list[str]:
    return render(snapshot).decode().splitlines()


def test_counters_add_up_and_gauges_are_the_lowest() -> None:
    first, second = Metrics(), Metrics()
    for metrics in (first, second):
        metrics.count("pod_identity_webhook_pod_count", "sts_web_identity")
        metrics.observe("POST /mutate", 0.003)
    first.count("pod_identity_webhook_missing_sa_count")
    first.set(1, "podrole_webhook_synced")
    second.set(0, "podrole_webhook_synced")
    shown = lines(merged([first.snapshot(), second.snapshot()]))
    assert 'pod_identity_webhook_pod_count{method="sts_web_identity"} 2.0' in shown
    assert "pod_identity_webhook_missing_sa_count 1.0" in shown
    assert "podrole_webhook_synced 0.0" in shown
    assert 'podrole_webhook_request_seconds_bucket{le="0.0025",path="/mutate",verb="POST"} 0.0' in shown
    assert 'podrole_webhook_request_seconds_bucket{le="0.005",path="/mutate",verb="POST"} 2.0' in shown
    assert 'podrole_webhook_request_seconds_bucket{le="+Inf",path="/mutate",verb="POST"} 2.0' in shown
    assert 'http_request_latencies_sum{path="/mutate",verb="POST"} 6000.0' in shown


def test_namespaces_beyond_a_limit_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SERIES", 3)
    metrics = Metrics()
    for namespace in ("a", "b", "c", "d", "e", "a"):
        metrics.count("podrole_webhook_reviews_total", "mutated", namespace)
    metrics.count("podrole_webhook_lookups_total", "found")
    assert {key[1:]: value for key, value in metrics.values.items()} == {
        ("mutated", "a"): 2,
        ("mutated", "b"): 1,
        ("mutated", "c"): 1,
        ("mutated", ""): 2,
        ("found",): 1,
    }


def test_every_metric_is_described_and_typed() -> None:
    metrics = Metrics()
    for name, described in DESCRIBED.items():
        metrics.count(name, *("x" for _ in described.labels))
    shown = lines(metrics.snapshot())
    for name, described in DESCRIBED.items():
        assert f"# TYPE {name} {described.kind}" in shown
        assert any(line.startswith(f"# HELP {name} ") for line in shown)


def test_a_gauge_is_replaced_with_all_its_labels() -> None:
    metrics = Metrics()
    metrics.replace("podrole_webhook_pods_without_identity", {("a", "other-role"): 2, ("b", "other-role"): 1})
    metrics.replace("podrole_webhook_pods_without_identity", {("b", "other-role"): 3})
    shown = [line for line in lines(metrics.snapshot()) if line.startswith("podrole_webhook_pods")]
    assert shown == ['podrole_webhook_pods_without_identity{namespace="b",reason="other-role"} 3.0']


def test_a_snapshot_travels_between_processes() -> None:
    metrics = Metrics()
    metrics.count("http_request_count", "POST", "/mutate", "200")
    metrics.observe("POST /mutate", 12.0)
    snapshot = metrics.snapshot()
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=MetricsSnapshot) == snapshot


def test_nothing_counted_is_no_error() -> None:
    assert b"process_resident_memory_bytes" in render(merged([]))
