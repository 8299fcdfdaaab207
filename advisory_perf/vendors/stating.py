"""Values that a file states once for all of its rows: in its name, above its header, or around its rows in a document.

The feed says where, and each becomes a column of the raw rows with the text as it stands there. Two different values for one
column, or none, reject the file: which day a file is of is never guessed.
"""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from advisory_perf.vendors.raw import MISFIT, Reading, cell


def with_stated(
    raw: pl.DataFrame, reading: Reading, *, above: Iterable[Sequence[str]] = (), document: Mapping[str, Sequence[str]] | None = None
) -> pl.DataFrame:
    """The raw rows with a column for each value that the feed says is stated once; misfits have none.

    ``above`` are the rows above the header, ``document`` what was found at each path beside the rows. DeliveryRejectedError:
    E_MAPPING where a value is not stated or in several ways, E_HEADER_DUPLICATE where the file has a column of that name.
    """
    files = reading.feed.files
    texts = {"file_name": [files.stem(reading.file_name)], "preamble": [" ".join(filter(None, row)) for row in above]}
    made = []
    for name, stated in files.stated.items():
        if cell(name) in raw.columns:
            raise reading.refused("E_HEADER_DUPLICATE", f"has a column {name}, which the feed says is stated in the {stated.in_}; mend one")
        where = f"the path {stated.at}" if stated.at is not None else f"its {stated.in_.replace('_', ' ')} by {stated.pattern}"
        found = set((document or {}).get(stated.at, ())) if stated.at is not None else stated.found(texts[stated.in_])
        if len(found) != 1:
            what = f"states {', '.join(sorted(found))}" if found else "states nothing"
            raise reading.refused("E_MAPPING", f"{what} for {name} in {where}; send it with one, or mend files: stated in the feed")
        if raw.is_empty() and name == reading.feed.controls.count and found != {"0"}:
            # No row is left to carry the figure to where figures are compared.
            raise reading.refused("E_CONTROL_COUNT", f"the vendor announces {', '.join(found)} rows, and the file holds none; send them")
        made.append(pl.when(pl.col(MISFIT).is_null()).then(pl.lit(found.pop())).alias(cell(name)))
    return raw.with_columns(made)
