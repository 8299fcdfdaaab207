"""Rows that sum others, and rows that a footer rule would swallow: what is a position, what is none, and that nothing is lost."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.validation.rows import Validated
from advisory_perf_tests.ingestion.scenarios import a_feed, notices, refusal, validated

pytestmark = pytest.mark.slow

HEADER = "id,day,bmv,in,out,emv,name,pf"
DAY = "2024-06-28"
Row = tuple[str, str, tuple[Decimal, ...], str, str]
"""Account, day, the four amounts, name, portfolio."""


def the_feed(*, has_portfolio: bool = True, **changes: Any) -> PositionsFeed:
    columns = {"account_name": "name", **({"portfolio_id": "pf"} if has_portfolio else {})}
    return a_feed(columns, ignored=[] if has_portfolio else ["pf"], **changes)


def a_file(rows: Sequence[Row]) -> str:
    return "\n".join([HEADER, *(",".join([id_, day, *map(str, amounts), name, pf]) for id_, day, amounts, name, pf in rows)]) + "\n"


def the_sum(rows: Sequence[Row], *, account: str, name: str = "", pf: str = "") -> Row:
    return account, rows[0][1], tuple(sum(amounts, Decimal(0)) for amounts in zip(*(row[2] for row in rows), strict=True)), name, pf


def with_mode(mode: str, **changes: Any) -> PositionsFeed:
    return the_feed(plausibility={"subtotals": mode}, **changes)


cents = st.integers(10_000_000, 10**9).map(lambda units: Decimal(units) / 100)
amounts = st.tuples(cents, st.just(Decimal("0.00")), st.sampled_from([Decimal(0), Decimal("125.50")]), cents)
sections = st.lists(st.lists(amounts, min_size=1, max_size=4), min_size=1, max_size=4)
"""The amounts of the accounts of each portfolio."""
days = st.integers(1, 2)


def accounts_of(portfolios: list[list[tuple[Decimal, ...]]], day: str = DAY) -> list[list[Row]]:
    return [
        [(f"A{place}-{number}", day, figures, f"Trust {number}", f"P{place}") for number, figures in enumerate(section)]
        for place, section in enumerate(portfolios)
    ]


def shows(row: Row) -> int:
    """How many digits the amounts of the row show."""
    return sum(len(str(amount).replace(".", "").strip("0")) for amount in row[2])


CALLED = ["P{} total", "SUBTOTAL {}", "Summe P{}", "P{}"]


@settings(max_examples=60)
@given(portfolios=sections, called=st.sampled_from(CALLED), days=days, has_portfolio=st.booleans(), has_grand_total=st.booleans())
def test_every_subtotal_of_two_rows_or_more_is_found_and_no_account(
    portfolios: list[list[tuple[Decimal, ...]]], called: str, days: int, *, has_portfolio: bool, has_grand_total: bool
) -> None:
    """Subtotals below their rows on one day or two, under four names of which one says nothing, and a grand total."""
    rows: list[Row] = []
    named, unnamed = set[tuple[str, int]](), set[tuple[str, int]]()
    for day in range(1, days + 1):
        every: list[Row] = []
        for place, section in enumerate(accounts_of(portfolios, f"2024-06-{day:02}")):
            total = the_sum(section, account=called.format(place), pf=f"P{place}")
            rows += [*section, total]
            every += section
            (unnamed if called == "P{}" else named).add((total[0], day))
        if has_grand_total:
            rows.append(the_sum(every, account="Grand total"))
            named.add(("Grand total", day))
    result = validated(a_file(rows), with_mode("drop", has_portfolio=has_portfolio))
    taken = {(account, day.day) for account, day in result.accepted.select("account_id", "as_of_date").rows()}
    found = {(row[0], int(row[1][-2:])) for row in rows} - taken
    assert not any(account.startswith("A") for account, _ in found)
    assert (result.footer, result.read) == (len(found), len(rows))
    if not unnamed:
        assert found == named
    if all(len(section) > 1 for section in portfolios) and all(shows(row) >= 16 for row in rows if not row[0].startswith("A")):
        assert found == named | unnamed


@settings(max_examples=40)
@given(portfolios=sections, called=st.sampled_from(CALLED), has_portfolio=st.booleans())
def test_subtotals_above_their_rows_are_found_as_those_below_are(
    portfolios: list[list[tuple[Decimal, ...]]], called: str, *, has_portfolio: bool
) -> None:
    rows: list[Row] = []
    totals = set[str]()
    for place, section in enumerate(accounts_of(portfolios)):
        rows += [the_sum(section, account=called.format(place), pf=f"P{place}"), *section]
        totals.add(rows[-len(section) - 1][0])
    result = validated(a_file(rows), with_mode("drop", has_portfolio=has_portfolio))
    found = {row[0] for row in rows} - set(result.accepted["account_id"])
    assert found <= totals
    if all(len(section) > 1 for section in portfolios) and all(shows(row) >= 16 for row in rows if row[0] in totals):
        assert found == totals


@settings(max_examples=60)
@given(portfolios=sections, has_portfolio=st.booleans())
def test_a_delivery_without_subtotals_raises_no_alarm(portfolios: list[list[tuple[Decimal, ...]]], *, has_portfolio: bool) -> None:
    rows = [row for section in accounts_of(portfolios) for row in section if shows(row) >= 8]
    for mode in ("warn", "reject", "drop"):
        result = validated(a_file(rows), with_mode(mode, has_portfolio=has_portfolio))
        assert result.accepted.height == len(rows)
        assert "W_SUBTOTAL" not in notices(result)


def figures(*values: int | str) -> tuple[Decimal, ...]:
    return tuple(Decimal(value) for value in values)


def alike(account: str, bmv: str, emv: str, name: str = "", pf: str = "P1", day: str = DAY) -> Row:
    return account, day, (Decimal(bmv), Decimal(0), Decimal(0), Decimal(emv)), name, pf


ONE_VALUE = ("1234567.89", "1234999.12")
COINCIDENCES: dict[str, list[Row]] = {
    "one row like the other": [alike("A1", *ONE_VALUE), alike("A2", *ONE_VALUE)],
    "rows of zeros": [alike(f"A{number}", "0", "0") for number in range(4)],
    "zeros beside a value": [alike("A1", *ONE_VALUE), alike("A2", "0", "0"), alike("A3", *ONE_VALUE)],
    "round amounts": [alike("A1", "100", "101"), alike("A2", "100", "101"), alike("A3", "200", "202")],
    "one amount sums and another does not": [alike("A1", *ONE_VALUE), alike("A2", "1.11", "2.22"), alike("A3", "1234569.00", "1235001.35")],
    "an account named like a total": [alike("A1", *ONE_VALUE), alike("A2", *ONE_VALUE, "Total Care Foundation", "P2")],
    "days of one account": [alike("A1", f"{day}234567.89", f"{day}234567.89", day=f"2024-06-0{day}") for day in range(1, 4)],
}


@pytest.mark.parametrize(("kind", "has_portfolio"), list(product(COINCIDENCES, (True, False))))
def test_a_coincidence_is_no_subtotal(kind: str, *, has_portfolio: bool) -> None:
    result = validated(a_file(COINCIDENCES[kind]), with_mode("reject", has_portfolio=has_portfolio))
    assert (result.accepted.height, result.notices) == (len(COINCIDENCES[kind]), ())


TWO = [("A1", DAY, figures("1234567.89", 10, 0, "1234999.12"), "", "P1"), ("A2", DAY, figures("7654321.01", 0, 5, "7654999.77"), "", "P1")]


def a_total_above(rows: list[Row]) -> list[Row]:
    return [the_sum(rows, account="P1", pf="P1"), *rows]


@pytest.mark.parametrize("rows", [[*TWO, the_sum(TWO, account="P1", pf="P1")], a_total_above(TWO)])
def test_the_feed_says_what_becomes_of_a_subtotal(rows: list[Row]) -> None:
    warned: Validated = validated(a_file(rows), the_feed())
    assert (warned.accepted.height, notices(warned)) == (3, ["W_SUBTOTAL"])
    assert "P1 on 2024-06-28" in warned.notices[0].sentence
    dropped = validated(a_file(rows), with_mode("drop"))
    assert (sorted(dropped.accepted["account_id"]), dropped.footer, dropped.notices) == (["A1", "A2"], 1, ())
    refused = refusal(a_file(rows), with_mode("reject"))
    assert refused.code == "E_SUBTOTAL"
    assert "plausibility: subtotals: drop" in refused.sentence


def test_a_count_of_the_vendors_does_not_count_what_is_dropped() -> None:
    content = a_file([*TWO, the_sum(TWO, account="P1", pf="P1")]) + "ROWS 2\n"
    feed = with_mode("drop", controls={"count": r"^ROWS (\d+)"})
    assert validated(content, feed).accepted.height == 2


FOOTER_RULES = {"name": [{"column": "name", "starts_with": ["Total", "Sum"]}], "id": [{"column": "id", "starts_with": ["Total", "TOT"]}]}
ONE = TWO[0][2]


@pytest.mark.parametrize(
    ("rule", "row", "becomes"),
    [
        ("name", ("A9", DAY, ONE, "Total Care Foundation", "P9"), "row"),
        ("name", ("A9", DAY, figures(5, 0, 0, 6), "Summit Trust", ""), "row"),
        ("name", ("A9", DAY, figures(5, 0, 0, 6), "Total", ""), "row and notice"),
        ("name", ("", "", figures(5, 0, 0, 6), "Total", ""), "footer"),
        ("name", ("", DAY, figures(5, 0, 0, 6), "Total", ""), "footer"),
        ("name", ("A9", "", figures(5, 0, 0, 6), "Total", ""), "footer"),
        ("name", the_sum(TWO, account="P1", name="Total", pf="P1"), "footer"),
        ("name", the_sum(TWO, account="P1", name="Total of P1"), "footer"),
        ("id", the_sum(TWO, account="Total"), "footer"),
        ("id", ("Total", DAY, figures(5, 0, 0, 6), "", ""), "footer and notice"),
        ("id", ("TOT-001", DAY, figures(5, 0, 0, 6), "", ""), "row"),
        ("id", ("Total", "", figures(5, 0, 0, 6), "", ""), "footer"),
    ],
)
def test_a_line_that_reads_as_a_position_is_no_footer(rule: str, row: Row, becomes: str) -> None:
    result = validated(a_file([*TWO, row]), the_feed(footer=FOOTER_RULES[rule]))
    is_row = becomes.startswith("row")
    assert (result.accepted.height, result.footer) == ((3, 0) if is_row else (2, 1))
    assert notices(result) == (["W_FOOTER_POSITION"] if becomes.endswith("notice") else [])
    assert all(f"it is taken as a {'row' if is_row else 'footer'}" in notice.sentence for notice in result.notices)


@pytest.mark.parametrize(("bmv", "code"), [("x", "E_NUMBER"), ("1.23456", "E_PRECISION")])
def test_a_position_that_cannot_be_read_is_quarantined_and_not_swallowed(bmv: str, code: str) -> None:
    content = a_file(TWO) + f"A9,{DAY},{bmv},0,0,6,Total Care Foundation,\n"
    result = validated(content, the_feed(footer=FOOTER_RULES["name"]))
    assert (result.quarantined["code"].to_list(), result.footer) == ([code], 0)


@pytest.mark.parametrize("rule", FOOTER_RULES)
@settings(max_examples=60)
@given(st.data())
def test_no_account_with_a_number_of_its_own_is_swallowed(rule: str, data: st.DataObject) -> None:
    """Names and numbers that begin as a footer does, in any number: each is a row unless it sums others."""
    rows = data.draw(st.lists(st.tuples(st.sampled_from(["Total", "Sum", "TOT"]), amounts), min_size=1, max_size=6))
    made: list[Row] = [
        (f"B{number}" if rule == "name" else f"TOT{number}", DAY, figures_, f"{start} Care {number} Trust" if rule == "name" else "", "")
        for number, (start, figures_) in enumerate(rows)
    ]
    result = validated(a_file([*TWO, *made]), the_feed(has_portfolio=False, footer=FOOTER_RULES[rule]))
    assert (result.accepted.height, result.footer) == (2 + len(made), 0)


def test_a_row_that_a_rule_named_is_asked_for_its_account_too() -> None:
    rows = [*TWO, ("A9", DAY, figures(5, 0, 0, 6), "Total Care Foundation", "")]
    result = validated(a_file(rows), the_feed(footer=FOOTER_RULES["name"], accounts="known"), accounts=["A1", "A2"])
    assert result.quarantined["code"].to_list() == ["E_UNKNOWN_ACCOUNT"]


def test_a_net_flow_is_summed_like_both_flows() -> None:
    data = the_feed(footer=FOOTER_RULES["name"]).model_dump(by_alias=True)
    columns = {name: source for name, source in data["columns"].items() if name not in {"contributions", "distributions"}}
    feed = PositionsFeed.model_validate({**data, "columns": {**columns, "net_flow": "in"}})
    rows: list[Row] = [(*row[:2], (row[2][0], row[2][1] - row[2][2], Decimal(0), row[2][3]), *row[3:]) for row in TWO]
    assert validated(a_file([*rows, the_sum(rows, account="P1", name="Total")]), feed).footer == 1
    assert notices(validated(a_file([*rows, the_sum(rows, account="P1")]), feed)) == ["W_NEW_COLUMN", "W_SUBTOTAL"]
