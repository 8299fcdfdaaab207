"""What Dagster gives a run of ours to work with."""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg

from advisory_perf.errors import LockHeldError
from advisory_perf.lake.run_lake import RunLake
from advisory_perf.platform import Platform, pipeline_lock
from advisory_perf.warehouse.locks import Locks


def take_pipeline(locks: Locks, feed: str) -> None:
    """Takes the pipeline's lock for a run that begins in the middle, or has it already; LockHeldError where another run has it.

    Such a run may hold a place at the warehouse that the other needs to end, so it does not wait.
    """
    if not locks.take(pipeline_lock(feed)):
        raise LockHeldError(f"another run of {feed}'s pipeline is under way; launch this one again when that has ended")


STORES = "stores"
"""The resource by which a run reads: the platform, whose lake reads no partition of a window twice."""


def stores_of_a_run(platform: Platform) -> dg.ResourceDefinition:
    """The platform as one run reads it."""

    @dg.resource(description="the stores; what a run has read of a window it reads only once")
    def stores(_context: dg.InitResourceContext) -> Platform:
        return replace(platform, lake=RunLake(platform.lake))

    return stores


LOCKS = "locks"
"""The resource that holds a run's locks until it ends, well or badly."""


def locks_of_a_run(platform: Platform) -> dg.ResourceDefinition:
    """A run's own locks."""

    @dg.resource(description="who holds the lock to ingest a delivery or to run a pipeline")
    def locks(_context: dg.InitResourceContext) -> Iterator[Locks]:
        with Locks(platform.warehouse) as held:
            yield held

    return locks


UNREADABLE = "unreadable"
"""The resource by which the steps of a run know what is not computed: by table the vendors whose rows cannot be read, each with why."""


def unreadable_in_a_run() -> dg.ResourceDefinition:
    """None at first; one dict for all steps, since a run is one process."""

    @dg.resource(description="the vendors whose published rows cannot be read, each with why")
    def unreadable(_context: dg.InitResourceContext) -> dict[str, dict[str, str]]:
        return {}

    return unreadable
