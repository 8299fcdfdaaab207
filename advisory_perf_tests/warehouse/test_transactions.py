"""Every lock of the warehouse: who comes second is seen to wait for it, and what comes out is what one after the other gives."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from advisory_perf.alerts.outbox import Outbox, write_alerts
from advisory_perf.contracts.tables import PERFORMANCE_DATA, PUBLISHED_PERFORMANCE
from advisory_perf.deliveries.alerts import alert_rejection, follow_issues, resolve_rejection
from advisory_perf.deliveries.claims import ClaimOutcome, claim
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.errors import ConflictError, LostLockError, WarehouseOutageError
from advisory_perf.positions.publication import lock_publication, publish_slices, refresh_daily_totals
from advisory_perf.reconciliation.break_work import sign_off
from advisory_perf.warehouse.conditions import Condition
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.export import ExportFormat, export_relation
from advisory_perf.warehouse.filters import Filters
from advisory_perf.warehouse.locks import Locks, is_free, sweep_locks
from advisory_perf.warehouse.migrations import migrate
from advisory_perf_tests.alerts.test_outbox import an_alert
from advisory_perf_tests.deliveries.test_ledger import identity, ingest
from advisory_perf_tests.reconciliation.breaking import JUNE, MAY, Vendor
from advisory_perf_tests.warehouse.scenarios import JANUARY, everything, put, replace_slice, rows_of, valuation
from advisory_perf_tests.warehouse.waiting import impatient, until_blocked

pytestmark = pytest.mark.slow


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


# claims ---------------------------------------------------------------------------------------------------------------

SAME = {"sha256": "same bytes"}


def claims(ledger: Ledger, **name: Any) -> ClaimOutcome:
    return ledger.claim(**identity("second", **SAME, **name)).outcome


def rejects(ledger: Ledger, **name: Any) -> ClaimOutcome:
    return ledger.record_rejection(code="E_POISONED", sentence="x", **identity("second", **SAME, **name)).outcome


@pytest.mark.parametrize("ask", [claims, rejects])
@pytest.mark.parametrize(("name", "outcome"), [({}, ClaimOutcome.DUPLICATE), ({"file_name": "first.csv"}, ClaimOutcome.KNOWN)])
def test_who_asks_for_the_same_bytes_waits_until_the_first_has_them_or_not(
    ledger: Ledger, pool: ThreadPoolExecutor, ask: Callable[..., ClaimOutcome], name: dict[str, str], outcome: ClaimOutcome
) -> None:
    with ledger.warehouse.connect() as first:
        claim(first, identity("first", **SAME), bytes_say_all=True)
        first.execute("UPDATE etl_processing_log SET status = 'PROCESSING'")
        second = pool.submit(ask, ledger, **name)
        until_blocked(ledger.warehouse, second)
        unhindered = Ledger(impatient(ledger.warehouse))
        assert unhindered.claim(**identity("other")).outcome is ClaimOutcome.TAKEN, "other bytes"
        assert unhindered.claim(**identity("beta's", vendor="beta", **SAME)).outcome is ClaimOutcome.TAKEN, "another vendor's"
    assert second.result() is outcome


# publications ---------------------------------------------------------------------------------------------------------


def published(warehouse: Warehouse) -> Any:
    return put(warehouse, rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY, 200)))


def test_a_publication_waits_for_one_of_the_same_vendor_and_for_none_of_another(warehouse: Warehouse, pool: ThreadPoolExecutor) -> None:
    put(warehouse, rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY)))
    with warehouse.connect() as first:
        lock_publication(first, "alpha")
        second = pool.submit(published, warehouse)
        until_blocked(warehouse, second)
        assert [row["ending_market_value"] for row in everything(warehouse)] == [Decimal(100)]
        other = rows_of(PERFORMANCE_DATA, valuation("B-1", JANUARY, data_source="beta"))
        replace_slice(impatient(warehouse), PERFORMANCE_DATA, other, vendor="beta", first=JANUARY, last=JANUARY)
    assert second.result().updated == 1


def test_a_publication_asks_whose_lock_it_is_once_it_has_the_vendor_to_itself(warehouse: Warehouse, pool: ThreadPoolExecutor) -> None:
    """Asked before, a lock that is lost while it waits would not be noticed."""
    frame = rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY))
    slices = {"vendor": "alpha", "first": JANUARY, "last": JANUARY}

    def publish(locks: Locks) -> None:
        publish_slices(warehouse, [(PUBLISHED_PERFORMANCE, frame)], **slices, confirm=locks.confirm)  # type: ignore[arg-type]

    with Locks(warehouse) as one, Locks(warehouse, wait_seconds=5) as other:
        one.wait("pipeline alpha")
        with warehouse.connect() as first:
            lock_publication(first, "alpha")
            second = pool.submit(publish, one)
            until_blocked(warehouse, second)
            with psycopg.connect(warehouse.url) as admin:
                admin.execute("SELECT pg_terminate_backend(%s, 5000)", [one.session])
            assert other.take("pipeline alpha")
        with pytest.raises(LostLockError, match="took over pipeline alpha"):
            second.result()
    assert everything(warehouse) == []


def test_a_sign_off_waits_for_the_publication_that_may_resolve_what_it_accepts(warehouse: Warehouse, pool: ThreadPoolExecutor) -> None:
    vendor = Vendor(warehouse)
    vendor.deliver({MAY: "7"})
    ((name,),) = vendor.breaks("break_id")
    with warehouse.connect() as publication:
        lock_publication(publication, vendor.name)
        publication.execute("UPDATE reconciliation_breaks SET status = 'RESOLVED', resolved_on = %s", [JUNE])
        person = pool.submit(sign_off, warehouse, [name], by="Ann", reason="known")
        until_blocked(warehouse, person)
    with pytest.raises(ConflictError, match="is RESOLVED; only an open break"):
        person.result()
    assert warehouse.query("SELECT * FROM break_sign_offs").is_empty()


def test_totals_that_two_vendors_refresh_at_once_have_both(warehouse: Warehouse, pool: ThreadPoolExecutor) -> None:
    """The view's own lock would let the second wait as well, but with a query that saw nothing of the first."""

    def publish(vendor: str) -> None:
        frame = rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY, data_source=vendor))
        slices = {"vendor": vendor, "first": JANUARY, "last": JANUARY}
        publish_slices(warehouse, [(PUBLISHED_PERFORMANCE, frame)], **slices, along=refresh_daily_totals)  # type: ignore[arg-type]

    publish("alpha")
    with warehouse.connect() as first:
        first.execute("UPDATE performance_data SET ending_market_value = 250 WHERE data_source = 'alpha'")
        refresh_daily_totals(first)
        second = pool.submit(publish, "beta")
        until_blocked(warehouse, second)
    second.result()
    totals = warehouse.query("SELECT data_source, ending_market_value FROM daily_vendor_totals ORDER BY 1").rows()
    assert totals == [("alpha", Decimal(250)), ("beta", Decimal(100))]


# months and migrations ------------------------------------------------------------------------------------------------


def test_who_asks_for_the_month_that_another_makes_waits_and_gets_it(warehouse: Warehouse, pool: ThreadPoolExecutor) -> None:
    asked = "SELECT create_monthly_partition(%s::regclass, %s)"

    def ask(whom: Warehouse, table: str, day: date) -> Any:
        return whom.query(asked, [table, day]).item()

    ask(warehouse, "performance_data", date(2023, 12, 1))
    with warehouse.connect() as first:
        first.execute(asked, ["performance_data", JANUARY])
        second = pool.submit(ask, warehouse, "performance_data", JANUARY)
        until_blocked(warehouse, second)
        unhindered = impatient(warehouse)
        assert ask(unhindered, "performance_data", date(2023, 12, 5)) == "performance_data_2023_12", "a month that is there"
    assert second.result() == "performance_data_2024_01"


def test_who_migrates_second_waits_as_long_as_it_takes_and_finds_nothing_to_do(
    empty_url: str, tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    (tmp_path / "0001_one.sql").write_text("SELECT pg_advisory_xact_lock(1); CREATE TABLE one (x int);")
    warehouse = Warehouse(empty_url)
    with warehouse.connect() as holder:
        holder.execute("SELECT pg_advisory_xact_lock(1)")
        idle = impatient(warehouse, "-c idle_in_transaction_session_timeout=100ms").url
        first = pool.submit(migrate, idle, tmp_path)
        until_blocked(warehouse, first, seconds=0.3)
        hurried = impatient(warehouse, "-c lock_timeout=100ms -c statement_timeout=100ms").url
        second = pool.submit(migrate, hurried, tmp_path)
        until_blocked(warehouse, first, second, seconds=0.3)
    assert (first.result(), second.result()) == (["0001_one"], [])


# alerts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_over", [False, True])
def test_what_two_tell_once_at_once_is_reported_once(warehouse: Warehouse, pool: ThreadPoolExecutor, *, is_over: bool) -> None:
    outbox, news = Outbox(warehouse), an_alert("news", is_over=is_over)
    outbox.update(raised=[an_alert("old")])
    with warehouse.connect() as holder:
        holder.execute("SELECT FROM alerts FOR UPDATE")
        first = pool.submit(outbox.update, once=[news], resolved=["old"])
        until_blocked(warehouse, first)
        second = pool.submit(outbox.update, once=[news])
        until_blocked(warehouse, first, second)
    assert (first.result(), second.result()) == (["news broke"], [])
    assert len(outbox.alerts(only_open=False)) == 2


def in_a_transaction(warehouse: Warehouse, *work: Callable[[psycopg.Connection], object]) -> None:
    with warehouse.connect() as connection:
        for one in work:
            one(connection)


WRITERS: dict[str, Callable[[Warehouse, list[int], list[int]], object]] = {
    "a sender that has sent": lambda warehouse, alerts, _: Outbox(warehouse).sent(alerts, to="x"),
    "a sender that has not": lambda warehouse, alerts, _: Outbox(warehouse).failed(alerts, why="x"),
    "who raises": lambda warehouse, _, __: Outbox(warehouse).update(raised=[an_alert("b", subject="n"), an_alert("a", subject="n")]),
    "who resolves": lambda warehouse, _, __: Outbox(warehouse).update(resolved=["a", "b"]),
    "a rejection": lambda warehouse, _, deliveries: in_a_transaction(
        warehouse, lambda connection: alert_rejection(connection, deliveries[0], code="E_TORN", sentence="x")
    ),
    "an ingestion": lambda warehouse, _, deliveries: in_a_transaction(
        warehouse, lambda connection: resolve_rejection(connection, deliveries[0])
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_whoever_changes_alerts_takes_them_in_the_order_of_their_ids(warehouse: Warehouse, pool: ThreadPoolExecutor, writer: str) -> None:
    """Or two who change the same could each wait for the other."""
    with psycopg.connect(warehouse.url, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        for way in ("indexscan", "bitmapscan"):  # rows are then met as they lie in the table
            connection.execute(sql.SQL("ALTER DATABASE {} SET {} = off").format(name, sql.Identifier(f"enable_{way}")))
    ledger = Ledger(warehouse)
    ledger.claim(**identity("one"))
    delivery = ledger.entries()[0].id
    with warehouse.connect() as connection:
        for key in ("a", "b"):
            write_alerts(connection, raised=[an_alert(key, etl_log_id=delivery)])
        connection.execute("UPDATE alerts SET attempts = 1 WHERE alert_key = 'a'")
    found = warehouse.query("SELECT id FROM alerts ORDER BY ctid")["id"].to_list()
    second, first = found
    assert first < second, "the second lies before the first"
    with warehouse.connect() as holder:
        holder.execute("SELECT FROM alerts WHERE id = %s FOR UPDATE", [first])
        waiting = pool.submit(WRITERS[writer], warehouse, [second, first], [delivery])
        until_blocked(warehouse, waiting)
        with warehouse.connect() as other:
            assert other.execute("SELECT id FROM alerts WHERE id = %s FOR UPDATE NOWAIT", [second]).fetchone() == (second,)
    waiting.result()


def test_a_publication_holds_the_alerts_of_its_deliveries_before_it_changes_one(warehouse: Warehouse, pool: ThreadPoolExecutor) -> None:
    ledger = Ledger(warehouse)
    for number, name in enumerate(("one", "two")):
        ingest(ledger, name, None, None, quarantined=1 + number)
    one, two = (entry.id for entry in ledger.entries())
    first, second = (alert.id for alert in Outbox(warehouse).alerts(only_open=True))
    with warehouse.connect() as holder:
        holder.execute("SELECT FROM alerts WHERE id = %s FOR UPDATE", [first])
        waiting = pool.submit(in_a_transaction, warehouse, lambda connection: follow_issues(connection, [two, one]))
        until_blocked(warehouse, waiting)
        with warehouse.connect() as other:
            assert other.execute("SELECT id FROM alerts WHERE id = %s FOR UPDATE NOWAIT", [second]).fetchone() == (second,)
    waiting.result()


def test_an_alert_that_was_resolved_while_it_waited_is_not_resolved_again(warehouse: Warehouse, pool: ThreadPoolExecutor) -> None:
    outbox = Outbox(warehouse)
    outbox.update(raised=[an_alert("a")])
    with warehouse.connect() as holder:
        holder.execute("UPDATE alerts SET resolved_at = '2001-01-01', resolved_by_person = true")
        waiting = pool.submit(outbox.update, resolved=["a"])
        until_blocked(warehouse, waiting)
    waiting.result()
    (alert,) = outbox.alerts(only_open=False)
    assert alert.resolved_at is not None
    assert alert.resolved_at.year == 2001


# locks ----------------------------------------------------------------------------------------------------------------


def test_who_waits_for_a_lock_gets_it_when_it_is_given_back_and_no_sooner(warehouse: Warehouse, pool: ThreadPoolExecutor) -> None:
    with Locks(warehouse) as other, Locks(warehouse) as one:  # one ends first, or a failure would wait for ever
        one.wait("a pipeline")
        waiting = pool.submit(other.wait, "a pipeline")
        until_blocked(warehouse, waiting)
        assert not is_free(warehouse, "a pipeline")
        assert is_free(warehouse, "another pipeline")
        one.give_back()
        waiting.result()
        assert warehouse.query("SELECT subject FROM locks")["subject"].to_list() == ["a pipeline"]
        assert not is_free(warehouse, "a pipeline")
    assert is_free(warehouse, "a pipeline")


def test_who_writes_under_a_lock_keeps_it_until_the_transaction_ends(warehouse: Warehouse, pool: ThreadPoolExecutor) -> None:
    with Locks(warehouse) as one, Locks(warehouse) as other:
        one.wait("a pipeline")
        with warehouse.connect() as writing:
            one.confirm(writing)
            with psycopg.connect(warehouse.url) as admin:
                admin.execute("SELECT pg_terminate_backend(%s, 5000)", [one.session])
            waiting = pool.submit(other.take, "a pipeline")
            until_blocked(warehouse, waiting)
            with impatient(warehouse).connect() as also:
                one.confirm(also)
        assert waiting.result()


def test_a_lock_is_swept_only_while_nobody_takes_it(warehouse: Warehouse, pool: ThreadPoolExecutor) -> None:
    with warehouse.connect() as connection:
        connection.execute("INSERT INTO locks (subject, token, holder, taken_at) VALUES ('a pipeline', 0, 'killed', '2001-01-01')")
    with warehouse.connect() as taking:
        taking.execute("SELECT pg_advisory_xact_lock(hashtextextended('a pipeline', 0))")
        (held,) = sweep_locks(warehouse, datetime(2001, 1, 2, tzinfo=UTC))
        assert (held.subject, held.holder) == ("a pipeline", "killed")
    assert sweep_locks(warehouse, datetime(2001, 1, 1, tzinfo=UTC)) == []
    assert warehouse.query("SELECT subject FROM locks").height == 1, "taken at that very moment, and so not before it"
    assert sweep_locks(warehouse, datetime(2001, 1, 2, tzinfo=UTC)) == []
    assert warehouse.query("SELECT subject FROM locks").is_empty()


# exports --------------------------------------------------------------------------------------------------------------


class Interfering(Filters):
    """Filters during whose reading, in the middle of the export's transaction, somebody else publishes."""

    def condition(self, relation: str, columns: Any) -> Condition:
        assert self.vendor is not None
        with psycopg.connect(self.vendor) as other:
            other.execute("INSERT INTO accounts (data_source, account_id) VALUES ('alpha', 'A-2')")
        return Filters().condition(relation, columns)


@pytest.mark.parametrize("form", ExportFormat)
def test_an_export_sees_the_warehouse_as_it_was_when_it_began(warehouse: Warehouse, form: ExportFormat) -> None:
    with warehouse.connect() as connection:
        connection.execute("INSERT INTO accounts (data_source, account_id) VALUES ('alpha', 'A-1')")
    filters = Interfering(vendor=warehouse.url)
    assert export_relation(warehouse, "accounts", form=form, target=BytesIO(), filters=filters) == 1
    assert export_relation(warehouse, "accounts", form=form, target=BytesIO()) == 2


def test_an_export_changes_nothing_whatever_a_view_does(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("CREATE VIEW counting AS SELECT nextval('lock_tokens') AS number")
    with pytest.raises(WarehouseOutageError, match="read-only transaction"):
        export_relation(warehouse, "counting", form=ExportFormat.CSV, target=BytesIO())
    assert warehouse.query("SELECT is_called FROM lock_tokens").item() is False
