"""What a publication finds missing: of windows by their rows, and of files by the ledger."""

from collections.abc import Sequence
from itertools import pairwise

import polars as pl

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.issue_codes import ACCOUNT_MISSING, INCOMPLETE, OLDER_VERSION, SHORT_RESTATEMENT, Code
from advisory_perf.contracts.tables import WHO_AND_WHEN
from advisory_perf.contracts.windows import WindowRange, window_expr, window_of
from advisory_perf.deliveries.completeness import ISSUES, MissingFindings
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.issues import quarantined_keys
from advisory_perf.deliveries.precedence import by_precedence
from advisory_perf.feeds.feed import Feed
from advisory_perf.performance.completeness import LOOKED_BACK, Incomplete, incomplete_windows
from advisory_perf.platform import Platform
from advisory_perf.positions.looked_back import LookedBack

_COLUMNS = ("account_id", "as_of_date", "ending_market_value", "delivery_id", "file_name")


def found_missing(
    platform: Platform, feed: Feed, windows: WindowRange, normalized: pl.DataFrame, series: pl.DataFrame, looked: LookedBack
) -> MissingFindings:
    """What is missing from the windows of a run and from the one before them, which may be over only now; and from any file.

    ``normalized`` and ``series`` are the windows' NORMALIZED_POSITIONS and TWRR_SERIES. As many windows before are looked at as a window is
    compared with.
    """
    entries = platform.ledger.ingested_of(feed.name)
    share = platform.settings.missing_share
    known = [window for window in looked.delivered if window < windows.first][-(LOOKED_BACK + 1) :]
    history = [window for window in known if window in looked.windows]
    first, earliest = (history[-1], history[0]) if history else (windows.first, windows.first)
    in_quarantine = quarantined_keys(platform.warehouse, feed.name, earliest, windows.last_day)
    positions = _valued(normalized, series)
    if history:
        before = looked.positions.filter(window_expr(pl.col("as_of_date"), feed.cadence).is_in(history))
        positions = pl.concat([_valued(before, looked.series), positions])
    of_files = file_issues(feed, entries, share)
    in_windows = positions.filter(pl.col("as_of_date").is_between(first, windows.last_day))
    present = in_windows.group_by("as_of_date", "delivery_id").agg(pl.len().cast(pl.Int64()).alias("accounts"))
    if positions.is_empty():
        return MissingFindings(ISSUES.clear(), of_files, first, windows.last_day, present)
    window = window_expr(pl.col("as_of_date"), feed.cadence).alias("window")
    files = {name: feed.unversioned(name) for name in positions["file_name"].unique().to_list()}
    rows = positions.with_columns(window, pl.col("file_name").replace_strict(files, return_dtype=pl.String()).alias("file"))
    found = incomplete_windows(
        rows.sort("as_of_date").unique(["account_id", "window"], keep="last"),
        _in_windows(in_quarantine, rows["window"].unique(), feed.cadence),
        allowed_share=share,
        is_latest_over=any(entry.last_as_of_date > windows.last_day for entry in entries if entry.last_as_of_date is not None),
    )
    of_windows = _window_issues(found, _latest_deliveries(rows, entries)).filter(pl.col("window") >= first).select(ISSUES.columns)
    return MissingFindings(of_windows, of_files, first, windows.last_day, present)


def _valued(normalized: pl.DataFrame, series: pl.DataFrame) -> pl.DataFrame:
    """The positions of some windows; of an account that its owner has emptied none holds anything, whatever cent is left in it."""
    states = series.filter("is_valuation").select(*WHO_AND_WHEN, "emptied_by")
    rows = normalized.select(_COLUMNS).join(states, on=WHO_AND_WHEN, how="left", maintain_order="left")
    held = pl.when(pl.col("emptied_by").is_not_null()).then(0).otherwise("ending_market_value").cast(MONEY)
    return rows.with_columns(held.alias("ending_market_value"))


def _in_windows(quarantined: pl.DataFrame, windows: pl.Series, cadence: Cadence) -> pl.DataFrame:
    """Account and window of the quarantined rows; one whose day cannot be read may be of any window of its delivery."""
    of_day = pl.col("as_of_date").is_not_null()
    window = window_expr(pl.col("as_of_date"), cadence).alias("window")
    anywhere = (
        quarantined.filter(~of_day)
        .join(windows.to_frame(), how="cross")
        .filter(pl.col("window").is_between(window_expr(pl.col("first_as_of_date"), cadence), pl.col("last_as_of_date")))
    )
    return pl.concat([quarantined.filter(of_day).select("account_id", window), anywhere.select("account_id", "window")])


def _latest_deliveries(rows: pl.DataFrame, entries: Sequence[LedgerEntry]) -> pl.DataFrame:
    """Of each window the delivery that arrived last of those with rows in it, which its issues are kept with, and its latest day."""
    arrivals = pl.DataFrame(
        {"delivery_id": [entry.delivery_id for entry in entries], "arrival": range(len(entries))},
        schema={"delivery_id": pl.String(), "arrival": pl.Int64()},
    )
    return (
        rows.join(arrivals, on="delivery_id", how="inner")
        .group_by("window")
        .agg(pl.col("delivery_id").sort_by("arrival", "as_of_date").last(), pl.col("as_of_date").max())
    )


def _window_issues(found: Incomplete, reported: pl.DataFrame) -> pl.DataFrame:
    of_accounts = found.missing.join(reported, on="window").select(
        "delivery_id",
        "account_id",
        "as_of_date",
        *_said(ACCOUNT_MISSING),
        pl.format(
            "{}: it was worth {} on {}; ask the vendor whether it was closed",
            pl.lit(ACCOUNT_MISSING.sentence),
            pl.col("ending_market_value").cast(pl.String()),
            pl.col("last_as_of_date").cast(pl.String()),
        ).alias("issue_description"),
        pl.lit(None, pl.String()).alias("expected_value"),
        pl.lit(None, pl.String()).alias("actual_value"),
        pl.col("window"),
    )
    of_whole = found.short.join(reported, on="window").select(
        "delivery_id",
        pl.lit(None, pl.String()).alias("account_id"),
        "as_of_date",
        *_said(INCOMPLETE),
        pl.format(
            "{}: {} accounts where {} were to be expected, and {} of the window before are missing; ask the vendor to send it whole",
            pl.lit(INCOMPLETE.sentence),
            "accounts",
            _whole("usual_accounts"),
            "missing",
        ).alias("issue_description"),
        _whole("usual_accounts").alias("expected_value"),
        pl.col("accounts").cast(pl.String()).alias("actual_value"),
        pl.col("window"),
    )
    return pl.concat([of_accounts, of_whole])


def file_issues(feed: Feed, entries: Sequence[LedgerEntry], share: float) -> pl.DataFrame:
    """Restatements that hold far fewer rows than the delivery of the same file before them, and versions that came after a higher one.

    ``entries`` are ingested deliveries. Files whose name comes again for other days are compared where their windows are the same. Where a
    version holds only what changes, it is short by what it is.
    """
    issues = []
    ordered = by_precedence(feed, [entry for entry in entries if entry.first_as_of_date is not None])
    of_file: dict[tuple[object, ...], list[LedgerEntry]] = {}
    for entry in ordered:
        of_file.setdefault(_same_file(feed, entry), []).append(entry)
    for versions in of_file.values():
        for before, entry in pairwise(versions):
            held, holds = _rows(before), _rows(entry)
            if feed.files.versions == "whole" and held - holds > share * held:
                says = f"{holds:,} rows where {before.file_name} ({before.delivery_id}) held {held:,}; ask the vendor to send it whole"
                issues.append(_issue(SHORT_RESTATEMENT, entry, says, held, holds))
        for entry in versions:
            own = feed.version_of(entry.file_name)
            newer = [one for one in versions if feed.version_of(one.file_name) > own and one.received_at < entry.received_at]
            if newer:
                says = f"{newer[-1].file_name} came before it and counts; ask the vendor which of them is right"
                issues.append(_issue(OLDER_VERSION, entry, says, feed.version_of(newer[-1].file_name), own))
    return pl.DataFrame(issues, schema=ISSUES.schema, orient="row")


def _same_file(feed: Feed, entry: LedgerEntry) -> tuple[object, ...]:
    name = feed.unversioned(entry.file_name)
    if feed.files.names_its_day(entry.file_name):
        return (name,)
    days = (entry.first_as_of_date, entry.last_as_of_date)
    return (name, *(window_of(day, feed.cadence) for day in days if day is not None))


def _rows(entry: LedgerEntry) -> int:
    return entry.records_processed + entry.records_failed


def _issue(code: Code, entry: LedgerEntry, says: str, expected: int, actual: int) -> tuple[object, ...]:
    day = entry.last_as_of_date
    return (entry.delivery_id, None, day, code.name, code.severity.value, f"{code.sentence}: {says}", str(expected), str(actual))


def _said(code: Code) -> list[pl.Expr]:
    return [pl.lit(code.name).alias("issue_type"), pl.lit(code.severity.value).alias("severity")]


def _whole(name: str) -> pl.Expr:
    return pl.col(name).round(0).cast(pl.Int64()).cast(pl.String())
