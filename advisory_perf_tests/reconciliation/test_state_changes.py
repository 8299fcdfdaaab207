"""What differs between two states, kind by kind, on frames small enough to be read."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.tables import PERFORMANCE_DATA, PUBLISHED, RECONCILIATION_RESULTS
from advisory_perf.reconciliation.state_changes import (
    BREAK_STATES,
    COMPARED,
    DELIVERIES,
    ISSUES_FOUND,
    LINES,
    ComparedTable,
    State,
    changed_breaks,
    changed_deliveries,
    changed_issues,
    changed_lines,
    changed_results,
    changed_table,
    changes,
)

DAY = date(2025, 3, 3)
TABLE = ComparedTable(
    "figures",
    ("data_source", "account_id"),
    pl.Schema(
        {
            "data_source": pl.String(),
            "account_id": pl.String(),
            "value": pl.Decimal(38, 4),
            "rate": pl.Float64(),
            "since": pl.Date(),
            "says": pl.String(),
        }
    ),
)


def frame(schema: pl.Schema, *rows: dict[str, Any]) -> pl.DataFrame:
    """Rows of which only some columns matter."""
    return pl.DataFrame([dict.fromkeys(schema.names()) | row for row in rows], schema=schema, orient="row")


def figures(*rows: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame([("acme", *row) for row in rows], schema=TABLE.schema, orient="row")


# tables ---------------------------------------------------------------------------------------------------------------


def test_each_changed_column_has_its_rows_and_an_exact_difference() -> None:
    before = figures(("A", Decimal("99999999999999999999.0001"), 0.1, DAY, "x"), ("B", Decimal(1), 0.5, DAY, "x"))
    after = figures(("B", Decimal(1), 0.75, DAY, "y"), ("A", Decimal("99999999999999999999.0003"), 0.1, DAY, "x"))
    columns, new = changed_table(TABLE, [(before, after)])
    assert new.rows.is_empty()
    value, rate, says = columns
    assert value.rows.rows(named=True) == [
        {
            "account_id": "A",
            "before": Decimal("99999999999999999999.0001"),
            "after": Decimal("99999999999999999999.0003"),
            "difference": Decimal("0.0002"),
        }
    ]
    assert rate.rows.rows() == [("B", 0.5, 0.75, 0.25)]
    assert says.rows.rows() == [("B", "x", "y", None)]
    assert [(changed.table, changed.column) for changed in columns] == [("figures", "value"), ("figures", "rate"), ("figures", "says")]


def test_a_null_that_becomes_a_value_changes_and_has_no_difference_and_a_null_equals_a_null() -> None:
    before = figures(("A", None, None, DAY, None), ("B", Decimal(1), None, None, None))
    after = figures(("A", Decimal(0), None, None, None), ("B", None, 0.0, None, None))
    columns, _ = changed_table(TABLE, [(before, after)])
    assert {changed.column: changed.rows.rows() for changed in columns} == {
        "value": [("A", None, Decimal(0), None), ("B", Decimal(1), None, None)],
        "rate": [("B", None, 0.0, None)],
        "since": [("A", DAY, None, None)],
    }


def test_the_last_bit_of_a_return_counts() -> None:
    columns, _ = changed_table(TABLE, [(figures(("A", None, 0.1 + 0.2, None, None)), figures(("A", None, 0.3, None, None)))])
    assert [changed.column for changed in columns] == ["rate"]


def test_rows_that_one_state_has_carry_their_values() -> None:
    _, new = changed_table(TABLE, [(figures(("A", Decimal(1), 0.1, DAY, "x")), figures(("B", Decimal(2), None, DAY, "y")))])
    assert new.rows.rows(named=True) == [
        {"kind": "row_published", "account_id": "B", "values": {"value": Decimal("2.0000"), "rate": None, "since": DAY, "says": "y"}},
        {"kind": "row_withdrawn", "account_id": "A", "values": {"value": Decimal("1.0000"), "rate": 0.1, "since": DAY, "says": "x"}},
    ]


def test_slices_give_what_the_whole_gives() -> None:
    before = figures(*((f"{number:02}", Decimal(number), None, None, None) for number in range(20)))
    after = figures(*((f"{number:02}", Decimal(number % 7), None, None, None) for number in range(3, 23)))
    parts = [
        (before.filter(pl.col("account_id") < "10"), after.filter(pl.col("account_id") < "10")),
        (before.filter(pl.col("account_id") >= "10"), after.filter(pl.col("account_id") >= "10")),
    ]
    whole, sliced = changed_table(TABLE, [(before, after)]), changed_table(TABLE, parts[::-1])
    assert whole[0][0].rows.height == 13
    assert whole[0][0].rows.equals(sliced[0][0].rows)
    assert whole[1].rows.height == 6
    assert whole[1].rows.equals(sliced[1].rows)


def test_every_published_table_of_a_vendor_is_compared_with_all_its_columns() -> None:
    compared = {table.name: table for table in COMPARED}
    of_vendors = {published.name for published in PUBLISHED if "data_source" in published.table.column_names}
    assert {"performance_data", "reconciliation_results"} <= of_vendors
    assert of_vendors | {"accounts", "data_quality_scores"} == compared.keys()
    table = compared["performance_data"]
    assert {*table.shown_key, *table.values, "data_source"} == set(PERFORMANCE_DATA.column_names)


# deliveries -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("FAILED", "COMPLETED", "delivery_accepted"),
        (None, "COMPLETED_WITH_ISSUES", "delivery_accepted"),
        ("COMPLETED", "FAILED", "delivery_refused"),
        ("PROCESSING", "FAILED", "delivery_refused"),
        ("COMPLETED", "COMPLETED_WITH_ISSUES", "delivery_changed"),
        ("FAILED", "DUPLICATE", "delivery_changed"),
    ],
)
def test_a_delivery_is_taken_refused_or_otherwise_changed(before: str | None, after: str, kind: str) -> None:
    old = frame(DELIVERIES, *([{"delivery_id": "d", "file_name": "f", "status": before, "records_read": 1}] if before else []))
    new = frame(DELIVERIES, {"delivery_id": "d", "file_name": "f", "status": after, "records_read": 1})
    (found,) = changed_deliveries(old, new).rows(named=True)
    assert (found["kind"], found["file_name"]) == (kind, "f")
    assert (found["before"] and found["before"]["status"]) == before
    assert found["after"]["status"] == after


def test_a_delivery_that_is_refused_for_another_reason_or_counts_otherwise_is_changed_and_an_equal_one_is_not() -> None:
    old = frame(
        DELIVERIES,
        {"delivery_id": "a", "status": "FAILED", "error_code": "E_EMPTY"},
        {"delivery_id": "b", "status": "COMPLETED", "records_failed": 1},
        {"delivery_id": "c", "status": "COMPLETED", "records_failed": 1},
    )
    new = frame(
        DELIVERIES,
        {"delivery_id": "c", "status": "COMPLETED", "records_failed": 1},
        {"delivery_id": "b", "status": "COMPLETED", "records_failed": 2},
        {"delivery_id": "a", "status": "FAILED", "error_code": "E_HEADER"},
    )
    found = changed_deliveries(old, new)
    assert found.select("kind", "delivery_id").rows() == [("delivery_changed", "a"), ("delivery_changed", "b")]


# lines ----------------------------------------------------------------------------------------------------------------


def line(number: int, code: str | None = None, **others: Any) -> dict[str, Any]:
    return {"delivery_id": "d", "line_number": number, "code": code, "reason": code and f"why {code}", **others}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([line(2)], [line(2)], []),
        ([line(2, "E_DATE")], [line(2, "E_DATE")], []),
        ([line(2, "E_DATE")], [line(2)], [("row_accepted", "E_DATE", None)]),
        ([], [line(2)], [("row_accepted", None, None)]),
        ([line(2)], [line(2, "E_DATE")], [("row_quarantined", None, "E_DATE")]),
        ([], [line(2, "E_DATE")], [("row_quarantined", None, "E_DATE")]),
        ([line(2, "E_DATE")], [line(2, "E_NUMBER")], [("row_code_changed", "E_DATE", "E_NUMBER")]),
        ([line(2)], [], [("row_dropped", None, None)]),
        ([line(2, "E_DATE")], [], [("row_dropped", "E_DATE", None)]),
        ([line(2), line(2)], [line(2)], []),
        ([line(2), line(2)], [line(2), line(2, "E_DATE")], [("row_quarantined", None, "E_DATE")]),
    ],
)
def test_a_line_is_accepted_quarantined_or_dropped(
    before: list[dict[str, Any]], after: list[dict[str, Any]], expected: list[tuple[Any, ...]]
) -> None:
    found = changed_lines(frame(LINES, *before), frame(LINES, *after))
    assert found.select("kind", "code_before", "code_after").rows() == expected


def test_a_line_is_named_by_what_is_read_of_it() -> None:
    before, after = frame(LINES, line(2, "E_DATE", account_id="A")), frame(LINES, line(2, as_of_date=DAY))
    (found,) = changed_lines(before, after).rows(named=True)
    assert (found["account_id"], found["as_of_date"], found["reason"]) == ("A", DAY, None)


def test_the_same_line_of_another_delivery_is_another() -> None:
    found = changed_lines(frame(LINES, line(2)), frame(LINES, {**line(2), "delivery_id": "e"}))
    assert found.select("kind", "delivery_id").rows() == [("row_accepted", "e"), ("row_dropped", "d")]


# issues ---------------------------------------------------------------------------------------------------------------


def test_issues_appear_and_go_each_as_often_as_it_is_there() -> None:
    stale = {"delivery_id": "d", "issue_type": "DQ_STALE_VALUE", "as_of_date": DAY}
    whole = {"delivery_id": "d", "issue_type": "DQ_SYSTEMATIC_BREAK", "as_of_date": None}
    before, after = frame(ISSUES_FOUND, stale, stale, stale, whole), frame(ISSUES_FOUND, stale, {**whole, "actual_value": "1000"}, whole)
    found = changed_issues(before, after)
    assert found.select("kind", "issue_type", "actual_value", "times").rows() == [
        ("issue_appeared", "DQ_SYSTEMATIC_BREAK", "1000", 1),
        ("issue_gone", "DQ_STALE_VALUE", None, 2),
    ]


# breaks ---------------------------------------------------------------------------------------------------------------


def a_break(status: str | None, **others: Any) -> list[dict[str, Any]]:
    return [] if status is None else [{"break_id": "b", "account_id": "A", "field_name": "twrr", "status": status, **others}]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (None, "OPEN", "break_opened"),
        ("RESOLVED", "SIGNED_OFF", "break_opened"),
        ("OPEN", None, "break_closed"),
        ("SIGNED_OFF", "RESOLVED_BY_RESTATEMENT", "break_closed"),
        ("OPEN", "SIGNED_OFF", "break_changed"),
        ("RESOLVED", None, "break_changed"),
        (None, "RESOLVED", "break_changed"),
    ],
)
def test_a_break_opens_closes_or_is_otherwise_changed(before: str | None, after: str | None, kind: str) -> None:
    (found,) = changed_breaks(frame(BREAK_STATES, *a_break(before)), frame(BREAK_STATES, *a_break(after))).rows(named=True)
    assert (found["kind"], found["account_id"], found["field_name"]) == (kind, "A", "twrr")
    assert [side and side["status"] for side in (found["before"], found["after"])] == [before, after]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("variance", Decimal("0.000000000001"), Decimal("0.000000000002")), ("likely_cause", "UNEXPLAINED", "FLOW_TIMING")],
)
def test_a_break_of_another_amount_or_cause_is_changed_and_an_equal_one_is_not(name: str, old: Any, new: Any) -> None:
    before, after = (frame(BREAK_STATES, *a_break("OPEN", **{name: value})) for value in (old, new))
    (found,) = changed_breaks(before, after).rows(named=True)
    assert (found["kind"], found["before"][name], found["after"][name]) == ("break_changed", old, new)
    assert changed_breaks(before, before).is_empty()


def result(within: bool | None, variance: str | None = None, cause: str | None = None) -> pl.DataFrame:
    row = {"account_id": "A", "as_of_date": DAY, "field_name": "twrr", "within_tolerance": within, "likely_cause": cause}
    return frame(RECONCILIATION_RESULTS.polars_schema, {**row, "variance": variance and Decimal(variance)})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (result(within=True), result(within=False, variance="0.1"), ["result_opened"]),
        (result(within=None), result(within=False), ["result_opened"]),
        (result(within=False, variance="0.1"), result(within=True), ["result_closed"]),
        (result(within=False, variance="0.1"), RECONCILIATION_RESULTS.empty(), ["result_closed"]),
        (result(within=False, variance="0.1"), result(within=False, variance="0.2"), ["result_changed"]),
        (result(within=False, cause="SIGN"), result(within=False, cause="STALE"), ["result_changed"]),
        (result(within=False, variance="0.1"), result(within=False, variance="0.1"), []),
        (result(within=True, variance="0.1"), result(within=None), []),
    ],
)
def test_a_figure_leaves_its_tolerance_or_comes_back(before: pl.DataFrame, after: pl.DataFrame, expected: list[str]) -> None:
    assert changed_results(before, after)["kind"].to_list() == expected


# all of it ------------------------------------------------------------------------------------------------------------


def test_equal_states_have_no_changes_and_every_change_has_its_kind() -> None:
    empty = State(*(schema.to_frame() for schema in (DELIVERIES, LINES, ISSUES_FOUND, BREAK_STATES)))
    none = changes(empty, empty, [(TABLE, [(figures(("A", None, 0.1, None, None)), figures(("A", None, 0.1, None, None)))])])
    assert none.count == 0
    full = State(
        frame(DELIVERIES, {"delivery_id": "d", "file_name": "f.csv", "status": "COMPLETED"}),
        frame(LINES, line(2)),
        frame(ISSUES_FOUND, {"delivery_id": "d", "issue_type": "DQ_STALE_VALUE"}),
        frame(BREAK_STATES, *a_break("OPEN")),
    )
    results = next(table for table in COMPARED if table.name == RECONCILIATION_RESULTS.name)
    slices = [
        (TABLE, [(figures(("A", None, 0.1, None, None)), figures(("A", None, 0.2, None, None), ("B", None, None, None, None)))]),
        (results, [(RECONCILIATION_RESULTS.empty(), result(within=False))]),
    ]
    found = changes(empty, full, slices)
    assert [(kind, frame.height) for frame in found.frames() for kind in frame["kind"].unique()] == [
        ("delivery_accepted", 1),
        ("row_accepted", 1),
        ("issue_appeared", 1),
        ("break_opened", 1),
        ("result_opened", 1),
        ("row_published", 1),
        ("row_published", 1),
        ("figure", 1),
    ]
    assert found.count == 8
    assert (found.lines["file_name"].item(), found.issues["file_name"].item()) == ("f.csv", "f.csv")
