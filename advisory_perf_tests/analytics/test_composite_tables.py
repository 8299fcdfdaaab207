"""Composites as they are published, of months of accounts that several vendors may have by one number."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from advisory_perf.analytics.composite_file import (
    UNKNOWN_VENDOR,
    Composite,
    benchmarks_of,
    digest_of,
    membership_of,
    read_composites,
    with_vendors,
)
from advisory_perf.analytics.composite_report import REPORT
from advisory_perf.analytics.composite_tables import Aggregated, CompositeTables, composite_tables, firm_assets
from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import Cadence, Deviation
from advisory_perf.contracts.firm_tables import ACCOUNT_STATISTICS, COMPOSITE_REPORT, COMPOSITE_TABLES
from advisory_perf.errors import CompositeError
from advisory_perf_tests.analytics.scenarios import book, conventions, row
from advisory_perf_tests.analytics.test_composite_file import changed, written
from advisory_perf_tests.analytics.test_composites import end_of
from advisory_perf_tests.performance.scenarios import a_schedule

NOBODY = pl.DataFrame(schema={"data_source": pl.String(), "account_id": pl.String()})
NO_ASSETS = pl.DataFrame(schema={"month": pl.Date(), "currency": pl.String(), "firm_assets": MONEY})


def composite(name: str = "C", *, members: list[dict[str, Any]], **said: Any) -> Composite:
    """A composite in euros since 2024, whose members join on its first day unless they say otherwise."""
    usual = {"description": "d", "currency": "EUR", "benchmark": None, "weighting": "beginning_value", "created": "2024-01-01"}
    stays = [{"from": "2024-01-01", "reason": "r", **stay} for stay in members]
    return Composite.model_validate({"composite": name, **usual, "inception": "2024-01-01", "members": stays, **said})


def months(*rows: tuple[str, str, int, Any, float | None], currency: str = "EUR") -> pl.DataFrame:
    """Statistics of accounts from (vendor, account, month, beginning value, net return), as far as composites need them."""
    known = {
        "data_source": [vendor for vendor, *_ in rows],
        "account_id": [account for _, account, *_ in rows],
        "month": [end_of(number) for *_, number, _, _ in rows],
        "beginning_market_value": pl.Series([Decimal(begin) for *_, begin, _ in rows], dtype=MONEY),
        "ending_market_value": pl.Series([Decimal(begin) for *_, begin, _ in rows], dtype=MONEY),
        "currency": [currency] * len(rows),
        "gross_return": pl.Series([value for *_, value in rows], dtype=pl.Float64()),
        "net_return": pl.Series([value for *_, value in rows], dtype=pl.Float64()),
    }
    return pl.DataFrame(known, schema_overrides={"data_source": pl.String(), "account_id": pl.String(), "month": pl.Date()})


def tables(*composites: Composite, of: pl.DataFrame, assets: pl.DataFrame = NO_ASSETS, **aggregated: Aggregated) -> CompositeTables:
    stays = with_vendors(
        membership_of(composites), of.select("data_source", "account_id"), {one.composite: Path("f") for one in composites}
    )
    return composite_tables(composites, stays, of, firm_assets=assets, aggregated=aggregated, deviation=Deviation.SAMPLE)


def test_without_composites_there_are_three_empty_tables() -> None:
    found = tables(of=ACCOUNT_STATISTICS.empty())
    for table, frame in zip(COMPOSITE_TABLES, (found.performance, found.members, found.report), strict=True):
        assert (frame.height, frame.schema) == (0, table.polars_schema)


def test_the_tables_have_the_types_of_the_data_dictionary_and_the_columns_of_the_report() -> None:
    found = tables(composite(members=[{"account": "1"}]), of=months(("x", "1", 0, 100, 0.01)))
    for table, frame in zip(COMPOSITE_TABLES, (found.performance, found.members, found.report), strict=True):
        assert frame.height, table.name
        assert frame.schema == table.polars_schema
    assert [column.name for column in REPORT] == [name for name in COMPOSITE_REPORT.column_names if name != "fee_basis"]


def test_an_account_is_known_by_its_vendor_and_number() -> None:
    of = months(("x", "1", 0, 100, 0.02), ("y", "1", 0, 300, 0.06), ("y", "2", 0, 100, 0.5))
    both = composite(members=[{"account": "1", "vendor": "x"}, {"account": "1", "vendor": "y"}])
    found = tables(both, of=of)
    assert found.performance["net_return"].to_list() == [pytest.approx(0.05)]
    assert found.members.select("data_source", "account_id", "net_return").rows() == [("x", "1", 0.02), ("y", "1", 0.06)]


def test_an_account_of_several_vendors_needs_to_say_whose_it_is() -> None:
    of = months(("x", "1", 0, 100, 0.02), ("y", "1", 0, 300, 0.06))
    with pytest.raises(CompositeError, match=r"^f: members: the account 1 is one of x and of y; write whose it is as vendor$"):
        tables(composite(members=[{"account": "1"}]), of=of)


def test_an_account_that_nobody_has_delivered_is_missing() -> None:
    found = tables(composite(members=[{"account": "1"}, {"account": "9"}]), of=months(("x", "1", 0, 100, 0.02)))
    assert found.members.select("data_source", "account_id").rows() == [(UNKNOWN_VENDOR, "9"), ("x", "1")]
    assert found.performance.select("members", "missing_members", "net_return", "composite_status").row(0) == (
        2,
        1,
        None,
        "MISSING_MEMBERS",
    )


def test_a_composite_ends_with_the_latest_month_of_which_a_member_has_a_return() -> None:
    of = months(
        ("x", "1", 0, 100, 0.02), ("x", "1", 1, 100, None), ("x", "2", 0, 100, 0.01), ("x", "2", 1, 100, 0.01), ("x", "2", 2, 1, None)
    )
    one = composite("one", members=[{"account": "1"}])
    both = composite("both", members=[{"account": "1"}, {"account": "2"}])
    found = tables(one, both, of=of).performance.select("composite", "month", "composite_status")
    assert found.rows() == [("both", end_of(0), "OK"), ("both", end_of(1), "MISSING_MEMBERS"), ("one", end_of(0), "OK")]


def test_money_of_another_currency_than_declared_is_no_composite_of_it() -> None:
    found = tables(composite(members=[{"account": "1"}]), of=months(("x", "1", 0, 100, 0.02), currency="USD"))
    row_of = found.performance.row(0, named=True)
    assert (row_of["composite_status"], row_of["currency"]) == ("SEVERAL_CURRENCIES", "USD")
    assert [row_of[name] for name in ("net_return", "gross_return", "beginning_assets", "composite_assets")] == [None] * 4
    assert found.report["net_return"].to_list() == [None, None]


def test_the_benchmark_of_the_file_stands_beside_months_and_years() -> None:
    said = composite(members=[{"account": "1"}], benchmark="B", benchmark_returns={"2024-01": 0.01, "2024-02": 0.02})
    assert benchmarks_of([said])["month"].to_list() == [date(2024, 1, 31), date(2024, 2, 29)]
    of = months(*(("x", "1", number, 100, 0.0) for number in range(3)))
    found = tables(said, of=of)
    assert found.performance["benchmark_return"].to_list() == [0.01, 0.02, None]
    assert found.report["benchmark_return"].to_list() == [None, None], "a month of the year has none"
    two = tables(said, of=of.filter(pl.col("month") < end_of(2)))
    assert two.report["benchmark_return"].to_list() == pytest.approx([1.01 * 1.02 - 1] * 2)


def test_the_aggregate_method_adds_the_days_of_accounts_of_several_vendors() -> None:
    rows = book(
        {**row("1", 0, 100, 102), "as_of_date": date(2024, 1, 31), "fees": 0},
        {**row("2", 0, 300, 318), "as_of_date": date(2024, 1, 31), "fees": 0},
    ).with_columns(data_source=pl.Series(["x", "y"]))
    daily = Aggregated(rows, conventions(schedule=a_schedule(Cadence.MONTHLY)))
    of = months(("x", "1", 0, 100, 0.02), ("y", "2", 0, 300, 0.06))
    both = composite("C", members=[{"account": "1"}, {"account": "2"}], weighting="aggregate")
    found = tables(both, of=of, C=daily).performance.row(0, named=True)
    assert (found["gross_return"], found["net_return"]) == (pytest.approx(0.05), pytest.approx(0.05))
    nobody = composite("N", members=[{"account": "9"}], weighting="aggregate")
    assert tables(nobody, of=of).performance.is_empty()


# the firm -------------------------------------------------------------------------------------------------------------


def sums(*rows: tuple[str, int, str | None, str]) -> pl.DataFrame:
    schema = {"data_source": pl.String(), "month": pl.Date(), "currency": pl.String(), "ending_market_value": MONEY}
    return pl.DataFrame(
        [(vendor, end_of(number), money, Decimal(value)) for vendor, number, money, value in rows], schema=schema, orient="row"
    )


def test_the_firm_is_worth_what_all_vendors_accounts_are_where_they_have_one_currency() -> None:
    of = sums(("x", 0, "EUR", "1.01"), ("y", 0, "EUR", "2.02"), ("x", 1, "EUR", "1"), ("y", 1, "EUR", "2"), ("y", 1, "USD", "5"))
    assert firm_assets(of, ["x", "y"]).rows() == [(end_of(0), "EUR", Decimal("3.0300"))], "a part is never shown as the whole"


def test_a_month_that_a_vendor_left_out_has_no_sum() -> None:
    of = sums(("x", 0, "EUR", "1"), ("x", 1, "EUR", "1"), ("x", 2, "EUR", "1"), ("y", 0, "EUR", "2"), ("y", 2, "EUR", "2"))
    assert firm_assets(of, ["x", "y"])["month"].to_list() == [end_of(0), end_of(2)]


def test_a_month_that_a_vendor_has_not_delivered_yet_has_no_sum_and_one_before_its_first_has() -> None:
    of = sums(("x", 0, "EUR", "1"), ("x", 1, "EUR", "1"), ("y", 1, "EUR", "2"), ("x", 2, "EUR", "1"))
    assert firm_assets(of, ["x", "y"])["month"].to_list() == [end_of(0), end_of(1)]
    assert firm_assets(of, ["x"]).rows()[-1] == (end_of(2), "EUR", Decimal(1)), "y delivers no more"
    assert firm_assets(of, ["x", "z"]).height == 3, "z has never delivered"
    assert firm_assets(of.clear(), ["x"]).is_empty()


def test_a_month_with_money_of_no_one_currency_has_no_sum() -> None:
    assert firm_assets(sums(("x", 0, None, "1"), ("x", 0, "EUR", "1"), ("x", 1, "EUR", "1")), ["x"])["month"].to_list() == [end_of(1)]


# files ----------------------------------------------------------------------------------------------------------------


def test_a_folder_has_a_composite_a_file(tmp_path: Path) -> None:
    assert (read_composites(None), digest_of(None), digest_of(tmp_path)) == ({}, "", "")
    one = written(tmp_path, changed(composite="One"))
    before = digest_of(tmp_path)
    two = tmp_path / "two.yml"
    two.write_text(changed(composite="Another"), encoding="utf-8")
    assert {name: path for name, (path, _) in read_composites(tmp_path).items()} == {"Another": two, "One": one}
    assert before != digest_of(tmp_path) != ""
    two.write_text(changed(composite="One"), encoding="utf-8")
    with pytest.raises(
        CompositeError, match=rf"{two}: composite: balanced.yaml already is the composite One; give one of them another name"
    ):
        read_composites(tmp_path)


def test_a_stay_that_names_its_vendor_is_that_vendors() -> None:
    said = composite(members=[{"account": "1", "vendor": "x"}, {"account": "2"}])
    found = with_vendors(membership_of([said]), NOBODY, {"C": Path("f")})
    assert found.select("account_id", "data_source").rows() == [("1", "x"), ("2", UNKNOWN_VENDOR)]
