"""Which runs have lost their process, asked of the system and not of the code server that started it.

Dagster's own launcher leaves this to the code server, which forgets its runs when it is replaced, and stops looking for good when
Dagster's storage does not answer at that moment: such a run would count as under way for ever, and hold up its file or pipeline.
"""

import json
import time
from contextlib import suppress

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, LaunchRunContext, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import SQLAlchemyError

from advisory_perf.processes import identity_of, is_running, number_of

WORKER_TAG = "advisory_perf/worker"
_LOOKS, _PAUSE_SECONDS = 20, 0.1
"""How often a run that was just launched is asked for its process, which tells its number in the run's first event."""


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, whose runs the daemon's monitoring looks after; the daemon and the code server are on one machine.

    A run is launched with the identity of its process as a tag. A retry is made with the tags of the run that it repeats, and a tag
    therefore says whose it is.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes."""
        return True

    def launch_run(self, context: LaunchRunContext) -> None:
        """Launches the run and keeps which process it has."""
        super().launch_run(context)
        with suppress(DagsterPostgresException, SQLAlchemyError):  # it runs, and is asked again when its health is
            for _ in range(_LOOKS):
                if self._keep_worker(context.dagster_run.run_id) is not None:
                    return
                time.sleep(_PAUSE_SECONDS)

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """FAILED where the process of a run that was launched here is gone; RUNNING, too, where that cannot be known."""
        if "socket" not in json.loads(run.tags.get(GRPC_INFO_TAG, "{}")):  # on another machine, or run by a command
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        run_id, _, identity = run.tags.get(WORKER_TAG, "").partition(" ")
        worker = identity if run_id == run.run_id else self._keep_worker(run.run_id)
        if worker is None or is_running(worker):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"its process {number_of(worker)} is gone")

    def _keep_worker(self, run_id: str) -> str | None:
        """The run's process by what the run tells of it, kept as its tag; None where it tells nothing yet."""
        events = self._instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        reported = [
            str(event.dagster_event.engine_event_data.metadata["pid"].value)
            for event in events
            if event.dagster_event is not None and "pid" in event.dagster_event.engine_event_data.metadata
        ]
        if not reported:
            return None
        identity = identity_of(int(reported[0]))
        if identity is None:
            return reported[0]
        self._instance.add_run_tags(run_id, {WORKER_TAG: f"{run_id} {identity}"})
        return identity
