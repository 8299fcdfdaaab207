"""What Dagster gives a run of ours to work with."""

from collections.abc import Iterator

import dagster as dg

from advisory_perf.errors import TurnHeldError
from advisory_perf.platform import Platform, lane_turn
from advisory_perf.warehouse.locks import Turns


def take_lane(turns: Turns, vendor: str) -> None:
    """Takes the lane's turn for a run that begins in the middle, or has it already; TurnHeldError where another run has it.

    Such a run may hold a place at the warehouse that the other needs to end, so it does not wait.
    """
    if not turns.take(lane_turn(vendor)):
        raise TurnHeldError(f"another run of {vendor}'s lane is under way; launch this one again when that has ended")


TURNS = "turns"
"""The resource that holds a run's turns until it ends, well or badly."""


def turns_of_a_run(platform: Platform) -> dg.ResourceDefinition:
    """A run's own turns."""

    @dg.resource(description="whose turn it is to land a delivery or to run a lane")
    def turns(_context: dg.InitResourceContext) -> Iterator[Turns]:
        with Turns(platform.warehouse) as held:
            yield held

    return turns
