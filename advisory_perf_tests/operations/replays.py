"""What a feed has in the warehouse and the lake, row by row as JSON has it, and the changes of a preview applied to it.

The rows are asked for here by statements of their own, so that a preview which overlooks some of them is found out.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from hashlib import sha256
from typing import Any

import polars as pl
from psycopg import sql

from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.reconciliation.state_changes import BREAK_STATES, COMPARED, DELIVERIES, ISSUES_FOUND
from advisory_perf_tests.orchestration.scenarios import VENDOR, World

Row = dict[str, Any]
Rows = dict[tuple[Any, ...], Row]
Tables = dict[str, Rows]
Changes = Sequence[Row]

BREAKS, LEDGER, ISSUES, LINES = "reconciliation_breaks", "etl_processing_log", "issues", "lines"
_KEYS = {
    **{table.name: tuple(table.shown_key) for table in COMPARED},
    BREAKS: ("break_id",),
    LEDGER: ("delivery_id",),
    ISSUES: tuple(ISSUES_FOUND.names()),
    LINES: ("delivery_id", "line_number"),
}


def stored(world: World, renamed: Mapping[str, str]) -> Tables:
    """Everything of acme that a preview compares, by table and key; ``renamed`` are the ids that deliveries go by."""
    of_tables = {table.name: ([*table.shown_key, *table.values], table.whose) for table in COMPARED}
    of_tables |= {BREAKS: (BREAK_STATES.names(), "data_source"), LEDGER: (DELIVERIES.names(), "feed")}
    frames = {name: _selected(world, name, columns, whose) for name, (columns, whose) in of_tables.items()}
    issues = world.platform.warehouse.query(
        "SELECT issue.*, delivery_id FROM data_quality_issues AS issue JOIN etl_processing_log AS log ON log.id = etl_log_id"
        " WHERE feed = 'acme' ORDER BY issue.id"
    )
    codes = issues.filter(pl.col("line_number").is_not_null()).select("delivery_id", "line_number", code="issue_type")
    frames[ISSUES] = issues.filter(pl.col("line_number").is_null()).select(ISSUES_FOUND.names())
    frames[LINES] = pl.concat([codes, *_accepted(world)])
    return {name: by_key(frame, _KEYS[name], renamed) for name, frame in frames.items()}


def _selected(world: World, name: str, columns: Sequence[str], whose: str) -> pl.DataFrame:
    statement = sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(name), sql.Identifier(whose)
    )
    return world.platform.warehouse.query(statement, [VENDOR])


def _accepted(world: World) -> Iterator[pl.DataFrame]:
    """The accepted lines of each delivery that is ingested now."""
    for entry in world.platform.ledger.ingested_of(VENDOR):
        rows = world.platform.lake.read_partitions("delivered_positions", VENDOR, "delivery", [entry.delivery_id])
        yield rows.select("delivery_id", "line_number", code=pl.lit(None, pl.String()))


def by_key(frame: pl.DataFrame, key: Sequence[str], renamed: Mapping[str, str]) -> Rows:
    """A row by its key, as JSON."""
    of_deliveries = [name for name in frame.columns if name.endswith("delivery_id")]
    rows = [json.loads(line) for line in frame.with_columns(pl.col(of_deliveries).replace(dict(renamed))).write_ndjson().splitlines()]
    made = {tuple(row[name] for name in key): row for row in rows}
    assert len(made) == len(rows)
    return made


def of_no_feed(entry: LedgerEntry) -> Rows:
    """The row of the ledger of a file that no feed claims."""
    frame = pl.DataFrame([{name: getattr(entry, name) for name in DELIVERIES.names()}], schema=DELIVERIES)
    return by_key(frame, _KEYS[LEDGER], {})


def applied(tables: Tables, changes: Changes) -> Tables:
    """The rows after the changes, each of which has to be possible: what it says was before has to stand there."""
    for change in changes:
        if change["kind"] not in _OF_NO_ROW:
            _APPLY[change["kind"]](tables, change)
    return tables


_OF_NO_ROW = {"feed_key", "delivery_not_kept", "delivery_not_claimed", "result_opened", "result_closed", "result_changed"}


def _key(change: Row, table: str) -> tuple[Any, ...]:
    return tuple(change[name] for name in _KEYS[table])


def _move(tables: Tables, change: Row) -> None:
    rows, key, column = tables[change["table"]], _key(change, change["table"]), change["column"]
    assert rows[key][column] == change["before"]
    assert rows[key][column] != change["after"]
    assert change["difference"] == _difference(change["before"], change["after"])
    rows[key] = {**rows[key], column: change["after"]}


def _difference(before: Any, after: Any) -> Any:
    """Exact of amounts, which are texts here; of floats as they subtract; null of what has none."""
    if isinstance(before, bool) or before is None or after is None:
        return None
    if isinstance(before, float | int):
        return after - before
    try:
        return f"{Decimal(after) - Decimal(before):f}"
    except ArithmeticError:  # a text or a day
        return None


def _publish(tables: Tables, change: Row) -> None:
    rows, key = tables[change["table"]], _key(change, change["table"])
    assert key not in rows
    rows[key] = {**dict(zip(_KEYS[change["table"]], key, strict=True)), **change["values"]}


def _withdraw(tables: Tables, change: Row) -> None:
    gone = tables[change["table"]].pop(_key(change, change["table"]))
    assert change["values"] == {name: gone[name] for name in change["values"]}


def _appear(tables: Tables, change: Row) -> None:
    assert change["times"] == 1
    assert _key(change, ISSUES) not in tables[ISSUES]
    tables[ISSUES][_key(change, ISSUES)] = {name: change[name] for name in ISSUES_FOUND.names()}


def _go(tables: Tables, change: Row) -> None:
    assert change["times"] == 1
    del tables[ISSUES][_key(change, ISSUES)]


def _judge(tables: Tables, change: Row) -> None:
    key = _key(change, LINES)
    was = tables[LINES].pop(key, None)
    assert (was or {}).get("code") == change["code_before"]
    assert (change["code_after"] is None) == (change["kind"] in {"row_accepted", "row_dropped"})
    if change["kind"] != "row_dropped":
        tables[LINES][key] = {"delivery_id": key[0], "line_number": key[1], "code": change["code_after"]}


def _replace(table: str, tables: Tables, change: Row) -> None:
    key = _key(change, table)
    was = tables[table].pop(key, None)
    assert (was is None) == (change["before"] is None)
    if was is not None:
        assert {name: was[name] for name in change["before"]} == change["before"]
    if change["after"] is not None:
        own = {name: value for name, value in change.items() if name not in {"kind", "before", "after"}}
        tables[table][key] = {**own, **change["after"]}


_APPLY: Mapping[str, Callable[[Tables, Row], None]] = {
    "figure": _move,
    "row_published": _publish,
    "row_withdrawn": _withdraw,
    "issue_appeared": _appear,
    "issue_gone": _go,
    **dict.fromkeys(("row_accepted", "row_quarantined", "row_code_changed", "row_dropped"), _judge),
    **dict.fromkeys(("break_opened", "break_closed", "break_changed"), partial(_replace, BREAKS)),
    **dict.fromkeys(("delivery_accepted", "delivery_refused", "delivery_changed"), partial(_replace, LEDGER)),
}


def everything(world: World) -> dict[str, str]:
    """A digest of every table and sequence of the warehouse and every file of the home, and the number of Dagster's runs."""
    warehouse = world.administrator
    names = warehouse.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")["tablename"]
    digest = "SELECT count(*)::text || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} AS t"
    rows = {name: warehouse.query(sql.SQL(digest).format(sql.Identifier(name))).item() for name in names}
    sequences = dict(warehouse.query("SELECT sequencename, last_value::text FROM pg_sequences").rows())
    home = world.platform.settings.home
    files = {str(path.relative_to(home)): sha256(path.read_bytes()).hexdigest() for path in home.rglob("*") if path.is_file()}
    assert len(rows) > 10
    assert len(files) > 10
    return {**rows, **sequences, **files, "runs": str(len(world.instance.get_runs()))}
