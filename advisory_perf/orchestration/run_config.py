"""What a run is given to know. What runs print: the page has every event, so the console only gets those from a level on."""

from typing import Any

PATH_TAG = "advisory_perf/path"
"""Where the file of a run's delivery was when the run was asked for, so that it need not be looked for."""


def printing(level: str) -> dict[str, Any]:
    """Run config under which a run prints events from the level on, such as WARNING.

    Dagster drops a job's own config where a run covers a range of partitions, so whoever launches one has to give it.
    """
    return {"loggers": {"console": {"config": {"log_level": level}}}}
