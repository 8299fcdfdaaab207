"""Alive, ready, version, metrics; and what is around every request."""

import asyncio
import socket
import threading
import time

import anyio.to_thread
import httpx
import pytest

from advisory_perf.api.app import create_app
from advisory_perf.api.service import Service, open_service
from advisory_perf.errors import WarehouseOutageError
from advisory_perf.platform import open_platform
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


@pytest.mark.parametrize("path", ["/health/live", "/version"])
def test_who_asks_nobody_else_answers_while_all_threads_are_busy(demo: Demo, path: str) -> None:
    """A monitor would otherwise end a process that waits for the warehouse."""

    async def asked() -> int:
        is_over = threading.Event()
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        busy = asyncio.create_task(anyio.to_thread.run_sync(is_over.wait))
        await asyncio.sleep(0.1)
        transport = httpx.ASGITransport(create_app(demo.service))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return (await asyncio.wait_for(client.get(path), 5)).status_code
        finally:
            is_over.set()
            await busy

    assert asyncio.run(asked()) == 200


def test_a_server_that_has_vanished_holds_no_thread_for_long(demo: Demo) -> None:
    service: Service = demo.service
    for warehouse in (service.reader, service.desk, service.exports):
        with warehouse.connect() as connection:
            known = connection.info.get_parameters()
        assert (known["connect_timeout"], known["tcp_user_timeout"]) == ("3", "10000")
        silent = int(known["keepalives_idle"]) + int(known["keepalives_interval"]) * int(known["keepalives_count"])
        assert silent <= 15
    with socket.create_server(("127.0.0.1", 0)) as silent_server:
        address = f"postgresql://someone@127.0.0.1:{silent_server.getsockname()[1]}/x"
        nobody = demo.settings.model_copy(update={"reader_url": address})
        reader = open_service(open_platform(nobody)).reader
        begin = time.monotonic()
        with pytest.raises(WarehouseOutageError, match="cannot be reached"):
            reader.reach()
        assert time.monotonic() - begin < 8
