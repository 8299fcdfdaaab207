from decimal import Decimal
from typing import Any

import pytest

from advisory_perf.vendors.feed import Feed
from advisory_perf.vendors.judging import Judged
from advisory_perf_tests.vendors.scenarios import HEADER, a_feed, codes, judged, notices, refusal

ROWS = ("A1,2024-06-28,100.00,5.00,1.00,106.00", "A2,2024-06-28,50.00,0.00,0.00,51.50")
TOTALS = [{"column": "id", "starts_with": ["Total"], "totals": True}]
TRAILER = {"count": r"^TRAILER[,|](\d+)", "totals": {"ending_market_value": r"^TRAILER[,|]\d+[,|]([^,|]+)"}}


def a_file(*lines: str) -> str:
    return "\n".join([HEADER, *ROWS, *lines]) + "\n"


def with_trailer(on_difference: str = "reject", **changes: Any) -> Feed:
    return a_feed(controls={**TRAILER, "on_difference": on_difference}, **changes)


def counts(result: Judged) -> tuple[int, int, int]:
    return result.read, result.positions.height, result.footer


def test_a_trailer_that_agrees_is_a_footer_and_nothing_more() -> None:
    result = judged(a_file("TRAILER,2,157.50"), with_trailer())
    assert counts(result) == (3, 2, 1)
    assert result.notices == ()


def test_a_trailer_as_wide_as_a_row_is_found_too() -> None:
    assert counts(judged(a_file("TRAILER,2,157.50,,,"), with_trailer())) == (3, 2, 1)


def test_another_count_rejects_the_file_or_is_noticed_as_the_feed_says() -> None:
    refused = refusal(a_file("TRAILER,3,157.50"), with_trailer())
    assert refused.code == "E_CONTROL_COUNT"
    assert "the vendor announces 3 rows, and the file holds 2" in refused.sentence
    assert notices(judged(a_file("TRAILER,3,157.50"), with_trailer("warn"))) == ["W_CONTROL_COUNT"]


def test_another_sum_rejects_the_file_or_is_noticed_with_the_difference() -> None:
    refused = refusal(a_file("TRAILER,2,657.50"), with_trailer())
    assert refused.code == "E_CONTROL_TOTAL"
    assert "the vendor announces 657.50 for emv, the rows sum to 157.50, off by 500.00" in refused.sentence
    assert notices(judged(a_file("TRAILER,2,657.50"), with_trailer("warn"))) == ["W_CONTROL_TOTAL"]


def test_a_file_without_its_trailer_was_cut_short() -> None:
    assert refusal(a_file(), with_trailer()).code == "E_CONTROL_COUNT"


@pytest.mark.parametrize(
    ("announced", "found"), [("157.51", []), ("157.49", []), ("157.5101", ["W_CONTROL_TOTAL"]), ("157.48", ["W_CONTROL_TOTAL"])]
)
def test_a_cent_is_rounding(announced: str, found: list[str]) -> None:
    assert notices(judged(a_file(f"TRAILER,2,{announced}"), with_trailer("warn"))) == found


def test_a_totals_row_is_held_against_every_amount_it_prints() -> None:
    feed = a_feed(footer=TOTALS)
    result = judged(a_file("Total,,150.00,5.00,1.00,157.50"), feed)
    assert counts(result) == (3, 2, 1)
    assert result.notices == ()
    assert refusal(a_file("Total,,150.00,5.00,9.00,157.50"), feed).code == "E_CONTROL_TOTAL"
    assert "for out, the rows sum to 1.00, off by 8.00" in refusal(a_file("Total,,,,9.00,-"), feed).sentence


def test_a_footer_without_totals_is_not_held_against_anything() -> None:
    assert judged(a_file("Total,,1,2,3,4"), a_feed(footer=[{"column": "id", "starts_with": ["Total"]}])).notices == ()


def test_a_sum_is_read_in_the_notation_scale_and_sign_of_its_column() -> None:
    rows = f'{HEADER}\nA1,2024-06-28,3000000,0,"(1,000.5)",2000000\nTotal,,,,"(1,000.50)",\n'
    feed = a_feed({"distributions": {"from": "out", "sign": -1, "scale": 1000}}, numbers={"grouping": ","}, footer=TOTALS)
    result = judged(rows, feed)
    assert result.positions["distributions"].item() == Decimal(1_000_500)
    assert result.notices == ()


def test_a_sum_that_is_no_amount_is_a_difference() -> None:
    assert "the vendor's sum of emv is no amount (n.m.)" in refusal(a_file("Total,,,,,n.m."), a_feed(footer=TOTALS)).sentence


def test_a_sum_over_a_cell_that_cannot_be_read_cannot_be_compared() -> None:
    feed = a_feed(footer=TOTALS, controls={"on_difference": "warn"})
    result = judged(a_file("A3,2024-06-28,1,0,0,x", "Total,,,,,157.50"), feed)
    assert codes(result) == {4: "E_NUMBER"}
    assert notices(result) == ["W_CONTROL_TOTAL"]
    assert "cannot be compared, since 1 rows have no amount there" in result.notices[0].sentence


def test_rows_that_are_quarantined_or_repeated_count_for_the_vendors_sum_all_the_same() -> None:
    repeated = judged(a_file(ROWS[0], "TRAILER,3,263.50"), with_trailer())
    assert (repeated.duplicate, repeated.notices) == (1, ())
    no_id = judged(a_file(",2024-06-28,1,0,0,1.00", "TRAILER,3,158.50"), with_trailer())
    assert (codes(no_id), no_id.notices) == ({4: "E_REQUIRED"}, ())
