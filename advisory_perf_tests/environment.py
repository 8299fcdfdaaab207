"""The environment of processes that tests start: what this one has, without settings of ours or Dagster's."""

import os


def without_settings() -> dict[str, str]:
    """A copy of the environment that no setting of the person who runs the tests gets through."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("ADVISORY_PERF_", "DAGSTER_"))}
