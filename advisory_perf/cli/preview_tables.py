"""What a changed feed would change, as a person reads it and as a program does."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import IO, Any

import polars as pl
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from advisory_perf.cli.cells import add_row, titled
from advisory_perf.cli.tables import amount
from advisory_perf.contracts.columns import COLUMNS, Kind
from advisory_perf.contracts.enums import ReconciledField
from advisory_perf.contracts.tables import RECONCILIATION_RESULTS
from advisory_perf.operations.feed_preview import Preview
from advisory_perf.reconciliation.state_changes import ChangedColumn
from advisory_perf.showing import shown

_SHOWN = 10
"""Details of a kind in a summary; --format ndjson has all."""
_SIDES = ("before", "after")
_RETURN = ReconciledField.TWRR.value
_SAID = {
    "delivery_accepted": "deliveries that are refused and would be taken",
    "delivery_refused": "deliveries that are taken and would be refused",
    "delivery_changed": "deliveries of another status or other counts",
    "row_accepted": "rows newly accepted",
    "row_quarantined": "rows newly quarantined",
    "row_code_changed": "rows quarantined for another reason",
    "row_dropped": "rows that would be neither accepted nor quarantined",
    "issue_appeared": "issues that appear",
    "issue_gone": "issues that go",
    "result_closed": "figures of a valuation no longer outside their tolerance",
    "result_opened": "figures of a valuation newly outside",
    "result_changed": "figures of a valuation still outside, by another amount or cause",
    "break_closed": "open breaks that close",
    "break_opened": "breaks that open",
    "break_changed": "breaks that stay as open as they are, otherwise than now",
    "row_published": "rows newly published",
    "row_withdrawn": "rows no longer published",
    "figure": "figures that move",
}


def write_ndjson(found: Preview, target: IO[bytes]) -> None:
    """One object a line: what qualifies the changes, then every change. Amounts are texts of all their digits."""
    failures = [{"kind": "failure", "says": failure} for failure in found.failures]
    keys = [{"kind": "feed_key", **asdict(key)} for key in found.keys]
    kinds = (("delivery_not_kept", found.lost), ("delivery_not_claimed", found.unclaimed), ("delivery_unpublished", found.unpublished))
    noted = [[{"kind": kind, "delivery_id": one.delivery_id, "file_name": one.file_name} for one in entries] for kind, entries in kinds]
    frames = [pl.DataFrame(rows, infer_schema_length=None) for rows in (failures, keys, *noted) if rows]
    for frame in (*frames, *found.changes.frames()):
        if frame.height:
            target.write(frame.write_ndjson().encode())
    target.flush()


def preview_tables(found: Preview, file_name: str) -> Group:
    """Counts of every kind of change, and the largest or first ones of each."""
    return Group(*_parts(found, file_name))


def _parts(found: Preview, file_name: str) -> Iterator[RenderableType]:
    changes = found.changes
    yield Text(shown(f"{file_name}: {found.ingested:,} deliveries of {found.feed.name} were ingested again, apart; nothing is published"))
    yield from (Text(shown(note), "yellow") for note in _notes(found))
    if found.keys:
        yield _keys(found)
    if changes.count == 0:
        yield Text("nothing would change")
        return
    yield _summary(changes.frames())
    tables = (
        (changes.deliveries, (_deliveries,)),
        (changes.lines, (_codes, _lines)),
        (changes.results, (_causes, _results)),
        (_of_another_state(changes.breaks), (_breaks,)),
        (changes.issues, (_issues,)),
    )
    yield from (table(frame) for frame, made in tables if frame.height for table in made)
    if changes.figures:
        yield _figures(changes.figures)
    since = "" if found.since is None else f" --from {found.since}"
    yield Text(
        shown(f"to make it so, put the file among the feeds, then: advisory-perf quarantine replay --feed {found.feed.name} --all{since}")
    )


def _notes(found: Preview) -> Iterator[str]:
    """What to know of the figures below."""
    yield from (f"{failure}; what follows is without it" for failure in found.failures)
    if found.is_dated:
        yield "deliveries were ingested or published meanwhile, which this does not know; ask again"
    for entries, says in (
        (found.lost, "no longer in the lake, so that its rows stay as they are"),
        (found.unclaimed, "a name that the changed feed no longer claims: its rows stay, another file of that name would be refused"),
        (found.unpublished, "is not published yet, so that what it brings by itself is among the changes"),
    ):
        yield from (f"{one.file_name} (delivery {one.delivery_id}): {says}" for one in entries[:_SHOWN])
        if len(entries) > _SHOWN:
            yield f"and {len(entries) - _SHOWN:,} more: {says}"


def _keys(found: Preview) -> Table:
    table = titled("Keys of the feed", ("key", "now", "changed"))
    for key in found.keys:
        add_row(table, key.key, key.before, key.after)
    return table


def _summary(frames: Iterable[pl.DataFrame]) -> Table:
    table = titled("What would change", ("what",), numbers=("number",))
    counts: dict[str, int] = {}
    for frame in frames:
        for kind, of, count in frame.group_by("kind", "table" if "table" in frame.columns else pl.lit("")).len().rows():
            says = f"{_SAID[kind]}: {of}" if of else _SAID[kind]
            counts[says] = counts.get(says, 0) + count
    order = list(_SAID.values())
    for says in sorted(counts, key=lambda says: (order.index(says.split(": ")[0]), says)):
        add_row(table, says, f"{counts[says]:,}")
    return table


def _top(title: str, frame: pl.DataFrame) -> str:
    return title if frame.height <= _SHOWN else f"{title}: {_SHOWN} of {frame.height:,}"


def _deliveries(frame: pl.DataFrame) -> Table:
    table = titled(_top("Deliveries", frame), ("file", "now", "changed", "why"), numbers=("accepted", "quarantined"))
    for row in frame.head(_SHOWN).iter_rows(named=True):
        old, new = row["before"] or {}, row["after"] or {}
        counts = (f"{old.get(name, 0):,} → {new.get(name, 0):,}" for name in ("records_processed", "records_failed"))
        why = new.get("error_message") or old.get("error_message") or ""
        add_row(table, row["file_name"], old.get("status", ""), new.get("status", ""), why, *counts)
    return table


def _codes(frame: pl.DataFrame) -> Table:
    table = titled("Rows by code", ("what", "code now", "changed"), numbers=("rows",))
    keys = ["kind", "code_before", "code_after"]
    for kind, before, after, count in frame.group_by(keys).len().sort(keys, nulls_last=True).rows():
        add_row(table, _SAID[kind], before or "", after or "", f"{count:,}")
    return table


def _lines(frame: pl.DataFrame) -> Table:
    table = titled(_top("Rows", frame), ("what", "file"), numbers=("line",))
    for heading in ("account", "day", "code now", "changed", "why"):
        table.add_column(heading, overflow="fold")
    for row in frame.head(_SHOWN).iter_rows(named=True):
        of_row = (row["account_id"] or "", row["as_of_date"] or "", row["code_before"] or "", row["code_after"] or "", row["reason"] or "")
        add_row(table, row["kind"].removeprefix("row_"), row["file_name"], row["line_number"], *of_row)
    return table


def _causes(frame: pl.DataFrame) -> Table:
    table = titled("Figures outside their tolerance, by cause", ("what", "figure", "cause now", "changed"), numbers=("figures",))
    keys = ["kind", "field_name", "likely_cause_before", "likely_cause_after"]
    for kind, figure, before, after, count in frame.group_by(keys).len().sort(keys, nulls_last=True).rows():
        add_row(table, kind.removeprefix("result_"), figure, before or "", after or "", f"{count:,}")
    return table


def _results(frame: pl.DataFrame) -> Table:
    title = _top("Figures outside their tolerance, the largest first", frame)
    table = titled(title, ("account", "day", "figure", "cause now", "changed"), numbers=("off by now", "changed"))
    for row in _by_size(frame).head(_SHOWN).iter_rows(named=True):
        causes = (row[f"likely_cause_{side}"] or "" for side in _SIDES)
        add_row(table, row["account_id"], row["as_of_date"], row["field_name"], *causes, *(_off_by(row, side) for side in _SIDES))
    return table


def _of_another_state(breaks: pl.DataFrame) -> pl.DataFrame:
    """Those that open and close, and those of another amount; what else changes of a break is of little use to a person."""
    names = ("variance", "factor", "status")
    named = [pl.col(side).struct.field(name).alias(f"{name}_{side}") for side in _SIDES for name in names]
    return breaks.with_columns(named).filter(
        pl.any_horizontal(pl.col(f"{name}_before").ne_missing(pl.col(f"{name}_after")) for name in names)
    )


def _breaks(frame: pl.DataFrame) -> Table:
    title = _top("Breaks that open, close or have another amount, the largest first", frame)
    table = titled(title, ("break", "account", "figure", "now", "changed"), numbers=("off by now", "changed"))
    for row in _by_size(frame).head(_SHOWN).iter_rows(named=True):
        stands = (row[f"status_{side}"] or "" for side in _SIDES)
        add_row(table, row["break_id"], row["account_id"] or "", row["field_name"], *stands, *(_off_by(row, side) for side in _SIDES))
    return table


def _by_size(frame: pl.DataFrame) -> pl.DataFrame:
    size = pl.max_horizontal(pl.col("variance_before").abs(), pl.col("variance_after").abs())
    return frame.sort(size, descending=True, nulls_last=True, maintain_order=True)


def _off_by(row: Mapping[str, Any], side: str) -> str:
    found = {"variance": row[f"variance_{side}"], "factor": row.get(f"factor_{side}"), "field_name": row["field_name"]}
    return "" if found["variance"] is None and found["factor"] is None else amount(found)


def _issues(frame: pl.DataFrame) -> Table:
    table = titled("Issues of the pipeline", ("what", "code"), numbers=("issues",))
    for kind, code, count in frame.group_by("kind", "issue_type").agg(pl.col("times").sum()).sort("kind", "issue_type").rows():
        add_row(table, _SAID[kind], code, f"{count:,}")
    return table


def _figures(figures: Iterable[ChangedColumn]) -> Table:
    table = titled("Figures that move", ("table", "column"), numbers=("changes", "largest", "from", "to"))
    table.add_column("where", overflow="fold")
    for changed in sorted(figures, key=lambda one: one.table == RECONCILIATION_RESULTS.name):  # whose breaks stand above
        largest = changed.rows.sort(pl.col("difference").abs(), descending=True, nulls_last=True, maintain_order=True).row(0, named=True)
        where = " ".join(str(value) for name, value in largest.items() if name not in {*_SIDES, "difference"})
        is_return = (changed.column in COLUMNS and COLUMNS[changed.column].kind is Kind.RETURN) or largest.get("field_name") == _RETURN
        moved, *ends = (largest[name] for name in ("difference", *_SIDES))
        by = f"{float(moved) * 10_000:+,.1f} bp" if is_return and moved is not None else _plain(moved)
        add_row(
            table,
            changed.table,
            changed.column,
            f"{changed.rows.height:,}",
            by,
            *(_figure(end, is_return=is_return) for end in ends),
            where,
        )
    return table


def _figure(value: object, *, is_return: bool) -> str:
    return f"{value:.4%}" if is_return and isinstance(value, float | Decimal) else _plain(value)


def _plain(value: object) -> str:
    """Money with four decimals, another number in ten digits."""
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value:,.4f}"
        case float():
            return f"{value:,.10g}"
        case _:
            return str(value)
