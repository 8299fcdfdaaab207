"""What the assets and sensors work with. Made in ``definitions``; nothing here decides anything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import dagster as dg

from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.errors import TurnHeldError
from advisory_perf.feeds.feed import Feed
from advisory_perf.lake.store import Lake
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.locks import Turns


@dataclass(frozen=True, slots=True)
class Platform:
    """Settings, feeds and stores of one installation."""

    settings: Settings
    feeds: Mapping[str, Feed]
    lake: Lake
    warehouse: Warehouse
    ledger: Ledger

    def under(self, turns: Turns) -> "Platform":
        """The same for a run that holds turns: ledger and lake change nothing once one of them is lost."""
        return replace(self, ledger=self.ledger.under(turns), lake=self.lake.under(turns.kept))


def lane_turn(vendor: str) -> str:
    """The turn that a run takes before it reads of a lane: of two one could publish what the other computed from older deliveries."""
    return f"lane {vendor}"


def landing_turn(vendor: str, delivery_id: str) -> str:
    """The turn that a run takes to land a delivery, or to give it up."""
    return f"landing {vendor} {delivery_id}"


def bytes_turn(vendor: str, sha256: str) -> str:
    """The turn that a run takes besides, so that no two land, or reject, the same bytes of a vendor at once."""
    return f"bytes {vendor} {sha256}"


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
