"""Every table that an answer is read from raises the number of the data, or clients would keep answers that have become others."""

import re
from pathlib import Path

import pytest

from advisory_perf.warehouse import reading
from advisory_perf.warehouse.connection import Warehouse

pytestmark = pytest.mark.slow

INSERT, DELETE, UPDATE, TRUNCATE = 4, 8, 16, 32
"""Bits of pg_trigger.tgtype."""
NEVER_CHANGED = {"audit_log"}
"""Rows are only added."""
WRITTEN_BESIDE = {"performance_data_history"}
"""In the transaction of a change of the table whose history it is."""
NOT_SERVED = {"data_versions"}
"""The number itself."""

_BEHIND_VIEWS = """
    WITH RECURSIVE behind AS (
        SELECT c.oid, c.relname, c.relkind FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY(%(names)s)
        UNION
        SELECT c.oid, c.relname, c.relkind FROM behind AS b
        JOIN pg_rewrite AS w ON w.ev_class = b.oid
        JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
        JOIN pg_class AS c ON c.oid = d.refobjid
        WHERE b.relkind IN ('v', 'm')
    )
    SELECT DISTINCT relname::text AS relname FROM behind WHERE relkind IN ('r', 'p')
"""
_WATCHED = """
    SELECT c.relname::text AS relname, bit_or(t.tgtype::int) AS kinds FROM pg_trigger AS t
    JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_proc AS p ON p.oid = t.tgfoid
    WHERE p.proname = 'note_change' AND t.tgenabled <> 'D' AND (t.tgtype & 3) = 0 GROUP BY c.relname
"""


def names_read() -> set[str]:
    """Every word that stands where the statements of answers do; an export is kept by no client, and its tables may have no trigger."""
    return {word for path in Path(reading.__path__[0]).glob("*.py") for word in re.findall(r"[a-z_]+", path.read_text())}


def test_each_table_behind_an_answer_raises_the_number_of_the_data(warehouse: Warehouse) -> None:
    tables = set(warehouse.query(_BEHIND_VIEWS, {"names": sorted(names_read())})["relname"])
    assert {"performance_data", "etl_processing_log", "alerts", "reconciliation_totals", "break_events", "audit_log"} <= tables
    watched = dict(warehouse.query(_WATCHED).select("relname", "kinds").rows())
    for table in sorted(tables - WRITTEN_BESIDE - NOT_SERVED):
        needed = INSERT if table in NEVER_CHANGED else INSERT | DELETE | UPDATE | TRUNCATE
        assert watched.get(table, 0) & needed == needed, f"{table} is read for answers, and not all that changes it raises the number"
