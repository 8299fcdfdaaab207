"""Labels that are printed once for a group are inferred as such, and cells that are blank for another reason are not."""

from collections.abc import Callable, Mapping

import pytest

from advisory_perf.feed_detection.findings import Status
from advisory_perf_tests.feed_detection.scenarios import (
    FIGURES,
    NAMES,
    a_file,
    cells,
    finding,
    inferred,
    is_ingested_as_it_is,
    positions,
    proposed,
)

pytestmark = pytest.mark.slow

Row = Mapping[str, str]
PORTFOLIO = {**NAMES, "portfolio_id": "Portfolio ID"}
ROWS = [{**cells(row), "portfolio_id": f"P{int(row.account.account_id[-1]) % 3}"} for row in positions(accounts=6)]
BY_PORTFOLIO = sorted(ROWS, key=lambda row: (row["portfolio_id"], row["account_id"]))
BY_DAY = sorted(ROWS, key=lambda row: (row["as_of_date"], row["portfolio_id"], row["account_id"]))


def once(field: str, rows: list[dict[str, str]], group: Callable[[Row], object] | None = None) -> list[dict[str, str]]:
    """The rows with the field's cell blank where the row above is of the same group."""
    inferred_by = group or (lambda row: row[field])
    return [
        {**row, field: "" if place and inferred_by(row) == inferred_by(rows[place - 1]) else row[field]} for place, row in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("field", "rows", "names"),
    [("account_id", ROWS, NAMES), ("as_of_date", BY_DAY, NAMES), ("portfolio_id", BY_PORTFOLIO, PORTFOLIO), ("currency", ROWS, NAMES)],
)
def test_a_label_that_is_printed_once_is_filled_down(field: str, rows: list[dict[str, str]], names: dict[str, str]) -> None:
    group = (lambda row: row["account_id"]) if field == "currency" else None
    content = a_file(once(field, rows, group), names)
    proposal = proposed(content)
    assert inferred(proposal)[f"columns.{field}"] == {"from": names[field], "fill": "down"}
    texts = ["currency", *(["portfolio_id"] if "portfolio_id" in names else [])]
    is_ingested_as_it_is(proposal, content, rows, [*texts, *FIGURES])


@pytest.mark.parametrize("field", ["account_id", "as_of_date", "portfolio_id", "currency"])
def test_labels_in_every_row_are_not_filled(field: str) -> None:
    assert inferred(proposed(a_file(BY_PORTFOLIO, PORTFOLIO)))[f"columns.{field}"] == PORTFOLIO[field]


def test_names_that_some_accounts_lack_are_no_labels() -> None:
    rows = [{**row, "portfolio_id": "" if int(row["account_id"][-1]) % 2 else f"P{row['account_id']}"} for row in ROWS]
    assert inferred(proposed(a_file(rows, PORTFOLIO)))["columns.portfolio_id"] == "Portfolio ID"


def test_a_label_above_blanks_of_one_day_is_left_to_a_person() -> None:
    one_day = [row for row in BY_DAY if row["as_of_date"] == BY_DAY[0]["as_of_date"]]
    found = finding(proposed(a_file(once("portfolio_id", one_day), PORTFOLIO)), "columns.portfolio_id")
    assert (found.status, found.value) == (Status.UNCONFIRMED, {"from": "Portfolio ID", "fill": "down"})


def test_sums_without_an_account_are_not_filled() -> None:
    rows = [one for row in ROWS for one in (row, {**row, "account_id": ""})]
    assert "columns.account_id" not in inferred(proposed(a_file(rows)))


def test_a_line_of_totals_ends_a_label() -> None:
    lines = a_file(once("account_id", ROWS)).decode().splitlines()
    lines.insert(4, "Total,,1.00,,,,,,,,,,")
    assert "fill" not in str(inferred(proposed("\n".join([*lines, ""]).encode())).get("columns.account_id"))
