"""Labels that are printed once for a group of rows: a blank cell repeats the one above where the feed says so (``fill: down``).

A label holds for the rows below it and ends where anything else than a row stands, such as a line of totals. An outer label ends the
inner ones: a new portfolio or client ends the account, a new account ends its name and currency, and of other labels the one further
left is outer. Only a row that has a cell of its own for its account or day is filled, so that no line of sums becomes a position. Below
a line that cannot be read, which may have held the next label, a blank cell has no value and its row is quarantined.

Without the key nothing is filled, and a notice names the columns in which it looks as if that were meant.
"""

import polars as pl

from advisory_perf.contracts.datasets import Dataset
from advisory_perf.feeds.feed import Feed
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MARK, MISFIT, Reading, bare, cell
from advisory_perf.ingestion.validation.control_totals import is_footer


def filled(raw: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """The raw rows with the labels of their groups, where the feed says that they are printed once; E_GROUP marks those without."""
    feed = reading.feed
    labels = _labels(raw, feed)
    is_asked = any(feed.columns[name].fill == "down" for name in labels)
    if raw.is_empty() or not (is_asked or any(_has_blanks(raw, feed, name) for name in labels)):
        return raw
    is_line = raw.select(pl.col(MISFIT).is_null() & ~is_footer(raw, feed)).to_series()
    if not is_asked:
        _notice_groups(raw.filter(is_line), labels, reading)
        return raw
    is_row, is_unread = _rows_and_unread(raw, is_line, feed)
    lines = pl.DataFrame({"run": is_row.rle_id(), "is_unread": is_unread})
    unread = lines.group_by("run", maintain_order=True).agg(pl.col("is_unread").any())["is_unread"]
    is_below_unread = unread.shift(1, fill_value=False)[lines["run"]]
    is_without = pl.repeat(value=False, n=raw.height, eager=True)
    begins = lines["run"] != lines["run"].shift(1, fill_value=-1)
    for name in labels:
        if name == feed.contract.day and feed.columns[name].fill != "down":
            continue  # a day of every row's own is no label
        column = feed.columns[name].from_
        text = raw.select(bare(pl.col(cell(column))).replace("", None)).to_series()
        inferred = pl.DataFrame({"run": lines["run"], "group": begins.cum_sum(), "label": text, "is_row": is_row}).select(
            pl.when("is_row").then("label").forward_fill().over("group").alias("label"),
            (pl.col("group") == pl.col("group").first().over("run")).alias("is_first_of_run"),
        )
        carried = inferred["label"]
        if feed.columns[name].fill == "down":
            is_blank = is_row & text.is_null()
            raw = raw.with_columns(pl.when(is_blank).then(carried).otherwise(pl.col(cell(column))).alias(cell(column)))
            in_doubt = is_blank & carried.is_null() & is_below_unread & inferred["is_first_of_run"]
            _notice_unlabelled(raw.filter(is_blank & carried.is_null() & ~in_doubt), column, reading)
            is_without |= in_doubt
        begins |= carried.is_not_null() & carried.ne_missing(carried.shift(1))
    return raw.with_columns(pl.when(is_without).then(pl.lit("E_GROUP")).otherwise(MARK).alias(MARK))


def _labels(raw: pl.DataFrame, feed: Feed) -> list[str]:
    """The fields of text and days that the rows have a column for, the outer ones first."""
    known = feed.contract
    fields = [name for name in feed.columns if name not in known.numbers and cell(feed.columns[name].from_) in raw.columns]
    ranks: dict[str | None, int] = {known.account: 1, **dict.fromkeys(known.of_account, 2)}
    places = {name: raw.columns.index(cell(feed.columns[name].from_)) for name in fields}
    return sorted(places, key=lambda name: (ranks.get(name, 0), places[name]))


def _has_blanks(raw: pl.DataFrame, feed: Feed, name: str) -> bool:
    column = raw[cell(feed.columns[name].from_)]
    return bool(column.null_count() or (column == "").any())


def _rows_and_unread(raw: pl.DataFrame, is_line: pl.Series, feed: Feed) -> tuple[pl.Series, pl.Series]:
    """The lines that are rows by cells of their own, and those that may be rows or labels and cannot be read."""
    pivot = feed.files.pivot
    named = [feed.columns[name].from_ for name in feed.contract.key if feed.columns[name].fill != "down"]
    named += [pivot.names] if pivot is not None else []
    has_cell = [pl.col(cell(name)).fill_null("").str.strip_chars() != "" for name in named if cell(name) in raw.columns]
    is_row = is_line & raw.select(pl.all_horizontal(has_cell)).to_series()
    is_unread = raw.select(
        (pl.col(MISFIT).is_not_null() & pl.col(MARK).is_not_null()) | (is_line & ~is_row & pl.any_horizontal(has_cell))
    ).to_series()
    return is_row, is_unread


def _notice_unlabelled(rows: pl.DataFrame, column: str, reading: Reading) -> None:
    if rows.height:
        reading.noticed(
            "W_GROUP_LABEL",
            f"{rows.height} rows, the first in line {rows[LINE_NUMBER][0]}, have no {column} and stand below no label of their group, "
            "so they stay without; see whether the vendor means that",
        )


def _notice_groups(rows: pl.DataFrame, labels: list[str], reading: Reading) -> None:
    """A notice of the columns in which labels seem to be printed once for a group: a label, blanks, another label, blanks."""
    feed = reading.feed
    texts = rows.select(bare(pl.col(cell(feed.columns[name].from_))).replace("", None).alias(name) for name in labels)
    found = [name for name in labels if feed.columns[name].fill is None and _is_printed_once(texts, name, feed.contract)]
    if found:
        columns = ", ".join(feed.columns[name].from_ for name in found)
        reading.noticed(
            "W_GROUP_LABEL",
            f"the column {columns} looks as if labels were printed once for a group, and its blank cells are read as no value; "
            f"set fill: down for {', '.join(found)} in the feed if they repeat the label above, or fill: none",
        )


def _is_printed_once(texts: pl.DataFrame, name: str, known: Dataset) -> bool:
    """Whether blanks follow labels of which no two in a row are equal; of what belongs to an account, below the same account only."""
    column = texts[name]
    printed = column.drop_nulls()
    blanks = column.null_count()
    if not blanks or not printed.len() or column[0] is None or 2 * blanks < printed.len() or (printed == printed.shift(1)).any():
        return False
    if name not in known.of_account or known.account is None or known.account not in texts.columns:
        return True
    account = texts[known.account].forward_fill()
    return bool((account == account.shift(1)).filter(column.is_null()).all())
