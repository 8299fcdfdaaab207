"""How much evidence is enough: the least that confirms, and the most that does not."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from advisory_perf.contracts.columns import MONEY
from advisory_perf.feed_detection.column_names import Reading, Strength
from advisory_perf.feed_detection.field_assignment import Amounts
from advisory_perf.feed_detection.findings import Status
from advisory_perf.feed_detection.identities import (
    HOLDS,
    LEAST_ROWS,
    LEAST_WITNESSES,
    MOSTLY_ZERO,
    Figures,
    Identity,
    Rolled,
    Seen,
    best_identity,
    missing_terms,
    residual,
    roll_forward,
)
from advisory_perf.feed_detection.values import day_formats, looks_numeric, notation, printed_digits, share
from advisory_perf.feeds.sources import Numbers
from advisory_perf.ingestion.raw_frame import cell


def figures(unit: str = "0.01", **columns: list[str]) -> Figures:
    rows = len(next(iter(columns.values())))
    keys = pl.DataFrame({"account": ["A1"] * rows, "day": [date(2025, 1, 1 + place) for place in range(rows)]})
    amounts = pl.DataFrame({name: [Decimal(text) for text in texts] for name, texts in columns.items()})
    return Figures(keys, amounts.cast(MONEY), Decimal(unit))


def test_the_shares_and_counts_of_evidence() -> None:
    assert (HOLDS, MOSTLY_ZERO, LEAST_ROWS, LEAST_WITNESSES) == (0.9, 0.5, 5, 3)


@pytest.mark.parametrize(("part", "rows", "holds"), [(0.9, 5, True), (0.9, 4, False), (0.89, 5, False), (1.0, 5, True), (1.0, 0, False)])
def test_an_equation_holds_on_nine_of_ten_rows_and_five_at_least(part: float, rows: int, *, holds: bool) -> None:
    assert Rolled(part, rows).holds is holds
    assert Identity({}, part, rows, {}, {}).holds is holds


@pytest.mark.parametrize(
    ("holding", "rows", "mostly", "confirms"),
    [
        (3, 3, True, True),
        (2, 2, True, False),
        (2, 3, True, False),
        (3, 4, True, True),
        (3, 5, False, False),
        (18, 20, True, True),
        (17, 20, False, False),
        (27, 30, True, True),
        (0, 0, True, False),
        (0, 1, True, False),
    ],
)
def test_a_column_is_confirmed_by_three_rows_of_which_one_or_a_tenth_may_speak_against_it(
    holding: int, rows: int, *, mostly: bool, confirms: bool
) -> None:
    seen = Seen(holding, rows)
    assert (seen.mostly_holds, seen.confirms) == (mostly, confirms)


def test_a_row_is_seen_where_it_has_an_amount() -> None:
    assert Seen.of(pl.Series([True, True, False]), pl.Series([True, False, True])) == Seen(1, 2)


@pytest.mark.parametrize(("unit", "slack"), [("0.01", "0.04"), ("0.0001", "0.01"), ("1", "4"), ("0.0025", "0.01")])
def test_the_identity_may_be_off_by_half_a_unit_in_each_of_eight_terms_and_a_cent(unit: str, slack: str) -> None:
    assert figures(unit, a=["1"]).slack == Decimal(slack)


@pytest.mark.parametrize(
    ("field", "positive", "orientation"),
    [
        ("contributions", 9, 1),
        ("contributions", 8, 0),
        ("contributions", 1, -1),
        ("contributions", 2, 0),
        ("distributions", 9, 1),
        ("distributions", 8, 0),
        ("fees", 8, 1),
        ("fees", 7, 0),
        ("fees", 2, -1),
        ("fees", 3, 0),
        ("income", 8, 1),
        ("income", 1, 0),
        ("appreciation", 0, 1),
        ("ending_market_value", 0, 1),
        ("net_flow", 0, 1),
    ],
)
def test_a_column_is_turned_by_the_share_of_its_signs(field: str, positive: int, orientation: int) -> None:
    """Of ten amounts; zeros have no sign."""
    amounts = [str(place + 1) if place < positive else str(-place - 1) for place in range(10)] + ["0"] * 7
    assert figures(a=amounts).orientation("a", field) == orientation
    assert figures(a=["0"] * 5).orientation("a", field) == 1


@pytest.mark.parametrize(("field", "least"), [("contributions", 18), ("distributions", 18), ("fees", 16), ("income", 16)])
def test_the_share_of_signs_is_inferred_to_one_of_twenty(field: str, least: int) -> None:
    for positive, orientation in ((least, 1), (least - 1, 0)):
        amounts = [str(place + 1) if place < positive else str(-place - 1) for place in range(20)]
        assert figures(a=amounts).orientation("a", field) == orientation


@pytest.mark.parametrize(("failing", "column"), [(1, "c"), (2, "x")])
def test_a_surer_name_counts_unless_the_identity_holds_on_nine_of_ten_rows_without_it(failing: int, column: str) -> None:
    begins, flows = [100 + 7 * place for place in range(10)], [3 + place for place in range(10)]
    ends = [begin + flow + (50 if place < failing else 0) for place, (begin, flow) in enumerate(zip(begins, flows, strict=True))]
    of = figures(b=list(map(str, begins)), c=list(map(str, flows)), x=["1000"] * 10, e=list(map(str, ends)))
    named = {
        "beginning_market_value": {"b": Strength.EXACT},
        "contributions": {"c": Strength.LIKELY, "x": Strength.EXACT},
        "ending_market_value": {"e": Strength.EXACT},
    }
    found = best_identity(of, named, set())
    assert found is not None
    assert found.assignment["contributions"] == column


def test_the_identity_of_a_row_without_an_amount_is_unknown() -> None:
    of = figures(b=["100", "100"], c=["5", "5"], e=["105", "105"])
    amounts = of.amounts.with_columns(c=pl.Series([None, Decimal(5)], dtype=MONEY))
    assignment = {"beginning_market_value": "b", "contributions": "c", "ending_market_value": "e"}
    assert amounts.select(residual(Figures(of.keys, amounts, of.unit), assignment)).to_series().to_list() == [None, Decimal(0)]


def test_a_value_that_was_and_is_zero_tells_nothing_of_a_roll_forward() -> None:
    assert roll_forward(figures(b=["5", "0"], e=["0", "0"]))["e", "b"].rows == 0
    assert roll_forward(figures(b=["5", "1"], e=["0", "0"]))["e", "b"].rows == 1
    assert roll_forward(figures(b=["0", "0"], e=["5", "0"]))["e", "b"].rows == 1
    assert roll_forward(figures(b=["5", "5"], e=["5", "5"]))["e", "b"].rows == 0


@pytest.mark.parametrize(("off", "rows"), [("0.01", 4), ("0.0101", 0), ("-0.01", 4), ("-0.0101", 0)])
def test_the_roll_forward_holds_to_a_cent(off: str, rows: int) -> None:
    ends = [Decimal(100 + 10 * place) for place in range(5)]
    begins = [Decimal(90), *(end + Decimal(off) for end in ends[:-1])]
    rolled = roll_forward(figures(b=[str(one) for one in begins], e=[str(one) for one in ends]))["e", "b"]
    assert (rolled.rows, round(rolled.part * rolled.rows)) == (4, rows)


@pytest.mark.parametrize(("failing", "named"), [(0, True), (1, True), (2, False)])
def test_what_the_identity_misses_is_named_where_it_would_hold_on_nine_of_ten_rows(failing: int, *, named: bool) -> None:
    begins, gains = [100 + 7 * place for place in range(10)], [3 + place for place in range(10)]
    ends = [begin + gain + (50 if place < failing else 0) for place, (begin, gain) in enumerate(zip(begins, gains, strict=True))]
    of = figures(b=list(map(str, begins)), g=list(map(str, gains)), e=list(map(str, ends)))
    found = missing_terms(of, {"beginning_market_value": "b", "ending_market_value": "e"})
    assert found == ([("g", 1)] if named else [])


# what cells look like


FIELDS = ("beginning_market_value", "contributions", "distributions", "vendor_net_flow", "appreciation", "ending_market_value")


def ten_rows_of(net_where_nothing_flows: list[str], earned: list[str]) -> Amounts:
    """Columns named after their fields, whose identity holds with a gain of one: four inflows, four outflows, two rows without."""
    into, out = ["5"] * 4 + ["0"] * 6, ["0"] * 4 + ["3"] * 4 + ["0"] * 2
    net = ["5"] * 4 + ["-3"] * 4 + net_where_nothing_flows
    begin = [str(100 + 7 * place) for place in range(10)]
    end = [str(int(one) + int(plus) - int(minus) + 1) for one, plus, minus in zip(begin, into, out, strict=True)]
    columns = dict(zip(FIELDS, (begin, into, out, net, earned, end), strict=True))
    return Amounts(figures("0.01", **columns), {name: (Reading(name, Strength.EXACT),) for name in FIELDS})


@pytest.mark.parametrize(
    ("net", "status"), [(["0", "0"], Status.CONFIRMED), (["1", "0"], Status.UNDECIDED), (["-1", "0"], Status.UNDECIDED)]
)
def test_a_net_flow_where_nothing_flows_speaks_against_its_column(net: list[str], status: Status) -> None:
    assert ten_rows_of(net, ["1"] * 10).assigned(None)["vendor_net_flow"].status is status


@pytest.mark.parametrize(("blanks", "failing", "is_zero"), [(3, 0, True), (2, 0, False), (3, 1, False), (10, 1, True)])
def test_blanks_are_zero_where_the_identity_holds_on_three_of_them(blanks: int, failing: int, *, is_zero: bool) -> None:
    amounts = ten_rows_of(["0", "0"], ["9"] * failing + ["1"] * (10 - failing))
    assert amounts.blank_is_zero(pl.Series([place < blanks for place in range(10)])) is is_zero


@pytest.mark.parametrize(("flags", "part"), [([True, None, False, True], 0.5), ([], 0.0), ([None], 0.0), ([True], 1.0)])
def test_a_share_counts_what_is_unknown_as_false(flags: list[bool | None], part: float) -> None:
    assert share(pl.Series(flags, dtype=pl.Boolean())) == part


@pytest.mark.parametrize(("numbers", "is_numeric"), [(10, True), (9, True), (8, False)])
def test_a_column_is_one_of_numbers_where_nine_of_ten_cells_are(numbers: int, *, is_numeric: bool) -> None:
    texts = ["12.5"] * numbers + ["Trust"] * (10 - numbers) + ["", " "]
    assert looks_numeric(pl.Series(texts)) is is_numeric


@pytest.mark.parametrize(("text", "is_day"), [("1980-01-01", True), ("1979-12-31", False), ("2079-12-31", True), ("2080-01-01", False)])
def test_a_column_is_one_of_days_of_our_time(text: str, *, is_day: bool) -> None:
    assert day_formats(pl.Series([text])).formats == (("%Y-%m-%d",) if is_day else ())


@pytest.mark.parametrize(
    ("text", "is_noise"), [("0.10000000000000001", True), ("0.1000000000001", False), ("123.00000000000001", True), ("12.000001", False)]
)
def test_noise_is_that_of_a_float_and_no_long_decimal(text: str, *, is_noise: bool) -> None:
    assert ("binary_floats" in notation([pl.Series([text])], is_text=True).inferred) is is_noise


@pytest.mark.parametrize(("short", "digits"), [(2, 1), (1, 2)])
def test_fewer_decimals_are_those_of_the_column_where_every_fifth_cell_has_them(short: int, digits: int) -> None:
    texts = ["1.5"] * short + ["1.25"] * (10 - short)
    found = printed_digits(pl.DataFrame({cell("x"): texts}), "x", Numbers())
    assert found.to_list() == [digits] * short + [2] * (10 - short)


@pytest.mark.parametrize(("whole", "digits"), [(2, 0), (1, 2)])
def test_blank_cells_are_none_that_have_no_decimals(whole: int, digits: int) -> None:
    texts = ["1"] * whole + ["1.25"] * (10 - whole) + [""] * 10
    found = printed_digits(pl.DataFrame({cell("x"): texts}), "x", Numbers())
    assert found.to_list()[:10] == [digits] * whole + [2] * (10 - whole)
