"""When a column is one of labels that are printed once: the least that tells, and the most that does not, on a few rows."""

from collections.abc import Sequence

import polars as pl
import pytest

from advisory_perf.feed_detection.column_names import readings
from advisory_perf.feed_detection.findings import KeyFinding, Status
from advisory_perf.feed_detection.groups import Labels, with_labels
from advisory_perf.feed_detection.structure import FILE, Table
from advisory_perf.ingestion.raw_frame import MISFIT, cell

NAMES = ("Account Number", "As Of Date", "Portfolio ID", "Currency", "Beginning Market Value")
JANUARY, FEBRUARY = "2025-01-31", "2025-02-28"
Line = tuple[str, str, str, str]
"""Account, day, portfolio and currency."""


def labels_of(lines: Sequence[Line], *, files: Sequence[str] = (), misfits: Sequence[int] = ()) -> Labels:
    rows = [(*line, "100.00") for line in lines]
    raw = pl.DataFrame(rows, schema={cell(name): pl.String() for name in NAMES}, orient="row").with_columns(
        pl.Series(FILE, files or ["a.csv"] * len(lines), pl.String()),
        pl.Series(MISFIT, ["?" if place in misfits else None for place in range(len(lines))], pl.String()),
    )
    return with_labels(Table("a.csv", raw, {}), {name: readings(name) for name in NAMES})


def inferred(labels: Labels, name: str) -> str:
    return "certain" if name in labels.certain else "possible" if name in labels.possible else ""


def of_accounts(*accounts: str) -> list[Line]:
    """Rows of accounts, of which each blank one repeats the one above on its second day."""
    return [(account, JANUARY if account else FEBRUARY, "P", "USD") for account in accounts]


@pytest.mark.parametrize(
    ("accounts", "is_label"),
    [
        (["A1", "", "A2", ""], True),
        (["A1", "", "A2"], True),
        (["A1", "", "A2", "A3"], False),
        (["A1", "A2", "A3"], False),
        (["", "A1", ""], False),
        (["A1", "", "A1", ""], False),
    ],
)
def test_account_numbers_are_labels_where_a_third_at_least_is_blank_and_none_comes_twice_in_a_row(
    accounts: list[str], *, is_label: bool
) -> None:
    labels = labels_of(of_accounts(*accounts))
    assert inferred(labels, "Account Number") == ("certain" if is_label else "")
    filled = labels.table.raw[cell("Account Number")].to_list()
    assert filled == ([account or accounts[place - 1] for place, account in enumerate(accounts)] if is_label else accounts)


def test_a_label_that_would_stand_twice_on_a_day_is_none() -> None:
    twice = [("A1", JANUARY, "P", "USD"), ("", JANUARY, "P", "USD"), ("A2", JANUARY, "P", "USD")]
    assert inferred(labels_of(twice), "Account Number") == ""


@pytest.mark.parametrize(("twice", "is_label"), [(1, True), (2, False)])
def test_nineteen_of_twenty_rows_are_distinguished_by_their_labels(twice: int, *, is_label: bool) -> None:
    days = [f"2025-{month:02}-28" for month in range(1, 11)]
    lines = [(f"A{half}" if not place else "", day, "P", "USD") for half in (1, 2) for place, day in enumerate(days)]
    for place in range(1, twice + 1):
        lines[place] = ("", days[0], "P", "USD")
    assert inferred(labels_of(lines), "Account Number") == ("certain" if is_label else "")


def test_a_label_ends_with_its_file_and_at_a_line_that_is_no_row() -> None:
    lines = of_accounts("A1", "", "A2", "", "", "A3", "")
    assert inferred(labels_of(lines[:4], files=["a.csv", "a.csv", "b.csv", "b.csv"]), "Account Number") == "certain"
    assert inferred(labels_of(lines[:4], files=["a.csv", "b.csv", "b.csv", "b.csv"]), "Account Number") == ""
    lines[4] = ("A9", FEBRUARY, "P", "USD")
    assert inferred(labels_of([*lines[:2], lines[4], *lines[2:4]], misfits=[2]), "Account Number") == "certain"
    assert inferred(labels_of([lines[0], lines[4], *lines[1:4]], misfits=[1]), "Account Number") == ""


def in_portfolios(*portfolios: str, accounts: Sequence[str]) -> list[Line]:
    days = {name: iter(f"2025-{month:02}-28" for month in range(1, 13)) for name in accounts}
    return [(account, next(days[account]), portfolio, "USD") for account, portfolio in zip(accounts, portfolios, strict=True)]


@pytest.mark.parametrize(
    ("portfolios", "accounts", "expected"),
    [
        (["P1", "", "", "P2", ""], ["A1", "A1", "A2", "A3", "A3"], "certain"),
        (["P1", "", "P2", ""], ["A1", "A2", "A3", "A4"], "possible"),
        (["P1", "", "P2", ""], ["A1", "A2", "A2", "A3"], ""),
        (["P1", "", "", "P2", "P3", "P4", "P5"], ["A1", "A1", "A2", "A3", "A4", "A5", "A6"], ""),
    ],
)
def test_a_portfolio_is_a_label_where_an_account_has_and_lacks_it_and_none_has_two(
    portfolios: list[str], accounts: list[str], expected: str
) -> None:
    assert inferred(labels_of(in_portfolios(*portfolios, accounts=accounts)), "Portfolio ID") == expected


@pytest.mark.parametrize(
    ("currencies", "accounts", "expected"),
    [
        (["USD", "", "USD", ""], ["A1", "A1", "A2", "A2"], "certain"),
        (["USD", "", "USD", ""], ["A1", "A2", "A3", "A3"], ""),
        (["USD", "USD", "", "EUR", ""], ["A1", "A1", "A1", "A2", "A2"], ""),
    ],
)
def test_a_currency_is_a_label_of_its_account_only(currencies: list[str], accounts: list[str], expected: str) -> None:
    lines = [
        (account, day, "P", currency)
        for (account, day, *_), currency in zip(in_portfolios(*accounts, accounts=accounts), currencies, strict=True)
    ]
    assert inferred(labels_of(lines), "Currency") == expected


def test_a_label_that_is_only_possible_is_proposed_as_a_comment() -> None:
    labels = labels_of(in_portfolios("P1", "", "P2", "", accounts=["A1", "A2", "A3", "A4"]))
    found = labels.applied(KeyFinding("columns.portfolio_id", Status.NAMED, "name", "Portfolio ID"))
    assert (found.status, found.value) == (Status.UNCONFIRMED, {"from": "Portfolio ID", "fill": "down"})
    other = KeyFinding("columns.account_id", Status.NAMED, "name", "Account Number")
    assert labels.applied(other) is other
    uninferred = KeyFinding("columns.portfolio_id", Status.UNDECIDED, "name")
    assert labels.applied(uninferred) is uninferred
