"""Statistics of accounts and composites, from deliveries to the published tables, through the job that computes them."""

import json
import statistics
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import psycopg
import pytest

from advisory_perf.contracts.firm_tables import ACCOUNT_STATISTICS, COMPOSITE_TABLES, FIRM_TABLES
from advisory_perf.orchestration.assets.above_the_account import JOB_NAME
from advisory_perf.orchestration.run_history import reason_of
from advisory_perf.platform import pipeline_lock
from advisory_perf.positions import statistics_store
from advisory_perf.positions.statistics_notes import ACCOUNTS, note_changes, noted_changes
from advisory_perf.warehouse.locks import Locks
from advisory_perf_tests.orchestration.scenarios import World, a_world, csv
from advisory_perf_tests.performance.exact import month_end

pytestmark = pytest.mark.slow

FIRST = date(2022, 1, 1)
Values = dict[str, list[tuple[date, str, str]]]


def end_of(number: int) -> date:
    """The last day of a month, counted from January 2022."""
    return month_end(date(2022 + number // 12, number % 12 + 1, 1))


def line(account: str, number: int, begin: str, end: str) -> str:
    """A month of an account without flows."""
    gain, earned = Decimal(end) - Decimal(begin), Decimal(end) / Decimal(begin) - 1
    return f"{account},{end_of(number)},{begin},0.00,0.00,{gain:.2f},{end},{earned:.6f}"


def months_of(account: str, values: dict[int, str], first: int, last: int, *, start: str = "1000.00") -> list[str]:
    """An account that is worth the same but in the months of which ``values`` has another value."""
    lines, before = [], start
    for number in range(first, last + 1):
        value = values.get(number, before)
        lines.append(line(account, number, before, value))
        before = value
    return lines


@pytest.fixture
def monthly(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """An installation whose one further feed has month ends; nothing has been delivered."""
    with a_world(tmp_path, warehouse_url, feed={"cadence": "monthly"}) as world:
        yield world


def deliver(world: World, name: str, lines: Sequence[str]) -> None:
    assert world.ingest(name, csv(*lines)).success
    world.run_pending_pipeline()


def compute(world: World) -> dg.ExecuteInProcessResult:
    """One run of the job."""
    return world.compute_above_the_account()


def computed(world: World) -> bool:
    """One run of the job, that goes well."""
    result = compute(world)
    assert (result.success, why(result)) == (True, [])
    return True


def why(result: dg.ExecuteInProcessResult) -> list[str]:
    """Why the steps of a run failed."""
    return [reason_of(event) for event in result.all_events if event.is_step_failure]


def declare(world: World, name: str, members: Sequence[dict[str, Any]], **said: Any) -> Path:
    usual = {"description": "d", "currency": "USD", "benchmark": None, "weighting": "beginning_value", "created": FIRST, "inception": FIRST}
    stays = [{"from": FIRST, "reason": "r", **stay} for stay in members]
    path = world.platform.settings.home / "composites" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"composite": name, **usual, "members": stays, **said}, default=str), encoding="utf-8")
    return path


def stored(world: World, table: str, *, times: bool = False) -> pl.DataFrame:
    known = next(each for each in FIRM_TABLES if each.name == table)
    rows = world.platform.warehouse.query(f"SELECT * FROM {table}").sort(known.key)
    return rows if times else rows.drop("updated_at")


def waiting(world: World) -> list[tuple[str, date]]:
    return world.platform.warehouse.query("SELECT account_id, first_date FROM statistics_pending ORDER BY 1").rows()


SIX = {"A": "1050.00", "B": "1060.00", "C": "1070.00", "D": "1080.00", "E": "1140.00", "F": "1080.00"}
"""What accounts of 1,000 are worth from January 2024 on: 5, 6, 7, 8, 14 and 8 %."""
TWO = {"G": ("100.00", "102.00"), "H": ("300.00", "318.00")}
"""2 % and 6 % of 100 and 300 in January 2024: 5 %."""


def a_book(last: int = 37) -> list[str]:
    """Three years and more of eight accounts."""
    lines = [each for account, value in SIX.items() for each in months_of(account, {24: value}, 0, last)]
    return lines + [each for name, (begin, end) in TWO.items() for each in months_of(name, {24: end}, 0, last, start=begin)]


def test_every_figure_comes_out_through_the_published_tables(monthly: World) -> None:
    declare(
        monthly,
        "six",
        [{"account": name} for name in SIX],
        benchmark="B",
        benchmark_returns={f"2024-{number:02}": 0.01 for number in range(1, 13)},
    )
    declare(monthly, "five", [{"account": name} for name in "ABCDE"])
    declare(monthly, "two", [{"account": name} for name in TWO])
    declare(monthly, "sum", [{"account": name} for name in TWO], weighting="aggregate")
    deliver(monthly, "acme_1.csv", a_book())
    assert computed(monthly)
    in_january = stored(monthly, "composite_performance").filter(pl.col("month") == end_of(24))
    assert dict(in_january.select("composite", "net_return").rows()) == {
        "six": pytest.approx(0.08),
        "five": pytest.approx(0.08),
        "two": pytest.approx(0.05),
        "sum": pytest.approx(0.05),
    }
    years = stored(monthly, "composite_report").filter(pl.col("year") == 2024, pl.col("fee_basis") == "net")
    six, five = (years.filter(pl.col("composite") == name).row(0, named=True) for name in ("six", "five"))
    earned = [float(value) / 1000 - 1 for value in SIX.values()]
    assert six["dispersion_equal_population"] == pytest.approx(statistics.pstdev(earned))
    assert six["dispersion_equal_sample"] == pytest.approx(statistics.stdev(earned))
    assert six["dispersion_asset_sample"] == pytest.approx(statistics.stdev(earned)), "all began with the same value"
    assert [six[name] for name in ("high", "low", "median")] == pytest.approx([0.14, 0.05, 0.075])
    assert (five["dispersion_members"], five["dispersion_equal_population"], five["high"]) == (5, None, None), "five or fewer have none"
    assert (six["net_return"], six["gross_return"], six["months"], six["portfolios"]) == (pytest.approx(0.08), pytest.approx(0.08), 12, 6)
    assert six["benchmark_return"] == pytest.approx(1.01**12 - 1)
    assert six["three_year_deviation"] == pytest.approx(statistics.stdev([0.0] * 35 + [0.08]) * 12**0.5)
    assert six["benchmark_three_year_deviation"] is None, "its returns of two years are not known"
    assert (six["composite_assets"], six["firm_assets"]) == (Decimal(6480), Decimal(6900))
    assert six["percentage_of_firm_assets"] == pytest.approx(6480 / 6900)
    account = stored(monthly, "account_statistics").filter(pl.col("account_id") == "E", pl.col("month") == end_of(35)).row(0, named=True)
    assert (account["net_1y"], account["net_3y"]) == (pytest.approx(0.14), pytest.approx(1.14 ** (1 / 3) - 1))
    assert (account["net_si"], account["net_5y"], account["max_drawdown"]) == (pytest.approx(1.14 ** (365.25 / 1096) - 1), None, 0)
    assert account["volatility"] == pytest.approx(statistics.stdev([0.0] * 35 + [0.14]) * 12**0.5)
    assert stored(monthly, "composite_members").filter(pl.col("composite") == "six").height == 6 * 38


def test_only_what_changed_is_written_and_a_run_more_changes_nothing(monthly: World) -> None:
    declare(monthly, "two", [{"account": name} for name in TWO])
    deliver(monthly, "acme_1.csv", a_book())
    assert waiting(monthly) == [(name, end_of(0)) for name in "ABCDEFGH"]
    assert computed(monthly)
    before = {table.name: stored(monthly, table.name, times=True) for table in FIRM_TABLES}
    assert waiting(monthly) == []
    assert computed(monthly)
    assert all(stored(monthly, name, times=True).equals(rows) for name, rows in before.items())
    deliver(monthly, "acme_2.csv", [line("A", 30, "1050.00", "1100.00"), line("A", 31, "1100.00", "1050.00")])
    assert waiting(monthly) == [("A", end_of(30))]
    assert computed(monthly)
    after = stored(monthly, "account_statistics", times=True)
    rewritten = after.join(before["account_statistics"], on=["data_source", "account_id", "month", "updated_at"], how="anti")
    assert set(rewritten["account_id"]) == {"A"}
    assert rewritten["month"].to_list() == [end_of(number) for number in range(30, 38)], "no month before, and each that trails"
    assert after.height == before["account_statistics"].height
    for table in COMPOSITE_TABLES:
        assert stored(monthly, table.name, times=True).equals(before[table.name]), "no member changed, nor the firm at a year's end"


def test_an_account_that_is_withdrawn_has_no_statistics(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed={"cadence": "monthly", "delivers": "full"}) as world:
        deliver(world, "acme_1.csv", [line("A", 0, "100.00", "110.00"), line("B", 0, "100.00", "110.00")])
        deliver(world, "acme_2.csv", [line("A", 1, "110.00", "120.00"), line("B", 1, "110.00", "120.00")])
        assert computed(world)
        assert stored(world, "account_statistics")["account_id"].to_list() == ["A", "A", "B", "B"]
        deliver(world, "acme_3.csv", [line("A", 1, "110.00", "120.00")])
        assert computed(world)
        found = stored(world, "account_statistics").select("account_id", "month").rows()
        assert found == [("A", end_of(0)), ("A", end_of(1)), ("B", end_of(0))]
        deliver(world, "acme_4.csv", [line("A", 0, "100.00", "110.00")])
        assert computed(world)
        assert stored(world, "account_statistics")["account_id"].to_list() == ["A", "A"]
        deliver(world, "acme_5.csv", [line("A", 0, "100.00", "110.00"), line("C", 0, "100.00", "110.00")])
        deliver(world, "acme_6.csv", [line("A", 1, "110.00", "120.00"), line("C", 1, "110.00", "120.00")])
        assert computed(world)
        deliver(world, "acme_7.csv", [line("A", 0, "100.00", "110.50")])
        assert computed(world)
        of_c = stored(world, "account_statistics").filter(account_id="C")["month"].to_list()
        assert of_c == [end_of(1)], "its first month is withdrawn, and goes though nothing before it is computed"


def parts(last: int = 14) -> list[list[str]]:
    """Deliveries of four accounts over fifteen months: by quarters, and a restatement of the second."""
    lines = [
        each for number, name in enumerate("ABCD") for each in months_of(name, {3: "1010.00", 7: f"10{number}0.00", 13: "990.00"}, 0, last)
    ]
    quarters = [[each for each in lines if first <= _month_of(each) < first + 5] for first in (0, 5, 10)]
    return [*quarters, [line("B", 3, "1000.00", "1020.00"), line("B", 4, "1020.00", "1010.00")]]


def _month_of(text: str) -> int:
    day = date.fromisoformat(text.split(",")[1])
    return (day.year - 2022) * 12 + day.month - 1


def test_the_tables_are_the_same_for_any_order_and_whichever_runs_there_were(
    tmp_path: Path, warehouse_url: str, second_warehouse_url: str
) -> None:
    orders = {"one": ([0, 1, 2, 3], True, warehouse_url), "other": ([2, 0, 1, 3], False, second_warehouse_url)}
    found = {}
    for name, (order, each_time, url) in orders.items():
        (tmp_path / name).mkdir()
        with a_world(tmp_path / name, url, feed={"cadence": "monthly"}) as world:
            declare(world, "all", [{"account": account} for account in "ABCD"], weighting="aggregate")
            declare(world, "some", [{"account": "A"}, {"account": "B", "from": date(2022, 3, 2)}])
            for number in order:
                deliver(world, f"acme_{number}.csv", parts()[number])
                if each_time:
                    assert computed(world)
            assert computed(world)
            assert waiting(world) == []
            found[name] = {table.name: stored(world, table.name) for table in FIRM_TABLES}
    assert found["one"].pop("portfolio_contributions").is_empty(), "the feed's files name no portfolio"
    for table in (ACCOUNT_STATISTICS, *COMPOSITE_TABLES):
        assert found["one"][table.name].height
        assert found["one"][table.name].equals(found["other"][table.name]), table.name


def test_a_write_that_is_cut_short_has_done_nothing_and_the_next_run_does_all(monthly: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(monthly, "acme_1.csv", parts()[0])

    def broken(*_: object) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patched:
        patched.setattr(statistics_store, "computed_now", broken)
        assert not compute(monthly).success
    assert stored(monthly, "account_statistics").is_empty()
    assert len(waiting(monthly)) == 4
    assert computed(monthly)
    assert (stored(monthly, "account_statistics").height, waiting(monthly)) == (20, [])


def test_what_is_published_while_statistics_are_computed_stays_noted(monthly: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(monthly, "acme_1.csv", parts()[0])
    replace = statistics_store._replace

    def meanwhile(*arguments: Any) -> Any:
        with psycopg.connect(monthly.platform.warehouse.url) as other:
            note_changes(other, ACCOUNTS, "acme", pl.DataFrame({"account_id": ["B"], "first_date": [end_of(2)]}))
        return replace(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(statistics_store, "_replace", meanwhile)
        assert computed(monthly)
    with monthly.platform.warehouse.connect() as connection:
        assert noted_changes(connection, ACCOUNTS, "acme").select("account_id", "first_date").rows() == [("B", end_of(0))]


def test_other_conventions_have_all_accounts_computed_again(monthly: World, tmp_path: Path) -> None:
    deliver(monthly, "acme_1.csv", parts()[0])
    assert computed(monthly)
    before = stored(monthly, "account_statistics", times=True)
    assert isinstance(monthly.tick("firm_performance"), dg.SkipReason)
    counted = {"weekends": True, "cadence": "monthly"}
    again = monthly.with_feed(tmp_path / "fixed", **counted)
    assert isinstance(again.tick("firm_performance"), dg.RunRequest)
    assert computed(again)
    assert stored(again, "account_statistics", times=True).equals(before), "the same figures keep their time"
    assert isinstance(again.tick("firm_performance"), dg.SkipReason)


def test_a_vendor_whose_pipeline_runs_is_left_for_later_and_two_runs_do_not_meet(monthly: World) -> None:
    deliver(monthly, "acme_1.csv", parts()[0])
    with Locks(monthly.platform.warehouse) as locks:
        assert locks.take(pipeline_lock("acme"))
        assert computed(monthly)
        assert (stored(monthly, "account_statistics").height, len(waiting(monthly))) == (0, 4)
    with Locks(monthly.platform.warehouse) as locks:
        assert locks.take("statistics all")
        assert not compute(monthly).success
    assert computed(monthly)
    assert waiting(monthly) == []


def test_a_window_without_a_column_that_is_needed_holds_up_its_own_vendor_only(monthly: World) -> None:
    deliver(monthly, "acme_1.csv", [line("A", 0, "100.00", "110.00"), line("A", 1, "110.00", "120.00")])
    lake, key = monthly.platform.lake, end_of(0).replace(day=1).isoformat()
    rows = lake.read_partitions("performance_data", "acme", "window", [key])
    lake.write_partitions("performance_data", "acme", "window", {key: rows.drop("is_closed")})
    with psycopg.connect(monthly.platform.warehouse.url) as other:
        note_changes(other, ACCOUNTS, "vendor_a", pl.DataFrame({"account_id": ["gone"], "first_date": [end_of(0)]}))
    result = compute(monthly)
    assert not result.success
    assert "cannot give performance_data of acme" in why(result)[0]
    assert waiting(monthly) == [("A", end_of(0))], "the other vendor's are done"
    lake.write_partitions("performance_data", "acme", "window", {key: rows})
    assert computed(monthly)
    assert stored(monthly, "account_statistics").height == 2


# the sensor -----------------------------------------------------------------------------------------------------------


def test_the_sensor_asks_once_what_is_published_is_not_computed_yet(monthly: World) -> None:
    assert isinstance(monthly.tick("firm_performance"), dg.SkipReason)
    assert monthly.ingest("acme_1.csv", csv(*parts()[0])).success
    assert isinstance(monthly.tick("firm_performance"), dg.SkipReason), "nothing is published yet"
    monthly.run_pending_pipeline()
    request = monthly.tick("firm_performance")
    assert isinstance(request, dg.RunRequest)
    assert monthly.ingest("acme_2.csv", csv(*parts()[1])).success
    assert isinstance(monthly.tick("firm_performance"), dg.SkipReason), "its pipeline is still to run"
    monthly.run_pending_pipeline()
    assert monthly.tick("firm_performance").run_key != request.run_key
    assert computed(monthly)
    assert isinstance(monthly.tick("firm_performance"), dg.SkipReason)
    declare(monthly, "two", [{"account": "A"}])
    assert isinstance(monthly.tick("firm_performance"), dg.RunRequest), "a composite was declared"


def test_a_composite_that_is_wrong_is_named_and_reported_and_holds_up_no_statistics(monthly: World) -> None:
    path = declare(monthly, "two", [{"account": "A"}], weighting="equal")
    deliver(monthly, "acme_1.csv", parts()[0])
    for attempt in (1, 2, 3):
        request = monthly.tick("firm_performance")
        assert isinstance(request, dg.RunRequest), attempt
        result = monthly.run_request(dg.RunRequest(job_name=JOB_NAME, run_key=request.run_key, tags=request.tags))
        assert not result.success
        assert why(result) == [f"{path}: weighting: Input should be 'beginning_value' or 'aggregate'"]
        assert stored(monthly, "account_statistics").height == 20
        monthly.clock.ahead += timedelta(minutes=10)
    # the first run had statistics to compute besides, so that its subject was another
    request = monthly.tick("firm_performance")
    if isinstance(request, dg.RunRequest):
        monthly.run_request(dg.RunRequest(job_name=JOB_NAME, run_key=request.run_key, tags=request.tags))
    assert isinstance(monthly.tick("firm_performance"), dg.SkipReason)
    monthly.tick("watch")
    alerts = monthly.platform.warehouse.query("SELECT code, message FROM open_alerts")
    (message,) = alerts.filter(pl.col("code") == "STATISTICS_FAILED")["message"]
    assert f"{path}: weighting" in message
    path.write_text(path.read_text().replace("equal", "beginning_value"), encoding="utf-8")
    assert isinstance(monthly.tick("firm_performance"), dg.RunRequest)
    monthly.tick("watch")
    assert "STATISTICS_FAILED" not in monthly.platform.warehouse.query("SELECT code FROM open_alerts")["code"].to_list()
    assert computed(monthly)
    assert stored(monthly, "composite_performance").height == 5
    path.unlink()
    assert isinstance(monthly.tick("firm_performance"), dg.RunRequest)
    assert computed(monthly)
    assert all(stored(monthly, table.name).is_empty() for table in COMPOSITE_TABLES)
    assert isinstance(monthly.tick("firm_performance"), dg.SkipReason)
