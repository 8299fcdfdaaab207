"""Figures above the account that are to be computed again, vendor by vendor, from the rows in the lake."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from advisory_perf.contracts.tables import Table
from advisory_perf.errors import LakeError, LakeOutageError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.platform import Platform, pipeline_lock
from advisory_perf.positions.statistics_notes import Notes, known, noted_changes
from advisory_perf.warehouse.locks import Locks


@dataclass(frozen=True, slots=True)
class ChangedFigures:
    """Rows of a vendor that were to be computed again.

    ``rows`` are those of the table from the ``from_month`` of each account, or portfolio or client, on, in which alone they may differ
    from what is stored; ``scope`` has the notes' key and from_month, also of those without rows; ``noted`` is what is over once they are
    written, ``basis`` by what they were computed.
    """

    table: Table
    notes: Notes
    vendor: str
    basis: str
    noted: pl.DataFrame
    scope: pl.DataFrame
    rows: pl.DataFrame


class Compute(Protocol):
    """Scope and rows of a feed's notes."""

    def __call__(self, platform: Platform, feed: PositionsFeed, noted: pl.DataFrame, *, is_anew: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Where it ``is_anew``, of everything, since it was computed by another basis."""


def positions_feeds(platform: Platform) -> dict[str, PositionsFeed]:
    """The feeds of positions by their vendor, of which none has two."""
    return {feed.vendor: feed for feed in platform.feeds.values() if isinstance(feed, PositionsFeed)}


def changed_figures(
    platform: Platform, table: Table, notes: Notes, bases: Mapping[str, str], compute: Compute
) -> tuple[list[ChangedFigures], list[LakeError]]:
    """The table's rows of each vendor with changes, by vendor; and why those of others cannot be computed.

    Those of a feed whose pipeline runs now are left for the next time. A window that is not there, or was stored before a column was
    kept that is needed, keeps only its own vendor's from being computed; LakeOutageError where the lake does not answer.
    """
    found: list[ChangedFigures] = []
    failed: list[LakeError] = []
    feeds, said = positions_feeds(platform), known(platform.warehouse)
    for vendor in sorted(said.waiting(notes, bases)):
        try:
            with Locks(platform.warehouse) as locks:
                if locks.take(pipeline_lock(feeds[vendor].name)):  # so that the lake has what is published and no more notes come
                    with platform.warehouse.connect() as connection:
                        noted = noted_changes(connection, notes, vendor)
                    scope, rows = compute(platform, feeds[vendor], noted, is_anew=said.is_anew(notes, vendor, bases[vendor]))
                    found.append(ChangedFigures(table, notes, vendor, bases[vendor], noted, scope, rows))
        except LakeOutageError:
            raise
        except LakeError as error:
            failed.append(error)
    return found, failed
