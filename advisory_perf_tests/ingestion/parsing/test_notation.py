from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.validation.rows import Delivery, Validated
from advisory_perf_tests.ingestion.scenarios import DELIVERY, HEADER, a_feed, codes, refusal, validated

pytestmark = pytest.mark.table

OPEN = {"decimal_mark": "auto"}
BOTH = ("%d/%m/%Y", "%m/%d/%Y")


def a_file(*fees: str) -> str:
    """One row a text, in a column of fees; every other number is whole."""
    rows = (f'A{number},2024-06-28,100,0,0,101,"{fee}"' for number, fee in enumerate(fees))
    return "\n".join([f"{HEADER},fee", *rows]) + "\n"


def with_fees(**changes: Any) -> PositionsFeed:
    return a_feed({"fees": "fee"}, numbers=OPEN, **changes)


def a_file_of_days(*days: str) -> str:
    return "\n".join([HEADER, *(f"A{number},{day},100,0,0,101" for number, day in enumerate(days))]) + "\n"


def days_of(result: Validated) -> list[date]:
    return result.accepted["as_of_date"].to_list()


@pytest.mark.parametrize(
    ("fees", "amounts"),
    [
        (("1.040.000,00", "1.234"), ("1040000", "1234")),
        (("1,040,000.00", "1,234"), ("1040000", "1234")),
        (("1.234", "0,5"), ("1234", "0.5")),
        (("1.234", "0.012"), ("1.234", "0.012")),
        (("1.234", "12,34"), ("1234", "12.34")),
        (("1,234", "1,234,567"), ("1234", "1234567")),
        (("1,234", "1234.5"), ("1234", "1234.5")),
        (("(1.234,5)", "7-"), ("-1234.5", "-7")),
        (("1'040'000.00", "1.234"), ("1040000", "1.234")),
        (("500", ""), ("500", None)),
    ],
)
def test_a_whole_column_tells_its_decimal_mark(fees: tuple[str, ...], amounts: tuple[str | None, ...]) -> None:
    found = validated(a_file(*fees), with_fees()).accepted["fees"].to_list()
    assert found == [amount and Decimal(amount) for amount in amounts]


@pytest.mark.parametrize("fees", [("1,234",), ("1.234", "2.345", "-3.456")])
def test_a_column_that_can_be_read_both_ways_rejects_the_file_with_both_readings(fees: tuple[str, ...]) -> None:
    refused = refusal(a_file(*fees), with_fees())
    assert refused.code == "E_NUMBER_AMBIGUOUS"
    assert "the column fee can be read in two ways" in refused.sentence
    assert "1.234 with a decimal" in refused.sentence
    assert "1234 with a decimal" in refused.sentence
    assert "decimal_mark" in refused.sentence


@pytest.mark.parametrize(
    ("text", "amount"), [("Fr.1,000", "1"), ("Fr. 1.000", "1000"), ("1,000 Fr.", "1"), ("Fr.-1,000", "-1"), ("Fr.1.234", "1234")]
)
def test_the_point_of_a_currency_sign_tells_no_mark(text: str, amount: str) -> None:
    feed = a_feed({"fees": "fee"}, numbers=OPEN | {"currency_signs": ["Fr."]}, currency="CHF")
    assert refusal(a_file(text), feed).code == "E_NUMBER_AMBIGUOUS"
    assert validated(a_file(text, "Fr.7,5"), feed).accepted["fees"].to_list() == [Decimal(amount), Decimal("7.5")]


def test_the_feed_decides_what_a_column_leaves_open() -> None:
    assert validated(a_file("1.234"), a_feed({"fees": "fee"})).accepted["fees"].item() == Decimal("1.234")
    european = a_feed({"fees": "fee"}, numbers={"decimal_mark": ",", "grouping": "."})
    assert validated(a_file("1.234"), european).accepted["fees"].item() == Decimal(1234)


def test_the_other_columns_of_the_file_decide_where_they_agree() -> None:
    text = f'{HEADER},fee\nA1,2024-06-28,"100,00",0,0,"101,50",1.234\n'
    assert validated(text, with_fees()).accepted["fees"].item() == Decimal(1234)


def test_a_column_that_tells_its_mark_keeps_it_beside_one_of_the_other() -> None:
    text = f'{HEADER},fee\nA1,2024-06-28,100.25,0,0,"101,50","1.5"\n'
    position = validated(text, with_fees()).accepted.row(0, named=True)
    amounts = [position[name] for name in ("beginning_market_value", "ending_market_value", "fees")]
    assert amounts == [Decimal("100.25"), Decimal("101.50"), Decimal("1.5")]


def test_columns_that_differ_decide_nothing_for_a_third() -> None:
    text = f'{HEADER},fee\nA1,2024-06-28,100.00,0,0,"101,50",1.234\n'
    assert refusal(text, with_fees()).code == "E_NUMBER_AMBIGUOUS"


def test_in_a_column_of_both_notations_the_minority_is_quarantined_and_so_is_what_could_be_either() -> None:
    result = validated(a_file("1.83", "2.50", "419,22", "1,234", "7"), with_fees())
    assert codes(result) == {4: "E_NUMBER_AMBIGUOUS", 5: "E_NUMBER_AMBIGUOUS"}
    assert result.accepted["fees"].to_list() == [Decimal("1.83"), Decimal("2.50"), Decimal(7)]


def test_as_many_of_the_one_as_of_the_other_reject_the_file() -> None:
    refused = refusal(a_file("1.83", "419,22"), with_fees())
    assert refused.code == "E_NUMBER_AMBIGUOUS"
    assert "as many numbers with a decimal point as with a decimal comma" in refused.sentence


def test_a_format_that_reads_a_day_the_other_cannot_settles_the_whole_column() -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": BOTH}})
    assert days_of(validated(a_file_of_days("03/04/2024", "13/04/2024"), feed)) == [date(2024, 4, 3), date(2024, 4, 13)]
    assert days_of(validated(a_file_of_days("03/04/2024", "04/13/2024"), feed)) == [date(2024, 3, 4), date(2024, 4, 13)]
    assert days_of(validated(a_file_of_days("04/04/2024"), feed)) == [date(2024, 4, 4)]


def test_days_that_can_be_read_both_ways_reject_the_file_with_both_readings() -> None:
    refused = refusal(a_file_of_days("03/04/2024", "05/06/2024"), a_feed({"as_of_date": {"from": "day", "formats": BOTH}}))
    assert refused.code == "E_DATE_AMBIGUOUS"
    assert "'03/04/2024' is 2024-04-03 by %d/%m/%Y and 2024-03-04 by %m/%d/%Y" in refused.sentence
    assert "no day tells which" in refused.sentence


def test_days_of_both_formats_reject_the_file_too() -> None:
    refused = refusal(a_file_of_days("03/04/2024", "13/04/2024", "04/13/2024"), a_feed({"as_of_date": {"from": "day", "formats": BOTH}}))
    assert refused.code == "E_DATE_AMBIGUOUS"
    assert "some days can only be read by the one and some by the other" in refused.sentence


@pytest.mark.parametrize(("name", "day"), [("acme_20240304.csv", date(2024, 3, 4)), ("acme_2024-04-03_v2.csv", date(2024, 4, 3))])
def test_the_day_in_the_files_name_settles_it_where_it_is_the_latest_by_one_format_only(name: str, day: date) -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": BOTH}})
    assert days_of(validated(a_file_of_days("03/04/2024"), feed, Delivery("d1", name, DELIVERY.received_at))) == [day]


def test_the_latest_of_several_days_is_held_against_the_day_in_the_name() -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": BOTH}})
    content = a_file_of_days("02/03/2024", "03/04/2024")  # 2 March and 3 April, or 3 February and 4 March
    for name, days in (
        ("acme_20240403.csv", [date(2024, 3, 2), date(2024, 4, 3)]),
        ("acme_20240304.csv", [date(2024, 2, 3), date(2024, 3, 4)]),
    ):
        assert days_of(validated(content, feed, Delivery("d1", name, DELIVERY.received_at))) == days
    assert refusal(content, feed, Delivery("d1", "acme_20240302.csv", DELIVERY.received_at)).code == "E_DATE_AMBIGUOUS"


def test_the_day_in_the_name_settles_nothing_where_some_days_are_of_either_format_only() -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": BOTH}})
    content = a_file_of_days("03/04/2024", "13/04/2024", "04/14/2024")
    for name in ("acme_20240413.csv", "acme_20240414.csv"):
        assert refusal(content, feed, Delivery("d1", name, DELIVERY.received_at)).code == "E_DATE_AMBIGUOUS"


@pytest.mark.parametrize("name", ["acme_20240505.csv", "acme_20249999.csv", "acme_120240403.csv", "acme_202404031.csv", "acme_1.csv"])
def test_another_day_in_the_name_settles_nothing(name: str) -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": BOTH}})
    assert refusal(a_file_of_days("03/04/2024"), feed, Delivery("d1", name, DELIVERY.received_at)).code == "E_DATE_AMBIGUOUS"


@pytest.mark.parametrize(
    ("day", "expected"),
    [("05/31/24", date(2024, 5, 31)), ("05/31/18", "E_DATE_RANGE"), ("05/31/20", date(2020, 5, 31)), ("05/31/2024", "E_DATE")],
)
def test_a_year_of_two_digits_lies_within_five_years_of_the_arrival(day: str, expected: object) -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": ["%m/%d/%y"]}}, first_window="2015-01-01")
    result = validated(a_file_of_days(day), feed)
    assert (codes(result).get(2) or days_of(result)[0]) == expected


def test_a_year_of_two_digits_is_noticed() -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": ["%m/%d/%Y", "%m/%d/%y"]}})
    assert [notice.code for notice in validated(a_file_of_days("05/31/2024", "06/28/24"), feed).notices] == ["W_TWO_DIGIT_YEAR"]
    assert validated(a_file_of_days("05/31/2024"), feed).notices == ()
    only = a_feed({"as_of_date": {"from": "day", "formats": ["%m/%d/%y"]}})
    assert [notice.code for notice in validated(a_file_of_days("06/28/24"), only).notices] == ["W_TWO_DIGIT_YEAR"]


@pytest.mark.parametrize(
    ("form", "month"), [("%Y-%m", "2024-02"), ("%b %Y", "Feb 2024"), ("%B-%y", "February-24"), ("%m/%Y", "2/2024"), ("%Y%m", "202402")]
)
def test_a_month_is_its_last_day(form: str, month: str) -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": [form]}}, cadence="monthly")
    assert days_of(validated(a_file_of_days(month), feed)) == [date(2024, 2, 29)]
    assert codes(validated(a_file_of_days("2024-02-29"), feed)) == {2: "E_DATE"}


@pytest.mark.parametrize(("form", "text"), [("%Y%m", "20245"), ("%Y%m", "2024 05"), ("%m/%Y", "05/24"), ("%b %Y", "Feb  2024")])
def test_what_is_not_written_as_a_month_is_none(form: str, text: str) -> None:
    assert codes(validated(a_file_of_days(text), a_feed({"as_of_date": {"from": "day", "formats": [form]}}, cadence="monthly"))) == {
        2: "E_DATE"
    }


@pytest.mark.parametrize(("form", "day"), [("%-d/%-m/%Y", "3/4/2024"), ("%_d.%_m.%y", " 3. 4.24")])
def test_a_day_without_its_zero_is_a_day(form: str, day: str) -> None:
    assert days_of(validated(a_file_of_days(day), a_feed({"as_of_date": {"from": "day", "formats": [form]}}))) == [date(2024, 4, 3)]


def test_marks_around_a_day_do_not_hide_that_it_can_be_read_in_two_ways() -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": BOTH}})
    for day in ("03/04/2024", '="03/04/2024"', "\u200e03/04/2024"):
        assert refusal(a_file_of_days(day), feed).code == "E_DATE_AMBIGUOUS"


def test_a_month_that_has_not_ended_at_the_arrival_has_no_last_day_yet() -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": ["%Y-%m"]}}, cadence="monthly")
    on_the_28th = Delivery("d1", "acme_1.csv", datetime(2024, 6, 28, 23, tzinfo=UTC))
    assert codes(validated(a_file_of_days("2024-06"), feed, on_the_28th)) == {2: "E_DATE_RANGE"}


def test_a_format_with_a_whole_year_takes_no_year_of_antiquity() -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": ["%m/%d/%Y"]}}, first_window="0001-01-01")
    assert codes(validated(a_file_of_days("05/31/24"), feed)) == {2: "E_DATE"}


@pytest.mark.parametrize(
    ("day", "expected"), [("45443", date(2024, 5, 31)), ("45443.0", date(2024, 5, 31)), ("45443.75", date(2024, 5, 31)), ("1", "E_DATE")]
)
def test_excels_serial_numbers_are_days_where_the_feed_says_so(day: str, expected: object) -> None:
    result = validated(a_file_of_days(day), a_feed({"as_of_date": {"from": "day", "formats": ["excel_serial"]}}))
    assert (codes(result).get(2) or days_of(result)[0]) == expected
    assert codes(validated(a_file_of_days("45443"))) == {2: "E_DATE"}


def test_days_in_none_but_a_later_format_of_the_feed_are_noticed() -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": ["%m/%d/%Y", "%m-%d-%Y"]}})
    result = validated(a_file_of_days("06-28-2024"), feed)
    assert days_of(result) == [date(2024, 6, 28)]
    assert [(notice.code, "%m-%d-%Y" in notice.sentence) for notice in result.notices] == [("W_LAYOUT_CHANGED", True)]
    assert validated(a_file_of_days("06/28/2024", "06-27-2024"), feed).notices == ()


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-06-28T19:30:00-04:00", date(2024, 6, 28)),
        ("2024-06-28T23:30:00+0000", date(2024, 6, 28)),
        ("2024-06-28T02:00:00+0000", date(2024, 6, 27)),
        ("2024-06-28T02:00:00Z", date(2024, 6, 27)),
        ("2024-06-28T02:00:00", "E_DATE"),
    ],
)
def test_an_instant_is_the_day_it_fell_on_where_the_vendor_is(day: str, expected: object) -> None:
    files = {"patterns": ["acme_*"], "format": "csv", "time_zone": "America/New_York"}
    result = validated(a_file_of_days(day), a_feed({"as_of_date": {"from": "day", "formats": ["%Y-%m-%dT%H:%M:%S%z"]}}, files=files))
    assert (codes(result).get(2) or days_of(result)[0]) == expected


def test_a_time_without_a_zone_is_dropped_where_the_feed_has_it_in_its_format() -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": ["%Y-%m-%d %H:%M:%S"]}})
    assert days_of(validated(a_file_of_days("2024-06-28 16:00:00"), feed)) == [date(2024, 6, 28)]
    assert codes(validated(a_file_of_days("2024-06-28"), feed)) == {2: "E_DATE"}


@pytest.mark.parametrize(
    ("form", "day"), [("%d-%b-%Y", "28-Jun-2024"), ("%d.%m.%Y", "28.06.2024"), ("%Y%m%d", "20240628"), ("%d %B %Y", "28 June 2024")]
)
def test_days_with_months_by_name_points_or_nothing_between(form: str, day: str) -> None:
    assert days_of(validated(a_file_of_days(day), a_feed({"as_of_date": {"from": "day", "formats": [form]}}))) == [date(2024, 6, 28)]


def test_days_in_a_later_format_beside_one_of_the_first_are_no_other_layout() -> None:
    feed = a_feed({"as_of_date": {"from": "day", "formats": ["%Y-%m-%d", "%d.%m.%Y"]}})
    assert validated(a_file_of_days("2024-06-28", "27.06.2024", "26.06.2024"), feed).notices == ()


def test_the_feeds_own_groups_stay_where_a_column_tells_its_mark() -> None:
    feed = a_feed({"fees": "fee"}, numbers=OPEN | {"grouping": "'"})
    result = validated(a_file("1'234.5", "1,234.5"), feed)
    assert (result.accepted["fees"].to_list(), codes(result)) == ([Decimal("1234.5")], {3: "E_NUMBER"})


@pytest.mark.parametrize("numbers", [{}, OPEN], ids=["point", "auto"])
def test_a_return_is_in_no_currency(numbers: dict[str, str]) -> None:
    feed = a_feed({"fees": "fee", "vendor_twrr": "ret"}, numbers=numbers | {"currency_signs": ["$"]})
    rows = [f"A{place},2024-06-28,100,0,0,101,$1.25,{ret}" for place, ret in enumerate(["0.01", "$0.01"])]
    result = validated("\n".join([f"{HEADER},fee,ret", *rows]) + "\n", feed)
    assert result.accepted.select("account_id", "fees").rows() == [("A0", Decimal("1.25"))]
    assert codes(result) == {3: "E_NUMBER"}


def test_instants_in_a_later_format_of_the_feed_are_noticed_where_the_vendors_day_is_known() -> None:
    formats = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]
    files = {"patterns": ["acme_*"], "format": "csv", "time_zone": "America/New_York"}
    feed = a_feed({"as_of_date": {"from": "day", "formats": formats}}, files=files)
    result = validated(a_file_of_days("2024-06-28T21:00:00+00:00"), feed)
    assert (days_of(result), [notice.code for notice in result.notices]) == ([date(2024, 6, 28)], ["W_LAYOUT_CHANGED"])


def test_the_day_in_the_name_is_held_against_the_days_that_instants_fall_on_where_the_vendor_is() -> None:
    files = {"patterns": ["acme_*"], "format": "csv", "time_zone": "America/New_York"}
    feed = a_feed({"as_of_date": {"from": "day", "formats": [f"{form} %H:%M%z" for form in BOTH]}}, files=files)
    delivery = Delivery("d1", "acme_20240402.csv", DELIVERY.received_at)
    assert days_of(validated(a_file_of_days("03/04/2024 01:00+0000"), feed, delivery)) == [date(2024, 4, 2)]
