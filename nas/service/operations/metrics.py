"""Figures for Prometheus. Each server has a registry of its own, so that two in one process do not add up."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from nas.service.jobs import STATES
from nas.service.store import JobStore

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 120)


class Metrics:
    """``seconds`` of requests by method, route and status; jobs, queue and streams are asked for when scraped."""

    def __init__(self, store: JobStore, streams: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "nas_http_request_seconds", "Time until a response was sent.", ("method", "route", "status"),
            buckets=BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._registry.register(_Jobs(store))
        ProcessCollector(registry=self._registry)
        live = Gauge("nas_event_streams", "Streams of events that are open.", registry=self._registry)
        live.set_function(streams)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. ``route`` is the pattern, not the path: there are few of them."""
        self._seconds.labels(method, route, str(status)).observe(seconds)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)


class _Jobs(Collector):
    def __init__(self, store: JobStore) -> None:
        self._store = store

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: registering must not ask the store."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Jobs by state, and how long the oldest in the queue has waited."""
        counts = self._store.counts()
        jobs = GaugeMetricFamily("nas_jobs", "Jobs by state.", labels=["state"])
        for state in STATES:
            jobs.add_metric([state], counts.get(state, 0))
        yield jobs
        yield GaugeMetricFamily(
            "nas_queue_age_seconds", "Age of the oldest job that waits.", value=self._store.queue_age_s()
        )
