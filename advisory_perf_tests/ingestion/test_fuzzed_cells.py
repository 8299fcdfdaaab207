"""Any text in any cell: it becomes exactly what it says, or it is quarantined, and nothing crashes but by our own errors."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MARK, MISFIT, cell
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import Validated, validate
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.ingestion.scenarios import DELIVERY, a_feed

pytestmark = pytest.mark.slow

NOTATIONS: dict[str, dict[str, Any]] = {
    "as it stands": {},
    "american": {"grouping": ",", "currency_signs": ["$", "US$"]},
    "european": {"decimal_mark": ",", "grouping": ".", "currency_signs": ["\u20ac", "EUR"]},
    "swiss": {"grouping": "'", "currency_signs": ["CHF"]},
    "french": {"decimal_mark": ",", "grouping": " "},
    "ledger": {"credit_debit": True, "scientific": True, "grouping": ","},
}
CURRENCIES = {"european": "EUR", "swiss": "CHF"}
tokens = ["CR", "DR", "US$", "$", "\u20ac", "\u00a0", "\u2019", "1,234", "1.234", "000", "12", "0", "e", "E+", *".,'() -+%0123456789"]
numberlike = st.lists(st.sampled_from(tokens), max_size=7).map("".join)
anything = st.text(max_size=20)
changed_texts = st.tuples(st.floats(0, 1), st.integers(0, 2), st.one_of(st.sampled_from(tokens), st.text(max_size=2)))
"""A change of a text: where, how many characters it loses, and what stands there instead."""


def mostly(accepted: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of an accepted language; of five one with a change, and one that is any text at all."""

    def changed(text: str, change: tuple[float, int, str]) -> str:
        place = int(change[0] * len(text))
        return text[:place] + change[2] + text[place + change[1] :]

    others = (st.builds(changed, accepted, changed_texts), st.one_of(numberlike, anything))
    return st.integers(0, 4).flatmap(lambda pick: others[pick] if pick < len(others) else accepted)


def amounts_in(numbers: dict[str, Any]) -> st.SearchStrategy[str]:
    """Amounts as a feed of these numbers has them written."""
    marks = str.maketrans({",": numbers.get("grouping", ""), ".": numbers.get("decimal_mark", ".")})
    around = ["{}", "{}", "-{}", "+{}", "({})", "{}-", " {} ", *(f"{sign} {{}}" for sign in numbers.get("currency_signs", ()))]
    if numbers.get("credit_debit"):
        around += ["{} CR", "{}DR"]

    def text(units: int, decimals: int, form: str) -> str:
        return form.format(f"{Decimal(units).scaleb(-decimals):,f}".translate(marks))

    return st.builds(text, st.integers(0, 10**12), st.integers(0, 4), st.sampled_from(around))


def days_in(formats: list[str], first: date = date(2020, 1, 1), last: date = date(2024, 6, 30)) -> st.SearchStrategy[str]:
    """Days as these formats write them."""

    def text(day: date, form: str, before: str) -> str:
        return before + (str((day - date(1899, 12, 30)).days) if form == "excel_serial" else day.strftime(form))

    return st.builds(text, st.dates(first, last), st.sampled_from(formats), st.sampled_from(["", "", " "]))


def raw_of(**columns: list[str]) -> pl.DataFrame:
    """Raw rows without a file: of each row its own account, and the given cells."""
    height = len(next(iter(columns.values())))
    usual = {"id": [f"A{number}" for number in range(height)], "day": ["2024-06-28"] * height}
    usual |= {name: ["100"] * height for name in ("bmv", "in", "out", "emv")}
    return pl.DataFrame(
        {LINE_NUMBER: range(2, height + 2), MISFIT: [None] * height, MARK: [None] * height}
        | {cell(name): texts for name, texts in (usual | columns).items()},
        schema_overrides={LINE_NUMBER: pl.Int64(), MISFIT: pl.String(), MARK: pl.String()},
    )


def validated(raw: pl.DataFrame, feed: PositionsFeed) -> Validated | None:
    """What becomes of the rows; None where the delivery is refused with one of our own errors."""
    try:
        result = validate(raw, feed, DELIVERY, POSITION_RULES)
    except DeliveryRejectedError:
        return None
    assert result.is_conserved
    return result


def written(text: str, mark: str) -> Decimal:
    """What the digits of a text say, worked out by hand: its sign marks, its decimal mark, its exponent; nothing else.

    Dashes behind the decimal mark stand for no cents, and are no sign.
    """
    text = re.sub(rf"(?<={re.escape(mark)})--?", "", text)
    mantissa, _, exponent = re.sub(r"(?i)[CD]R", "", text).upper().replace("EUR", "").partition("E")
    digits = re.sub("[^0-9]", "", mantissa)
    decimals = len(re.sub("[^0-9]", "", mantissa.partition(mark)[2]))
    power = int(exponent or 0) if re.fullmatch(r"[+-]?[0-9]+", exponent.strip(" )")) or not exponent else 0
    is_negative = "(" in text or "-" in re.sub(r"[eE]-", "", text) or "DR" in text.upper()
    return Decimal(int(digits)).scaleb(power - decimals) * (-1 if is_negative else 1)


@pytest.mark.parametrize("notation", NOTATIONS)
@accepts_at_least(0.4)
@settings(derandomize=True, max_examples=25)
@given(data=st.data())
def test_an_accepted_amount_is_what_its_text_says(notation: str, data: st.DataObject) -> None:
    texts = data.draw(st.lists(mostly(amounts_in(NOTATIONS[notation])), min_size=8, max_size=20))
    counted("amounts", check_amounts(notation, texts), len(texts))


@pytest.mark.parametrize("notation", NOTATIONS)
def test_an_accepted_amount_is_what_its_text_says_in_texts_of_every_notation(notation: str) -> None:
    assert check_amounts(notation, ["1,234", "1.234", "(5)", "5-", "1'234.5", "$5", "5 CR", "1E+3", "\u0661", "-", "1.23456", "5%"]) >= 2


def check_amounts(notation: str, texts: list[str]) -> int:
    """How many of the texts are accepted, each as what it says."""
    feed = a_feed({"fees": "fee"}, numbers=NOTATIONS[notation], currency=CURRENCIES.get(notation, "USD"))
    result = validated(raw_of(fee=texts), feed)
    assert result is not None
    found = zip(result.accepted["line_number"], result.accepted["fees"], strict=True)
    for line, amount in found:
        text = texts[line - 2].strip()
        if amount is None:
            assert text in ("", *feed.numbers.blanks)
        else:
            assert amount == written(text, feed.numbers.decimal_mark), text
    return result.accepted["fees"].drop_nulls().len()


columns_of_one_mark = st.sampled_from([{}, {"decimal_mark": ",", "grouping": "."}]).flatmap(
    lambda numbers: st.lists(mostly(amounts_in(numbers)), min_size=1, max_size=20)
)


@accepts_at_least(0.3)
@settings(derandomize=True, max_examples=40)
@given(texts=columns_of_one_mark)
@example(texts=["1,234", "1.234"])
@example(texts=["1.040,00", "1.234"])
@example(texts=["419,22", "1.83", "2.5", "1.234"])
def test_where_the_column_tells_the_mark_every_accepted_amount_is_read_by_one_and_the_same(texts: list[str]) -> None:
    result = validated(raw_of(fee=texts), a_feed({"fees": "fee"}, numbers={"decimal_mark": "auto"}))
    rows = [] if result is None else list(zip(result.accepted["line_number"], result.accepted["fees"], strict=True))
    read = [(texts[line - 2].strip(), amount) for line, amount in rows if amount is not None]
    counted("amounts", len(read), len(texts))
    assert any(all(amount == written(text, mark) for text, amount in read) for mark in ".,")


formats_of_days = st.lists(
    st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%m/%d/%y", "%d.%m.%Y", "%Y%m%d", "excel_serial"]),
    min_size=1,
    max_size=4,
    unique=True,
)


@accepts_at_least(0.4)
@settings(derandomize=True, max_examples=50)
@given(formats=formats_of_days, data=st.data())
def test_an_accepted_day_is_what_its_text_says_in_one_of_the_formats(formats: list[str], data: st.DataObject) -> None:
    texts = data.draw(st.lists(mostly(days_in(formats)), min_size=4, max_size=20))
    result = validated(raw_of(day=texts), a_feed({"as_of_date": {"from": "day", "formats": formats}}))
    read = [] if result is None else list(zip(result.accepted["line_number"], result.accepted["as_of_date"], strict=True))
    for line, day in read:
        text = texts[line - 2].strip()
        printed = {day.strftime(form) for form in formats if form != "excel_serial"} | {str((day - date(1899, 12, 30)).days)}
        without_zeros = {re.sub(r"\b0+", "", one) for one in printed}
        assert text in printed or re.sub(r"\b0+", "", text) in without_zeros or text.split(".")[0] in printed
    counted("days", len(read), len(texts))


@accepts_at_least(0.9)
@settings(derandomize=True, max_examples=40)
@given(
    day=st.dates(date(2020, 1, 1), date(2024, 6, 30)), form=st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%y", "%Y%m%d", "excel_serial"])
)
def test_a_day_in_the_only_format_is_accepted_as_that_day(day: date, form: str) -> None:
    text = str((day - date(1899, 12, 30)).days) if form == "excel_serial" else day.strftime(form)
    result = validated(raw_of(day=[text]), a_feed({"as_of_date": {"from": "day", "formats": [form]}}))
    assert result is not None
    assert result.accepted["as_of_date"].to_list() == [day]
    counted("days", result.accepted.height)


usual_rows = st.tuples(
    st.from_regex(r"\A[A-Z][0-9]{1,6}\Z"),
    amounts_in({}),
    days_in(["%Y-%m-%d"]),
    st.sampled_from(["Trust", "Zo\u00eb & Co", ""]),
    st.integers(-999, 999).map(lambda units: f"{units / 100:.2f}"),
)
rows_with_any_text = st.builds(
    lambda row, text, places: tuple(text if place in places else one for place, one in enumerate(row)),
    usual_rows,
    st.one_of(numberlike, anything),
    st.sets(st.integers(0, 4), max_size=2),
)


@accepts_at_least(0.25)
@settings(derandomize=True, max_examples=40)
@given(st.lists(rows_with_any_text, min_size=1, max_size=20))
def test_any_text_in_any_cell_ends_as_a_position_a_quarantined_row_or_a_refusal(rows: list[tuple[str, ...]]) -> None:
    identity, begin, day, name, twrr = (list(column) for column in zip(*rows, strict=True))
    feed = a_feed({"account_name": "name", "vendor_twrr": {"from": "twr", "scale": "percent"}}, numbers={"decimal_mark": "auto"})
    result = validated(raw_of(id=identity, bmv=begin, day=day, name=name, twr=twrr), feed)
    counted("rows", 0 if result is None else result.accepted.height, len(rows))
    for line, account in [] if result is None else result.accepted.select("line_number", "account_id").rows():
        assert account in identity[line - 2]
