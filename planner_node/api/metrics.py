"""What Prometheus reads: the house's own numbers, and how the HTTP door is used.

Labels are templates, methods and statuses, never ids: their number is bounded.
"""

import time
from collections.abc import Iterable
from math import inf
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from planner_node.api.ports import Hall, Measure

_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_FAMILIES: Final = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily}


class HouseCollector(Collector):
    """Asks the house for its numbers each time the page is read."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall

    def collect(self) -> Iterable[Metric]:
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        histograms: list[Metric] = []
        for measure in self._measures():
            if measure.kind == "histogram":
                histograms.append(_histogram(measure))
                continue
            family = families.setdefault(
                measure.name,
                _FAMILIES[measure.kind](measure.name, measure.help, labels=list(measure.labels)),
            )
            family.add_metric(list(measure.labels.values()), measure.value)
        return [*families.values(), *histograms]

    def _measures(self) -> Iterable[Measure]:
        for check in self._hall.checks():
            labels = {"check": check.name}
            yield Measure("planner_ready", "1 if so.", float(check.ready), labels=labels)
        if (parts := self._hall.built) is not None:
            load = parts.planner.load
            yield Measure("planner_task_queue_depth", "Tasks that wait.", load.queue_depth)
            yield Measure("planner_tasks_running", "Tasks being planned.", load.running)
            yield from parts.measures()


def _histogram(measure: Measure) -> HistogramMetricFamily:
    family = HistogramMetricFamily(measure.name, measure.help, labels=list(measure.labels))
    buckets = [("+Inf" if bound == inf else str(bound), n) for bound, n in measure.buckets]
    family.add_metric(list(measure.labels.values()), buckets, measure.value)
    return family


class HttpMetrics:
    """ASGI middleware that counts answers and measures how long they take."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._answers = Counter(
            "planner_http_requests_total",
            "Answered requests.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "planner_http_request_seconds",
            "From the request's head to the answer's last byte.",
            ["route"],
            buckets=_BUCKETS_S,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        status = "none"  # the client left, or the answer never began

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            route = _route(scope)
            self._answers.labels(_method(scope), route, status).inc()
            self._seconds.labels(route).observe(time.perf_counter() - started_s)


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "other"))


def _method(scope: Scope) -> str:
    method = str(scope["method"])
    return method if method in {"GET", "POST", "HEAD", "OPTIONS"} else "other"
