"""How a delivery's columns differ from those of its feed, and the change of the feed that would take them.

Columns that are required are looked for while the file is read (``raw_frame``); here are those that are new, missing although
they may be, or without a name.
"""

import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.names import listed
from advisory_perf.feeds.suggestions import proposed_changes
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.raw_frame import cell, cell_columns, unmapped_columns

_UNNAMED = "unnamed "


def drift_notices(raw: pl.DataFrame, feed: Feed, file_name: str) -> list[Notice]:
    """What is new, missing or unnamed in a delivery; DeliveryRejectedError E_DRIFT where the feed refuses that."""
    if raw.is_empty():
        return [Notice("W_EMPTY_FILE", f"{feed.vendor}, {file_name}: holds its columns and no rows")]
    columns = set(cell_columns(raw))
    unmapped = unmapped_columns(raw, feed)
    unnamed = [name for name in unmapped if name.startswith(_UNNAMED)]
    new = [name for name in unmapped if name not in unnamed]
    missing = [field for field, source in feed.columns.items() if cell(source.from_) not in columns]
    proposals = proposed_changes(feed, missing, new)
    where = f"{feed.vendor}, {file_name}"
    lacks = ", ".join(feed.columns[field].from_ for field in missing)
    if (new and feed.drift.new == "reject") or (missing and feed.drift.missing == "reject"):
        found = [*([f"the column {listed(new)} is new"] if new else []), *([f"{lacks} is missing"] if missing else [])]
        raise DeliveryRejectedError("E_DRIFT", f"{where}: {'; '.join(found)}; {proposals}")
    notices = []
    if new:
        sentence = f"{where}: the column {listed(new)} is new and kept in the raw rows only; {proposals}"
        notices.append(Notice("W_NEW_COLUMN", sentence))
    if missing:
        counts_as = ", ".join(f"{field} as {feed.columns[field].absent}" for field in missing)
        notices.append(Notice("W_MISSING_OPTIONAL", f"{where}: {lacks} is missing ({counts_as}); {proposals}"))
    filled = [name for name in unnamed if raw.select((pl.col(cell(name)).fill_null("") != "").any()).item()]
    if filled:
        notices.append(
            Notice("W_UNNAMED_COLUMN", f"{where}: the {', '.join(filled)} column holds values; they are kept in the raw rows only")
        )
    return notices
