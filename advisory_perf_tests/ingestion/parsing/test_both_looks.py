"""What the first look takes, the second would have taken for the same value: good rows and doubtful ones are validated alike."""

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.ingestion.parsing.fields import fields
from advisory_perf.ingestion.parsing.notation import Inferred, InferredNumbers
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.ingestion.scenarios import a_feed
from advisory_perf_tests.ingestion.test_fuzzed_cells import days_in, raw_of

pytestmark = pytest.mark.slow

NUMBERS = ["CR", "DR", "$", "\u00a0", "'", "1,234", "1.234", "000", "12", "0", "E+", "e3", "%", "(", ")", "-", "+", "\u2212", ".", ",", " "]
NUMBERS += [".-", ",\u2013", "--", "Rs.", "kr", "p", "10,00,000"]
NUMBERS += ["\t", "\n", "\u200b", "\ufeff", "\0", '="', '"', '="12"', "n/a", "--", "#N/A", "7", "999999", "inf", "nan", "\u0661", "\u00b2"]
DAYS = [
    "2024",
    "24",
    "06",
    "6",
    "28",
    "31",
    "1",
    "/",
    "-",
    ".",
    " ",
    "Jun",
    "T",
    "Z",
    "12:30:00",
    "45471",
    ".5",
    "\u200e",
    "\t",
    '="',
    '"',
    "\n",
]
TEXTS = [
    "A",
    "b1",
    "Zo\u00eb",
    " ",
    "#",
    "#N/A",
    "=",
    '"',
    '="x"',
    "\u200b",
    "n/a",
    "-",
    "123",
    "1E5",
    "1.0",
    "..",
    "xxx1",
    "\n",
    "\0",
    "USD",
    "usd",
    "GBX",
    "GBP",
    "DEM",
]
NOTATIONS: list[dict[str, Any]] = [
    {},
    {"grouping": ","},
    {"decimal_mark": ","},
    {"decimal_mark": ",", "grouping": "."},
    {"grouping": " ", "credit_debit": True, "scientific": True, "currency_signs": ["$"]},
    {"parentheses_negative": False, "trailing_minus": False, "percent_sign": False},
    {"binary_floats": "15_digits", "grouping": ","},
    {"grouping": "indian", "currency_signs": ["Rs.", "kr", "p"]},
]
FORMATS = [
    ["%Y-%m-%d"],
    ["%d/%m/%Y", "%d.%m.%Y"],
    ["%m/%d/%y", "excel_serial"],
    ["%b %Y", "%Y%m", "%m/%Y"],
    ["%Y-%m-%dT%H:%M:%S", "%Y%m%d"],
]


ROWS = 24
PLAIN = st.integers(-9_999, 9_999).map(lambda units: f"{units / 100:.2f}")
IDENTIFIERS = ["A", "b1", "Zo\u00eb", "123", "A-1", "AB 7"]


def texts(pieces: list[str], accepted: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    """Cells that are accepted as they stand, the same with a piece before or behind, and pieces alone."""
    ones = st.sampled_from(pieces)
    kinds = (
        st.lists(ones, max_size=5).map("".join),
        st.builds(lambda one, end, swap: f"{end}{one}" if swap else f"{one}{end}", accepted, ones, st.booleans()),
    )
    return st.lists(st.integers(0, 3).flatmap(lambda pick: kinds[pick] if pick < len(kinds) else accepted), min_size=ROWS, max_size=ROWS)


@pytest.mark.parametrize("notation", NOTATIONS)
@accepts_at_least(0.1)
@settings(derandomize=True, max_examples=15)
@given(
    data=st.data(),
    words=texts(TEXTS, st.sampled_from(IDENTIFIERS)),
    rules=st.fixed_dictionaries(
        {
            "sign": st.sampled_from([1, -1]),
            "scale": st.sampled_from([None, 1000, "0.01"]),
            "blank": st.sampled_from(["null", "zero", "reject"]),
        }
    ),
    unit=st.sampled_from(["fraction", "percent", "basis_points"]),
    feed_says=st.fixed_dictionaries({"formats": st.sampled_from(FORMATS), "minor_units": st.sampled_from(["accept", "reject"])}),
)
def test_the_first_look_takes_nothing_that_the_second_reads_otherwise(
    notation: dict[str, Any],
    data: st.DataObject,
    words: list[str],
    rules: dict[str, Any],
    unit: str,
    feed_says: dict[str, Any],
) -> None:
    mark = notation.get("decimal_mark", ".")
    numbers = data.draw(texts(NUMBERS, PLAIN.map(lambda text: text.replace(".", mark))))
    currencies = data.draw(texts(TEXTS, st.sampled_from(["USD", "GBP", "EUR"])))
    days = data.draw(texts(DAYS, days_in(feed_says["formats"])))
    columns = {
        **{name: {"from": name, **rules} for name in ("fees", "contributions")},
        "vendor_twrr": {"from": "vendor_twrr", **rules, "scale": unit},
        **{name: name for name in ("account_id", "account_name", "currency")},
        "as_of_date": {"from": "as_of_date", "formats": feed_says["formats"]},
    }
    feed = a_feed(columns, numbers=notation, cadence="monthly", currency=None, minor_units=feed_says["minor_units"])
    cells = {name: words if name in {"account_id", "account_name"} else numbers for name in columns}
    cells |= {"as_of_date": days, "currency": currencies}
    raw = raw_of(**cells)
    inferred = Inferred({name: InferredNumbers(feed.numbers) for name in feed.columns}, tuple(feed_says["formats"]))
    for field in fields(feed, raw.columns, inferred, received=date(2024, 6, 30)):
        first = raw.select(field.cell.alias("cell"), field.first.alias("first"))
        second = raw.with_columns([field.plain] if field.plain is not None else []).select(field.second.alias("second"))
        both = pl.concat([first, second], how="horizontal").filter(pl.col("first").is_not_null())
        assert both.filter(pl.col("first").ne_missing(pl.col("second"))).rows() == [], field.name
        counted(field.name, both.height, raw.height)
