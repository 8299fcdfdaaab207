"""Runs whose process is gone, reported without the code server that started it."""

import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.launcher import DefaultRunLauncher, LaunchRunContext
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration
from sqlalchemy.exc import OperationalError

from advisory_perf import processes
from advisory_perf.processes import identity_of
from advisory_perf.runtime import run_launcher
from advisory_perf.runtime.run_launcher import WORKER_TAG
from advisory_perf_tests.test_processes import clock_is_set

pytestmark = pytest.mark.slow

ON_THIS_MACHINE = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": "/nowhere/code.sock"})}


@contextmanager
def a_process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    launcher = {"run_launcher": {"module": "advisory_perf.runtime.run_launcher", "class": "WatchedRunLauncher"}}
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
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not taken leave of by anybody
        assert after_monitoring(instance, run) is dg.DagsterRunStatus.FAILURE


def test_a_run_of_a_command_or_of_another_machine_is_left_alone(instance: dg.DagsterInstance) -> None:
    with a_process() as process:
        process.kill()
        process.wait()
        for tags in ({}, {GRPC_INFO_TAG: json.dumps({"host": "elsewhere", "port": 4000})}):
            assert after_monitoring(instance, a_started_run(instance, process.pid, tags)) is dg.DagsterRunStatus.STARTED


def test_a_run_outlives_the_process_of_one_of_its_steps(instance: dg.DagsterInstance) -> None:
    with a_process() as process, a_process() as step:
        run = a_started_run(instance, process.pid, ON_THIS_MACHINE)
        instance.report_engine_event("Executing step in a process of its own", run, EngineEventData.in_process(step.pid))
        assert after_monitoring(instance, run) is dg.DagsterRunStatus.STARTED
        step.kill()
        step.wait()
        assert after_monitoring(instance, run) is dg.DagsterRunStatus.STARTED


def worker_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.tags.get(WORKER_TAG)


@pytest.mark.parametrize("hours", [-48, -1, 1, 48])
@pytest.mark.parametrize("is_known", [True, False])
def test_whether_a_runs_process_is_gone_does_not_depend_on_the_clock(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, hours: int, *, is_known: bool
) -> None:
    with a_process() as process:
        run = a_started_run(instance, process.pid, ON_THIS_MACHINE)
        if is_known:
            assert after_monitoring(instance, run) is dg.DagsterRunStatus.STARTED
        clock_is_set(monkeypatch, hours)
        assert after_monitoring(instance, run) is dg.DagsterRunStatus.STARTED
        process.kill()
        process.wait()
        assert after_monitoring(instance, run) is dg.DagsterRunStatus.FAILURE


def test_a_later_process_of_the_same_number_is_not_the_runs(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_process() as process:
        run = a_started_run(instance, process.pid, ON_THIS_MACHINE)
        assert after_monitoring(instance, run) is dg.DagsterRunStatus.STARTED
        assert worker_of(instance, run) == f"{run.run_id} {identity_of(process.pid)}"
        started = processes._start_of  # noqa: SLF001 - the kernel gives a number twice when it has given all others
        monkeypatch.setattr(processes, "_start_of", lambda number: f"{started(number)}1")
        assert after_monitoring(instance, run) is dg.DagsterRunStatus.FAILURE


def test_a_retry_does_not_inherit_the_process_of_the_run_that_it_repeats(instance: dg.DagsterInstance) -> None:
    with a_process() as first, a_process() as second:
        run = a_started_run(instance, first.pid, ON_THIS_MACHINE)
        after_monitoring(instance, run)
        first.kill()
        first.wait()
        inherited = {WORKER_TAG: worker_of(instance, run) or "", "dagster/parent_run_id": run.run_id}
        retry = a_started_run(instance, second.pid, {**ON_THIS_MACHINE, **inherited})
        assert after_monitoring(instance, retry) is dg.DagsterRunStatus.STARTED
        assert worker_of(instance, retry) == f"{retry.run_id} {identity_of(second.pid)}"


@pytest.mark.parametrize("looks", [1, 3])
def test_a_launched_run_has_the_identity_of_its_process_as_soon_as_it_tells_its_number(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    """The code server answers when the process runs, which tells its number a moment later."""
    run = instance.create_run_for_job(dg.GraphDefinition(name="nothing").to_job(), tags=ON_THIS_MACHINE)
    monkeypatch.setattr(DefaultRunLauncher, "launch_run", lambda *_: None)
    with a_process() as process:
        all_logs, left = dg.DagsterInstance.all_logs, list(range(looks))

        def after_a_while(*args: object, **kwargs: object) -> object:
            left.pop()
            if not left:
                instance.report_engine_event("Started process", run, EngineEventData.in_process(process.pid))
            return all_logs(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(dg.DagsterInstance, "all_logs", after_a_while)
        instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
        assert (left, worker_of(instance, run)) == ([], f"{run.run_id} {identity_of(process.pid)}")


A_JOB = """
import time
from pathlib import Path
import dagster as dg
@dg.op
def work():
    while not Path(__file__).with_name("enough").exists():
        time.sleep(0.05)
@dg.job(executor_def=dg.in_process_executor)
def a_job():
    work()
defs = dg.Definitions(jobs=[a_job])
"""


def test_a_run_of_a_real_code_server_is_launched_with_the_identity_of_its_process(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_launcher, "_LOOKS", 6_000)  # of a slow machine the daemon asks later
    file = tmp_path / "a_job.py"
    file.write_text(A_JOB, encoding="utf-8")
    with WorkspaceProcessContext(instance, PythonFileTarget(str(file), None, str(tmp_path), "here")) as context:
        workspace = context.create_request_context()
        job = next(iter(workspace.get_code_location("here").get_repositories().values())).get_full_job("a_job")
        run = instance.create_run_for_job(
            runpy.run_path(str(file))["a_job"], remote_job_origin=job.get_remote_origin(), job_code_origin=job.get_python_origin()
        )
        try:
            instance.launch_run(run.run_id, workspace)
        finally:
            (tmp_path / "enough").touch()
        (number,) = {
            event.dagster_event.engine_event_data.metadata["pid"].value
            for event in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
            if event.dagster_event is not None and "pid" in event.dagster_event.engine_event_data.metadata
        }
        assert str(worker_of(instance, run)).startswith(f"{run.run_id} {number}/")


def test_a_run_that_was_launched_is_no_failed_launch_though_its_process_cannot_be_kept(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = instance.create_run_for_job(dg.GraphDefinition(name="nothing").to_job(), tags=ON_THIS_MACHINE)
    monkeypatch.setattr(DefaultRunLauncher, "launch_run", lambda *_: None)
    monkeypatch.setattr(dg.DagsterInstance, "all_logs", Mock(side_effect=OperationalError("", None, Exception("gone"))))
    instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
    assert worker_of(instance, run) is None
