"""The last row of a file whose last line has no end: it is taken only where something shows that nothing was cut off."""

import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.ingestion.formats.torn import TORN, is_whole, last_field
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MARK, cell
from advisory_perf.ingestion.validation.rules import F, RowRules
from advisory_perf.showing import quoted


def refuse_torn(good: pl.DataFrame, bad: pl.DataFrame, feed: F, file_name: str, rules: RowRules[F]) -> None:
    """DeliveryRejectedError E_TORN where no line end closes the last row, and it cannot be read or nothing confirms its last cell."""
    unread = bad.filter(pl.col(MARK) == TORN)
    last = good.filter(pl.col(MARK) == TORN)
    why = "cannot be read" if unread.height else _doubt(good, last, feed, rules) if last.height else None
    if why is not None:
        line = pl.concat([unread, last], how="diagonal")[LINE_NUMBER].item()
        raise DeliveryRejectedError(
            "E_TORN",
            f"{feed.vendor}, {file_name}: line {line} has no line end and {why}, so the file may have been cut short; send it whole,"
            " with a line end, or set `csv: final_newline: never` in the feed if the vendor never writes one",
        )


def _doubt(good: pl.DataFrame, last: pl.DataFrame, feed: F, rules: RowRules[F]) -> str | None:
    """Why the last row's last cell may be a part of one: its figures contradict it, or nothing confirms it."""
    field = last_field(last, feed)
    says = rules.figures_say(last, feed, field)
    if says is False:
        return "does not fit its own figures"
    if field is None or says or is_whole(good, field, feed):
        return None
    column = feed.columns[field].from_
    return f"nothing confirms its last cell, {quoted(last[cell(column)].item() or '')} in {quoted(column)}"
