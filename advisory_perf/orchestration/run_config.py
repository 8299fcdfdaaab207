"""What runs print. The page has every event, so the console only gets those from a level on."""

from typing import Any


def printing(level: str) -> dict[str, Any]:
    """Run config under which a run prints events from the level on, such as WARNING.

    Dagster drops a job's own config where a run covers a range of partitions, so whoever launches one has to give it.
    """
    return {"loggers": {"console": {"config": {"log_level": level}}}}
