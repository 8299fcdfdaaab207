"""How much a file has to show before a habit is proposed: the least that shows it, and the most that does not, on a few rows."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest

from advisory_perf.feed_detection.findings import KeyFinding, Status
from advisory_perf.feed_detection.habits import habits_of
from advisory_perf.feed_detection.row_keys import Keys
from advisory_perf.feed_detection.structure import FILE, Table
from advisory_perf.feeds.sources import Numbers
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, cell

NAMES = {
    "beginning_market_value": "bmv",
    "contributions": "in",
    "distributions": "out",
    "appreciation": "gain",
    "ending_market_value": "emv",
}
Row = tuple[str, str, int, int, int, int, int]
"""An account, a day, and beginning, inflow, outflow, gain and ending."""


def findings(
    rows: Sequence[Row], *, cadence: str = "daily", further: Mapping[str, object] | None = None, ends_open: bool = False
) -> dict[str, KeyFinding]:
    raw = pl.DataFrame(
        {
            LINE_NUMBER: range(2, len(rows) + 2),
            FILE: ["a.csv"] * len(rows),
            **{cell(name): [str(row[place]) for row in rows] for place, name in enumerate(NAMES.values(), start=2)},
            cell("name"): [f"Trust {row[0]}" for row in rows],
        },
    )
    day = pl.Series([date.fromisoformat(row[1]) for row in rows])
    account = pl.Series([row[0] for row in rows])
    settled = {"cadence": cadence, "columns.account_id": "id", **{f"columns.{field}": name for field, name in NAMES.items()}}
    given = [KeyFinding(key, Status.CONFIRMED, "", value) for key, value in {**settled, **(further or {})}.items() if value is not None]
    keys = Keys(raw, day, account, (), raw.clear(), raw.clear())
    found = habits_of(Table("a.csv", raw, {}, ends_open=ends_open), keys, given, Numbers())
    return {one.key: one for one in found if one not in given}


def value_of(found: Mapping[str, KeyFinding], key: str) -> object:
    """What is filled in for a key, ``"asked"`` where it is left to a person, or None."""
    one = found.get(key)
    return None if one is None else one.value if one.is_settled else "asked"


def still(account: str, day: str, value: int = 100) -> Row:
    return (account, day, value, 0, 0, 0, value)


MONDAY = date(2025, 3, 3)


def each_day(days: int, *left_out: int) -> list[Row]:
    return [still("A1", str(MONDAY + timedelta(days=place))) for place in range(days) if place not in left_out]


@pytest.mark.parametrize(
    ("days", "left_out", "cadence", "value"),
    [
        (14, (), "daily", True),
        (13, (), "daily", None),
        (14, (5,), "daily", None),
        (14, (2,), "daily", True),
        (14, (), "monthly", None),
    ],
)
def test_weekends_are_due_where_all_of_four_days_at_least_have_rows(
    days: int, left_out: tuple[int, ...], cadence: str, *, value: bool | None
) -> None:
    assert value_of(findings(each_day(days, *left_out), cadence=cadence), "weekends") is value


PRINTED = ("A1", "2025-03-03", 100, -10, 0, 5, 95)
TURNED = ("A2", "2025-03-03", 100, -10, 0, 5, 115)
NEITHER = ("A3", "2025-03-03", 100, -10, 0, 5, 50)
BOTH = ("A4", "2025-03-03", 100, 10, 0, 5, 115)


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ([PRINTED, BOTH], "net"),
        ([PRINTED, TURNED], "asked"),
        ([PRINTED, NEITHER], "asked"),
        ([TURNED], "asked"),
        ([BOTH], None),
        ([("A1", "2025-03-03", 100, 0, -10, 5, 115)], "net"),
    ],
)
def test_a_negative_flow_is_a_reversal_where_the_identity_holds_on_all_of_them_as_printed_only(rows: list[Row], value: str | None) -> None:
    assert value_of(findings(rows), "negative_flows") == value


def test_the_identity_of_a_reversal_may_be_off_by_a_cent_in_each_term() -> None:
    columns = {f"columns.{field}": {"from": name, "scale": Decimal("0.01")} for field, name in NAMES.items()}
    for off, value in ((9, "net"), (10, "asked")):
        row = ("A1", "2025-03-03", 10_000, -1_000, 0, 500, 9_500 + off)
        assert value_of(findings([row], further=columns), "negative_flows") == value
    either = ("A2", "2025-03-03", 10_000, -1, 0, 500, 10_499)
    assert value_of(findings([either], further=columns), "negative_flows") == "asked", "a cent holds with either sign"


def test_without_a_market_value_or_the_other_flow_no_reversal_is_shown() -> None:
    assert value_of(findings([PRINTED], further={"columns.beginning_market_value": None}), "negative_flows") == "asked"
    assert value_of(findings([PRINTED], further={"columns.distributions": None}), "negative_flows") is None


def rolling(account: str, *values: tuple[str, int, int]) -> list[Row]:
    return [(account, day, begins, 0, 0, ends - begins, ends) for day, begins, ends in values]


def valued_twice(account: str, *, rolls: bool = True, stays: bool = False) -> list[Row]:
    """The middle and the end of a month, of which the second begins as the first ended or not."""
    middle = 100 if stays else 110
    return rolling(account, ("2025-03-14", 100, middle), ("2025-03-31", middle if rolls else 105, 120))


@pytest.mark.parametrize(
    ("rows", "cadence", "value"),
    [
        ([valued_twice("A1"), valued_twice("A2"), valued_twice("A3")], "monthly", "all"),
        ([valued_twice("A1"), valued_twice("A2")], "monthly", "asked"),
        ([valued_twice("A1"), valued_twice("A2"), valued_twice("A3", stays=True)], "monthly", "asked"),
        ([valued_twice("A1"), valued_twice("A2"), valued_twice("A3"), valued_twice("A4", rolls=False)], "monthly", "asked"),
        ([valued_twice("A1"), valued_twice("A2"), valued_twice("A3")], "daily", None),
        ([rolling("A1", ("2025-03-14", 100, 110), ("2025-04-30", 110, 120))], "monthly", None),
        ([rolling(name, ("2025-03-14", 100, 110), ("2025-03-14", 110, 120)) for name in ("A1", "A2", "A3")], "monthly", None),
    ],
)
def test_several_valuations_are_all_taken_where_three_roll_and_none_does_not(
    rows: list[list[Row]], cadence: str, value: str | None
) -> None:
    assert value_of(findings([row for some in rows for row in some], cadence=cadence), "valuations") == value


def spelled(*accounts: str, rolls: bool = True) -> list[Row]:
    """One account month by month under these names, of which each begins where the one before it ended, or not."""
    return [
        (name, f"2025-{place:02}-28", 100 + place, 0, 0, 1 if rolls else 3, (101 if rolls else 103) + place)
        for place, name in enumerate(accounts, start=1)
    ]


GOES_ON = (("2025-02-28", 100, 110), ("2025-03-31", 110, 120))


@pytest.mark.parametrize(
    ("rows", "case"),
    [
        (spelled("AB", "ab"), "upper"),
        (spelled("ab", "ab", "AB"), "lower"),
        (spelled("AB", "ab", "ab"), "lower"),
        (spelled("AB", "ab", rolls=False), "asked"),
        ([*spelled("AB", "ab"), *spelled("CD", "cd", rolls=False)], "asked"),
        ([*spelled("AB", "ab"), still("CD", "2025-01-31"), still("cd", "2025-02-28")], "asked"),
        ([still("AB", "2025-01-31"), still("ab", "2025-01-31"), *rolling("AB", *GOES_ON[:1]), *rolling("ab", *GOES_ON[1:])], "asked"),
        ([still("AB", "2025-01-31"), still("ab", "2025-01-31", 90)], "keep"),
        ([still("AB", "2025-01-31"), still("ab", "2025-01-31")], "asked"),
        ([still("AB", "2025-01-31"), still("ab", "2025-02-28")], "asked"),
        ([still("AB", "2025-01-31"), still("CD", "2025-01-31")], None),
    ],
)
def test_two_spellings_are_one_account_where_its_value_goes_on_and_two_where_they_stand_side_by_side(
    rows: list[Row], case: str | None
) -> None:
    found = findings(rows)
    asked = value_of(found, "columns.account_id.case")
    value = value_of(found, "columns.account_id")
    assert (asked or (value["case"] if isinstance(value, dict) else None)) == case


@pytest.mark.parametrize(
    ("further", "value"),
    [
        ({"currency": "GBX"}, "accept"),
        ({"currency": "GBP"}, None),
        ({"currency": "GBX", "columns.fees": {"from": "gain", "scale": Decimal("0.01")}}, "asked"),
        ({"currency": "GBX", "columns.vendor_twrr": {"from": "gain", "scale": "percent"}}, "accept"),
    ],
)
def test_a_minor_unit_is_accepted_unless_amounts_have_a_scale_too(further: dict[str, object], value: str | None) -> None:
    assert value_of(findings([BOTH], further=further), "minor_units") == value


@pytest.mark.parametrize(
    ("further", "ends_open", "value"),
    [
        ({"columns.account_name": "name"}, True, "asked"),
        ({"columns.account_name": "name"}, False, None),
        ({"columns.account_name": "emv"}, True, None),
        ({}, True, None),
    ],
)
def test_a_last_text_without_a_line_end_raises_a_question(further: dict[str, object], value: str | None, *, ends_open: bool) -> None:
    assert value_of(findings([BOTH], further=further, ends_open=ends_open), "files.csv.final_newline") == value
