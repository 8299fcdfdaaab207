"""Runs whose process is gone, told without the code server that started it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from advisory_perf.storage.processes import is_alive

ON_THIS_MACHINE = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": "/nowhere/code.sock"})}


@contextmanager
def a_process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    launcher = {"run_launcher": {"module": "advisory_perf.local.launching", "class": "WatchedRunLauncher"}}
    with dg.instance_for_test(overrides={**launcher, "run_monitoring": {"enabled": True}}) as instance:
        yield instance


def a_started_run(instance: dg.DagsterInstance, process: int, tags: dict[str, str]) -> dg.DagsterRun:
    run = instance.create_run_for_job(dg.GraphDefinition(name="nothing").to_job(), tags=tags)
    instance.report_engine_event(f"Started process for run (pid: {process}).", run, EngineEventData.in_process(process))
    instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", run.job_name), run.run_id)
    return run


def after_monitoring(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    with WorkspaceProcessContext(instance, None) as context:
        assert [error for error in execute_run_monitoring_iteration(context, dg.get_dagster_logger()) if error] == []
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def test_a_run_whose_process_was_killed_ends_although_no_code_server_knows_of_it(instance: dg.DagsterInstance) -> None:
    with a_process() as process:
        run = a_started_run(instance, process.pid, ON_THIS_MACHINE)
        assert after_monitoring(instance, run) is dg.DagsterRunStatus.STARTED
        process.send_signal(signal.SIGSTOP)
        assert after_monitoring(instance, run) is dg.DagsterRunStatus.STARTED
        process.kill()
        time.sleep(0.2)  # dead, and not waited for by anybody
        assert after_monitoring(instance, run) is dg.DagsterRunStatus.FAILURE


def test_a_run_of_a_command_or_of_another_machine_is_left_alone(instance: dg.DagsterInstance) -> None:
    with a_process() as process:
        process.kill()
        process.wait()
        for tags in ({}, {GRPC_INFO_TAG: json.dumps({"host": "elsewhere", "port": 4000})}):
            assert after_monitoring(instance, a_started_run(instance, process.pid, tags)) is dg.DagsterRunStatus.STARTED


def test_a_later_process_of_the_same_number_is_not_the_runs() -> None:
    assert is_alive(os.getpid(), since=time.time())
    assert not is_alive(os.getpid(), since=time.time() - 10**7)
