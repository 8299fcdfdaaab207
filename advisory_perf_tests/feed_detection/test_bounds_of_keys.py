"""What tells the rows of an unknown file apart: the least that tells, and the most that does not, on tables of a few rows."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import polars as pl
import pytest

from advisory_perf.feed_detection.column_names import readings
from advisory_perf.feed_detection.findings import KeyFinding, Status
from advisory_perf.feed_detection.row_keys import Keys, currency, tell_keys, texts
from advisory_perf.feed_detection.structure import FILE, Table
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MARK, MISFIT, cell

ACCOUNT, DAY = "Account Number", "As Of Date"


def a_table(columns: Mapping[str, Sequence[str | None]], *, misfits: Sequence[str | None] = (), preamble: Sequence[str] = ()) -> Table:
    raw = pl.DataFrame({cell(name): texts for name, texts in columns.items()}, schema={cell(name): pl.String() for name in columns})
    raw = raw.select(
        pl.int_range(2, 2 + pl.len(), dtype=pl.Int64()).alias(LINE_NUMBER),
        pl.Series(MISFIT, misfits or [None] * raw.height, pl.String()),
        pl.lit(None, pl.String()).alias(MARK),
        pl.all(),
        pl.lit("a.csv").alias(FILE),
    )
    return Table("a.csv", raw, {}, tuple(preamble))


def keys_of(columns: Mapping[str, Sequence[str | None]], *, misfits: Sequence[str | None] = ()) -> Keys:
    return tell_keys(a_table(columns, misfits=misfits), {name: readings(name) for name in columns})


def inferred(keys: Keys, key: str) -> KeyFinding:
    (found,) = [one for one in keys.findings if one.key == key]
    return found


def of_days(*days: str, accounts: Sequence[str] = ()) -> Keys:
    return keys_of({ACCOUNT: accounts or [f"A{place}" for place in range(len(days))], DAY: days})


def every(step: int, times: int, first: date = date(2025, 1, 2)) -> list[str]:
    return [str(first + timedelta(days=step * place)) for place in range(times)]


ENDS = ["2025-01-31", "2025-02-28", "2025-03-31"]


@pytest.mark.parametrize(
    ("days", "cadence"),
    [
        (["2025-01-31", "2025-02-28"], "monthly"),
        (["2025-05-30", "2025-06-30"], "monthly"),
        (["2025-08-29", "2025-11-28"], "monthly"),
        (["2025-05-29", "2025-06-30"], None),
        (["2025-05-30", "2025-05-31"], "daily"),
        (every(4, 6), "daily"),
        (every(5, 6), None),
        ([*ENDS * 9, "2025-01-15", "2025-02-14", "2025-03-14"], "monthly"),
        ([*ENDS * 9, "2025-01-15", "2025-02-14", "2025-03-14", "2025-03-13"], None),
        ([*ENDS[:2] * 9, "2025-01-15", "2025-02-14"], None),
        ([*ENDS * 9, "2025-04-15"], None),
    ],
)
def test_a_cadence_is_inferred_by_month_ends_or_by_steps_of_four_days(days: list[str], cadence: str | None) -> None:
    found = inferred(of_days(*days), "cadence")
    assert found.value == cadence
    assert found.status is (Status.UNDECIDED if cadence is None else Status.CONFIRMED)


@pytest.mark.parametrize(
    ("day", "likeliest"),
    [
        ("2025-01-31", "monthly"),
        ("2025-05-30", "monthly"),  # a Friday; Saturday is the last of May
        ("2025-11-28", "monthly"),  # a Friday; Sunday is the last of November
        ("2025-05-29", "daily"),
        ("2025-11-27", "daily"),
    ],
)
def test_the_only_day_of_a_file_leaves_its_cadence_open(day: str, likeliest: str) -> None:
    found = inferred(of_days(day, day, day), "cadence")
    assert (found.status, found.candidates[0], len(found.candidates)) == (Status.UNDECIDED, likeliest, 2)


def test_the_first_window_is_the_month_of_the_earliest_day_and_open_without_any() -> None:
    assert inferred(of_days("2025-03-31", "2025-02-28", "2025-03-31"), "first_window").value == date(2025, 2, 1)
    found = keys_of({ACCOUNT: ["A1", "A2"], DAY: ["never", "never"]})
    assert [inferred(found, key).status for key in ("cadence", "first_window")] == [Status.UNDECIDED, Status.UNDECIDED]
    assert inferred(found, "cadence").candidates == ("daily", "monthly")


@pytest.mark.parametrize(("others", "is_inferred"), [(1, True), (2, False)])
def test_nineteen_of_twenty_rows_have_an_account_of_their_own_on_their_day(others: int, *, is_inferred: bool) -> None:
    accounts = [f"A{place}" for place in range(20 - others)] + ["A0"] * others
    assert (of_days(*["2025-01-31"] * 20, accounts=accounts).account is not None) is is_inferred
    accounts = [f"A{place}" for place in range(20 - others)] + ["*", "?"][:others]
    assert (of_days(*["2025-01-31"] * 20, accounts=accounts).account is not None) is is_inferred


@pytest.mark.parametrize(("words", "is_inferred"), [(2, True), (3, False)])
def test_nine_of_ten_account_numbers_have_a_digit(words: int, *, is_inferred: bool) -> None:
    accounts = [f"A{place}" for place in range(20 - words)] + ["X", "Y", "Z"][:words]
    assert (of_days(*["2025-01-31"] * 20, accounts=accounts).account is not None) is is_inferred


def test_an_account_that_stands_once_on_each_of_two_days_is_one() -> None:
    assert of_days("2025-01-31", "2025-02-28", accounts=["A1", "A1"]).account is not None
    assert of_days("2025-01-31", "2025-01-31", accounts=["A1", "A1"]).account is None


def test_an_account_is_only_proposed_where_no_day_is_inferred() -> None:
    found = inferred(keys_of({ACCOUNT: ["A1", "A2"], DAY: ["never", "never"]}), "columns.account_id")
    assert (found.status, found.value) == (Status.UNCONFIRMED, ACCOUNT)


def test_a_name_that_may_mean_something_else_is_no_account_by_itself() -> None:
    found = inferred(keys_of({"Portfolio Code": ["A1", "A2"], DAY: ["2025-01-31"] * 2}), "columns.account_id")
    assert (found.status, found.candidates) == (Status.UNDECIDED, ("Portfolio Code",))


def footer_of(*lines: tuple[str, str | None], further: int = 0) -> tuple[object, list[int]]:
    """The rules, and the lines that are footers, of lines of a first cell and a day."""
    rows = [
        *((f"A{place}", "2025-01-31") for place in range(2 + 2 * further)),
        *lines,
        *((f"Remark {'x' * (place + 1)}", None) for place in range(further)),
    ]
    keys = keys_of({ACCOUNT: [text for text, _ in rows], DAY: [day for _, day in rows]})
    return (keys.footer.value if keys.footer is not None else None), keys.footers[LINE_NUMBER].to_list()


def test_a_line_without_a_day_is_a_footer_at_the_end_or_where_it_begins_like_a_total() -> None:
    rule = [{"column": ACCOUNT, "starts_with": ["Total"]}]
    assert footer_of(("Total", None), ("A3", "2025-01-31")) == (rule, [4])
    assert footer_of(("Remark", None), ("A3", "2025-01-31")) == (None, [])
    assert footer_of(("A3", "2025-01-31"), ("Remark", None)) == ([{"column": ACCOUNT, "starts_with": ["Remark"]}], [5])


def test_a_footer_that_begins_as_a_row_does_gives_no_rule() -> None:
    assert footer_of(("A", None)) == (None, [4])
    assert footer_of(("12 rows", None)) == (None, [4])


@pytest.mark.parametrize(("further", "rules"), [(49, 49), (50, 50), (51, 50)])
def test_lines_that_begin_in_more_than_fifty_ways_give_fifty_rules(further: int, rules: int) -> None:
    found, lines = footer_of(further=further)
    assert isinstance(found, list), "one rule with all beginnings"
    assert (len(found[0]["starts_with"]), len(lines)) == (rules, further)


def currency_of(
    columns: Mapping[str, Sequence[str | None]] | None = None, *above: str, signs: Sequence[str] = (), taken: Sequence[str] = ()
) -> tuple[str, object, tuple[str, ...]]:
    given = columns or {ACCOUNT: ["A1"]}
    found = currency(a_table(given, preamble=above), {name: readings(name) for name in given}, signs, set(taken))
    return found.key, found.value, found.candidates


@pytest.mark.parametrize(("others", "is_inferred"), [(1, True), (2, False)])
def test_a_column_of_currencies_holds_codes_on_nineteen_of_twenty_rows(others: int, *, is_inferred: bool) -> None:
    codes = ["USD"] * (20 - others) + ["dollars"] * others
    assert (currency_of({"Currency": codes})[0] == "columns.currency") is is_inferred


def test_a_currency_is_said_once_by_a_column_above_the_header_or_in_it() -> None:
    assert currency_of({"Currency": ["USD", "EUR"]}) == ("columns.currency", "Currency", ())
    assert currency_of({"Currency": ["USD", "EUR"]}, taken=["Currency"])[1] is None
    assert currency_of({"Currency": ["HRK", "GBX"]})[1] == "Currency", "a code that was withdrawn, and a minor unit"
    assert currency_of({"Currency": ["USD"], "Base Currency": ["EUR"]}) == ("columns.currency", None, ("Currency", "Base Currency"))
    assert currency_of(None, "All values in usd") == ("currency", "USD", ())
    assert currency_of(None, "Currency: GBX") == ("currency", "GBX", ())
    assert currency_of({"Market Value (CHF)": ["1"]}) == ("currency", "CHF", ())
    assert currency_of(None, "All values in USD", "Currency: EUR") == ("currency", None, ("EUR", "USD"))
    assert currency_of(None, signs=["\u20ac"]) == ("currency", None, ("EUR",))
    assert currency_of(None, "A report within the USD zone of 4711") == ("currency", None, ())


def whose(column: str, accounts: Sequence[str], given: Sequence[str | None]) -> KeyFinding | None:
    table = a_table({column: given})
    return next(iter(texts(table.raw, pl.Series(accounts), {column: readings(column)}, set())), None)


@pytest.mark.parametrize(("twice", "is_inferred"), [(1, True), (2, False)])
def test_nineteen_of_twenty_accounts_have_one_portfolio(twice: int, *, is_inferred: bool) -> None:
    accounts = [f"A{place}" for place in range(20)]
    given = [f"P{place}" for place in range(20)]
    found = whose("Portfolio ID", [*accounts, *accounts[:twice]], [*given, *["other"] * twice])
    assert found is not None
    assert found.is_settled is is_inferred


def test_an_account_may_lack_its_portfolio_on_some_rows_and_no_amount_is_a_text() -> None:
    settled = {
        column: found is not None and found.is_settled
        for column, given in (
            ("Portfolio ID", ["P1", None, "P2"]),
            ("Portfolio Number", ["1", "1", "2"]),
            ("Portfolio Code", ["1.5", "1.5", "2.5"]),
            ("Account Name", ["1", "1", "2"]),
            ("Account Description", ["Trust", "Trust", "Fund"]),
        )
        for found in [whose(column, ["A1", "A1", "A2"], given)]
    }
    assert settled == {
        "Portfolio ID": True,
        "Portfolio Number": True,
        "Portfolio Code": False,
        "Account Name": False,
        "Account Description": True,
    }


def test_an_account_without_any_portfolio_has_not_several() -> None:
    found = whose("Portfolio ID", ["A1", "A2", "A3"], ["P1", None, None])
    assert found is not None
    assert found.is_settled
