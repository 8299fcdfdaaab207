"""Which runs have lost their process, asked of the system and not of the code server that started it.

Dagster's own launcher leaves this to the code server, which forgets its runs when it is replaced, and stops looking for good when
Dagster's storage does not answer at that moment: such a run would count as under way for ever, and hold up its file or lane.
"""

import json

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from advisory_perf.storage.processes import is_alive


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, whose runs the daemon's monitoring looks after; the daemon and the code server are on one machine."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """FAILED where the process of a run that was launched here is gone; RUNNING, too, where that cannot be known."""
        if "socket" not in json.loads(run.tags.get(GRPC_INFO_TAG, "{}")):  # on another machine, or run by a command
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        events = self._instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        told = [
            (int(str(event.dagster_event.engine_event_data.metadata["pid"].value)), event.timestamp)
            for event in events
            if event.dagster_event is not None and "pid" in event.dagster_event.engine_event_data.metadata
        ]
        if not told or any(is_alive(process, since=instant) for process, instant in told):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"its process {told[-1][0]} is gone")
