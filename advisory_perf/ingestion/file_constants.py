"""Values that a file states once for all of its rows: in its name or folder, above its header, or around its rows in a document.

The feed says where, and each becomes a column of the raw rows with the text as it stands there. Two different values for one
column, or none, reject the file: which day a file is of is never guessed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from advisory_perf.feeds.names import folded, listed
from advisory_perf.ingestion.raw_frame import CELL, Reading, cell, cell_columns
from advisory_perf.showing import quoted


def with_stated(
    raw: pl.DataFrame,
    reading: Reading,
    *,
    above: Iterable[Sequence[str]] = (),
    document: Mapping[str, Sequence[str]] | None = None,
    sheet: str = "",
) -> pl.DataFrame:
    """The raw rows with a column for each value that the feed says is stated once; misfits have it too.

    ``above`` are the rows above the header, ``document`` what was found at each path beside the rows, ``sheet`` the name of the one
    that was read. DeliveryRejectedError:
    E_MAPPING where a value is not stated or in several ways, E_HEADER_DUPLICATE where the file has a column of that name.
    """
    files = reading.feed.files
    texts = {
        "file_name": [files.stem(reading.file_name.rpartition("/")[2])],
        "path": [reading.path or reading.file_name],
        "preamble": [" ".join(filter(None, row)) for row in above],
        "sheet": [sheet],
    }
    columns = {folded(column.removeprefix(CELL)) for column in cell_columns(raw)}
    made = []
    for name, stated in files.stated.items():
        if folded(name) in columns:
            raise reading.refused(
                "E_HEADER_DUPLICATE", f"has a column {quoted(name)}, which the feed says is stated in the {stated.in_}; fix one"
            )
        where = f"the path {stated.at}" if stated.at is not None else f"its {stated.in_.replace('_', ' ')} by {stated.pattern}"
        found = set((document or {}).get(stated.at, ())) if stated.at is not None else stated.found(texts[stated.in_])
        if len(found) != 1:
            what = f"states {listed(sorted(found))}" if found else "states nothing"
            raise reading.refused("E_MAPPING", f"{what} for {quoted(name)} in {where}; send it with one, or fix files: stated in the feed")
        value = found.pop()
        if raw.is_empty() and name in reading.feed.controls.figures and re.search("[1-9]", value):
            # No line is left to carry the figure to where figures are compared.
            kind = "COUNT" if name == reading.feed.controls.count else "TOTAL"
            raise reading.refused(
                f"E_CONTROL_{kind}", f"the vendor announces {quoted(value)} as {quoted(name)}, and the file holds no rows; send them"
            )
        made.append(pl.lit(value).alias(cell(name)))
    return raw.with_columns(made)
