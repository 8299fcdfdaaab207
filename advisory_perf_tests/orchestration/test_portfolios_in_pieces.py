"""Portfolios and clients that are rolled up window by window, from what the lake has of the windows before, against all days at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.schemas import schema_failures
from advisory_perf.contracts.tables import NORMALIZED_POSITIONS, PORTFOLIO_PERFORMANCE, PUBLISHED_PORTFOLIOS, TWRR_SERIES
from advisory_perf.contracts.windows import WindowRange, window_of
from advisory_perf.errors import LakeError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.orchestration.pipelines.positions_portfolios import portfolios, published
from advisory_perf.positions.closing_states import latest_states, with_carried_states
from advisory_perf.positions.group_openings import opening_groups
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.analytics.books import Row, books
from advisory_perf_tests.analytics.scenarios import day, row
from advisory_perf_tests.ingestion.scenarios import a_feed
from advisory_perf_tests.positions.groups import all_at_once

pytestmark = pytest.mark.slow

OF_ACCOUNT = ["account_id", "portfolio_id", "client_id", "as_of_date", "ending_market_value", "is_closed"]
SCATTERED = [date(2020, 2, 28), date(2020, 2, 29), date(2021, 1, 29), date(2021, 2, 26), date(2021, 2, 28), date(2021, 3, 1)]
SCATTERED += [date(2022, 2, 27), date(2022, 3, 31), date(2023, 2, 28), date(2024, 2, 28), date(2025, 2, 27), date(2025, 2, 28)]


def a_feed_of_groups(**changes: Any) -> PositionsFeed:
    return a_feed({"portfolio_id": "port", "client_id": "client", "fees": "fees"}, **{"weekends": True, **changes})


@dataclass
class Stored:
    """A lake of one feed in memory, and a warehouse in which nothing is published."""

    windows: dict[str, dict[str, pl.DataFrame]] = field(default_factory=lambda: {TWRR_SERIES.name: {}, PORTFOLIO_PERFORMANCE.name: {}})

    @property
    def platform(self) -> Any:
        nothing = pl.DataFrame(schema={"as_of_date": pl.Date()})
        return Mock(lake=self, warehouse=Mock(query=Mock(return_value=nothing)))

    def partition_keys(self, stage: str, *_: str) -> list[str]:
        return sorted(self.windows[stage])

    def read_partitions(self, stage: str, _feed: str, _by: str, keys: Sequence[str], columns: Sequence[str] | None = None) -> pl.DataFrame:
        rows = pl.concat(self.windows[stage][key] for key in keys)
        return rows if columns is None else rows.select(columns)

    def write(self, stage: str, rows: pl.DataFrame, windows: WindowRange) -> None:
        empty, key = rows.clear(), windows.first
        while key <= windows.last:
            self.windows[stage][key.isoformat()] = rows.filter(window=key) if rows.height else empty
            key = window_of(key + timedelta(days=32), windows.cadence) if windows.cadence == "monthly" else key + timedelta(days=1)

    def run(self, feed: PositionsFeed, windows: WindowRange, positions: pl.DataFrame) -> pl.DataFrame:
        """The stage, after the one that keeps the accounts' closing cross-section."""
        stored = [key for key in self.partition_keys(TWRR_SERIES.name) if key < windows.first.isoformat()]
        opening = latest_states(self.windows[TWRR_SERIES.name][stored[-1]]) if stored else None
        accounts = with_carried_states(
            positions.select(OF_ACCOUNT), opening, cadence=windows.cadence, first=windows.first, last=windows.last
        )
        inputs = {NORMALIZED_POSITIONS.name: positions.drop("is_closed"), TWRR_SERIES.name: accounts}
        found = portfolios(self.platform, feed, windows, inputs)
        self.write(TWRR_SERIES.name, accounts, windows)
        self.write(PORTFOLIO_PERFORMANCE.name, found.rows, windows)
        return found.rows


def frame_of(rows: Sequence[Row], days: Sequence[date]) -> pl.DataFrame:
    """NORMALIZED_POSITIONS with is_closed, as far as the stage looks at them, with the days in place of those of ``books``."""
    money = dict.fromkeys(("beginning_market_value", "contributions", "distributions", "ending_market_value", "fees"), MONEY)
    names = {name: pl.String() for name in ("account_id", "portfolio_id", "client_id", "currency")}
    frame = pl.DataFrame(list(rows), schema={**names, "as_of_date": pl.Date(), **money, "is_closed": pl.Boolean()})
    dates = {day(place): real for place, real in enumerate(days)}
    frame = frame.with_columns(pl.col("is_closed").fill_null(value=False))
    return frame.with_columns(pl.col("as_of_date").replace_strict(dates, return_dtype=pl.Date())).sort("as_of_date", "account_id")


def in_pieces(feed: PositionsFeed, positions: pl.DataFrame, cuts: Sequence[int], stored: Stored | None = None) -> pl.DataFrame:
    """The same, a run a piece: ``cuts`` are the days, counted from the first, with which a piece begins."""
    lake = stored or Stored()
    first, last = positions["as_of_date"].min(), positions["as_of_date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    begins = {window_of(first, feed.cadence), *(window_of(first + timedelta(days=cut), feed.cadence) for cut in cuts)}
    starts = sorted(start for start in begins if start <= last)
    found = []
    for start, following in zip(starts, [*starts[1:], last + timedelta(days=1)], strict=True):
        windows = WindowRange(start, window_of(following - timedelta(days=1), feed.cadence), feed.cadence)
        piece = positions.filter(pl.col("as_of_date").is_between(windows.first_day, windows.last_day))
        found.append(published(lake.run(feed, windows, piece)))
    return pl.concat(found).sort(PUBLISHED_PORTFOLIOS.table.key)


@st.composite
def books_with_clients(draw: st.DrawFn, days: int) -> list[Row]:
    """Random books whose accounts also belong to clients, which change less often; some rows close their account."""
    clients = st.sampled_from(["X", "X", "X", "Y", None])
    rows = draw(books(days=days))
    of = {name: draw(clients) for name in "ABCD"}
    changed = [{**each, "client_id": draw(clients) if draw(st.integers(0, 5)) == 0 else of[each["account_id"]]} for each in rows]
    return [{**each, "is_closed": draw(st.integers(0, 9)) == 0} for each in changed]


@accepts_at_least(0.3)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    books_with_clients(8),
    st.lists(st.integers(1, 8), max_size=6),
    st.sampled_from(["matched", "none"]),
    st.dictionaries(st.sampled_from("ABCD"), st.integers(0, 7).map(day), max_size=2),
)
def test_days_in_any_pieces_give_the_bits_of_all_days_at_once(
    rows: list[Row], cuts: list[int], transfers: str, departures: dict[str, date]
) -> None:
    if not rows:
        return
    feed = a_feed_of_groups(transfers=transfers, departures=departures)
    positions = frame_of(rows, [day(place) for place in range(8)])
    whole = all_at_once(feed, positions)
    assert_frame_equal(in_pieces(feed, positions, cuts), whole, check_exact=True)
    counted("days with a sum", whole.filter(roll_up_status="OK").height, whole.height)


@settings(max_examples=12, deadline=None)
@given(books_with_clients(12), st.lists(st.sampled_from(SCATTERED), max_size=5), st.sampled_from(["daily", "monthly"]))
def test_years_in_any_pieces_give_the_bits_of_all_years_at_once(rows: list[Row], cuts: list[date], cadence: str) -> None:
    """A month holds several valuations of an account, and a piece may hold none at all."""
    if not rows:
        return
    feed = a_feed_of_groups(cadence=cadence, **({"valuations": "all"} if cadence == "monthly" else {}))
    positions = frame_of(rows, SCATTERED)
    first = positions["as_of_date"].min()
    assert isinstance(first, date)
    pieces = in_pieces(feed, positions, [(cut - first).days for cut in cuts if cut > first])
    assert_frame_equal(pieces, all_at_once(feed, positions), check_exact=True)


@pytest.mark.parametrize("cuts", [[], [1], [2], [1, 2], [1, 2, 3, 4]])
def test_what_left_while_nobody_was_valued_counts_on_the_groups_next_day(cuts: list[int]) -> None:
    """A moves to Q on a day on which P has nobody; B joins P two days later, and only then P can say what has left."""
    rows = [row("A", 0, 100, 110), row("A", 1, 110, 111, portfolio_id="Q"), row("B", 3, 50, 51), row("B", 4, 51, 52)]
    feed = a_feed_of_groups()
    found = in_pieces(feed, frame_of(rows, [day(place) for place in range(5)]), cuts)
    of_portfolio = found.filter(level="PORTFOLIO", group_id="P")
    assert of_portfolio.select("left_value", "joined_value", "missing_members").rows() == [(0, 0, 0), (110, 50, 0), (0, 0, 0)]


@pytest.mark.parametrize("cuts", [[], [1, 2, 3], [2], [3]])
def test_who_stopped_or_was_emptied_before_a_piece_is_known_in_it(cuts: list[int]) -> None:
    """B stops with money in it and is missed from then on, C holds nothing and stays away, D is missed until it turns up in Q."""
    stay = [row("A", place, 100, 100) for place in range(4)]
    gone = [row("B", 0, 50, 50, client_id="X"), row("C", 0, 5, 0, out=5), row("C", 3, 7, 7), row("D", 0, 60, 60)]
    moved = [row("D", 2, 60, 61, portfolio_id="Q")]
    found = in_pieces(a_feed_of_groups(), frame_of([*stay, *gone, *moved], [day(place) for place in range(4)]), cuts)
    of_portfolio = found.filter(level="PORTFOLIO", group_id="P")
    assert of_portfolio.select("members", "missing_members").rows() == [(4, 0), (1, 2), (1, 1), (2, 1)]
    assert found.filter(level="CLIENT").select("group_id", "members", "missing_members").rows() == [("X", 1, 0)]


@pytest.mark.parametrize("cuts", [[], [1, 2, 3], [2], [3]])
def test_who_has_left_by_declaration_or_was_emptied_but_for_a_cent_is_missed_by_nobody(cuts: list[int]) -> None:
    stay = [row("A", place, 100, 100) for place in range(4)]
    gone = [row("B", 1, 50, 50), row("C", 0, 50, Decimal("0.01"), out=50, is_closed=True), row("C", 1, Decimal("0.01"), 0)]
    emptied = [row("D", 1, 50, Decimal("0.01"), out=50, is_closed=True)]
    feed = a_feed_of_groups(departures={"B": day(1)})
    found = in_pieces(feed, frame_of([*stay, *gone, *emptied], [day(place) for place in range(4)]), cuts)
    of_portfolio = found.filter(level="PORTFOLIO")
    assert of_portfolio.select("members", "missing_members", "left_value").rows() == [(2, 0, 0), (4, 0, 0), (1, 0, 50), (1, 0, 0)]


def test_a_run_again_of_windows_in_the_middle_and_those_after_gives_what_the_first_gave() -> None:
    rows = [row(name, place, 100, 101, portfolio_id="P" if place % 3 else "Q") for place in range(6) for name in "AB" if place != 2]
    feed, stored, positions = a_feed_of_groups(), Stored(), frame_of(rows, [day(place) for place in range(6)])
    before = in_pieces(feed, positions, range(6), stored)
    restated = positions.with_columns(
        portfolio_id=pl.when(pl.col("account_id") == "A", as_of_date=day(3)).then(pl.lit("R")).otherwise("portfolio_id")
    )
    again = WindowRange(day(3), day(5), feed.cadence)
    later = published(stored.run(feed, again, restated.filter(pl.col("as_of_date") >= day(3))))
    expected = all_at_once(feed, restated)
    assert_frame_equal(pl.concat([before.filter(pl.col("as_of_date") < day(3)), later]).sort(later.columns[:4]), expected, check_exact=True)


# what is refused ------------------------------------------------------------------------------------------------------


def test_a_feed_whose_files_name_neither_portfolio_nor_client_has_no_rows_and_reads_nothing() -> None:
    windows = WindowRange(day(0), day(0), a_feed().cadence)
    inputs = {table.name: table.empty() for table in (NORMALIZED_POSITIONS, TWRR_SERIES)}
    found = portfolios(Mock(lake=None), a_feed(), windows, inputs)
    assert found.rows.equals(PORTFOLIO_PERFORMANCE.empty())
    assert [(one.rule.name, one.checked, one.is_good) for one in found.findings] == [("portfolios_have_sums", 0, True)]


def test_no_value_that_left_is_unknown_and_one_that_is_would_be_kept_back_and_not_be_zero() -> None:
    column = NORMALIZED_POSITIONS.dictionary["ending_market_value"]
    assert not NORMALIZED_POSITIONS.is_nullable(column), "so that none of the accounts that leave a group has a null"
    assert not TWRR_SERIES.is_nullable(column), "nor one of the windows before"
    feed, windows = a_feed_of_groups(), WindowRange(day(0), day(1), a_feed_of_groups().cadence)
    rows = {end: frame_of([row("B", 0, 50, end), row("B", 1, 60, 60, portfolio_id="Q")], [day(0), day(1)]) for end in (Decimal(50), None)}
    found = {end: Stored().run(feed, windows, frame).filter(group_id="P", window=day(1)) for end, frame in rows.items()}
    assert [frame["waiting_left_value"].to_list() for frame in found.values()] == [[Decimal(50)], [None]]
    failing = {end: schema_failures(frame, PORTFOLIO_PERFORMANCE)["column"].to_list() for end, frame in found.items()}
    assert ("waiting_left_value" in failing[None], "waiting_left_value" in failing[Decimal(50)]) == (True, False)


@pytest.mark.parametrize(
    ("stage", "column", "sentence"),
    [
        (TWRR_SERIES.name, "client_id", "twrr_series of acme was stored up to 2024-06-03 before client_id was kept; materialise"),
        (TWRR_SERIES.name, "ending_market_value", "twrr_series of acme was stored up to 2024-06-03 before ending_market_value was kept"),
        (
            PORTFOLIO_PERFORMANCE.name,
            "growth_index",
            "portfolio_performance of acme was stored up to 2024-06-03 before growth_index was kept",
        ),
        (
            PORTFOLIO_PERFORMANCE.name,
            None,
            "has twrr_series of acme up to 2024-06-03 and portfolio_performance up to no window; materialise",
        ),
    ],
)
def test_windows_of_an_earlier_version_say_what_has_to_be_run(stage: str, column: str | None, sentence: str) -> None:
    feed, stored = a_feed_of_groups(), Stored()
    stored.run(feed, WindowRange(day(0), day(0), feed.cadence), frame_of([row("A", 0, 100, Decimal(101))], [day(0)]))
    windows = stored.windows[stage]
    if column is None:
        windows.clear()
    else:
        windows[str(day(0))] = windows[str(day(0))].drop(column)
    with pytest.raises(LakeError, match=sentence):
        opening_groups(stored.platform, feed, WindowRange(day(1), day(1), feed.cadence))
