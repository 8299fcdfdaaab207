"""What is not read at all is reported, stays where it is, and holds up nothing else."""

import errno
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.lake.store import Lake
from advisory_perf.orchestration.jobs.reject_unknown import reject_unclaimed
from advisory_perf.orchestration.sensors.monitoring import look_at, odd_names_of
from advisory_perf.platform import right_now
from advisory_perf_tests.orchestration.scenarios import A_THIRD, World, a_world, csv

pytestmark = pytest.mark.slow


def test_a_file_of_more_bytes_than_are_read_is_reported_and_left_without_reading_any(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In no feed's folder too; the next file is ingested, and with a larger bound this one."""
    large = csv(A_THIRD) + "\n" * 5_000
    with a_world(tmp_path, warehouse_url, max_bytes=5_000, settle_seconds=0) as world:
        monkeypatch.setattr(Lake, "read_listed", lambda *_: pytest.fail("it was read"))
        files = [world.put("acme_1.csv", large), world.put("x.csv", large, "nobody")]
        small = world.put("acme_2.csv", csv(A_THIRD))
        assert [request.partition_key for request in world.tick("arrivals").run_requests] == [delivery_id_of(small)]
        messages = {
            alert.vendor: alert.message
            for alert in odd_names_of(world.platform, [], look_at(world.platform, world.instance, now=right_now()))[0]
        }
        says = f"it has {len(large):,} bytes, and no more than ADVISORY_PERF_MAX_BYTES (5,000) are read"
        assert [vendor for vendor, message in messages.items() if says in message] == ["acme", "unknown"]
        assert not world.ingest("acme_1.csv", large).success
        with pytest.raises(DeliveryRejectedError, match="E_TOO_LARGE"):
            reject_unclaimed(world.platform, files[1], run_id="x")
        assert {file.name for file in world.platform.lake.files("incoming/")} == {"acme_1.csv", "acme_2.csv", "x.csv"}
    monkeypatch.undo()
    with a_world(tmp_path, warehouse_url, settle_seconds=0) as world:
        assert world.ingest("acme_1.csv", large).success


def test_a_file_that_may_not_be_read_is_reported_and_tried_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = world.put("acme_1.csv", csv(A_THIRD))
    opened = os.open

    def barred(path: Any, *arguments: Any, **further: Any) -> int:
        if path == "acme_1.csv":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *arguments, **further)

    monkeypatch.setattr(os, "open", barred)
    world.clock.now = closed.modified + timedelta(hours=1)
    assert world.tick("arrivals").run_requests == []
    (alert,) = odd_names_of(world.platform, [], look_at(world.platform, world.instance, now=right_now()))[0]
    assert "incoming/acme/acme_1.csv (it may not be read; let the user that runs the platform read it)" in alert.message
    monkeypatch.setattr(os, "open", opened)
    assert [request.partition_key for request in world.tick("arrivals").run_requests] == [delivery_id_of(closed)]
