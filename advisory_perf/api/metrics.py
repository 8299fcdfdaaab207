"""What a monitor scrapes: requests by route, their seconds, and the connections that are in use."""

from collections import deque

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from advisory_perf.warehouse.connection import Warehouse

CONTENT_TYPE = CONTENT_TYPE_LATEST
_REMEMBERED = 10_000
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Of one process. A route is named by its template, so that no name of an account becomes a label."""

    def __init__(self, reader: Warehouse) -> None:
        """Begin at nothing."""
        self.registry = CollectorRegistry()
        labels = ("method", "route")
        self._requests = Counter("advisory_perf_api_requests", "Requests answered", (*labels, "status"), registry=self.registry)
        self._seconds = Histogram(
            "advisory_perf_api_request_seconds", "Seconds to the end of the answer", labels, buckets=_SECONDS, registry=self.registry
        )
        self._latest: deque[float] = deque(maxlen=_REMEMBERED)
        self.exports = Gauge("advisory_perf_api_exports", "Exports under way", registry=self.registry)
        Gauge("advisory_perf_api_connections", "Connections to the warehouse in use", registry=self.registry).set_function(
            lambda: reader.connections_in_use
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        self._latest.append(seconds)

    def percentile(self, share: float) -> float | None:
        """Of the seconds of the latest requests (10,000 at most), the value that so many do not exceed; None before the first."""
        known = sorted(self._latest)
        return known[min(len(known) - 1, int(share * len(known)))] if known else None

    def exposed(self) -> bytes:
        """All of it as OpenMetrics text."""
        exposed: bytes = generate_latest(self.registry)  # type: ignore[no-untyped-call]
        return exposed
