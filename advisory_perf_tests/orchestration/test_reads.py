"""What one run asks of the stores: no partition of a window twice, and few connections."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

from advisory_perf.lake.store import Lake
from advisory_perf_tests.lake.listings import listings
from advisory_perf_tests.orchestration.scenarios import A_FIFTH, A_THIRD, B_THIRD, a_world, csv, csv_of_portfolio, days

pytestmark = pytest.mark.slow

THIRD, FIFTH, SIXTH, SEVENTH = days(3, 5, 6, 7)
LATER = [A_FIFTH.replace("2025-03-05", str(SIXTH)).replace("110.00,0.00,10.00,11.00,111.00", "111.00,0.00,0.00,1.00,112.00")]


_END_ALL = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """How often each partition of a window is read from now on."""
    counted = Counter[tuple[str, str]]()
    reading = Lake.read_partitions

    def counting(lake: Lake, stage: str, vendor: str, dimension: str, keys: Sequence[str], **others: Any) -> pl.DataFrame:
        counted.update((stage, key) for key in keys if dimension == "window")
        return reading(lake, stage, vendor, dimension, keys, **others)

    monkeypatch.setattr(Lake, "read_partitions", counting)
    return counted


def test_no_run_of_a_pipeline_reads_a_partition_twice(tmp_path: Path, warehouse_url: str, read: Counter[tuple[str, str]]) -> None:
    with a_world(tmp_path, warehouse_url, feed={"columns": {"portfolio_id": "port"}}) as world:
        world.ingest("acme_1.csv", csv_of_portfolio(A_THIRD, B_THIRD, A_FIFTH))
        for first, last in ((THIRD, FIFTH), (SIXTH, SEVENTH), (FIFTH, SEVENTH)):
            if first == SIXTH:
                world.ingest("acme_2.csv", csv_of_portfolio(*LATER))
            read.clear()
            assert world.run_pipeline(first, last).success
            stages = {stage for stage, _ in read}
            assert stages == {"normalized_positions", "net_flows", "twrr_series", "reconciliation_results", "portfolio_performance"}
            assert set(read.values()) == {1}, (first, last)


def test_an_ingestion_that_was_asked_for_lists_neither_incoming_nor_archive(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        world.put("acme_1.csv", csv(A_THIRD, B_THIRD, A_FIFTH))
        (request,) = world.tick("arrivals").run_requests
        listed = listings(monkeypatch)
        assert world.run_request(request).success
        assert listed == [f"error/acme/{request.partition_key}/"], "what an earlier attempt may have left there"


def test_a_run_has_one_connection_to_the_warehouse_beside_that_of_its_locks(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the process had open before is closed first, as for a run in a process of its own."""
    made: list[str] = []
    connecting = psycopg.connect

    def connect(*arguments: Any, **others: Any) -> Any:
        made.append("connection")
        return connecting(*arguments, **others)

    monkeypatch.setattr(psycopg, "connect", connect)
    with a_world(tmp_path, warehouse_url) as world:
        runs = [partial(world.ingest, "acme_1.csv", csv(A_THIRD, B_THIRD, A_FIFTH)), partial(world.run_pipeline, THIRD, FIFTH)]
        for run in runs:
            with world.administrator.connect() as connection:
                connection.execute(_END_ALL)
            made.clear()
            assert run().success
            assert len(made) == 2
