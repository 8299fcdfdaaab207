"""The instance that is shipped: a run that hangs is ended, by Dagster's own monitoring, and is not launched for ever."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import RunRecord
from dagster._daemon.monitoring.run_monitoring import check_run_timeout

from advisory_perf.orchestration.run_history import SUBJECT_TAG, failed_attempts, tries_for
from advisory_perf.runtime.installation import open_installation
from advisory_perf.settings import Settings

pytestmark = pytest.mark.slow


def began(instance: dg.DagsterInstance, run: dg.DagsterRun, *, hours_ago: float) -> RunRecord:
    record = instance.get_run_record_by_id(run.run_id)
    assert record is not None
    return record._replace(start_time=datetime.now(UTC).timestamp() - hours_ago * 3600)


def test_a_run_that_takes_longer_than_agreed_is_ended_and_uses_up_an_attempt(tmp_path: Path, warehouse_url: str, empty_url: str) -> None:
    dagster_url = empty_url.replace("postgresql://", "postgresql+psycopg2://", 1)
    settings = Settings(home=tmp_path, warehouse_url=warehouse_url, dagster_url=dagster_url)
    with open_installation(settings) as installation, installation.instance() as instance:
        most = float(instance.run_monitoring_max_runtime_seconds)
        assert most == 7200
        run = instance.create_run_for_job(dg.GraphDefinition(name="hangs").to_job(), tags={SUBJECT_TAG: "d"})
        instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "hangs"), run.run_id)
        check_run_timeout(instance, began(instance, run, hours_ago=1.9), logging.getLogger(), most)
        assert tries_for(instance, "d", now=datetime.now(UTC)).in_flight
        check_run_timeout(instance, began(instance, run, hours_ago=2.1), logging.getLogger(), most)
        assert tries_for(instance, "d", now=datetime.now(UTC)).failed == 1, "else it would hang and be launched for ever"
        (attempt,) = failed_attempts(instance, "d", now=datetime.now(UTC))
        assert attempt.reason.startswith("it was ended, by somebody or since it took longer than a run may take")
