"""Titles of groups of rows: a value that stands in a line of its own above the rows it belongs to, such as their account.

The feed says with a regular expression which lines are titles; what its named groups find are columns of the rows below, up to the
next title. A section ends at any other line that does not read as a row, such as a line of totals or a title that the expression does
not match: the rows behind it have no value then, and are quarantined where one is required. So no row is ever given to the account of
another section. A header that is printed again ends nothing.
"""

from collections.abc import Callable, Iterable, Sequence

import polars as pl

from advisory_perf.feeds.date_formats import first_of
from advisory_perf.feeds.expressions import matches
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.names import folded, listed
from advisory_perf.ingestion.raw_frame import CELL, LINE_NUMBER, MARK, MISFIT, Reading, bare, cell, cell_columns
from advisory_perf.ingestion.validation.control_totals import is_footer

_ENDS = -1


def with_titles(
    raw: pl.DataFrame,
    reading: Reading,
    *,
    above: Iterable[Sequence[str]] = (),
    split: Callable[[str], Sequence[str]] = lambda text: [text],
    separator: str = "\t",
) -> pl.DataFrame:
    """The raw rows with the columns that titles tell; the titles are footers.

    ``above`` are the rows above the header, of which the last title holds for the first rows; ``split`` makes cells of the text of a
    line that does not fit. DeliveryRejectedError: E_HEADER_DUPLICATE where the file has a column of such a name, E_MAPPING where no
    line is a title.
    """
    title = reading.feed.files.group_header
    if title is None:
        return raw
    made = reading.feed.files.title_columns
    columns = {folded(column.removeprefix(CELL)) for column in cell_columns(raw)}
    twice = [name for name in made if folded(name) in columns]
    if twice:
        raise reading.refused("E_HEADER_DUPLICATE", f"has a column {listed(twice)}, which files: group_header also tells; fix one of them")
    values = [found for found in matches(title, [_line(row) for row in above]) if found is not None][-1:]
    first = 0 if values else _ENDS
    sections: dict[int, int] = {}
    titles: list[int] = []
    reads_as_row = _reads_as_row(raw, reading.feed).fill_null(value=False)
    lines = raw.select(LINE_NUMBER, MISFIT, MARK, *cell_columns(raw)).filter(~reads_as_row)
    found_in = matches(title, [_line(cells if misfit is None else split(misfit)) for _, misfit, _, *cells in lines.iter_rows()])
    for (line, misfit, mark), found in zip(lines.select(LINE_NUMBER, MISFIT, MARK).iter_rows(), found_in, strict=True):
        if found is not None:
            sections[line] = len(values)
            titles.append(line)
            values.append(found)
        elif misfit is None or mark is not None:
            sections[line] = _ENDS
    if not values and raw.height:
        raise reading.refused(
            "E_MAPPING", f"no line is a title as files: group_header in the feed has it ({title}); send it with titles, or fix that"
        )
    ended = raw.filter(is_footer(raw, reading.feed) & pl.col(MISFIT).is_null())[LINE_NUMBER]
    sections = {**dict.fromkeys(ended, _ENDS), **sections, 0: first}
    section = pl.col(LINE_NUMBER).replace_strict(sections, default=None, return_dtype=pl.Int64()).forward_fill().fill_null(first)
    inferred = {name: {place: (value[name] or "").strip() for place, value in enumerate(values)} | {_ENDS: None} for name in made}
    is_title = pl.col(LINE_NUMBER).is_in(titles)
    text = pl.concat_str([pl.col(name).fill_null("") for name in cell_columns(raw)], separator=separator)
    return raw.with_columns(
        pl.when(is_title).then(pl.coalesce(MISFIT, text)).otherwise(MISFIT).alias(MISFIT),
        pl.when(~is_title).then(MARK).alias(MARK),
        *(pl.when(~is_title).then(pl.col(name)).alias(name) for name in cell_columns(raw)),
        *(
            section.replace_strict(of_place, default=None, return_dtype=pl.String()).alias(cell(name))
            for name, of_place in inferred.items()
        ),
    )


def _line(cells: Iterable[str | None]) -> str:
    """A line's cells, without those that are blank, as the expression meets them."""
    return " ".join(text for text in ((value or "").strip() for value in cells) if text)


def _reads_as_row(raw: pl.DataFrame, feed: Feed) -> pl.Expr:
    """A line of as many cells as there are columns, with a day, or where days do not stand in the rows with a figure."""
    day = feed.day_source
    pivot = feed.files.pivot
    if pivot is not None and cell(pivot.names) in raw.columns:
        tests = [bare(pl.col(cell(column))) != "" for column in (pivot.names, pivot.values) if cell(column) in raw.columns]
        return pl.all_horizontal(pl.col(MISFIT).is_null(), *tests)
    if cell(day.from_) in raw.columns:
        return pl.col(MISFIT).is_null() & first_of(bare(pl.col(cell(day.from_))), day.formats, feed.files.time_zone).is_not_null()
    figures = [feed.columns[name].from_ for name in feed.contract.never_null if name in feed.columns and name in feed.contract.money]
    unpivot = feed.files.unpivot
    present = [name for name in figures if cell(name) in raw.columns] or [
        name for name in (column.removeprefix(CELL) for column in cell_columns(raw)) if unpivot is not None and unpivot.found_in(name)[0]
    ]
    return pl.col(MISFIT).is_null() & pl.any_horizontal(
        pl.lit(value=False), *(pl.col(cell(name)).str.contains("[0-9]") for name in present)
    )
