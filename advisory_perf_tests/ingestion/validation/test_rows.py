import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from advisory_perf.contracts.schemas import schema_failures
from advisory_perf.contracts.tables import DELIVERED_POSITIONS, QUARANTINED_ROWS
from advisory_perf.ingestion.validation.rows import Delivery
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, a_feed_of, codes, validated

GOOD = "A1,2024-06-28,100,5,0,106"
NAMED = {"account_name": "name"}
TOTALS = [{"column": "id", "starts_with": ["Total", "Report generated"]}]


def a_file(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def test_a_good_row_becomes_a_position_with_its_provenance() -> None:
    position = validated(a_file(GOOD)).accepted.row(0, named=True)
    given = {name: value for name, value in position.items() if value is not None}
    assert given == {
        "account_id": "A1",
        "as_of_date": date(2024, 6, 28),
        "beginning_market_value": Decimal(100),
        "contributions": Decimal(5),
        "distributions": Decimal(0),
        "ending_market_value": Decimal(106),
        "currency": "USD",
        "vendor_value_half_unit": Decimal("0.5"),
        "data_source": "acme",
        "file_name": "acme_1.csv",
        "delivery_id": "d1",
        "line_number": 2,
    }


def test_positions_and_quarantined_rows_keep_their_contracts() -> None:
    result = validated(a_file(GOOD, "A2", "A3,2024-06-28,x,0,0,1", "A4,never,1,0,0,1"))
    assert schema_failures(result.accepted, DELIVERED_POSITIONS).height == 0
    assert schema_failures(result.quarantined, QUARANTINED_ROWS).height == 0


def test_a_file_without_rows_is_validated_and_nothing_comes_of_it() -> None:
    result = validated(a_file())
    assert (result.read, result.accepted.height, result.quarantined.height) == (0, 0, 0)
    assert schema_failures(result.accepted, DELIVERED_POSITIONS).height == 0
    assert schema_failures(result.quarantined, QUARANTINED_ROWS).height == 0


def test_a_quarantined_row_says_who_where_which_column_and_what_was_found() -> None:
    result = validated(a_file(GOOD, "A2,2024-06-28,12x,0,0,1"))
    row = result.quarantined.row(0, named=True)
    assert row["reason"] == "acme, acme_1.csv, line 3, column bmv: the cell is not a number in the feed's notation (12x)"
    assert (row["code"], row["field_name"], row["severity"]) == ("E_NUMBER", "beginning_market_value", "HIGH")
    assert (row["account_id"], row["as_of_date"], row["delivery_id"]) == ("A2", date(2024, 6, 28), "d1")


def test_a_quarantined_row_is_kept_whole_with_its_unmapped_cells_and_blanks() -> None:
    result = validated(a_file('A2,2024-06-28,12x,0,0,,"a ""b"", c"', header=f"{HEADER},note"))
    assert json.loads(result.quarantined["raw_row"].item()) == {
        "id": "A2",
        "day": "2024-06-28",
        "bmv": "12x",
        "in": "0",
        "out": "0",
        "emv": "",
        "note": 'a "b", c',
    }


def test_a_row_of_too_few_or_too_many_cells_is_quarantined_as_the_line_it_was() -> None:
    result = validated(a_file("A2,2024-06-28", GOOD, f"{GOOD},7,8"))
    assert codes(result) == {2: "E_FIELDS", 4: "E_FIELDS"}
    assert result.quarantined["raw_row"].to_list() == ["A2,2024-06-28", f"{GOOD},7,8"]
    assert result.quarantined["reason"][0] == "acme, acme_1.csv, line 2: the row has too many or too few cells (A2,2024-06-28)"
    assert result.quarantined["account_id"].to_list() == [None, None]


def test_the_rest_of_a_file_after_an_open_quote_is_quarantined_and_not_lost() -> None:
    rest = 'A2,2024-06-28,100,0,0,101,"Smith\nA3,2024-06-28,100,0,0,101,b'
    result = validated(a_file(f"{GOOD},a", rest, header=f"{HEADER},name"), a_feed(NAMED))
    assert codes(result) == {3: "E_FIELDS"}
    assert result.quarantined["raw_row"].item() == rest


def test_the_first_wrong_field_in_the_feeds_order_gives_the_code() -> None:
    assert codes(validated(a_file("****,never,x,0,0,1"))) == {2: "E_ID"}


def test_a_long_text_is_cut_in_the_reason_and_whole_in_the_row() -> None:
    result = validated(a_file(f"A1,2024-06-28,{'9x' * 100},0,0,1"))
    assert f"({'9x' * 40})" in result.quarantined["reason"].item()
    assert "9x" * 100 in result.quarantined["raw_row"].item()


@pytest.mark.parametrize(
    ("day", "code"),
    [
        ("2019-12-31", "E_DATE_RANGE"),
        ("2020-01-01", None),
        ("2024-06-30", None),
        ("2024-07-01", "E_DATE_RANGE"),
        ("2024-02-29", None),
        ("2023-02-29", "E_DATE"),
        ("06/28/2024", "E_DATE"),
        ("2024-06-28 extra", "E_DATE"),
        ("28.06.2024", "E_DATE"),
        ("", "E_REQUIRED"),
        ("-", "E_REQUIRED"),
        ("#N/A", "E_CELL_ERROR"),
        (" 2024-06-28 ", None),
    ],
)
def test_a_day_lies_between_the_first_window_and_the_arrival(day: str, code: str | None) -> None:
    assert codes(validated(a_file(f"A1,{day},100,0,0,101"))).get(2) == code


def test_the_last_day_is_the_day_of_arrival_whatever_the_hour() -> None:
    early = Delivery("d1", "acme_1.csv", datetime(2024, 6, 28, 0, 1, tzinfo=UTC))
    assert not codes(validated(a_file(GOOD), delivery=early))


def test_days_are_read_in_each_of_the_feeds_formats_and_no_other() -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": ["%m/%d/%Y", "%Y%m%d"]}})
    result = validated(a_file("A1,06/07/2024,1,0,0,1", "A1,20240608,1,0,0,1", "A1,2024-06-09,1,0,0,1"), feed)
    assert result.accepted["as_of_date"].to_list() == [date(2024, 6, 7), date(2024, 6, 8)]
    assert codes(result) == {4: "E_DATE"}


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ("00123", None),
        ("AB-12/3_4.5 #6", None),
        ("", "E_REQUIRED"),
        ("****1234", "E_ID"),
        ("1.23E+10", "E_ID"),
        ("12E5", "E_ID"),
        ("-5", "E_ID"),
        ("#REF!", "E_CELL_ERROR"),
        ("M\u00fcller", "E_ID"),
        ("x" * 64, None),
        ("x" * 65, "E_ID"),
    ],
)
def test_an_account_number_is_plain_text_and_never_masked_or_mangled(account: str, code: str | None) -> None:
    result = validated(a_file(f"{account},2024-06-28,1,0,0,1"))
    assert codes(result).get(2) == code
    if code is None:
        assert result.accepted["account_id"].item() == account


def test_the_feed_may_say_what_its_account_numbers_look_like() -> None:
    feed = a_feed({"account_id": {"from": "id", "pattern": r"^\d{5}$"}})
    result = validated(a_file("00123,2024-06-28,1,0,0,1", "123,2024-06-28,1,0,0,1", "00124x,2024-06-28,1,0,0,1"), feed)
    assert result.accepted["account_id"].to_list() == ["00123"]
    assert codes(result) == {3: "E_ID", 4: "E_ID"}


def test_a_currency_column_holds_iso_codes() -> None:
    feed = a_feed({"currency": "ccy"}, currency=None)
    result = validated(
        a_file(*(f"A1,2024-06-0{i},1,0,0,1,{c}" for i, c in enumerate(["EUR", "eur", "", "$"], 1)), header=f"{HEADER},ccy"), feed
    )
    assert result.accepted["currency"].to_list() == ["EUR"]
    assert codes(result) == {3: "E_CURRENCY", 4: "E_REQUIRED", 5: "E_CURRENCY"}
    assert result.quarantined["severity"].to_list() == ["MEDIUM", "HIGH", "MEDIUM"]


def test_equal_rows_are_duplicates_and_one_of_them_counts() -> None:
    result = validated(a_file(GOOD, GOOD, "A2,2024-06-28,1,0,0,1", GOOD))
    assert (result.read, result.accepted.height, result.duplicate, result.quarantined.height) == (4, 2, 2, 0)
    assert result.accepted["line_number"].to_list() == [2, 4]


def test_rows_are_equal_by_what_they_say_and_not_by_how_they_are_written() -> None:
    result = validated(a_file(f"{GOOD},x", "A1 ,2024-06-28,100.00,5.0,-0,106.0000,y", header=f"{HEADER},unmapped"))
    assert (result.accepted.height, result.duplicate) == (1, 1)


def test_different_rows_for_one_account_and_day_are_both_quarantined() -> None:
    result = validated(a_file(GOOD, "A1,2024-06-28,100,5,0,107", "A2,2024-06-28,1,0,0,1"))
    assert codes(result) == {2: "E_KEY_CONFLICT", 3: "E_KEY_CONFLICT"}
    assert result.accepted["account_id"].to_list() == ["A2"]
    assert result.quarantined["reason"][0] == (
        "acme, acme_1.csv, line 2: two different rows claim the same account and day; neither is taken"
        " (A1 on 2024-06-28, which line 3 claims too)"
    )


def test_rows_that_differ_only_in_what_one_leaves_blank_are_different() -> None:
    result = validated(a_file(f"{GOOD},a", f"{GOOD},", header=f"{HEADER},name"), a_feed(NAMED))
    assert codes(result) == {2: "E_KEY_CONFLICT", 3: "E_KEY_CONFLICT"}


def test_of_two_equal_rows_and_a_different_one_all_three_are_quarantined() -> None:
    result = validated(a_file(GOOD, GOOD, "A1,2024-06-28,100,5,0,107"))
    assert codes(result) == {2: "E_KEY_CONFLICT", 3: "E_KEY_CONFLICT", 4: "E_KEY_CONFLICT"}
    assert (result.accepted.height, result.duplicate) == (0, 0)


@pytest.mark.parametrize(
    "unread", ["A1,2024-06-28,x,5,0,107", "A1,2024-06-28,-100,-5,0,-106", "A1,2024-06-28,100,5,0,", " A1 ,2024-06-28,x,5,0,106"]
)
@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("first", [True, False])
def test_a_row_whose_key_an_unread_row_claims_too_is_not_taken(unread: str, copies: int, *, first: bool) -> None:
    rows = [unread, *[GOOD] * copies] if first else [*[GOOD] * copies, unread]
    result = validated(a_file("A2,2024-06-28,1,0,0,1", *rows))
    found = codes(result)
    assert [line for line, code in found.items() if code != "E_KEY_CONFLICT"] == [3 if first else 3 + copies]
    assert list(found) == list(range(3, 4 + copies))
    assert result.accepted["account_id"].to_list() == ["A2"]
    for line, reason in result.quarantined.filter(code="E_KEY_CONFLICT").select("line_number", "reason").rows():
        assert any(f"A1 on 2024-06-28, which line {other} claims too" in reason for other in found if other != line)


@pytest.mark.parametrize(
    "unread", ["A1,never,x,5,0,107", "A1,,x,5,0,107", "**1,2024-06-28,x,5,0,107", "A1,2024-06-28", "A1,2024-06-27,x,0,0,1"]
)
def test_an_unread_row_without_the_key_is_no_conflict(unread: str) -> None:
    result = validated(a_file(GOOD, unread))
    assert list(codes(result)) == [3]
    assert result.accepted["account_id"].to_list() == ["A1"]


def test_footers_are_counted_and_are_no_rows() -> None:
    feed = a_feed(footer=TOTALS)
    result = validated(a_file(GOOD, "Total,,100,5,0,106", "Report generated 2024-06-30", '"Total, all accounts"'), feed)
    assert (result.read, result.accepted.height, result.footer, result.quarantined.height) == (4, 1, 3, 0)


def test_without_a_footer_rule_a_total_is_quarantined() -> None:
    assert codes(validated(a_file(GOOD, "Total,,100,5,0,106"))) == {3: "E_REQUIRED"}


@pytest.mark.parametrize(
    ("emvs", "half_unit"),
    [
        (["106", "107"], "0.5"),
        (["106.5", "107"], "0.05"),
        (["106.5", "107.25", "3"], "0.005"),
        (["106.125", "107.250"], "0.0005"),
        (["106.0", "107.0"], "0.5"),
        (["106.00", "107.00"], "0.005"),
    ],
)
def test_half_a_unit_of_money_is_inferred_by_the_most_decimals_in_the_column(emvs: list[str], half_unit: str) -> None:
    result = validated(a_file(*(f"A{i},2024-06-28,1,0,0,{emv}" for i, emv in enumerate(emvs))))
    assert result.accepted["vendor_value_half_unit"].to_list() == [Decimal(half_unit)] * len(emvs)


@pytest.mark.parametrize(
    ("twrs", "scale", "half_unit"),
    [
        (["0.0123", "0.01"], "fraction", 0.00005),
        (["0.012", "-0.013"], "fraction", 0.0005),
        (["1.23", "0"], "percent", 0.00005),
        (["1.234"], "percent", 0.000005),
        (["0", "0"], "fraction", None),
        (["0.0"], "fraction", None),
        ([""], "fraction", None),
    ],
)
def test_half_a_unit_of_a_return_is_a_fraction_and_null_where_no_decimals_tell_it(
    twrs: list[str], scale: str, half_unit: float | None
) -> None:
    feed = a_feed({"vendor_twrr": {"from": "twr", "scale": scale}})
    result = validated(a_file(*(f"A{i},2024-06-28,1,0,0,1,{twr}" for i, twr in enumerate(twrs)), header=f"{HEADER},twr"), feed)
    expected: Any = half_unit if half_unit is None else pytest.approx(half_unit, rel=1e-12)
    assert result.accepted["vendor_twrr_half_unit"].to_list() == [expected] * len(twrs)


def test_half_a_unit_follows_the_notation_of_the_feed() -> None:
    feed = a_feed_of("csv", csv={"delimiter": ";"})
    european = a_feed(
        files=feed.files.model_dump(by_alias=True), numbers={"decimal_mark": ",", "grouping": ".", "parentheses_negative": True}
    )
    rows = a_file("A1;2024-06-28;1;0;0;1.234", "A2;2024-06-28;1;0;0;(1.234,56)", header=HEADER.replace(",", ";"))
    result = validated(rows, european)
    assert result.accepted["ending_market_value"].to_list() == [Decimal(1234), Decimal("-1234.56")]
    assert result.accepted["vendor_value_half_unit"].to_list() == [Decimal("0.005")] * 2
