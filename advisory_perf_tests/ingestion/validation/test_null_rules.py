"""What is null, empty or none stays so, and nothing else is made of it: each rule of this room that its words promise."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from advisory_perf.feed_detection.values import blanks, days, instant_format, money, returns, share
from advisory_perf.feeds.expressions import matches
from advisory_perf.feeds.names import matched, without_repeats
from advisory_perf.feeds.sources import Numbers
from advisory_perf.ingestion.formats.arrow_text import texts_of
from advisory_perf.ingestion.parsing.denominations import currency_of, why_no_currency
from advisory_perf.ingestion.parsing.numbers import currency_mark, exact_money, is_blank, plain
from advisory_perf.ingestion.raw_frame import cell
from advisory_perf.ingestion.validation.named_days import days_in_name
from advisory_perf.ingestion.validation.schema_drift import drift_notices
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, read, validated

NUMBERS = Numbers.model_validate({"blanks": ["n/a", "-"], "currency_signs": ["$"]})


def of_texts(expression: Any, *texts: str | None) -> list[Any]:
    return pl.DataFrame({"text": texts}, schema={"text": pl.String()}).select(expression(pl.col("text"))).to_series().to_list()


def test_a_cell_has_no_value_where_it_is_null_empty_or_a_text_of_the_feed() -> None:
    assert of_texts(lambda text: is_blank(text, NUMBERS), None, "", "n/a", "-", "N/A", "0", " ") == [True] * 4 + [False] * 3
    assert of_texts(lambda text: is_blank(text, Numbers.model_validate({"blanks": []})), None, "", "n/a") == [True, True, False]


def test_a_number_is_null_where_nothing_or_no_number_is_written() -> None:
    assert of_texts(lambda text: plain(text, NUMBERS, percent=False), None, "", "n/a", "-", "$", ".", "1") == [*[None] * 6, "1"]
    assert of_texts(lambda text: currency_mark(text, NUMBERS), None, "", "5", "$5", "$") == [None, None, None, "$", None]
    assert of_texts(lambda text: exact_money(text, shift=0), None, "x", "", "1.5") == [None, None, None, Decimal("1.5000")]


def test_a_currency_is_null_where_the_text_is_none_and_nothing_is_said_of_an_active_one() -> None:
    day = pl.lit(date(2024, 6, 28))
    for accepts in (False, True):
        found = of_texts(lambda text, accepts=accepts: currency_of(text, day, accepts_minor_units=accepts), None, "", "usd", "XXZ", "USD")
        assert found == [None, None, None, None, "USD"]
    assert of_texts(lambda text: currency_of(text, pl.lit(None, pl.Date()), accepts_minor_units=True), "HRK", "EUR") == [None, "EUR"]
    assert of_texts(why_no_currency, None, "", "USD", "XXZ") == [None] * 4
    assert None not in of_texts(why_no_currency, "GBX", "HRK")


def raw_of(*texts: str | None) -> pl.DataFrame:
    return pl.DataFrame({cell("x"): texts}, schema={cell("x"): pl.String()})


def test_amounts_of_an_unknown_file_are_zero_where_blank_and_null_where_they_are_none() -> None:
    for numbers in (NUMBERS, Numbers.model_validate({"decimal_mark": ",", "grouping": ".", "blanks": ["n/a"]})):
        assert money(raw_of(None, "", "n/a", "x", "7"), "x", numbers, 0).to_list() == [0, 0, 0, None, 7]
        assert returns(raw_of(None, "", "n/a", "x", "7", "7%"), "x", numbers).to_list() == [None, None, None, None, 7.0, 0.07]
        assert blanks(raw_of(None, "", "n/a", "x"), "x", numbers).to_list() == [True, True, True, False]


def test_a_share_of_nothing_is_nothing_and_no_texts_are_no_instants() -> None:
    assert share(pl.Series([], dtype=pl.Boolean())) == 0
    assert share(pl.Series([None, True])) == 0.5
    assert instant_format(pl.Series([None, ""], dtype=pl.String())) is None
    assert days(raw_of("2024-06-28", "x", None), "x", ["%Y-%m-%d"]).to_list() == [date(2024, 6, 28), None, None]
    assert days(raw_of("2024-06-28"), "x", []).to_list() == [None]


def test_an_expression_that_matches_nothing_finds_none_and_a_group_without_text_is_empty() -> None:
    assert matches(r"a(?P<x>b)?", ["ab", "a", "xab"]) == [{"x": "b"}, {"x": None}, None]
    assert matches(r"a(?P<x>b)?", ["c"]) == [None]
    assert matches(r"a", ["a", "ab"]) == [{}, None]
    assert matched(r"a(?P<x>b)?", ["A", "ab *", "c"]) == [{"x": ""}, {"x": "b"}, None]
    assert days_in_name("") == []


def test_a_further_column_is_a_repeat_only_beside_the_one_that_it_repeats() -> None:
    assert without_repeats(["a", "a (column 2)", "b (column 3)"]) == ["a", "b (column 3)"]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([None, 1], pa.duration("s")), [None, "<duration[s]>"]),
        (pa.array([None, b"a"]), [None, "<binary>"]),
        (pa.array([None, date(2024, 6, 28)]), [None, "2024-06-28"]),
        (pa.array([None, 1], pa.int64()), [None, "1"]),
        (pa.array([None, None], pa.null()), [None, None]),
        (pa.array([None, "a"]).dictionary_encode(), [None, "a"]),
        (pa.array([None, 0], pa.timestamp("ns", "UTC")), [None, "1970-01-01 00:00:00.000000000+00:00"]),
        (pa.array([None, 0], pa.timestamp("ns")), [None, "1970-01-01"]),
        (pa.array([None, 1], pa.timestamp("ns")), [None, "1970-01-01 00:00:00.000000001"]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_a_null_of_every_arrow_type_is_null_as_text(values: pa.Array, texts: list[str | None]) -> None:
    for meant in (None, "amounts"):
        assert texts_of(pa.chunked_array([values]), meant).to_list() == texts


def test_a_type_is_named_by_sixty_characters_at_most() -> None:
    struct = pa.array([{f"a{place:02}": place for place in range(40)}])
    (text,) = texts_of(pa.chunked_array([struct]), None).to_list()
    assert (len(text), text[-2:]) == (63, "\u2026>")


def test_what_a_delivery_lacks_is_reported_and_counts_as_the_feed_says() -> None:
    feed = a_feed({"fees": {"from": "fee", "absent": "null"}, "contributions": {"from": "in", "absent": "zero"}})
    result = validated(f"{HEADER.replace(',in', '')}\nA1,2024-06-28,100,0,101\n", feed)
    assert result.accepted.select("contributions", "fees").row(0) == (0, None)
    (notice,) = result.notices
    assert (notice.code, "fees as null" in notice.sentence, "contributions as zero" in notice.sentence) == (
        "W_MISSING_OPTIONAL",
        True,
        True,
    )
    nothing = read(f"{HEADER}\n", feed)
    assert [one.code for one in drift_notices(nothing, feed, "acme_1.csv")] == ["W_EMPTY_FILE"]


def test_a_column_without_a_name_is_no_new_one() -> None:
    named, blank = (validated(f"{HEADER},\nA1,2024-06-28,100,0,0,101,{text}\n").notices for text in ("x", ""))
    assert ([one.code for one in named], blank) == (["W_UNNAMED_COLUMN"], ())


def test_a_feed_without_stale_days_of_its_own_has_those_of_its_cadence_or_none() -> None:
    assert [a_feed(**changes).stale_days for changes in ({}, {"cadence": "monthly"}, {"stale_after": 3}, {"stale_after": "never"})] == [
        7,
        20,
        3,
        None,
    ]
