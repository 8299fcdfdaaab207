import struct
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.tables import ACCOUNTS, PERFORMANCE_DATA, PUBLISHED_PERFORMANCE, RECONCILIATION_RESULTS
from advisory_perf.errors import WarehouseError
from advisory_perf.positions.accounts_store import latest_positions, upsert_accounts
from advisory_perf.positions.publication import SliceChange, publish_slices, refresh_daily_totals
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import copy_frame
from advisory_perf_tests.warehouse.scenarios import FEBRUARY, JANUARY, everything, four_valuations, put, replace_slice, rows_of, valuation


def test_a_first_load_holds_exactly_the_frame(warehouse: Warehouse) -> None:
    frame = four_valuations()
    assert put(warehouse, frame) == SliceChange(4, 0, 0, 0)
    names = ", ".join(PERFORMANCE_DATA.column_names)
    stored = warehouse.query(f"SELECT {names} FROM performance_data ORDER BY account_id, as_of_date")
    assert stored.equals(frame)
    assert stored.schema == frame.schema


def test_a_first_load_makes_the_accounts_and_the_partitions_of_its_months_which_others_see_before_its_rows(warehouse: Warehouse) -> None:
    seen: list[list[str]] = []

    def look(_: object) -> None:
        statement = "SELECT inhrelid::regclass::text AS p FROM pg_inherits WHERE inhparent = 'performance_data'::regclass ORDER BY p"
        seen.append(warehouse.query(statement)["p"].to_list())

    publish_slices(warehouse, [(PUBLISHED_PERFORMANCE, four_valuations())], vendor="alpha", first=JANUARY, last=FEBRUARY, confirm=look)
    look(None)
    assert seen == [["performance_data_2024_01", "performance_data_2024_02"]] * 2
    accounts = [(row["account_id"], row["account_name"], row["currency"]) for row in warehouse.query("SELECT * FROM accounts").to_dicts()]
    assert sorted(accounts) == [("A-1", "Account A-1", "USD"), ("A-2", "Account A-2", "USD")]


def test_a_new_account_takes_its_name_from_its_newest_row(warehouse: Warehouse) -> None:
    newer = valuation("A-1", date(2024, 2, 1), account_name="New name")
    older = valuation("A-1", date(2024, 1, 31), account_name="Old name")
    put(warehouse, rows_of(PERFORMANCE_DATA, newer, older))
    assert warehouse.query("SELECT account_name FROM accounts").item() == "New name"


def test_a_rerun_changes_nothing(warehouse: Warehouse) -> None:
    put(warehouse, four_valuations())
    before = everything(warehouse)
    assert put(warehouse, four_valuations().reverse()) == SliceChange(0, 0, 0, 4)
    assert everything(warehouse) == before
    assert everything(warehouse, "performance_data_history") == []


def test_a_restatement_updates_what_differs_and_keeps_what_was(warehouse: Warehouse) -> None:
    put(warehouse, four_valuations())
    before = everything(warehouse)
    restated = valuation("A-2", date(2024, 2, 1), 105, delivery_id="second")
    frame = pl.concat([four_valuations().head(3), rows_of(PERFORMANCE_DATA, restated)])
    assert put(warehouse, frame) == SliceChange(0, 1, 0, 3, 1)
    after = everything(warehouse)
    assert after[:3] == before[:3]
    assert (after[3]["id"], after[3]["created_at"]) == (before[3]["id"], before[3]["created_at"])
    assert after[3]["updated_at"] > before[3]["updated_at"]
    assert after[3]["ending_market_value"] == Decimal(105)
    (kept,) = everything(warehouse, "performance_data_history")
    assert {name: kept[name] for name in before[3]} == before[3]
    assert kept["superseded_by_delivery_id"] == "second"


def test_a_null_differs_from_a_value(warehouse: Warehouse) -> None:
    put(warehouse, rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY, fees=None)))
    assert put(warehouse, rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY, fees=Decimal(0)))).updated == 1
    assert put(warehouse, rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY, fees=None))).updated == 1


def test_rows_that_vanish_are_deleted_and_kept_in_the_history(warehouse: Warehouse) -> None:
    put(warehouse, four_valuations())
    new = rows_of(PERFORMANCE_DATA, valuation("A-3", date(2024, 2, 2), delivery_id="second"))
    assert put(warehouse, pl.concat([four_valuations().head(2), new])) == SliceChange(1, 0, 2, 2)
    assert [row["account_id"] for row in everything(warehouse)] == ["A-1", "A-1", "A-3"]
    gone = everything(warehouse, "performance_data_history")
    assert [(row["account_id"], row["superseded_by_delivery_id"]) for row in gone] == [("A-2", None), ("A-2", None)]


def test_an_empty_frame_empties_the_slice(warehouse: Warehouse) -> None:
    put(warehouse, four_valuations())
    assert put(warehouse, PERFORMANCE_DATA.empty()) == SliceChange(0, 0, 4, 0)
    assert everything(warehouse) == []


def test_rows_outside_the_slice_stay(warehouse: Warehouse) -> None:
    put(warehouse, four_valuations())
    other = rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY, data_source="beta"))
    replace_slice(warehouse, PERFORMANCE_DATA, other, vendor="beta", first=JANUARY, last=JANUARY)
    day = date(2024, 2, 1)
    one_day = four_valuations().filter(as_of_date=day).head(1)
    assert replace_slice(warehouse, PERFORMANCE_DATA, one_day, vendor="alpha", first=day, last=day) == SliceChange(0, 0, 1, 1)
    kept = [(row["data_source"], row["account_id"], row["as_of_date"].month) for row in everything(warehouse)]
    assert kept == [("alpha", "A-1", 1), ("alpha", "A-1", 2), ("alpha", "A-2", 1), ("beta", "A-1", 1)]


@pytest.mark.parametrize("stranger", [{"data_source": "beta"}, {"as_of_date": date(2024, 3, 1)}, {"as_of_date": None}])
def test_a_row_of_another_vendor_or_time_is_refused(warehouse: Warehouse, stranger: dict[str, Any]) -> None:
    frame = rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY), {**valuation("A-2", JANUARY), **stranger})
    with pytest.raises(WarehouseError, match="1 of 2 rows for performance_data are not of vendor alpha"):
        put(warehouse, frame)
    assert everything(warehouse) == []


def test_a_frame_with_other_columns_or_types_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="fees"):
        put(warehouse, four_valuations().drop("fees"))
    with pytest.raises(WarehouseError, match="surprise"):
        put(warehouse, four_valuations().with_columns(surprise=1))
    with pytest.raises(WarehouseError, match="line_number"):
        put(warehouse, four_valuations().cast({"line_number": pl.String}))


def test_a_wrong_net_flow_is_refused_and_nothing_is_written(warehouse: Warehouse) -> None:
    bad = valuation("A-2", JANUARY, contributions=Decimal(10), distributions=Decimal(3), net_flow=Decimal(8))
    with pytest.raises(WarehouseError, match="performance_data_net_flow"):
        put(warehouse, rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY), bad))
    assert everything(warehouse) == []
    assert warehouse.query("SELECT * FROM accounts").is_empty()


def test_texts_arrive_as_they_are(warehouse: Warehouse) -> None:
    texts = [
        "",
        " ",
        "a,b",
        'say "hi"',
        "two\nlines",
        "carriage\rreturn",
        "\\N",
        "\\.",
        "x\n\\.\ny",
        "NULL",
        "Müller 株式 🏦",
        None,
    ]
    rows = (valuation(f"A-{i:02}", JANUARY, account_name=text) for i, text in enumerate(texts))
    put(warehouse, rows_of(PERFORMANCE_DATA, *rows))
    assert warehouse.query("SELECT account_name FROM performance_data ORDER BY account_id")["account_name"].to_list() == texts
    assert put(
        warehouse,
        rows_of(PERFORMANCE_DATA, *(valuation(f"A-{i:02}", JANUARY, account_name=t) for i, t in enumerate(texts))),
    ).unchanged == len(texts)


def test_floats_arrive_bit_by_bit(warehouse: Warehouse) -> None:
    floats = [0.1, 1 / 3, -1e-300, 5e-324, 1.7976931348623157e308, 1e22, 123456789.123456789, 0.0, -0.0, 1e-7, None]
    put(
        warehouse,
        rows_of(PERFORMANCE_DATA, *(valuation(f"A-{i:02}", JANUARY, vendor_twrr=x) for i, x in enumerate(floats))),
    )
    stored = warehouse.query("SELECT vendor_twrr FROM performance_data ORDER BY account_id")["vendor_twrr"].to_list()
    assert [x if x is None else struct.pack("d", x) for x in stored] == [x if x is None else struct.pack("d", x) for x in floats]


def test_money_arrives_to_the_last_digit(warehouse: Warehouse) -> None:
    amounts = [Decimal("99999999999999999999.9999"), Decimal("-0.0001"), Decimal("12.3400")]
    put(warehouse, rows_of(PERFORMANCE_DATA, *(valuation(f"A-{i}", JANUARY, income=x) for i, x in enumerate(amounts))))
    assert warehouse.query("SELECT income FROM performance_data ORDER BY account_id")["income"].to_list() == amounts


def reconciled(account: str, day: date, *, passes: bool | None = True, **others: Any) -> dict[str, Any]:
    return {
        "data_source": "alpha",
        "account_id": account,
        "as_of_date": day,
        "field_name": "twrr",
        "within_tolerance": passes,
        **others,
    }


def test_reconciliation_results_are_replaced_too_and_need_no_published_row(warehouse: Warehouse) -> None:
    day = date(2024, 1, 31)
    assert put(warehouse, rows_of(RECONCILIATION_RESULTS, reconciled("A-1", day)), RECONCILIATION_RESULTS) == SliceChange(1, 0, 0, 0)
    with warehouse.connect() as connection:
        connection.execute("UPDATE reconciliation_results SET reconciliation_date = '2024-02-01'")
    (before,) = everything(warehouse, "reconciliation_results")
    broken = rows_of(RECONCILIATION_RESULTS, reconciled("A-1", day, passes=False, likely_cause="FLOW_TIMING"))
    assert put(warehouse, broken, RECONCILIATION_RESULTS) == SliceChange(0, 1, 0, 0)
    assert put(warehouse, broken, RECONCILIATION_RESULTS) == SliceChange(0, 0, 0, 1)
    (row,) = everything(warehouse, "reconciliation_results")
    assert (row["within_tolerance"], row["likely_cause"]) == (False, "FLOW_TIMING")
    assert (row["id"], row["created_at"]) == (before["id"], before["created_at"])
    assert all(row[name] > before[name] for name in ("updated_at", "reconciliation_date"))
    assert warehouse.query("SELECT currency, is_open FROM accounts").row(0) == ("XXX", True)


def upsert(warehouse: Warehouse, *accounts: dict[str, Any]) -> int:
    with warehouse.connect() as connection:
        return upsert_accounts(connection, rows_of(ACCOUNTS, *accounts))


def latest(warehouse: Warehouse) -> pl.DataFrame:
    with warehouse.connect() as connection:
        return latest_positions(connection)


def test_accounts_are_written_only_where_they_differ(warehouse: Warehouse) -> None:
    def account(name: str, last: date, **others: Any) -> dict[str, Any]:
        return {
            "data_source": "alpha",
            "account_id": name,
            "currency": "USD",
            "first_as_of_date": JANUARY,
            "last_as_of_date": last,
            "status": "ACTIVE",
            **others,
        }

    one, two = account("A-1", FEBRUARY), account("A-2", FEBRUARY)
    assert upsert(warehouse, one, two) == 2
    before = warehouse.query("SELECT * FROM accounts ORDER BY account_id").to_dicts()
    assert upsert(warehouse, one, two) == 0
    assert upsert(warehouse, one, account("A-2", FEBRUARY, is_open=False)) == 1
    after = warehouse.query("SELECT * FROM accounts ORDER BY account_id").to_dicts()
    assert after[0] == before[0]
    assert after[1]["is_open"] is False
    assert after[1]["updated_at"] > before[1]["updated_at"]


def test_the_latest_position_of_each_account_is_its_newest_row(warehouse: Warehouse) -> None:
    put(
        warehouse,
        rows_of(
            PERFORMANCE_DATA,
            valuation("A-1", date(2024, 1, 31), 100),
            valuation("A-1", date(2024, 2, 29), 110, account_name="Renamed"),
            valuation("A-2", date(2024, 1, 31), 50),
        ),
    )
    put(warehouse, rows_of(RECONCILIATION_RESULTS, reconciled("never published", JANUARY)), RECONCILIATION_RESULTS)
    columns = ["account_id", "account_name", "first_as_of_date", "last_as_of_date"]
    assert latest(warehouse).select(columns).rows() == [
        ("A-1", "Renamed", date(2024, 1, 31), date(2024, 2, 29)),
        ("A-2", "Account A-2", date(2024, 1, 31), date(2024, 1, 31)),
    ]


def test_an_empty_warehouse_has_typed_latest_positions(warehouse: Warehouse) -> None:
    found = latest(warehouse)
    assert found.is_empty()
    assert found.schema["is_open"] == pl.Boolean
    assert found.schema["last_as_of_date"] == pl.Date


def test_a_query_keeps_decimals_dates_and_instants(warehouse: Warehouse) -> None:
    frame = warehouse.query(
        "SELECT 1.50::numeric(10,2) AS money, sum(x) AS total, '2024-02-29'::date AS day, true AS flag, 7 AS n, 0.1::float8 AS f,"
        " timestamptz '2024-01-01 12:00+02' AS at, NULL::text AS nothing FROM unnest(ARRAY[0.1, 0.25]::numeric[]) AS x"
    )
    at = datetime(2024, 1, 1, 10, tzinfo=UTC)
    assert frame.rows() == [(Decimal("1.50"), Decimal("0.35"), FEBRUARY, True, 7, 0.1, at, None)]
    assert frame.schema == {
        "money": pl.Decimal(38, 2),
        "total": pl.Decimal(38, 2),
        "day": pl.Date,
        "flag": pl.Boolean,
        "n": pl.Int64,
        "f": pl.Float64,
        "at": pl.Datetime("us", "UTC"),
        "nothing": pl.String,
    }


def test_a_query_takes_parameters_and_an_empty_result_keeps_its_columns(warehouse: Warehouse) -> None:
    frame = warehouse.query("SELECT account_id, is_open FROM accounts WHERE data_source = %(vendor)s", {"vendor": "'; DROP TABLE accounts"})
    assert frame.schema == {"account_id": pl.String, "is_open": pl.Boolean}


def test_the_views_tell_the_state_of_accounts_and_vendors(warehouse: Warehouse) -> None:
    put(
        warehouse,
        rows_of(
            PERFORMANCE_DATA,
            valuation("A-1", date(2024, 1, 31), 100, reconciliation_status="COMPLETED_WITH_ISSUES"),
            valuation("A-1", date(2024, 2, 29), 110, return_status="UNDEFINED_BASE", calculated_twrr=None),
        ),
    )
    summary = warehouse.query("SELECT * FROM performance_summary").row(0, named=True)
    assert (summary["as_of_date"], summary["ending_market_value"]) == (FEBRUARY, Decimal(110))
    assert (summary["valuations"], summary["valuations_with_breaks"], summary["undefined_returns"]) == (2, 1, 1)


def test_daily_totals_are_by_day_and_currency_after_a_refresh(warehouse: Warehouse) -> None:
    put(
        warehouse,
        rows_of(
            PERFORMANCE_DATA,
            valuation("A-1", JANUARY, 100, contributions=Decimal(30), net_flow=Decimal(30)),
            valuation(
                "A-2",
                JANUARY,
                50,
                distributions=Decimal(5),
                net_flow=Decimal(-5),
                reconciliation_status="COMPLETED_WITH_ISSUES",
            ),
            valuation("A-3", JANUARY, 7, currency="EUR", reconciliation_status="PENDING"),
        ),
    )
    assert warehouse.query("SELECT * FROM daily_vendor_totals").is_empty()
    with warehouse.connect() as connection:
        refresh_daily_totals(connection)
    totals = warehouse.query(
        "SELECT currency, accounts, ending_market_value, net_flow, accounts_with_breaks FROM daily_vendor_totals ORDER BY currency"
    )
    assert totals.rows() == [("EUR", 1, Decimal(7), Decimal(0), 0), ("USD", 2, Decimal(150), Decimal(25), 1)]


def test_a_frame_can_be_copied_into_any_table(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advisory_perf.warehouse.copy.COPY_ROWS", 2)
    with warehouse.connect() as connection:
        connection.execute('CREATE TABLE plain ("odd name" bigint, text_of text)')
        copy_frame(connection, "plain", pl.DataFrame({"text_of": ["a", None, ""], "odd name": [1, 2, 3]}))
    assert warehouse.query("SELECT * FROM plain").rows() == [(1, "a"), (2, None), (3, "")]


def test_an_error_in_the_block_undoes_it(warehouse: Warehouse) -> None:
    def insert_and_fail() -> None:
        with warehouse.connect() as connection:
            connection.execute("INSERT INTO accounts (data_source, account_id) VALUES ('alpha', 'A-1')")
            raise KeyError("of the block")

    with pytest.raises(KeyError, match="of the block"):
        insert_and_fail()
    assert warehouse.query("SELECT * FROM accounts").is_empty()


def test_an_unreachable_warehouse_is_reported_in_a_sentence_without_its_password() -> None:
    warehouse = Warehouse("postgresql://someone:secret@127.0.0.1:1/nowhere")
    with pytest.raises(WarehouseError, match=r"the warehouse at 127\.0\.0\.1/nowhere cannot be reached") as caught:
        warehouse.query("SELECT 1")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_schema_names_the_command_that_makes_it(empty_url: str) -> None:
    with pytest.raises(WarehouseError, match="run `advisory-perf migrate`"):
        latest(Warehouse(empty_url))
