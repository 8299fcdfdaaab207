"""The alert about what is tried in vain for long, which no used-up attempt tells."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import dagster as dg
import pytest

from advisory_perf.alerts.model import TRIED_FOR_LONG
from advisory_perf.alerts.outbox import KeptAlert, Outbox
from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.monitoring.attempts import Tries
from advisory_perf.monitoring.long_attempts import long_tries, long_try_alert
from advisory_perf.orchestration.run_history import CAUSE_TAG, SUBJECT_TAG
from advisory_perf_tests.orchestration.scenarios import A_THIRD, World, csv

NOW = datetime(2025, 4, 1, 12, tzinfo=UTC)
LONG_AGO, LATELY = NOW - timedelta(minutes=61), NOW - timedelta(minutes=59)


@pytest.mark.parametrize(
    ("tries", "is_long"),
    [
        pytest.param(Tries(), False, id="never tried"),
        pytest.param(Tries(others=9, in_vain=9, in_vain_since=LONG_AGO), True, id="outages"),
        pytest.param(Tries(failed=1, others=9, in_vain=9, in_vain_since=LONG_AGO, in_flight=True), True, id="outages, and one of its own"),
        pytest.param(Tries(others=9, in_vain=9, in_vain_since=LATELY), False, id="lately"),
        pytest.param(Tries(others=2, in_vain=2, in_vain_since=LONG_AGO), False, id="twice"),
        pytest.param(Tries(others=9), False, id="the last ended well"),
        pytest.param(Tries(failed=3, in_vain=3, in_vain_since=LONG_AGO), False, id="abandoned, which other alerts tell"),
    ],
)
def test_what_is_tried_in_vain_for_long(tries: Tries, is_long: bool) -> None:
    assert bool(long_tries([("acme", "a.csv", "a")], {"a": tries}, attempts=3, now=NOW)) == is_long


def test_one_alert_tells_of_all_things_of_a_vendor() -> None:
    tries = {name: Tries(in_vain=3, in_vain_since=NOW - timedelta(hours=hours)) for name, hours in (("a", 2), ("b", 5), ("c", 3))}
    found = long_tries([("acme", f"{name}.csv", name) for name in tries], tries, attempts=3, now=NOW)
    alert = long_try_alert(found, "acme", "the disk is full")
    assert (alert.code, alert.key, alert.since) == (TRIED_FOR_LONG.name, "TRIED_FOR_LONG acme", NOW - timedelta(hours=5))
    assert alert.message == (
        "acme: no run for b.csv and 2 more has ended well since 2025-04-01 07:00 UTC, the last because: the disk is full; "
        "nothing is lost, and it is tried again by itself every few minutes; fix the reason"
    )


def an_outage(world: World, subject: str, ended: datetime, status: str = "PIPELINE_FAILURE") -> None:
    run_id = str(uuid4())
    tags = {SUBJECT_TAG: subject, CAUSE_TAG: f"outage {run_id}"}
    world.instance.add_run(dg.DagsterRun(job_name="job", run_id=run_id, tags=tags, status=dg.DagsterRunStatus.STARTED))
    world.instance.run_storage.handle_run_event(run_id, dg.DagsterEvent(status, "job"), ended)


def open_alerts(world: World) -> list[KeptAlert]:
    world.tick("watch")
    return [alert for alert in Outbox(world.platform.warehouse).alerts(only_open=True) if alert.code == TRIED_FOR_LONG.name]


@pytest.mark.slow
def test_an_outage_without_end_is_reported_until_a_run_ends_well(world: World) -> None:
    subject, now = delivery_id_of(world.put("acme_1.csv", csv(A_THIRD))), datetime.now(UTC)
    an_outage(world, subject, now - timedelta(minutes=70))
    an_outage(world, subject, now - timedelta(minutes=30))
    assert open_alerts(world) == []
    an_outage(world, subject, now - timedelta(minutes=1))
    (alert,) = open_alerts(world)
    assert alert.message.startswith("acme: no run for acme_1.csv has ended well since ")
    assert open_alerts(world) == [alert]
    an_outage(world, subject, now, "PIPELINE_SUCCESS")
    assert open_alerts(world) == []
