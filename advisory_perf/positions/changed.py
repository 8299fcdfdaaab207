"""Figures above the account that are to be computed again, vendor by vendor, from the rows in the lake."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Protocol

import polars as pl

from advisory_perf.contracts.tables import Table
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.platform import Platform, pipeline_lock
from advisory_perf.positions.statistics_notes import Notes, known, noted_changes
from advisory_perf.positions.unreadable import Reads, noted_where_unreadable
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


@dataclass(frozen=True, slots=True)
class Figures:
    """One kind of figures above the account: their table, the notes that have them computed, how, and what that ``reads``.

    The latter is asked of a feed and of the first day that changed, which is ``date.min`` where everything is computed anew.
    """

    table: Table
    notes: Notes
    compute: Compute
    reads: Callable[[Platform, PositionsFeed, date], Reads]


def positions_feeds(platform: Platform) -> dict[str, PositionsFeed]:
    """The feeds of positions by their vendor, of which none has two."""
    return {feed.vendor: feed for feed in platform.feeds.values() if isinstance(feed, PositionsFeed)}


def changed_figures(platform: Platform, figures: Figures, bases: Mapping[str, str]) -> tuple[list[ChangedFigures], dict[str, str]]:
    """The table's rows of each vendor with changes, by vendor; and by vendor why those of others cannot be computed.

    Those of a feed whose pipeline runs now are left for the next time. A window that is not there, or was stored before a column was
    kept that is needed, keeps only its own vendor's from being computed; LakeOutageError where the lake does not answer.
    """
    found: list[ChangedFigures] = []
    failed: dict[str, str] = {}
    feeds, said, notes = positions_feeds(platform), known(platform.warehouse), figures.notes
    for vendor in sorted(said.waiting(notes, bases)):
        feed, basis = feeds[vendor], bases[vendor]
        is_anew = said.is_anew(notes, vendor, basis)
        with Locks(platform.warehouse) as locks:
            if not locks.take(pipeline_lock(feed.name)):  # under it the lake has what is published, and no more notes come
                continue
            with platform.warehouse.connect() as connection:
                noted = noted_changes(connection, notes, vendor)
            first = date.min if is_anew else _first_day(noted)
            with noted_where_unreadable(failed, platform, feed, partial(figures.reads, platform, feed, first)):
                scope, rows = figures.compute(platform, feed, noted, is_anew=is_anew)
                found.append(ChangedFigures(figures.table, notes, vendor, basis, noted, scope, rows))
    return found, failed


def _first_day(noted: pl.DataFrame) -> date:
    first = noted["first_date"].min()
    return first if isinstance(first, date) else date.min
