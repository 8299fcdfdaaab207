"""The vendor's own count and sums of a file, against what was read: trailer lines and totals rows.

A count is held against every row of the file, a sum against every row whose amount could be read; where one could not, the
sum cannot be compared, and a notice says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from advisory_perf.contracts.tolerance import CENT
from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.contents import FooterRule
from advisory_perf.feeds.feed import Feed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.parsing.denominations import as_printed
from advisory_perf.ingestion.parsing.fields import stripped
from advisory_perf.ingestion.parsing.notation import Inferred
from advisory_perf.ingestion.parsing.numbers import figure, is_blank
from advisory_perf.ingestion.raw_frame import MARK, MISFIT, cell, cell_columns


@dataclass(frozen=True, slots=True)
class _Difference:
    """One figure that is not the one announced."""

    kind: str
    sentence: str


def is_footer(raw: pl.DataFrame, feed: Feed) -> pl.Expr:
    """A line that the feed's footer rules name, that holds control figures, or that its reader found to be no row.

    Several lines that are one row of too many or too few cells are none, since a broken quote may have joined them, and rows among them.
    """
    tests = [pl.col(MISFIT).is_not_null() & pl.col(MARK).is_null()]
    tests += [is_named(raw, rule) for rule in feed.footer]
    is_one_line = pl.col(MARK).is_null() | (~pl.col(MISFIT).str.contains("\n", literal=True)).fill_null(value=True)
    return pl.any_horizontal(has_control_figures(raw, feed), *(test.fill_null(value=False) for test in tests)) & is_one_line


def has_control_figures(raw: pl.DataFrame, feed: Feed) -> pl.Expr:
    """A line that announces one of the control figures."""
    tests = [_whole_line(raw, feed).str.contains(pattern).fill_null(value=False) for pattern in feed.controls.patterns]
    return pl.any_horizontal(pl.lit(value=False), *tests)


def is_named(raw: pl.DataFrame, rule: FooterRule) -> pl.Expr:
    """A line whose named column, or whose whole text where its cells do not fit, starts as the rule says."""
    texts = [pl.col(cell(rule.column)), pl.col(MISFIT)] if cell(rule.column) in raw.columns else [pl.col(MISFIT)]
    tests = [text.str.strip_chars(" \"'").str.starts_with(start).fill_null(value=False) for start in rule.starts_with for text in texts]
    return pl.any_horizontal(tests)


def _whole_line(raw: pl.DataFrame, feed: Feed) -> pl.Expr:
    """The line as it stood, or its cells with the delimiter between them."""
    delimiter = feed.files.csv.delimiter
    return pl.coalesce(MISFIT, pl.concat_str(pl.col(cell_columns(raw)).fill_null(""), separator=delimiter))


def control_notices(footers: pl.DataFrame, typed: pl.DataFrame, feed: Feed, inferred: Inferred, file_name: str) -> list[Notice]:
    """Differences from the announced figures as notices, or DeliveryRejectedError E_CONTROL_COUNT or E_CONTROL_TOTAL.

    ``footers`` are the raw lines that are no rows; ``typed`` are all other rows with their fields, null where unreadable.
    """
    if not feed.controls.figures and not any(rule.totals for rule in feed.footer):
        return []
    differences = [*_of_trailers(footers, typed, feed, inferred), *_of_totals_rows(footers, typed, feed, inferred)]
    if differences and feed.controls.on_difference == "reject":
        first = differences[0]
        raise DeliveryRejectedError(
            f"E_CONTROL_{first.kind}", f"{feed.vendor}, {file_name}: {first.sentence}; ask the vendor which is right"
        )
    return [Notice(f"W_CONTROL_{one.kind}", f"{feed.vendor}, {file_name}: {one.sentence}") for one in differences]


def _of_trailers(footers: pl.DataFrame, typed: pl.DataFrame, feed: Feed, inferred: Inferred) -> Iterator[_Difference]:
    if feed.controls.count is not None:
        announced = _announced(feed.controls.count, footers, typed, feed)
        if announced.is_empty() and feed.controls.count in feed.controls.patterns:
            yield _Difference("COUNT", "no line announces the number of rows, as controls: count in the feed has it")
        for text in announced:
            counts = _counts(text, inferred)
            if counts != {typed.height}:
                ways = f" (read as {' or '.join(map(str, sorted(counts)))})" if len(counts) > 1 else ""
                yield _Difference("COUNT", f"the vendor announces {text} rows{ways}, and the file holds {typed.height}")
    for name, place in feed.controls.totals.items():
        announced = _announced(place, footers, typed, feed)
        if announced.is_empty() and place in feed.controls.patterns:
            yield _Difference("TOTAL", f"no line announces the sum of {name}, as controls: totals in the feed has it")
        for text in announced:
            yield from _compared(name, text.strip(), typed, feed, inferred)


def _counts(text: str, inferred: Inferred) -> set[int]:
    """The whole numbers that a count may be: one, unless the columns of the delivery are in different notations."""
    notations = {one.numbers for one in inferred.numbers.values()}
    amounts = (figure(text, numbers) for numbers in notations)
    return {int(amount) for amount in amounts if amount is not None and amount == amount.to_integral_value()}


def _announced(place: str, footers: pl.DataFrame, typed: pl.DataFrame, feed: Feed) -> pl.Series:
    """The texts of one control figure: of each line that announces it, or the one that the file states once."""
    if place in feed.files.stated:
        return pl.concat([typed[cell(place)], footers[cell(place)]]).head(1)
    return footers.select(line=_whole_line(footers, feed))["line"].str.extract(place).drop_nulls()


def _of_totals_rows(footers: pl.DataFrame, typed: pl.DataFrame, feed: Feed, inferred: Inferred) -> Iterator[_Difference]:
    for rule in feed.footer:
        rows = footers.filter(is_named(footers, rule)) if rule.totals else footers.clear()
        for name, source in feed.columns.items():
            if name in feed.contract.money and cell(source.from_) in rows.columns:
                for text in rows.select(stripped(source)).to_series():
                    if text and text not in feed.numbers.blanks:
                        yield from _compared(name, text, typed, feed, inferred)


def _compared(name: str, text: str, typed: pl.DataFrame, feed: Feed, inferred: Inferred) -> Iterator[_Difference]:
    source = feed.columns[name]
    announced = figure(text, inferred.numbers[name].numbers, shift=source.shift)
    if announced is None:
        yield _Difference("TOTAL", f"the vendor's sum of {source.from_} is no amount ({text})")
        return
    announced *= source.sign
    unreadable = typed.filter(pl.col(name).is_null() & ~is_blank(stripped(source), inferred.numbers[name].numbers)).height
    if unreadable:
        yield _Difference("TOTAL", f"the sum of {source.from_} cannot be compared, since {unreadable} rows have no amount there")
        return
    found: Decimal = typed.select(as_printed(pl.col(name), feed).sum()).item()
    if abs(found - announced) > CENT.absolute:
        difference = announced - found
        yield _Difference(
            "TOTAL", f"the vendor announces {announced:,.2f} for {source.from_}, the rows sum to {found:,.2f}, off by {difference:,.2f}"
        )
