"""The environment of processes that tests start, without settings of ours or Dagster's, and where their servers lie."""

import os
from contextlib import suppress
from pathlib import Path
from shutil import disk_usage


def without_settings() -> dict[str, str]:
    """A copy of the environment that no setting of the person who runs the tests gets through."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("ADVISORY_PERF_", "DAGSTER_"))}


_IN_MEMORY, _LEAST_FREE = Path("/dev/shm"), 4 * 2**30  # noqa: S108 - each server has a folder of its own in it


def folder_of_servers() -> Path | None:
    """In memory, where there is room: a database is copied ten times as fast; else where temporary files are."""
    with suppress(OSError):
        if disk_usage(_IN_MEMORY).free >= _LEAST_FREE:
            return _IN_MEMORY
    return None
