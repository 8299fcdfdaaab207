"""What a delivery's profile says of its rows and columns, and that its size is bounded."""

from decimal import Decimal
from fractions import Fraction
from random import Random
from statistics import median

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.contracts.datasets import Dataset
from advisory_perf.ingestion.profile import (
    LONGEST_TEXT,
    MOST_COLUMNS,
    MOST_VALUES,
    SAMPLED_ROWS,
    ColumnProfile,
    DeliveryProfile,
    _shapes,
    _spread,
    profile_of,
)
from advisory_perf.ingestion.profile_drift import LEAST_EARLIER, SPREADS, drift_from
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.validation.rows import validate
from advisory_perf_tests.ingestion.scenarios import DELIVERY, HEADER, a_feed, read, validated
from advisory_perf_tests.prices import RULES, a_prices_feed

ROWS = (
    "A,2024-03-01,100.00,5.00,0.00,110.10",
    "B,2024-03-01,200.00,0.00,0.00,200.20",
    "B,2024-03-01,200.00,0.00,0.00,200.20",
    "A,2024-03-04,110.10,0.00,0.00,111.00",
    "C,nonsense,1.00,0.00,,1.00",
)


def profile(*rows: str, header: str = HEADER) -> DeliveryProfile:
    content = "\n".join([header, *rows]) + "\n"
    return profile_of(read(content), validated(content), a_feed())


def column(found: DeliveryProfile, name: str) -> ColumnProfile:
    (one,) = (one for one in found.columns if one.name == name)
    return one


def test_rows_days_and_columns_are_counted() -> None:
    found = profile(*ROWS)
    assert (found.read, found.accepted, found.quarantined, found.duplicate, found.footer, found.rows) == (5, 3, 1, 1, 0, 5)
    assert (str(found.first_day), str(found.last_day), found.days) == ("2024-03-01", "2024-03-04", 2)
    assert [(one.name, one.field) for one in found.columns[:3]] == [
        ("id", "account_id"),
        ("day", "as_of_date"),
        ("bmv", "beginning_market_value"),
    ]
    assert column(found, "day").types == {"date": 4, "text": 1}
    out = column(found, "out")
    assert (out.blanks, out.types, out.distinct, out.distinct_by) == (1, {"blank": 1, "number": 4}, 1, "count")
    assert column(found, "id").top == (("A", 2), ("B", 2), ("C", 1))


def test_sums_are_those_of_the_accepted_rows_and_exact() -> None:
    found = profile(*ROWS, "D,2024-03-01,123456789012345.0001,0,0,0.0001")
    assert column(found, "bmv").total == Decimal("100.00") + Decimal("200.00") + Decimal("110.10") + Decimal("123456789012345.0001")
    assert (column(found, "emv").least, column(found, "emv").most) == ("0.0001", "200.2000")
    assert (column(found, "day").least, column(found, "day").total) == ("2024-03-01", None)
    assert (column(found, "id").least, column(found, "id").total) == (None, None)


def test_a_file_without_rows_has_a_profile() -> None:
    found = profile()
    assert (found.read, found.cells, found.sampled, found.first_day, found.days) == (0, 0, 0, None, 0)
    assert all((one.blanks, one.distinct, one.types, one.total, one.top) == (0, 0, {}, None, ()) for one in found.columns)


def test_columns_that_nobody_maps_are_looked_at_too_and_those_beyond_the_bound_are_counted() -> None:
    others = [f"x{number}" for number in range(MOST_COLUMNS)]
    header = ",".join([*others, HEADER])
    found = profile(",".join([*map(str, range(len(others))), ROWS[0]]), header=header)
    assert (len(found.columns), found.columns_left_out) == (MOST_COLUMNS, 6)
    assert {"id", "day", "bmv", "in", "out", "emv", "x0"} <= {one.name for one in found.columns}
    assert (column(found, "x1").field, column(found, "x1").top) == (None, (("1", 1),))


def test_values_are_few_cut_and_shown_without_what_does_something() -> None:
    texts = [f"{'n' * 100}{number}" for number in range(20)] + ["\x1b[31mred\u202e"]
    header = f"{HEADER},note"
    found = column(profile(*(f"A{i},2024-03-01,1,0,0,1,{text}" for i, text in enumerate(texts)), header=header), "note")
    assert len(found.top) == MOST_VALUES
    assert all(len(text) <= LONGEST_TEXT for text, _ in found.top)
    assert not any("\x1b" in text or "\u202e" in text for text, _ in found.top)


@pytest.mark.parametrize(
    ("shape", "texts"),
    [
        ("number", ["1", "-1,234.50", "(12.5)", "1.234.567,89", "3 %", "1e-5", "12-", "$ 5", ".5", "1'000", "€5", "5 USD"]),
        ("date", ["2024-03-01", "01/03/2024", "1.3.24", "20240301", "01-Mar-2024", "2024-03-01T00:00:00Z", "1 March 2024"]),
        ("text", ["A-1", "ACC0001", "n/a", "-", "1-2-3-4-5", "Total"]),
        ("blank", ["", " ", "\t"]),
    ],
)
def test_a_cell_has_the_shape_that_its_text_has(shape: str, texts: list[str]) -> None:
    assert {text: next(iter(_shapes(pl.DataFrame({"x": [text]}))["x"])) for text in texts} == dict.fromkeys(texts, shape)


@given(st.permutations(range(len(ROWS))))
def test_the_order_of_the_rows_does_not_matter(order: list[int]) -> None:
    assert profile(*(ROWS[place] for place in order)) == profile(*ROWS)


@given(st.integers(0, 3 * SAMPLED_ROWS))
def test_the_sample_has_as_many_rows_as_agreed_and_none_twice(height: int) -> None:
    places = _spread(height)
    assert len(places) == places.n_unique() == min(height, SAMPLED_ROWS)
    assert places.is_between(0, height - 1).all()


def test_the_sample_of_a_large_file_has_all_days_though_they_follow_each_other_in_each_account() -> None:
    days, accounts = 100, 1_000
    places = _spread(days * accounts)
    per_day = (places % days).value_counts()["count"]
    assert (per_day.len(), per_day.min(), per_day.max()) == (days, SAMPLED_ROWS // days, SAMPLED_ROWS // days)


def test_of_a_large_file_blanks_and_sums_are_of_all_rows_and_values_say_how_they_were_counted() -> None:
    height = 3 * SAMPLED_ROWS
    rows = [f"A{i},2024-03-01,{i}.01,0.00,0.00,{f'{i}.01' if i else ''}" for i in range(height)]
    found = profile(*rows)
    assert (found.cells, found.sampled) == (height, SAMPLED_ROWS)
    assert column(found, "emv").blanks == 1
    expected = sum((Decimal(i) + Decimal("0.01") for i in range(1, height)), Decimal(0))
    assert column(found, "bmv").total == expected
    assert (column(found, "bmv").distinct, column(found, "bmv").distinct_by) == (SAMPLED_ROWS, "sample")
    accounts = column(found, "id")
    assert accounts.distinct_by == "estimate"
    assert accounts.distinct == pytest.approx(height, rel=0.05)


def test_a_profile_comes_back_from_its_json() -> None:
    found = profile(*ROWS)
    assert DeliveryProfile.model_validate_json(found.model_dump_json()) == found
    assert '"total":"410.1000"' in found.model_dump_json()


def test_another_dataset_is_profiled_by_its_contract() -> None:
    feed = a_prices_feed()
    contract: Dataset = feed.contract
    raw = read_raw_rows(b"Day,Price\n2025-03-03,10.50\n2025-03-04,11.00\n", feed, "prices_1.csv")
    found = profile_of(raw, validate(raw, feed, DELIVERY_OF_PRICES, RULES), feed)
    assert (str(found.first_day), found.days) == ("2025-03-03", 2)
    assert {one.field: one.total for one in found.columns} == {contract.day: None, "price": Decimal("21.5000")}


DELIVERY_OF_PRICES = type(DELIVERY)("p1", "prices_1.csv", DELIVERY.received_at.replace(year=2025))


# drift ----------------------------------------------------------------------------------------------------------------


def of_day(rows: int, value: str = "100.00", *, blank: int = 0) -> DeliveryProfile:
    """A profile of so many accounts, each with the value, of which some have no account number."""
    return profile(*(f"{'' if i < blank else f'A{i}'},2024-03-01,{value},0,0,{value}" for i in range(rows)))


def drifts(earlier: list[DeliveryProfile], found: DeliveryProfile) -> dict[str, str]:
    return {notice.code: notice.sentence for notice in drift_from(earlier, found, a_feed(), "acme_1.csv")}


def test_a_delivery_like_those_before_it_is_nothing_to_notice() -> None:
    assert drifts([of_day(rows) for rows in (98, 100, 99, 101, 100)], of_day(102)) == {}


@pytest.mark.parametrize(("rows", "is_noticed"), [(80, False), (79, True), (120, False), (121, True)])
def test_a_fifth_more_or_fewer_rows_pass_and_the_next_does_not(rows: int, *, is_noticed: bool) -> None:
    assert ("W_PROFILE_ROWS" in drifts([of_day(100)] * LEAST_EARLIER, of_day(rows))) == is_noticed


def test_fewer_than_five_before_it_say_nothing() -> None:
    assert drifts([of_day(100)] * (LEAST_EARLIER - 1), of_day(1)) == {}
    assert "W_PROFILE_ROWS" in drifts([of_day(100)] * LEAST_EARLIER, of_day(1))


def test_single_odd_deliveries_among_those_before_it_move_no_bound() -> None:
    earlier = [of_day(100)] * 6 + [of_day(1), of_day(400)]
    assert "W_PROFILE_ROWS" in drifts(earlier, of_day(70))
    assert drifts(earlier, of_day(100)) == {}


def test_files_that_always_differ_may_differ() -> None:
    assert drifts([of_day(rows) for rows in (20, 60, 100, 140, 180)], of_day(300)).keys() & {"W_PROFILE_ROWS"} == set()


@pytest.mark.parametrize(("blank", "is_noticed"), [(0, False), (5, False), (6, True)])
def test_a_column_that_goes_blank_is_noticed_beyond_a_twentieth(blank: int, *, is_noticed: bool) -> None:
    found = drifts([of_day(100)] * LEAST_EARLIER, of_day(100, blank=blank))
    assert ("W_PROFILE_BLANKS" in found) == is_noticed
    if is_noticed:
        assert "acme, acme_1.csv: blank cells of id: 6.0%, where the last 5 deliveries have 0.0%" in found["W_PROFILE_BLANKS"]


def test_two_blank_cells_of_a_small_file_are_no_drift_but_a_blank_column_is() -> None:
    assert drifts([of_day(3)] * LEAST_EARLIER, of_day(3, blank=2)).keys() & {"W_PROFILE_BLANKS"} == set()
    assert "W_PROFILE_BLANKS" in drifts([of_day(3)] * LEAST_EARLIER, of_day(3, blank=3))


@pytest.mark.parametrize(("value", "is_noticed"), [("120.00", False), ("120.01", True), ("80.00", False), ("79.99", True)])
def test_the_sum_of_a_market_value_is_noticed_beyond_a_fifth(value: str, *, is_noticed: bool) -> None:
    assert ("W_PROFILE_SUM" in drifts([of_day(100)] * LEAST_EARLIER, of_day(100, value))) == is_noticed


def test_a_sum_is_named_with_what_passes() -> None:
    says = drifts([of_day(100)] * LEAST_EARLIER, of_day(100, "1000.00"))["W_PROFILE_SUM"]
    assert "sum of ending_market_value: 100,000.00, where the last 5 deliveries have 10,000.00 (median; 8,000.00 to 12,000.00 pass)" in says


@given(st.lists(st.integers(1, 60), min_size=LEAST_EARLIER, max_size=20), st.integers(1, 120), st.randoms(use_true_random=False))
def test_what_is_noticed_follows_from_median_and_deviation_whatever_the_order(rows: list[int], own: int, random: Random) -> None:
    blank = of_day(0)
    earlier = [blank.model_copy(update={"read": count}) for count in rows]
    middle = Fraction(median(map(Fraction, rows)))
    spread = Fraction(median([abs(Fraction(count) - middle) for count in rows]))
    expected = abs(own - middle) > max(SPREADS * spread, middle / 5, Fraction(5))
    found = drifts(earlier, blank.model_copy(update={"read": own}))
    assert ("W_PROFILE_ROWS" in found) == expected
    random.shuffle(earlier)
    assert drifts(earlier, blank.model_copy(update={"read": own})) == found
