"""What the rows show of a vendor's habits is proposed and is ingested; the same rows without the sign of it give no key."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from advisory_perf.contracts.enums import FlowTiming
from advisory_perf.feed_detection.findings import Status
from advisory_perf.feed_detection.proposal import Proposal
from advisory_perf.feed_detection.yaml import as_yaml
from advisory_perf.samples.market import Position, with_vendor_return
from advisory_perf_tests.feed_detection.scenarios import (
    FIGURES,
    NAMES,
    a_file,
    cells,
    columns,
    finding,
    inferred,
    ingested,
    is_ingested_as_it_is,
    positions,
    proposed,
    renamed,
    scaled,
)

pytestmark = pytest.mark.slow

BOOK = positions()
ROWS = [cells(row) for row in BOOK]
BY_DAY = sorted(ROWS, key=lambda row: row["as_of_date"])
OUT = next(place for place, row in enumerate(BOOK) if row.distributions > 0 and row.contributions == 0)
MONEY = FIGURES[:8]


def with_rows(change: Callable[[int, dict[str, str]], Mapping[str, str]]) -> list[dict[str, str]]:
    return [{**row, **change(place, row)} for place, row in enumerate(ROWS)]


def no_change(_place: int, _row: Mapping[str, str]) -> dict[str, str]:
    return {}


def reversal(place: int, row: Mapping[str, str]) -> dict[str, str]:
    """What went out of one row is printed as a negative contribution."""
    return {"contributions": f"-{row['distributions']}", "distributions": "0.00"} if place == OUT else {}


def in_pence(_place: int, row: Mapping[str, str]) -> dict[str, str]:
    if int(row["account_id"][-1]) % 2:
        return {"currency": "GBP"}
    return {"currency": "GBX", **{field: scaled(row[field], 100) for field in MONEY}}


def other_case(place: int, row: Mapping[str, str]) -> dict[str, str]:
    """Of one account every second number is in small letters."""
    return {"account_id": row["account_id"].lower()} if row["account_id"] == "AC000002" and place % 2 else {}


def in_sterling(_place: int, _row: Mapping[str, str]) -> dict[str, str]:
    return {"currency": "GBP"}


def epoch(unit: int, hour: int = 0) -> Callable[[int, Mapping[str, str]], dict[str, str]]:
    def change(_place: int, row: Mapping[str, str]) -> dict[str, str]:
        instant = datetime.fromisoformat(row["as_of_date"]).replace(tzinfo=UTC, hour=hour)
        return {"as_of_date": str(int(instant.timestamp()) * unit)}

    return change


def midnight(_place: int, row: Mapping[str, str]) -> dict[str, str]:
    return {"as_of_date": f"{row['as_of_date']}T00:00:00Z"}


def with_totals(name: str, rows: list[dict[str, str]] = ROWS) -> list[dict[str, str]]:
    """The rows by day, each day with a row of sums."""
    found: list[dict[str, str]] = []
    for day in sorted({row["as_of_date"] for row in rows}):
        of_day = [row for row in rows if row["as_of_date"] == day]
        sums = {field: str(sum(Decimal(row[field]) for row in of_day)) for field in MONEY}
        found += [*of_day, {**of_day[0], **sums, "account_id": name, "vendor_twrr": "", "benchmark_return": of_day[0]["benchmark_return"]}]
    return found


SHOWN: list[tuple[str, list[dict[str, str]], object, list[dict[str, str]]]] = [
    ("negative_flows", with_rows(reversal), "net", ROWS),
    ("minor_units", with_rows(in_pence), "accept", with_rows(in_sterling)),
    ("columns.account_id", with_rows(other_case), {"from": "Account Number", "case": "upper"}, ROWS),
    ("columns.as_of_date", with_rows(epoch(1)), {"from": "As Of Date", "formats": ["epoch_seconds"]}, ROWS),
    ("columns.as_of_date", with_rows(epoch(1000)), {"from": "As Of Date", "formats": ["epoch_milliseconds"]}, ROWS),
    ("columns.as_of_date", with_rows(midnight), {"from": "As Of Date", "formats": ["%Y-%m-%dT%H:%M:%S%z"]}, ROWS),
    ("plausibility", with_totals("Total 1"), {"subtotals": "drop"}, BY_DAY),
]


@pytest.mark.parametrize(("key", "rows", "value", "true"), SHOWN, ids=[f"{key} {place}" for place, (key, *_) in enumerate(SHOWN)])
def test_what_the_rows_show_is_proposed_and_is_ingested(
    key: str, rows: list[dict[str, str]], value: object, true: list[dict[str, str]]
) -> None:
    content = a_file(rows)
    proposal = proposed(content)
    assert inferred(proposal)[key] == value, as_yaml(proposal)
    assert proposal.is_complete, as_yaml(proposal)
    is_ingested_as_it_is(proposal, content, true, ["currency", *FIGURES])


def test_rows_that_show_none_of_it_give_no_key() -> None:
    found = inferred(proposed(a_file(with_rows(no_change))))
    assert not {"negative_flows", "minor_units", "plausibility", "valuations", "weekends"} & found.keys()
    assert (found["columns.account_id"], found["columns.as_of_date"]) == ("Account Number", "As Of Date")
    assert "time_zone" not in str(found["files"])


def question(proposal: Proposal, key: str) -> str:
    """The evidence of a key that is left to a person."""
    found = finding(proposal, key)
    assert found.status is Status.UNDECIDED
    assert f"# {key.removeprefix('columns.')}: undecided" in as_yaml(proposal)
    return found.evidence


class TestWhatOnlyRaisesAQuestion:
    def test_a_negative_flow_where_no_identity_is_inferred(self) -> None:
        names = {field: name for field, name in NAMES.items() if field not in {"appreciation", "income"}}
        assert "line " in question(proposed(a_file(with_rows(reversal), names)), "negative_flows")

    def test_a_flow_with_the_wrong_sign_is_no_reversal(self) -> None:
        rows = with_rows(lambda place, row: {"distributions": f"-{row['distributions']}"} if place == OUT else {})
        assert "nothing confirms" in question(proposed(a_file(rows)), "negative_flows")

    def test_pence_that_the_names_of_columns_say_too(self) -> None:
        names = renamed(**{field: f"{NAMES[field]} (pence)" for field in MONEY})
        assert "twice" in question(proposed(a_file(with_rows(in_pence), names)), "minor_units")

    def test_account_numbers_of_which_one_begins_where_no_other_ends(self) -> None:
        rows = with_rows(lambda _, row: {"account_id": "ac000002"} if row["account_id"] == "AC000003" else {})
        apart = [row for row in rows if row["account_id"] != "ac000002" or row["as_of_date"] > "2024-11-30"]
        apart = [row for row in apart if row["account_id"] != "AC000002" or row["as_of_date"] <= "2024-11-30"]
        assert "AC000002 and ac000002" in question(proposed(a_file(apart)), "columns.account_id.case")

    def test_account_numbers_that_stand_beside_each_other_with_the_same_figures(self) -> None:
        again = [{**row, "account_id": row["account_id"].lower()} for row in ROWS if row["account_id"] == "AC000002"]
        assert "AC000002 and ac000002" in question(proposed(a_file([*ROWS, *again])), "columns.account_id.case")

    def test_midnights_of_another_zone(self) -> None:
        rows = with_rows(lambda _, row: {"as_of_date": f"{row['as_of_date']}T00:00:00+02:00"})
        assert "time_zone" in question(proposed(a_file(rows)), "columns.as_of_date")

    def test_rows_of_sums_that_are_not_called_so(self) -> None:
        assert "sum" in question(proposed(a_file(with_totals("AC000099"))), "plausibility.subtotals")

    @pytest.mark.parametrize("unit", [1, 1000])
    def test_epochs_that_are_no_midnights(self, unit: int) -> None:
        assert "time_zone" in question(proposed(a_file(with_rows(epoch(unit, hour=21)))), "columns.as_of_date")

    def test_a_last_line_whose_text_may_be_cut(self) -> None:
        names = {**{field: name for field, name in NAMES.items() if field != "account_id"}, "account_id": "Account Number"}
        content = a_file(ROWS, names)
        assert "Account Number" in question(proposed(content.removesuffix(b"\n")), "files.csv.final_newline")
        assert "files.csv.final_newline" not in proposed(content).open_keys
        assert "files.csv.final_newline" not in proposed(a_file(ROWS).removesuffix(b"\n")).open_keys


def test_accounts_that_stand_beside_each_other_are_two_in_whatever_case() -> None:
    rows = with_rows(lambda _, row: {"account_id": "ac000002"} if row["account_id"] == "AC000003" else {})
    content = a_file(rows)
    proposal = proposed(content)
    assert inferred(proposal)["columns.account_id"] == {"from": "Account Number", "case": "keep"}
    is_ingested_as_it_is(proposal, content, rows, FIGURES)


def test_a_currency_of_a_minor_unit_above_the_header_is_accepted() -> None:
    names = {field: name for field, name in NAMES.items() if field != "currency"}
    rows = with_rows(lambda _, row: {field: scaled(row[field], 100) for field in MONEY})
    content = a_file(rows, names, above=["All values in GBX"])
    proposal = proposed(content)
    assert (inferred(proposal)["currency"], inferred(proposal)["minor_units"]) == ("GBX", "accept")
    is_ingested_as_it_is(proposal, content, with_rows(in_sterling), ["currency", *FIGURES])


def test_a_minor_unit_in_the_names_of_columns_is_their_scale() -> None:
    names = {field: f"{name} (GBX)" if field in MONEY else name for field, name in NAMES.items() if field != "currency"}
    content = a_file(with_rows(lambda _, row: {field: scaled(row[field], 100) for field in MONEY}), names)
    proposal = proposed(content)
    assert inferred(proposal)["currency"] == "GBP"
    assert inferred(proposal)["columns.fees"] == {"from": "Management Fees (GBX)", "scale": Decimal("0.01")}
    is_ingested_as_it_is(proposal, content, with_rows(in_sterling), ["currency", *FIGURES])


def within_the_month(day: date, *, linked: bool) -> list[Position]:
    """The book with a further valuation of three accounts, at which half of the month's gain and no flow has happened."""
    found: list[Position] = []
    for row in BOOK:
        if (row.as_of_date.year, row.as_of_date.month) != (day.year, day.month) or row.account.account_id > "AC000002":
            found.append(row)
            continue
        half = row.appreciation // 2
        still = replace(row, contributions=0, distributions=0, income=0, fees=0, adjustments=0)
        first = replace(still, as_of_date=day, appreciation=half, ending=row.beginning + half)
        rest = replace(row, beginning=first.ending, appreciation=row.appreciation - half) if linked else row
        found += [with_vendor_return(one, FlowTiming.END_OF_DAY, 8) for one in (first, rest)]
    return found


class TestSeveralValuationsAMonth:
    def test_they_are_all_where_each_begins_as_the_one_before_ended(self) -> None:
        rows = [cells(row) for row in within_the_month(date(2025, 1, 15), linked=True)]
        content = a_file(rows)
        proposal = proposed(content)
        assert (inferred(proposal)["cadence"], inferred(proposal)["valuations"]) == ("monthly", "all")
        is_ingested_as_it_is(proposal, content, rows, FIGURES)

    def test_they_are_left_to_a_person_where_both_begin_alike(self) -> None:
        proposal = proposed(a_file([cells(row) for row in within_the_month(date(2025, 1, 15), linked=False)]))
        assert "same month" in question(proposal, "valuations")


def daily(weekends: bool) -> dict[str, Any]:
    """What is inferred of accounts whose value stays, on every day of three weeks or on those from Monday to Friday."""
    days = [date(2025, 3, 3) + timedelta(days=place) for place in range(21)]
    rows = [{**row, "as_of_date": day.isoformat()} for row in ROWS[::8] for day in days if weekends or day.isoweekday() < 6]
    return inferred(proposed(a_file(rows)))


def test_saturdays_and_sundays_are_due_where_all_of_them_have_rows() -> None:
    whole, weekdays = daily(weekends=True), daily(weekends=False)
    assert (whole["cadence"], whole.get("weekends")) == ("daily", True)
    assert (weekdays["cadence"], weekdays.get("weekends")) == ("daily", None)


def test_a_column_with_a_reversal_is_still_its_field_and_nothing_ends_in_quarantine() -> None:
    content = a_file(with_rows(reversal))
    proposal = proposed(content)
    assert columns(proposal) == dict(NAMES)
    assert ingested(proposal, content).quarantined.is_empty()


def test_a_document_of_accounts_and_days_is_ingested_by_its_keys() -> None:
    accounts: dict[str, dict[str, dict[str, str]]] = {}
    for row in ROWS:
        figures = {name: row[field] for field, name in NAMES.items() if field not in {"account_id", "as_of_date"} and row[field]}
        accounts.setdefault(row["account_id"], {})[row["as_of_date"]] = figures
    content = json.dumps({"data": accounts}).encode()
    proposal = proposed(content)
    assert inferred(proposal)["files"]["json"] == {"rows_at": "data", "key_as": ["account number", "as of date"]}  # type: ignore[index]
    is_ingested_as_it_is(proposal, content, ROWS, ["currency", *FIGURES])
