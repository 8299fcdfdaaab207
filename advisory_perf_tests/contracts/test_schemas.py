from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from advisory_perf.contracts.columns import Column, Kind
from advisory_perf.contracts.schemas import is_sound, named_failures, pandera_schema, schema_failures
from advisory_perf.contracts.tables import NET_FLOWS, NORMALIZED_POSITIONS, RATE_TABLES, TABLES, TWRR_SERIES, Table

EVERY = {**TABLES, **RATE_TABLES}

_VALUES: dict[Kind, object] = {
    Kind.TEXT: "x",
    Kind.DATE: date(2024, 1, 31),
    Kind.MONEY: Decimal("1.25"),
    Kind.RATE: Decimal("1.0837"),
    Kind.RETURN: 0.5,
    Kind.FIGURE: Decimal("0.5"),
    Kind.FLAG: True,
    Kind.COUNT: 1,
    Kind.INSTANT: datetime(2024, 1, 31, tzinfo=UTC),
}


def value_for(column: Column) -> object:
    return column.allowed[0] if column.allowed else _VALUES[column.kind]


def one_row(table: Table) -> pl.DataFrame:
    return pl.DataFrame({column.name: [value_for(column)] for column in table.columns}, schema=table.polars_schema)


def found(frame: pl.DataFrame, table: Table) -> list[tuple[str | None, str, int | None]]:
    return schema_failures(frame, table).select("column", "check", "row").rows()


@pytest.mark.parametrize("table", EVERY.values(), ids=EVERY.keys())
def test_a_good_row_and_no_rows_at_all_have_no_failures(table: Table) -> None:
    for frame in (one_row(table), table.empty()):
        failures = schema_failures(frame, table)
        assert failures.height == 0
        assert failures.columns == ["column", "check", "failure_case", "row"]


@pytest.mark.parametrize("table", EVERY.values(), ids=EVERY.keys())
def test_columns_that_may_be_empty_may_all_be_empty(table: Table) -> None:
    empty = [pl.lit(None, column.kind.polars).alias(column.name) for column in table.columns if table.is_nullable(column)]
    assert schema_failures(one_row(table).with_columns(empty), table).height == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_return_that_is_no_finite_number_fails(value: float) -> None:
    frame = pl.concat([one_row(TWRR_SERIES), one_row(TWRR_SERIES).with_columns(pl.lit("y").alias("account_id"), twrr_mtd=value)])
    assert found(frame, TWRR_SERIES) == [("twrr_mtd", "is_finite", 1)]


def test_negative_contributions_fail_with_their_row_and_value() -> None:
    frame = one_row(NORMALIZED_POSITIONS).with_columns(pl.lit(Decimal("-0.01")).cast(Kind.MONEY.polars).alias("contributions"))
    failures = schema_failures(frame, NORMALIZED_POSITIONS)
    assert failures.select("column", "row").rows() == [("contributions", 0)]
    assert Decimal(failures["failure_case"].item()) == Decimal("-0.01")


def test_a_return_status_that_nobody_knows_fails() -> None:
    failures = schema_failures(one_row(TWRR_SERIES).with_columns(return_status=pl.lit("FINE")), TWRR_SERIES)
    assert failures["column"].to_list() == ["return_status"]
    assert failures["failure_case"].to_list() == ["FINE"]


def test_a_null_where_none_may_be_fails() -> None:
    frame = one_row(NET_FLOWS).with_columns(net_flow=pl.lit(None, Kind.MONEY.polars))
    assert [(column, row) for column, _, row in found(frame, NET_FLOWS)] == [("net_flow", 0)]


def test_both_rows_of_a_repeated_key_fail_and_show_the_key() -> None:
    failures = schema_failures(pl.concat([one_row(NET_FLOWS)] * 2), NET_FLOWS)
    assert failures.select("column", "check", "row").rows() == [
        ("account_id, as_of_date", "is_unique", 0),
        ("account_id, as_of_date", "is_unique", 1),
    ]
    assert failures["failure_case"].unique().to_list() == ['{"account_id":"x","as_of_date":"2024-01-31"}']


def test_a_missing_column_is_named_even_if_it_belongs_to_the_key() -> None:
    for name in ("net_flow", "account_id"):
        failures = schema_failures(one_row(NET_FLOWS).drop(name), NET_FLOWS)
        assert name in failures["failure_case"].to_list()


def test_a_column_that_the_table_does_not_have_is_named() -> None:
    failures = schema_failures(one_row(NET_FLOWS).with_columns(surplus=1), NET_FLOWS)
    assert "surplus" in failures["failure_case"].to_list()


def test_money_as_a_float_fails() -> None:
    frame = one_row(NET_FLOWS).with_columns(pl.col("net_flow").cast(pl.Float64()))
    assert [column for column, _, _ in found(frame, NET_FLOWS)] == ["net_flow"]


def test_every_failure_of_a_frame_is_found_at_once() -> None:
    frame = one_row(TWRR_SERIES).with_columns(growth_index=-1.0, twrr_ytd=float("nan"), return_status=pl.lit("FINE"))
    assert {column for column, _, _ in found(frame, TWRR_SERIES)} == {"growth_index", "twrr_ytd", "return_status"}


def _wrong(column: Column) -> list[object]:
    """Values of the column's type, at its bound, beyond it, not in its list, none, and no numbers."""
    beyond = [] if column.at_least is None else [column.at_least, column.at_least - 1, -1]
    return [
        None,
        *(["nobody knows it", ""] if column.kind is Kind.TEXT else []),
        *([float("nan"), float("inf"), float("-inf")] if column.kind is Kind.RETURN else []),
        *beyond,
    ]


@pytest.mark.parametrize("table", EVERY.values(), ids=EVERY.keys())
def test_one_look_at_all_columns_finds_a_frame_sound_exactly_where_pandera_does(table: Table) -> None:
    good, verdicts = one_row(table), set[bool]()
    frames = [good, table.empty(), good.select(reversed(good.columns)), good.drop(good.columns[-1]), good.with_columns(surplus=1)]
    for column in table.columns:
        other = pl.String() if column.kind is not Kind.TEXT else pl.Categorical()
        frames.append(good.with_columns(pl.col(column.name).cast(other)))
        wrong = [pl.lit(value).cast(column.kind.polars).alias(column.name) for value in _wrong(column)]
        frames += [pl.concat([good, good.with_columns(one)]) for one in wrong]
    for frame in frames:
        verdicts.add(is_sound(frame, table))
        assert is_sound(frame, table) == named_failures(frame, table).is_empty(), frame
    assert verdicts == {True, False}


def test_the_pandera_schema_carries_the_meanings_of_the_data_dictionary() -> None:
    schema = pandera_schema(NET_FLOWS)
    assert schema.description == NET_FLOWS.meaning
    assert [column.description for column in schema.columns.values()] == [column.meaning for column in NET_FLOWS.columns]
