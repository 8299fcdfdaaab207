"""Two who want the same: the second is started while the first holds it, and is seen to wait."""

import time
from concurrent.futures import Future
from typing import Any

import psycopg
import pytest

from advisory_perf.warehouse.connection import Warehouse

_BLOCKED = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND clock_timestamp() - state_change >= make_interval(secs => %s)"
)
_PATIENCE = 30


def until_blocked(warehouse: Warehouse, *started: Future[Any], seconds: float = 0) -> None:
    """Returns once each of them waits for a lock, for so long; fails as soon as one has gone on without waiting."""
    ends = time.monotonic() + _PATIENCE
    with psycopg.connect(warehouse.url, autocommit=True) as watcher:
        while time.monotonic() < ends:
            if watcher.execute(_BLOCKED, [seconds]).fetchone() == (len(started),):
                return
            for one in started:
                if one.done():
                    pytest.fail(f"went on without waiting: {one.exception() or one.result()}")
            time.sleep(0.005)
    pytest.fail(f"of {len(started)} that were started not all waited")


def impatient(warehouse: Warehouse, options: str = "-c lock_timeout=5s") -> Warehouse:
    """The same for somebody who must not have to wait."""
    separator = "&" if "?" in warehouse.url else "?"
    return Warehouse(f"{warehouse.url}{separator}options={options.replace(' ', '%20').replace('=', '%3D')}", warehouse.role)
