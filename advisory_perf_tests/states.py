"""What an installation holds, as lines of text without ids and times, so that two of them can be compared."""

import difflib
import json
import re
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO

import polars as pl
from psycopg import sql

from advisory_perf.platform import Platform
from advisory_perf.warehouse.connection import Warehouse

State = dict[str, list[str]]

TABLES = {
    "performance_data": "id,created_at,updated_at",
    "performance_data_history": "id,created_at,updated_at,superseded_at",
    "portfolio_performance": "id,created_at,updated_at",
    "portfolio_performance_history": "id,created_at,updated_at,superseded_at",
    "reconciliation_results": "id,created_at,updated_at,reconciliation_date",
    "accounts": "created_at,updated_at",
    "etl_processing_log": "id,created_at,received_at,first_received_at,processing_start_time,processing_end_time,run_id,"
    "ingestion_no,taken_up_no,taken_up_by",
    "data_quality_issues": "id,etl_log_id,created_at",
    "reconciliation_totals": "",
    "reconciliation_breaks": "created_at,updated_at,closed_at",
    "restatements": "id,published_at",
    "delivery_factors": "",
    "delivered_days": "etl_log_id",
    "delivery_profiles": "etl_log_id,created_at",
    "delivery_day_counts": "etl_log_id",
    "data_quality_scores": "updated_at",
    "delivery_quality_shares": "",
    "delivery_quality_scores": "updated_at",
    "currency_returns": "id,created_at,updated_at",
    "exchange_rates": "id,created_at,updated_at",
    "exchange_rates_history": "id,created_at,updated_at,superseded_at",
    "alerts": "id,etl_log_id,since,created_at,resolved_at,next_attempt_at",
    "open_alerts": "id,since,created_at",
    "daily_vendor_totals": "",
    "account_statistics": "updated_at",
    "portfolio_contributions": "updated_at",
    "composite_performance": "updated_at",
    "composite_members": "updated_at",
    "composite_report": "updated_at",
    "statistics_pending": "noted_no",
    "contributions_pending": "noted_no",
    "computed_from": "number,computed_at",
}
"""What is compared, and in each the columns that rightly differ from run to run."""

_ARRIVAL = re.compile(r"-[0-9a-f]{16}\b")


def state_of(platform: Platform, tables: Mapping[str, str] = TABLES) -> State:
    """Warehouse, ledger and lake; a delivery is reported by its file's name."""
    found = {name: _rows(platform.warehouse, name, without) for name, without in tables.items()}
    found["lake"] = [f"{file.path} {_content(file.path, platform.lake.read(file.path))}" for file in platform.lake.files("")]
    return {name: sorted(_ARRIVAL.sub("", line) for line in lines) for name, lines in found.items()}


def without_staged(state: State) -> State:
    """The same without what was staged in the lake and never promoted.

    A process that lost its lock while it was stopped may leave such an object: nobody reads it, and the next run of its window writes over
    it. The process cannot remove it, since by then it may be the other's.
    """
    return {**state, "lake": [line for line in state["lake"] if not line.startswith("_staging/")]}


def differences(expected: State, found: State, most: int = 40) -> list[str]:
    """The lines that only one of two states has, each with its table."""
    lines = [
        f"  {name}: {line[:400]}"
        for name in expected
        for line in difflib.unified_diff(expected[name], found[name], "expected", "found", n=0, lineterm="")
        if not line.startswith(("---", "+++", "@@"))
    ]
    return lines[:most]


def _rows(warehouse: Warehouse, table: str, without: str) -> list[str]:
    statement = sql.SQL("SELECT (to_jsonb(t) - {}::text[])::text FROM {} AS t").format(
        sql.Literal("{" + without + "}"), sql.Identifier(table)
    )
    with warehouse.connect() as connection:
        return [line for (line,) in connection.execute(statement).fetchall()]


def _content(path: str, content: bytes) -> str:
    if path.endswith(".parquet"):
        frame = pl.read_parquet(BytesIO(content))
        return json.dumps([str(frame.schema), sorted(map(str, frame.rows()))])
    if path.endswith(".reason.json"):
        return json.dumps({name: value for name, value in json.loads(content).items() if name != "received_at"})
    return sha256(content).hexdigest()
