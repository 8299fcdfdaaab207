"""Breaks follow what is published, whatever the order in which the days come, exactly as the reference has them."""

from datetime import date
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from advisory_perf.reconciliation.break_runs import break_id_of
from advisory_perf.reconciliation.break_work import sign_off
from advisory_perf.reconciliation.breaks import bring_breaks_up_to_date
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.reconciliation.histories import Published, Step, steps
from advisory_perf_tests.reconciliation.reference import OF_THE_WAREHOUSE, Reference

pytestmark = pytest.mark.slow

_NUMBERS = count()


def rows_by_name(connection: psycopg.Connection, vendor: str) -> dict[str, dict[str, Any]]:
    """The vendor's breaks without age and times."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SELECT * FROM reconciliation_breaks WHERE data_source = %s", [vendor])
        return {row["break_id"]: {key: row[key] for key in row if key not in OF_THE_WAREHOUSE} for row in cursor}


def follow_the_reference(connection: psycopg.Connection, vendor: str, first: date, last: date) -> None:
    """The breaks are brought up to date, and have to be what the reference makes of the rows that there were before."""
    expected = Reference(connection, vendor).breaks(first, last)
    bring_breaks_up_to_date(connection, vendor, first=first, last=last)
    assert rows_by_name(connection, vendor) == expected


@accepts_at_least(0.5)
@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.lists(steps(), min_size=5, max_size=12))
def test_every_column_of_every_break_is_the_references_after_every_publication(shared_warehouse: Warehouse, each: list[Step]) -> None:
    made = Published(shared_warehouse, f"random_{next(_NUMBERS)}", follow_the_reference)
    for step in each:
        made.publish(step)
        found = made.breaks()
        is_open = found.filter(status="OPEN")["break_id"]
        if step.signed is not None and step.signed < len(is_open):
            assert sign_off(shared_warehouse, [is_open[step.signed]], by="Ann", reason="known")[0].status == "SIGNED_OFF"
        counted("publications after which there are several breaks", found.height > 1)
    before = made.breaks()
    with shared_warehouse.connect() as connection:
        follow_the_reference(connection, made.name, date(2024, 1, 1), date(2024, 12, 31))
    assert made.breaks().equals(before), "nothing is touched a second time"


@settings(derandomize=True, deadline=None, max_examples=100)
@given(*[st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))] * 3, st.dates(), st.integers(0, 99))
def test_a_name_is_the_hash_of_the_servers_json(
    shared_warehouse: Warehouse, vendor: str, subject: str, field_name: str, day: date, again: int
) -> None:
    name = shared_warehouse.query(
        "SELECT 'B-' || left(encode(sha256(convert_to("
        "jsonb_build_array(%s::text, %s::text, %s::text, %s::date, %s::integer)::text, 'UTF8')), 'hex'), 16)",
        [vendor, subject, field_name, day, again],
    ).item()
    assert break_id_of(vendor, subject, field_name, day, again) == name
