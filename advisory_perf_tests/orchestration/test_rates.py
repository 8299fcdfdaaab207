"""Exchange rates through a whole installation: from a file to the published table, restated, in any order, and tried again."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from advisory_perf.errors import SettingsError
from advisory_perf_tests.instances import forgetful
from advisory_perf_tests.orchestration.scenarios import DELIVERY, World, checks, settings_with_acme

pytestmark = pytest.mark.slow

FEED = "fixings"
HEADER = "Base,Quote,Day,Rate\n"
THIRD, FOURTH = date(2025, 3, 3), date(2025, 3, 4)


def fixings() -> dict[str, Any]:
    """A feed of rates of a vendor that sends positions, too."""
    return {
        "dataset": "rates",
        "vendor": "acme",
        "name": FEED,
        "title": "Acme's fixings",
        "cadence": "daily",
        "first_window": "2020-01-01",
        "files": {"patterns": ["fx_*"], "format": "csv", "version": r"_v(\d+)$"},
        "columns": {"base_currency": "Base", "quote_currency": "Quote", "as_of_date": "Day", "rate": "Rate"},
    }


@contextmanager
def a_world(folder: Path, warehouse_url: str, feed: dict[str, Any] | None = None, **settings_of: Any) -> Iterator[World]:
    """An installation that knows acme's positions and acme's rates."""
    settings = settings_with_acme(folder, warehouse_url, feed=feed, log_level="CRITICAL", **settings_of)
    (folder / "feeds" / f"{FEED}.yaml").write_text(json.dumps(fixings()), encoding="utf-8")
    with forgetful() as instance:
        yield World.of(settings, instance)


def load(world: World, name: str, *lines: str) -> None:
    assert world.ingest(name, HEADER + "".join(f"{line}\n" for line in lines), FEED).success
    world.run_pending_pipeline(FEED)


def published(world: World) -> list[tuple[Any, ...]]:
    columns = "base_currency, quote_currency, as_of_date, rate, data_source, file_name"
    return world.platform.warehouse.query(f"SELECT {columns} FROM exchange_rates ORDER BY 3, 1, 2").rows()


def issues(world: World) -> list[tuple[Any, ...]]:
    return world.platform.warehouse.query("SELECT issue_type, as_of_date, actual_value FROM data_quality_issues ORDER BY 1, 2, 3").rows()


def test_rates_are_published_to_the_last_digit_and_what_is_no_rate_is_quarantined(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        lines = [
            "EUR,USD,2025-03-03,1.0837",
            "USD,JPY,2025-03-03,149.2512345678",
            "JPY,USD,2025-03-03,0.0067",
            "EUR,CHF,2025-03-03,0",
            "GBP,USD,2025-03-03,-1.29",
            "EUR,EUR,2025-03-03,1",
            "EUR,XXY,2025-03-03,1.5",
            "EUR,SEK,2025-03-03,10.98765432101",
            "EUR,NOK,2025-03-03,x",
            "EUR,DKK,2025-03-03,",
        ]
        load(world, "fx_1.csv", *lines)
        assert published(world) == [
            ("EUR", "USD", THIRD, Decimal("1.0837000000"), "acme", "fx_1.csv"),
            ("JPY", "USD", THIRD, Decimal("0.0067000000"), "acme", "fx_1.csv"),
            ("USD", "JPY", THIRD, Decimal("149.2512345678"), "acme", "fx_1.csv"),
        ]
        quarantined = world.platform.warehouse.query("SELECT line_number, issue_type FROM data_quality_issues ORDER BY 1").rows()
        assert quarantined == [
            (5, "E_RATE"), (6, "E_RATE"), (7, "E_RATE"), (8, "E_CURRENCY"), (9, "E_PRECISION"), (10, "E_NUMBER"), (11, "E_REQUIRED")
        ]  # fmt: skip
        (entry,) = world.platform.ledger.entries(FEED)
        assert (entry.status, entry.records_processed, entry.records_failed, entry.pending_first_date) == (
            "COMPLETED_WITH_ISSUES",
            3,
            7,
            None,
        )


def test_a_restated_rate_takes_the_place_of_the_other_and_a_rerun_touches_nothing(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        load(world, "fx_1.csv", "EUR,USD,2025-03-03,1.08", "EUR,CHF,2025-03-03,0.94")
        load(world, "fx_2.csv", "EUR,USD,2025-03-04,1.45", "USD,EUR,2025-03-04,0.9")
        assert issues(world) == [("DQ_RATE_INVERSE", FOURTH, "1.4500000000"), ("DQ_RATE_JUMP", FOURTH, "1.4500000000")]
        before = world.rows("exchange_rates"), world.rows("data_quality_issues")
        again = world.run_pipeline(THIRD, FOURTH, FEED)
        assert again.success
        assert {name for name, one in checks(again).items() if not one.passed} == {"rates_continue", "rates_agree"}
        assert (world.rows("exchange_rates").equals(before[0]), world.rows("data_quality_issues").equals(before[1])) == (True, True)
        load(world, "fx_2_v2.csv", "EUR,USD,2025-03-04,1.11")
        assert [row[:4] for row in published(world)] == [
            ("EUR", "CHF", THIRD, Decimal("0.94")),
            ("EUR", "USD", THIRD, Decimal("1.08")),
            ("EUR", "USD", FOURTH, Decimal("1.11")),
            ("USD", "EUR", FOURTH, Decimal("0.9")),
        ]
        assert issues(world) == []
        kept = world.rows("exchange_rates").join(before[0], on=["base_currency", "quote_currency", "as_of_date"], suffix="_before")
        unchanged = kept.filter(as_of_date=THIRD)
        assert unchanged["updated_at"].to_list() == unchanged["updated_at_before"].to_list(), "rows that are the same stay as they were"


def test_any_order_of_arrival_and_any_runs_publish_the_same(tmp_path: Path, warehouse_url: str) -> None:
    files = {
        "fx_1.csv": ["EUR,USD,2025-03-03,1.08", "EUR,CHF,2025-03-03,0.94"],
        "fx_2.csv": ["EUR,USD,2025-03-04,1.45", "USD,EUR,2025-03-04,0.9"],
        "fx_3.csv": ["EUR,USD,2025-03-05,1.07", "EUR,CHF,2025-03-05,0.5"],
    }
    ends = []
    with a_world(tmp_path, warehouse_url) as world:
        for order, at_once in itertools.product((list(files), ["fx_3.csv", "fx_1.csv", "fx_2.csv"]), (False, True)):
            with world.administrator.connect() as connection:
                connection.execute("TRUNCATE etl_processing_log, exchange_rates, exchange_rates_history CASCADE")
            world.platform.lake.delete(file.path for file in world.platform.lake.files(""))
            for name in order:
                assert world.ingest(name, HEADER + "".join(f"{line}\n" for line in files[name]), FEED).success
                if not at_once:
                    world.run_pending_pipeline(FEED)
            if at_once:
                world.run_pending_pipeline(FEED)
            ends.append((published(world), issues(world)))
    assert all(end == ends[0] for end in ends)
    assert [code for code, *_ in ends[0][1]] == ["DQ_RATE_INVERSE", "DQ_RATE_JUMP", "DQ_RATE_JUMP", "DQ_RATE_JUMP"]


def test_positions_of_the_vendor_are_published_beside_its_rates(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        load(world, "fx_1.csv", "EUR,USD,2025-03-03,1.08")
        assert world.ingest("acme_1.csv", DELIVERY).success
        world.run_pending_pipeline()
        load(world, "fx_2.csv", "EUR,USD,2025-03-05,1.09")
        assert world.rows("performance_data").height == 3
        assert len(published(world)) == 2
        assert {entry.status for entry in world.platform.ledger.entries()} == {"COMPLETED"}


# returns in a reporting currency ----------------------------------------------------------------------------------------

IN_DOLLARS: dict[str, Any] = {
    "feed": {"currency": None, "columns": {"currency": "cur"}},
    "reporting_currency": "USD",
    "rates_source": "acme",
}
POSITIONS = {
    3: "E,2025-03-03,990.00,0.00,0.00,10.00,1000.00,,EUR\nU,2025-03-03,500.00,0.00,0.00,0.00,500.00,,USD\n",
    4: "E,2025-03-04,1000.00,0.00,0.00,10.00,1010.00,,EUR\nU,2025-03-04,500.00,0.00,0.00,5.00,505.00,,USD\n",
    6: "E,2025-03-06,1010.00,0.00,0.00,0.00,1010.00,,EUR\n",
}
RATES = {3: "EUR,USD,2025-03-03,1.10\n", 4: "EUR,USD,2025-03-04,1.12\n", 6: "EUR,USD,2025-03-06,1.05\n"}


def positions(world: World, day: int, content: str) -> None:
    assert world.ingest(f"acme_{day}.csv", "id,day,bmv,in,out,gain,emv,twr,cur\n" + content).success
    world.run_pending_pipeline()


def rates(world: World, day: int, content: str) -> None:
    assert world.ingest(f"fx_{day}.csv", HEADER + content, FEED).success
    world.run_pending_pipeline(FEED)


def returns(world: World) -> list[tuple[Any, ...]]:
    """Account, day, return, reporting return and effect in percent, and why, as printed to four digits."""
    rows = world.platform.warehouse.query(
        "SELECT account_id, as_of_date, calculated_twrr, reporting_return, currency_effect, conversion_status FROM currency_returns"
        " ORDER BY 1, 2"
    ).rows()
    return [(*row[:2], *(None if each is None else f"{100 * each:.4f}" for each in row[2:5]), row[5]) for row in rows]


WANTED = [
    ("E", THIRD, "1.0101", None, None, "MISSING_DATE"),
    ("E", FOURTH, "1.0000", "2.8364", "1.8182", "OK"),
    ("E", date(2025, 3, 6), "0.0000", "-6.2500", "-6.2500", "OK"),
    ("U", THIRD, "0.0000", "0.0000", "0.0000", "OK"),
    ("U", FOURTH, "1.0000", "1.0000", "0.0000", "OK"),
]


def test_returns_in_both_currencies_are_the_same_whichever_comes_first(tmp_path: Path, warehouse_url: str) -> None:
    """1,000 that become 1,010 EUR at 1.10 and 1.12; then 1,010 at 1.12 and 1.05: 1.05 / 1.12 - 1 = -6.25 %."""
    orders = (["p3", "r3", "p4", "r4", "p6", "r6"], ["r6", "r3", "p6", "p4", "r4", "p3"])
    with a_world(tmp_path, warehouse_url, **IN_DOLLARS) as world:
        for order in orders:
            with world.administrator.connect() as connection:
                connection.execute(
                    "TRUNCATE etl_processing_log, exchange_rates, exchange_rates_history, currency_returns, performance_data,"
                    " reconciliation_results, accounts CASCADE"
                )
                connection.execute("SELECT refresh_daily_vendor_totals()")
            world.platform.lake.delete(file.path for file in world.platform.lake.files(""))
            for kind, day in ((each[0], int(each[1:])) for each in order):
                positions(world, day, POSITIONS[day]) if kind == "p" else rates(world, day, RATES[day])
            assert returns(world) == WANTED, order
        before = world.rows("currency_returns")
        assert world.run_pipeline(THIRD, date(2025, 3, 6)).success
        assert world.run_pipeline(THIRD, date(2025, 3, 6), FEED).success
        assert world.rows("currency_returns").equals(before), "a rerun touches nothing"
        rates(world, 44, "EUR,USD,2025-03-04,1.20\n")
        assert [row[3:5] for row in returns(world)[1:3]] == [("10.1818", "9.0909"), ("-12.5000", "-12.5000")]


def test_a_day_without_a_rate_has_no_return_in_the_reporting_currency(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, **IN_DOLLARS) as world:
        rates(world, 3, RATES[3])
        positions(world, 3, POSITIONS[3])
        positions(world, 4, POSITIONS[4])
        assert returns(world)[1] == ("E", FOURTH, "1.0000", None, None, "MISSING_RATE")
        rates(world, 4, "USD,EUR,2025-03-04,0.90\n")
        assert returns(world)[1] == ("E", FOURTH, "1.0000", None, None, "MISSING_RATE"), "none is turned round"


def test_without_a_reporting_currency_none_is_kept(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        rates(world, 3, RATES[3])
        assert world.ingest("acme_1.csv", DELIVERY).success
        world.run_pending_pipeline()
        assert world.rows("currency_returns").is_empty()


@pytest.mark.parametrize(
    ("source", "known"),
    [("fixings", r"set it to one of acme$"), ("beta", r"ADVISORY_PERF_RATES_SOURCE is beta, which has no feed of rates")],
)
def test_a_source_of_rates_that_has_none_is_refused_with_those_that_have(
    tmp_path: Path, warehouse_url: str, source: str, known: str
) -> None:
    with pytest.raises(SettingsError, match=known), a_world(tmp_path, warehouse_url, **{**IN_DOLLARS, "rates_source": source}):
        pass
