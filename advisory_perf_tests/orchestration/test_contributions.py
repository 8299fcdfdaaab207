"""Contributions of accounts to portfolios and clients, from deliveries to the published table, through the job that computes them."""

from collections.abc import Iterator
from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import psycopg
import pytest
from polars.testing import assert_frame_equal

from advisory_perf.analytics.contribution import OF_ACCOUNT
from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import GroupLevel
from advisory_perf.contracts.firm_tables import PORTFOLIO_CONTRIBUTIONS
from advisory_perf.positions import contributions, statistics_store
from advisory_perf.positions.contributions import contribution_rows
from advisory_perf.positions.statistics_notes import GROUPS, note_changes
from advisory_perf_tests.feeds.known import of_positions
from advisory_perf_tests.orchestration import scenarios
from advisory_perf_tests.orchestration.scenarios import World, a_world
from advisory_perf_tests.orchestration.test_above_the_account import compute, computed, stored, why
from advisory_perf_tests.orchestration.test_portfolios import ARRIVALS, FIFTH, FOURTH, GROUPED, SIXTH, THIRD, csv, valued
from advisory_perf_tests.positions.groups import published_groups

pytestmark = pytest.mark.slow

TABLE = PORTFOLIO_CONTRIBUTIONS.name
PERIODS = ("mtd", "qtd", "ytd")
JANUARY, FEBRUARY, MAY = date(2025, 1, 31), date(2025, 2, 28), date(2025, 5, 30)
LAST_YEAR = date(2024, 12, 31)


@pytest.fixture
def grouped(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """An installation whose one further feed names portfolios and clients; nothing has been delivered."""
    with a_world(tmp_path, warehouse_url, feed=GROUPED) as world:
        yield world


def deliver(world: World, name: str, *lines: str) -> None:
    assert world.ingest(name, csv(*lines)).success
    world.run_pending_pipeline()


def waiting(world: World) -> list[tuple[str, str, date]]:
    return world.platform.warehouse.query("SELECT level, group_id, first_date FROM contributions_pending ORDER BY 1, 2").rows()


def written(world: World, before: pl.DataFrame) -> pl.DataFrame:
    """The rows that were written since."""
    return stored(world, TABLE, times=True).join(before, on=[*PORTFOLIO_CONTRIBUTIONS.key, "updated_at"], how="anti")


def from_all_that_is_published(world: World) -> pl.DataFrame:
    """The table of all published rows of acme, taken at once."""
    feed, parts = of_positions(world.platform.feeds["acme"]), [PORTFOLIO_CONTRIBUTIONS.empty()]
    days = published_groups(world.platform.warehouse, feed)
    statement = f"SELECT account_id, portfolio_id, client_id, as_of_date, {', '.join(OF_ACCOUNT)} FROM performance_data"
    accounts = world.platform.warehouse.query(statement).with_columns(pl.col(OF_ACCOUNT).cast(MONEY))
    for level in GroupLevel:
        named = accounts.filter(pl.col(level.column).is_not_null()).select(level.column, "account_id", "as_of_date", *OF_ACCOUNT)
        parts.append(contribution_rows(feed, level, named, days.filter(level=level.value)))
    return pl.concat(parts).sort(PORTFOLIO_CONTRIBUTIONS.key)


def assert_contributions_add_up(world: World) -> pl.DataFrame:
    """What is stored is what all published rows come to at once, bit for bit, and adds up to the published returns."""
    found = stored(world, TABLE).cast(PORTFOLIO_CONTRIBUTIONS.polars_schema)
    assert_frame_equal(found, from_all_that_is_published(world), check_exact=True)
    returns = world.rows("portfolio_performance").select(
        "level", "group_id", "as_of_date", *(f"twrr_{each}" for each in ("mtd", "qtd", "ytd"))
    )
    for period in ("mtd", "qtd", "ytd"):
        with_all = found.filter((pl.col(f"status_{period}") == "OK").any().over("level", "group_id", "month"))
        sums = with_all.group_by("level", "group_id", "as_of_date").agg(pl.col(f"contribution_{period}").sum())
        compared = sums.join(returns, on=["level", "group_id", "as_of_date"])
        assert compared.height == sums.height
        assert compared.filter((pl.col(f"contribution_{period}") - pl.col(f"twrr_{period}")).abs() > 1e-12).is_empty()
    return found


def test_two_halves_that_gain_and_lose_ten_contribute_the_same_and_come_to_nothing(grouped: World) -> None:
    deliver(grouped, "acme_1.csv", valued("A", THIRD, 100, 110), valued("B", THIRD, 100, 100))
    deliver(grouped, "acme_2.csv", valued("A", FOURTH, 110, 110), valued("B", FOURTH, 100, 90))
    assert computed(grouped)
    found = assert_contributions_add_up(grouped)
    assert found.select("level", "group_id").unique().sort("level").rows() == [("CLIENT", "X"), ("PORTFOLIO", "P")]
    for period in PERIODS:
        assert [f"{each:+.4%}" for each in found[f"contribution_{period}"]] == ["+4.8790%", "-4.8790%"] * 2
        assert found[f"twrr_{period}"].to_list() == pytest.approx([0] * 4, abs=1e-15)


def test_whatever_comes_contributions_are_what_all_published_rows_come_to(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed={**GROUPED, "delivers": "full"}) as world:
        for name, lines in ARRIVALS:
            deliver(world, f"acme_{name}.csv", *lines)
            assert computed(world)
            assert waiting(world) == []
            assert assert_contributions_add_up(world).height


YEAR = {
    "last year": [valued("A", LAST_YEAR, 100, 110), valued("B", LAST_YEAR, 50, 55), valued("C", LAST_YEAR, 70, 70, of="Q/X")],
    "january": [valued("A", JANUARY, 110, 120), valued("B", JANUARY, 55, 60, into=5), valued("C", JANUARY, 70, 65, out=5, of="Q/X")],
    "february": [valued("A", FEBRUARY, 120, 130), valued("B", FEBRUARY, 60, 50, out=5, of="Q/X"), valued("C", FEBRUARY, 65, 66, of="Q/X")],
    "may": [valued("A", MAY, 130, 140), valued("B", MAY, 50, 50, of="Q/X"), valued("C", MAY, 66, 66, of="R/Y")],
}


def test_a_restatement_writes_its_own_portfolio_and_client_from_its_month_on_and_a_run_more_writes_nothing(grouped: World) -> None:
    for name, lines in YEAR.items():
        deliver(grouped, f"acme_{name}.csv", *lines)
    assert computed(grouped)
    assert_contributions_add_up(grouped)
    before = stored(grouped, TABLE, times=True)
    assert grouped.run_pipeline(LAST_YEAR, MAY).success
    assert waiting(grouped) == [], "nothing has changed"
    assert computed(grouped)
    assert written(grouped, before).is_empty()
    deliver(grouped, "acme_again.csv", valued("C", JANUARY, 70, 66, out=5, of="Q/X"))
    assert waiting(grouped) == [("CLIENT", "X", JANUARY), ("CLIENT", "Y", MAY), ("PORTFOLIO", "Q", JANUARY), ("PORTFOLIO", "R", MAY)]
    result = compute(grouped)
    assert result.success
    found = written(grouped, before).group_by("level", "group_id", "month").len().sort("level", "group_id", "month")
    assert found.rows() == [
        *(("CLIENT", "X", month, 3) for month in (JANUARY, FEBRUARY, date(2025, 5, 31))),
        *(("PORTFOLIO", "Q", month, count) for month, count in ((JANUARY, 1), (FEBRUARY, 2), (date(2025, 5, 31), 2))),
    ]
    (made,) = (each for each in result.asset_materializations_for_node(TABLE))
    assert [scenarios.value(made.metadata, f"{name}_by_run") for name in ("inserted", "updated", "deleted")] == [0, 14, 0]
    assert stored(grouped, TABLE).height == before.height
    assert_contributions_add_up(grouped)


def test_only_the_windows_since_the_year_began_and_the_portfolios_that_changed_are_read(
    grouped: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, lines in YEAR.items():
        deliver(grouped, f"acme_{name}.csv", *lines)
    assert computed(grouped)
    deliver(grouped, "acme_again.csv", valued("A", FEBRUARY, 120, 131))
    read: list[tuple[set[str], set[str]]] = []
    of = contributions.contribution_rows

    def noting(feed: Any, level: GroupLevel, accounts: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
        read.append((set(days["group_id"]), set(accounts["as_of_date"].cast(pl.String()))))
        return of(feed, level, accounts, days)

    monkeypatch.setattr(contributions, "contribution_rows", noting)
    assert computed(grouped)
    assert read == [({name}, {str(each) for each in (JANUARY, FEBRUARY, MAY)}) for name in ("X", "P")]
    assert_contributions_add_up(grouped)


def test_gains_that_change_places_are_noted_though_the_sums_stay_as_they_were(grouped: World) -> None:
    deliver(grouped, "acme_1.csv", valued("A", THIRD, 100, 110), valued("B", THIRD, 100, 100))
    assert computed(grouped)
    rows = grouped.rows("portfolio_performance")
    deliver(grouped, "acme_2.csv", valued("A", THIRD, 100, 100), valued("B", THIRD, 100, 110))
    assert grouped.rows("portfolio_performance").equals(rows)
    assert waiting(grouped) == [("CLIENT", "X", THIRD), ("PORTFOLIO", "P", THIRD)]
    assert computed(grouped)
    found = assert_contributions_add_up(grouped).filter(level="PORTFOLIO")
    assert found["contribution_mtd"].to_list() == [0, 0.05]


def test_a_portfolio_that_nobody_belongs_to_any_more_has_no_rows(grouped: World) -> None:
    deliver(grouped, "acme_1.csv", valued("A", THIRD, 100, 110), valued("A", FOURTH, 110, 111))
    assert computed(grouped)
    deliver(grouped, "acme_2.csv", valued("A", THIRD, 100, 110, of="Q/X"), valued("A", FOURTH, 110, 111, of="Q/X"))
    assert waiting(grouped) == [("CLIENT", "X", THIRD), ("PORTFOLIO", "P", THIRD), ("PORTFOLIO", "Q", THIRD)]
    assert computed(grouped)
    assert assert_contributions_add_up(grouped).select("level", "group_id").rows() == [("CLIENT", "X"), ("PORTFOLIO", "Q")]


def test_a_departure_that_is_declared_changes_the_rows_of_the_portfolio_alone(grouped: World, tmp_path: Path) -> None:
    lines = [valued("A", THIRD, 100, 110), valued("B", THIRD, 50, 55), valued("A", FOURTH, 110, 111), valued("A", FIFTH, 111, 112)]
    deliver(grouped, "acme_1.csv", *lines)
    assert computed(grouped)
    assert assert_contributions_add_up(grouped)["status_mtd"].unique().to_list() == ["UNDEFINED_RETURN"], "B is missing"
    declared = grouped.with_feed(tmp_path / "declared", **GROUPED, departures={"B": str(THIRD)})
    assert declared.run_pipeline(THIRD, FIFTH).success
    assert waiting(declared) == [("CLIENT", "X", FOURTH), ("PORTFOLIO", "P", FOURTH)]
    assert computed(declared)
    found = assert_contributions_add_up(declared).filter(level="PORTFOLIO")
    assert found["contribution_mtd"].to_list() == pytest.approx([0.08636, 0.03364], abs=1e-5)


def test_the_table_is_the_same_for_any_order_of_arrival(tmp_path: Path, warehouse_url: str, second_warehouse_url: str) -> None:
    found = []
    orders = list(permutations(YEAR))[:: len(list(permutations(YEAR))) - 1]
    for number, (order, url) in enumerate(zip(orders, (warehouse_url, second_warehouse_url), strict=True)):
        (tmp_path / str(number)).mkdir()
        with a_world(tmp_path / str(number), url, feed=GROUPED) as world:
            for name in order:
                deliver(world, f"acme_{name}.csv", *YEAR[name])
                if number:
                    assert computed(world)
            assert computed(world)
            found.append(assert_contributions_add_up(world))
    assert found[0].height
    assert found[0].equals(found[1])


def test_a_feed_without_portfolios_notes_nothing_and_has_no_rows(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        assert world.ingest("acme_1.csv", scenarios.DELIVERY).success
        world.run_pending_pipeline()
        assert world.ingest("acme_2.csv", scenarios.csv(scenarios.A_THIRD.replace("10.00,110.00,0.10000", "12.00,112.00,0.12000"))).success
        world.run_pending_pipeline()
        assert waiting(world) == []
        assert computed(world)
        assert stored(world, TABLE).is_empty()


def test_many_portfolios_are_computed_some_at_a_time(grouped: World, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {name: number for number, name in enumerate("ABCDEF", 1)}
    for day in (THIRD, FOURTH):
        lines = [valued(name, day, 100, 100 + number, of=f"P{number}/X{number % 2}") for name, number in numbers.items()]
        deliver(grouped, f"acme_{day}.csv", *lines)
    monkeypatch.setattr(contributions, "_ROWS_AT_ONCE", 3)
    monkeypatch.setattr(contributions, "_DAYS_OF_A_YEAR", 1)
    assert computed(grouped)
    assert assert_contributions_add_up(grouped).height == 12


# what is cut short, and what comes meanwhile -------------------------------------------------------------------------


def test_a_write_that_is_cut_short_has_done_nothing_and_the_next_run_does_all(grouped: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(grouped, "acme_1.csv", valued("A", THIRD, 100, 110), valued("B", THIRD, 100, 100))

    def broken(_connection: Any, notes: Any, *_: object) -> None:
        if notes is GROUPS:
            raise RuntimeError("the process ends here")

    with monkeypatch.context() as patched:
        patched.setattr(statistics_store, "strike_off_changes", broken)
        assert not compute(grouped).success
    assert stored(grouped, TABLE).is_empty()
    assert len(waiting(grouped)) == 2
    assert isinstance(grouped.tick("firm_performance"), dg.RunRequest)
    assert computed(grouped)
    assert (stored(grouped, TABLE).height, waiting(grouped)) == (4, [])


def test_what_is_published_while_contributions_are_computed_stays_noted(grouped: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(grouped, "acme_1.csv", valued("A", THIRD, 100, 110))
    replace = statistics_store._replace

    def meanwhile(*arguments: Any) -> Any:
        with psycopg.connect(grouped.platform.warehouse.url) as other:
            note_changes(other, GROUPS, "acme", pl.DataFrame({"level": ["CLIENT"], "group_id": ["X"], "first_date": [SIXTH]}))
        return replace(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(statistics_store, "_replace", meanwhile)
        assert computed(grouped)
    assert waiting(grouped) == [("CLIENT", "X", THIRD)]


def test_other_conventions_have_all_contributions_computed_again(grouped: World, tmp_path: Path) -> None:
    deliver(grouped, "acme_1.csv", valued("A", THIRD, 100, 110), valued("B", THIRD, 100, 150, into=50))
    assert computed(grouped)
    assert isinstance(grouped.tick("firm_performance"), dg.SkipReason)
    later = {**GROUPED, "conventions": {"flow_timing": "end_of_day", "fee_basis": "net"}}
    again = grouped.with_feed(tmp_path / "later", **later)
    assert again.run_pipeline(THIRD, THIRD).success
    assert isinstance(again.tick("firm_performance"), dg.RunRequest)
    assert computed(again)
    found = assert_contributions_add_up(again).filter(level="PORTFOLIO")
    assert found["contribution_mtd"].to_list() == [0.05, 0]
    assert isinstance(again.tick("firm_performance"), dg.SkipReason)


def test_the_sensor_asks_for_portfolios_whose_accounts_are_computed_already(grouped: World) -> None:
    deliver(grouped, "acme_1.csv", valued("A", THIRD, 100, 110))
    assert computed(grouped)
    assert isinstance(grouped.tick("firm_performance"), dg.SkipReason)
    with psycopg.connect(grouped.platform.warehouse.url) as other:
        note_changes(other, GROUPS, "acme", pl.DataFrame({"level": ["PORTFOLIO"], "group_id": ["P"], "first_date": [THIRD]}))
    assert isinstance(grouped.tick("firm_performance"), dg.RunRequest)


def test_a_window_that_cannot_be_read_says_which_and_leaves_the_notes(grouped: World) -> None:
    deliver(grouped, "acme_1.csv", valued("A", THIRD, 100, 110))
    lake = grouped.platform.lake
    rows = lake.read_partitions("portfolio_performance", "acme", "window", [str(THIRD)])
    lake.write_partitions("portfolio_performance", "acme", "window", {str(THIRD): rows.drop("inception_date")})
    result = compute(grouped)
    assert not result.success
    assert "cannot give portfolio_performance of acme" in why(result)[0]
    assert len(waiting(grouped)) == 2
    lake.write_partitions("portfolio_performance", "acme", "window", {str(THIRD): rows})
    assert computed(grouped)
    assert waiting(grouped) == []
