from decimal import Decimal
from typing import Any

import pytest

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.validation.rows import Validated
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, codes, notices, refusal, validated
from advisory_perf_tests.ingestion.workbook_files import a_book

pytestmark = pytest.mark.table

ROWS = ("A1,2024-06-28,100.00,5.00,1.00,106.00", "A2,2024-06-28,50.00,0.00,0.00,51.50")
TOTALS = [{"column": "id", "starts_with": ["Total"], "totals": True}]
TRAILER = {"count": r"^TRAILER[,|](\d+)", "totals": {"ending_market_value": r"^TRAILER[,|]\d+[,|]([^,|]+)"}}


def a_file(*lines: str) -> str:
    return "\n".join([HEADER, *ROWS, *lines]) + "\n"


def with_trailer(on_difference: str = "reject", **changes: Any) -> PositionsFeed:
    return a_feed(controls={**TRAILER, "on_difference": on_difference}, **changes)


def counts(result: Validated) -> tuple[int, int, int]:
    return result.read, result.accepted.height, result.footer


def test_a_trailer_that_agrees_is_a_footer_and_nothing_more() -> None:
    result = validated(a_file("TRAILER,2,157.50"), with_trailer())
    assert counts(result) == (3, 2, 1)
    assert result.notices == ()


def test_a_trailer_as_wide_as_a_row_is_found_too() -> None:
    assert counts(validated(a_file("TRAILER,2,157.50,,,"), with_trailer())) == (3, 2, 1)


def test_another_count_rejects_the_file_or_is_noticed_as_the_feed_says() -> None:
    refused = refusal(a_file("TRAILER,3,157.50"), with_trailer())
    assert refused.code == "E_CONTROL_COUNT"
    assert "the vendor announces 3 rows, and the file holds 2" in refused.sentence
    assert notices(validated(a_file("TRAILER,3,157.50"), with_trailer("warn"))) == ["W_CONTROL_COUNT"]


def test_another_sum_rejects_the_file_or_is_noticed_with_the_difference() -> None:
    refused = refusal(a_file("TRAILER,2,657.50"), with_trailer())
    assert refused.code == "E_CONTROL_TOTAL"
    assert "the vendor announces 657.50 for emv, the rows sum to 157.50, off by 500.00" in refused.sentence
    assert notices(validated(a_file("TRAILER,2,657.50"), with_trailer("warn"))) == ["W_CONTROL_TOTAL"]


def test_a_file_without_its_trailer_was_cut_short() -> None:
    assert refusal(a_file(), with_trailer()).code == "E_CONTROL_COUNT"


@pytest.mark.parametrize(
    ("announced", "found"), [("157.51", []), ("157.49", []), ("157.5101", ["W_CONTROL_TOTAL"]), ("157.48", ["W_CONTROL_TOTAL"])]
)
def test_a_cent_is_rounding(announced: str, found: list[str]) -> None:
    assert notices(validated(a_file(f"TRAILER,2,{announced}"), with_trailer("warn"))) == found


def test_a_totals_row_is_held_against_every_amount_it_prints() -> None:
    feed = a_feed(footer=TOTALS)
    result = validated(a_file("Total,,150.00,5.00,1.00,157.50"), feed)
    assert counts(result) == (3, 2, 1)
    assert result.notices == ()
    assert refusal(a_file("Total,,150.00,5.00,9.00,157.50"), feed).code == "E_CONTROL_TOTAL"
    assert "for out, the rows sum to 1.00, off by 8.00" in refusal(a_file("Total,,,,9.00,-"), feed).sentence


def test_a_footer_without_totals_is_not_held_against_anything() -> None:
    assert validated(a_file("Total,,1,2,3,4"), a_feed(footer=[{"column": "id", "starts_with": ["Total"]}])).notices == ()


def test_a_footer_that_leaves_a_required_cell_blank_is_no_position_of_the_account_it_is_about() -> None:
    feed = a_feed({"account_name": "name"}, footer=[{"column": "name", "starts_with": ["Total"]}])
    rows = [f"{row},x" for row in ROWS]
    content = "\n".join([f"{HEADER},name", *rows, "P1,2024-06-28,150.00,{flow},1.00,157.50,Total P1", ""])
    result = validated(content.format(flow=""), feed)
    assert (counts(result), codes(result), result.notices) == ((3, 2, 1), {}, ())
    assert notices(validated(content.format(flow="6.00"), feed)) == ["W_FOOTER_POSITION"]


def test_a_sum_is_read_in_the_notation_scale_and_sign_of_its_column() -> None:
    rows = f'{HEADER}\nA1,2024-06-28,3000000,0,"(1,000.5)",2000000\nTotal,,,,"(1,000.50)",\n'
    feed = a_feed({"distributions": {"from": "out", "sign": -1, "scale": 1000}}, numbers={"grouping": ","}, footer=TOTALS)
    result = validated(rows, feed)
    assert result.accepted["distributions"].item() == Decimal(1_000_500)
    assert result.notices == ()


def test_a_sum_that_is_no_amount_is_a_difference() -> None:
    assert "the vendor's sum of emv is no amount (n.m.)" in refusal(a_file("Total,,,,,n.m."), a_feed(footer=TOTALS)).sentence


def test_a_sum_over_a_cell_that_cannot_be_read_cannot_be_compared() -> None:
    feed = a_feed(footer=TOTALS, controls={"on_difference": "warn"})
    result = validated(a_file("A3,2024-06-28,1,0,0,x", "Total,,,,,157.50"), feed)
    assert codes(result) == {4: "E_NUMBER"}
    assert notices(result) == ["W_CONTROL_TOTAL"]
    assert "cannot be compared, since 1 rows have no amount there" in result.notices[0].sentence


def test_rows_that_are_quarantined_or_repeated_count_for_the_vendors_sum_all_the_same() -> None:
    repeated = validated(a_file(ROWS[0], "TRAILER,3,263.50"), with_trailer())
    assert (repeated.duplicate, repeated.notices) == (1, ())
    no_id = validated(a_file(",2024-06-28,1,0,0,1.00", "TRAILER,3,158.50"), with_trailer())
    assert (codes(no_id), no_id.notices) == ({4: "E_REQUIRED"}, ())
    blank = validated(a_file("A3,2024-06-28,1,0,0,", "TRAILER,3,157.50"), with_trailer())
    assert (codes(blank), blank.notices) == ({4: "E_REQUIRED"}, ()), "a blank cell adds nothing to a sum"


COUNTED = {"count": r"^Rows:\s*(\S.*?),*$"}


@pytest.mark.parametrize(
    ("printed", "notation", "rows"),
    [
        ("1200", {}, 1200),
        ("1,200", {}, 1200),
        ("1'200", {}, 1200),
        ("1\u2019200", {}, 1200),
        ("1200.0", {}, 1200),
        ("1200.-", {}, 1200),
        ("1,200.00", {"grouping": ","}, 1200),
        ("1.200", {"decimal_mark": ","}, 1200),
        ("1.200", {"decimal_mark": ",", "grouping": "."}, 1200),
        ("1200,0", {"decimal_mark": ","}, 1200),
        ("1 200", {"grouping": " "}, 1200),
        ("1,200", {"decimal_mark": "auto"}, 1200),
        ("2.000", {}, 2),
        ("2.0", {}, 2),
        ("1,200", {"grouping": "indian"}, 1200),
        ("2.000", {"decimal_mark": ","}, 2000),
    ],
)
def test_a_count_is_read_in_the_notation_of_the_feed(printed: str, notation: dict[str, Any], rows: int) -> None:
    mark = "," if notation.get("decimal_mark") == "," else "."
    lines = (f'A{number},2024-06-28,"100{mark}00",0,0,"101{mark}50"' for number in range(rows))
    feed = a_feed(controls=COUNTED, numbers=notation)
    assert counts(validated("\n".join([HEADER, *lines, f"Rows: {printed}"]) + "\n", feed)) == (rows + 1, rows, 1)
    lines = (f'A{number},2024-06-28,"100{mark}00",0,0,"101{mark}50"' for number in range(rows - 1))
    refused = refusal("\n".join([HEADER, *lines, f"Rows: {printed}"]) + "\n", feed)
    assert (refused.code, f"announces {printed} rows, and the file holds {rows - 1}" in refused.sentence) == ("E_CONTROL_COUNT", True)


@pytest.mark.parametrize("printed", ["2.5", "1,20", "two", "-2", "2e", "1.2.3"])
def test_what_is_no_whole_number_is_no_count(printed: str) -> None:
    assert refusal(a_file(f"Rows: {printed}"), a_feed(controls=COUNTED)).code == "E_CONTROL_COUNT"


def test_a_count_that_the_columns_read_in_two_ways_is_refused_with_both() -> None:
    feed = a_feed(controls={"count": r"^Rows: (\S+?),+$"}, numbers={"decimal_mark": "auto"})
    rows = '"A1",2024-06-28,"100,25",0,0,101.50\n' * 2
    assert "announces 2.000 rows (read as 2 or 2000)" in refusal(f"{HEADER}\n{rows}Rows: 2.000,,,,,\n", feed).sentence


@pytest.mark.parametrize(
    ("total", "notation"),
    [
        ("2,001,157.50", {}),
        ("2'001'157.50", {}),
        ("2001157.5", {}),
        ("20,01,157.50", {"grouping": "indian"}),
        ("$2,001,157.50", {"currency_signs": ["$"]}),
    ],
)
def test_a_sum_may_have_groups_where_the_cells_have_none(total: str, notation: dict[str, Any]) -> None:
    rows = f'{HEADER}\nA1,2024-06-28,100,0,0,2001157.50\nTotal,,,,,"{total}"\n'
    assert validated(rows, a_feed(footer=TOTALS, numbers=notation)).notices == ()
    whole = f"{HEADER}\nA1,2024-06-28,100,0,0,2000000\nTotal,,,,,\"2'000'000.-\"\n"
    assert validated(whole, a_feed(footer=TOTALS)).notices == ()


@pytest.mark.parametrize(("announced", "is_right"), [(1000.125, True), (1000.375, False), ("1.000,125", True)])
def test_a_number_in_a_trailer_of_a_workbook_is_no_text_with_a_point_that_groups(announced: float | str, *, is_right: bool) -> None:
    controls = {"totals": {"ending_market_value": r"^TRAILER,([0-9.]+,[0-9]+)"}}
    feed = a_feed(files={"patterns": ["a*"], "format": "excel"}, numbers={"decimal_mark": ",", "grouping": "."}, controls=controls)
    content = a_book(("Data", [HEADER.split(","), ["A1", "2024-06-28", 1, 0, 0, 1000.125], ["TRAILER", announced]]))
    if is_right:
        assert validated(content, feed).accepted["ending_market_value"].to_list() == [Decimal("1000.125")]
    else:
        assert "announces 1,000.38" in refusal(content, feed).sentence
