"""Alive, ready, version, metrics; and what is around every request."""

import pytest

from advisory_perf_tests.api.demo import Demo

pytestmark = pytest.mark.slow


def test_it_says_that_it_lives_and_is_ready(demo: Demo) -> None:
    assert demo.get("/health/live")["data"] == {"is_alive": True}
    assert demo.get("/health/ready")["data"] == {"is_ready": True, "connections_in_use": 1, "connections_at_most": 8}


def test_metrics_count_requests_by_route(demo: Demo) -> None:
    demo.get("/version")
    assert 'advisory_perf_api_requests_total{method="GET",route="/version",status="200"}' in demo.client.get("/metrics").text


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/version", "/metrics"])
def test_an_unknown_parameter_is_refused(demo: Demo, path: str) -> None:
    answer = demo.client.get(path, params={"nonsense": "1"})
    assert answer.status_code == 422
    assert answer.json()["message"] == "nonsense: is no parameter here; /docs lists those that are"
