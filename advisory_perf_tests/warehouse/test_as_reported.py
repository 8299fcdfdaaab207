"""What was published by a day: the very export that a person would have made then."""

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from psycopg import sql

from advisory_perf.contracts.tables import PERFORMANCE_DATA
from advisory_perf.errors import AdvisoryPerfError, WarehouseError
from advisory_perf.warehouse.as_reported import instant_of
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.export import ExportFormat, export_relation
from advisory_perf_tests.warehouse.scenarios import put, rows_of, valuation

pytestmark = pytest.mark.slow

SECOND = date(2024, 2, 1)


def exported(
    warehouse: Warehouse, form: ExportFormat = ExportFormat.CSV, *, where: str | None = None, as_reported: datetime | None = None
) -> bytes:
    target = io.BytesIO()
    export_relation(warehouse, PERFORMANCE_DATA.name, form=form, target=target, where=where, as_reported=as_reported)
    return target.getvalue()


def values(content: bytes) -> dict[str, str]:
    """Ending market value by account and day."""
    rows = csv.DictReader(io.StringIO(content.decode()))
    return {f"{row['account_id']} {row['as_of_date']}": row["ending_market_value"] for row in rows}


def now(warehouse: Warehouse) -> datetime:
    instant: datetime = warehouse.query("SELECT clock_timestamp() AS at").item()
    return instant


def publish(warehouse: Warehouse, **accounts: int) -> datetime:
    """One value an account on the second day, after which an instant is taken."""
    put(
        warehouse,
        rows_of(PERFORMANCE_DATA, *(valuation(name, SECOND, value, delivery_id=f"to {value}") for name, value in accounts.items())),
    )
    return now(warehouse)


def published_on(warehouse: Warehouse, day: date, **accounts: int) -> None:
    """A publication whose transaction began at noon of the day, in UTC."""
    publish(warehouse, **accounts)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    with warehouse.connect() as connection:
        connection.execute("SET LOCAL session_replication_role = replica")  # the trigger would write the present time
        for table, column in (("performance_data", "updated_at"), ("performance_data_history", "superseded_at")):
            connection.execute(
                sql.SQL("UPDATE {} SET {} = %s WHERE {} > now() - interval '1 hour'").format(
                    sql.Identifier(table), sql.Identifier(column), sql.Identifier(column)
                ),
                [noon],
            )


@pytest.mark.parametrize("form", ExportFormat)
def test_what_was_published_at_each_step_comes_back_to_the_byte(warehouse: Warehouse, form: ExportFormat) -> None:
    seen = [(now(warehouse), exported(warehouse, form))]
    steps: list[dict[str, int]] = [
        {"A-1": 100, "A-2": 50},  # published
        {"A-1": 101, "A-2": 50},  # restated
        {"A-1": 102, "A-2": 51},  # restated again
        {"A-1": 102},  # withdrawn
        {"A-1": 102, "A-2": 52},  # and back
        {},
    ]
    for accounts in steps:
        instant = publish(warehouse, **accounts)
        seen.append((instant, exported(warehouse, form)))
    assert len({content for _, content in seen[:-1]}) == len(seen) - 1
    for instant, content in seen:
        assert exported(warehouse, form, as_reported=instant) == content


def test_a_row_that_did_not_change_stands_from_its_first_publication(warehouse: Warehouse) -> None:
    first = publish(warehouse, **{"A-1": 100})
    for value in (1, 2, 3):
        publish(warehouse, **{"A-1": 100, "A-2": value})
    assert values(exported(warehouse, as_reported=first)) == {"A-1 2024-02-01": "100.0000"}


def test_a_day_is_asked_for_at_its_end_in_utc(warehouse: Warehouse) -> None:
    for day, value in ((date(2025, 3, 30), 100), (date(2025, 3, 31), 101), (date(2025, 4, 1), 102)):
        published_on(warehouse, day, **{"A-1": value})
    found = [
        values(exported(warehouse, as_reported=instant_of(text)))
        for text in ("2025-03-29", "2025-03-30", "2025-03-31", "2025-03-31T11:59:59+00:00", "2025-03-31T14:00+02:00", "2025-04-01")
    ]
    key = "A-1 2024-02-01"
    assert found == [{}, {key: "100.0000"}, {key: "101.0000"}, {key: "100.0000"}, {key: "101.0000"}, {key: "102.0000"}]


def test_a_row_that_was_superseded_at_the_first_instant_of_a_day_stands_on_the_day_before() -> None:
    assert instant_of("2025-03-31") + timedelta(microseconds=1) == datetime(2025, 4, 1, tzinfo=UTC)


def test_a_condition_sees_what_was_reported(warehouse: Warehouse) -> None:
    first = publish(warehouse, **{"A-1": 100, "A-2": 50})
    publish(warehouse, **{"A-1": 101, "A-2": 200})
    large = "ending_market_value >= 101"
    assert values(exported(warehouse, where=large, as_reported=first)) == {}
    assert values(exported(warehouse, where="account_id = 'A-2'", as_reported=first)) == {"A-2 2024-02-01": "50.0000"}
    assert values(exported(warehouse, where=large)) == {"A-1 2024-02-01": "101.0000", "A-2 2024-02-01": "200.0000"}


def test_the_present_day_gives_what_stands_so_far_and_a_day_to_come_is_refused(warehouse: Warehouse) -> None:
    today = publish(warehouse, **{"A-1": 100}).date()
    assert exported(warehouse, as_reported=instant_of(today.isoformat())) == exported(warehouse)
    with pytest.raises(WarehouseError, match="nobody knows yet; name a day that has come"):
        exported(warehouse, as_reported=instant_of((today + timedelta(days=1)).isoformat()))


def test_other_tables_keep_no_superseded_rows(warehouse: Warehouse) -> None:
    with pytest.raises(
        WarehouseError, match="reconciliation_results keeps no superseded rows, so only portfolio_performance and performance_data can be"
    ):
        export_relation(
            warehouse, "reconciliation_results", form=ExportFormat.CSV, target=io.BytesIO(), as_reported=datetime(2025, 1, 1, tzinfo=UTC)
        )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("31.03.2025", "is neither a day nor an instant; write 2025-03-31"),
        ("2025-02-30", "is neither a day nor an instant"),
        ("2025-03-31T17:00:00", "is an instant in no time zone; write its offset, such as 2025-03-31T17:00:00+00:00"),
        ("", "is neither a day nor an instant"),
    ],
)
def test_what_is_no_day_is_refused_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(AdvisoryPerfError, match=re.escape(says)):
        instant_of(text)
