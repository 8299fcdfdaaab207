import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from advisory_perf.errors import WarehouseError
from advisory_perf.storage.embedded import EmbeddedPostgres
from advisory_perf.storage.warehouse import Warehouse

ASK_FROM_ANOTHER_PROCESS = """
import sys, psycopg
from pathlib import Path
from advisory_perf.storage.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as server, psycopg.connect(server.url()) as connection:
    print(connection.execute("SELECT pg_postmaster_start_time()::text").fetchone()[0])
"""


def started_at(server: EmbeddedPostgres) -> str:
    with psycopg.connect(server.url()) as connection:
        row = connection.execute("SELECT pg_postmaster_start_time()::text").fetchone()
    assert row is not None
    return str(row[0])


def test_both_databases_exist_and_every_driver_takes_the_url(postgres: EmbeddedPostgres) -> None:
    for database in ("advisory_perf", "dagster"):
        url = postgres.url(database)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == (database,)
        for scheme in ("postgresql", "postgresql+psycopg2", "postgresql+psycopg"):
            engine = sqlalchemy.create_engine(url.replace("postgresql", scheme, 1))
            with engine.connect() as other:
                assert other.execute(sqlalchemy.text("SELECT current_database()")).scalar() == database
            engine.dispose()


def test_the_settings_are_those_of_a_warehouse_that_loads_in_bulk(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.url()) as connection:
        for name, value in (
            ("shared_buffers", "512MB"),
            ("max_wal_size", "4GB"),
            ("work_mem", "64MB"),
            ("synchronous_commit", "on"),
        ):
            assert connection.execute("SELECT current_setting(%s)", [name]).fetchone() == (value,)


def test_another_process_joins_the_running_server_and_leaves_it_running(postgres: EmbeddedPostgres) -> None:
    command = [sys.executable, "-W", "error", "-c", ASK_FROM_ANOTHER_PROCESS, str(postgres.home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == started_at(postgres)


def test_one_process_can_hold_the_same_server_twice(postgres: EmbeddedPostgres) -> None:
    with EmbeddedPostgres(postgres.home) as again:
        assert again.url() == postgres.url()
    assert started_at(postgres)


def test_a_stopped_server_starts_again_with_its_rows_whoever_was_killed_while_using_it(server_home: Path) -> None:
    with EmbeddedPostgres(server_home) as server, psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE kept (x int)")
    (server_home / "postgres" / ".handle_pids.json").write_text("[999999999]")
    with EmbeddedPostgres(server_home) as server:
        url = server.url()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    with pytest.raises(WarehouseError, match="cannot be reached"):
        Warehouse(url).query("SELECT 1")


def test_a_server_that_is_not_running_has_no_url(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="start it first"):
        EmbeddedPostgres(tmp_path).url()


def test_a_folder_that_cannot_hold_a_server_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "postgres").write_text("a file in the way")
    with pytest.raises(WarehouseError, match="does not start"):
        EmbeddedPostgres(tmp_path).start()
