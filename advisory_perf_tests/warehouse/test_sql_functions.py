import random
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from threading import Barrier, Thread

import polars as pl
import psycopg
import pytest

from advisory_perf.contracts.columns import MONEY
from advisory_perf.performance import FeeBasis, FlowTiming, net_flows, sub_period_returns
from advisory_perf.warehouse.connection import Warehouse


@pytest.fixture
def connection(shared_warehouse: Warehouse) -> Iterator[psycopg.Connection]:
    with psycopg.connect(shared_warehouse.url, autocommit=True) as connection:
        yield connection


def twrr(connection: psycopg.Connection, amounts: str, conventions: str) -> float | None:
    """``amounts`` are bmv, contributions, distributions, fees, emv; ``conventions`` timing, fee basis, weight, minimum."""
    row = connection.execute(f"SELECT single_period_twrr({amounts}, {conventions})".encode()).fetchone()
    assert row is not None
    value: float | None = row[0]
    return value


def test_net_flow_is_contributions_less_distributions(connection: psycopg.Connection) -> None:
    assert connection.execute("SELECT net_flow(100.25, 30.5)::text, net_flow(NULL, 1)").fetchone() == ("69.75", None)


@pytest.mark.parametrize(
    ("conventions", "expected"),
    [
        ("'start_of_day', 'net'", 1150 / 1040 - 1),
        ("'end_of_day', 'net'", 1110 / 1000 - 1),
        ("'mid_day', 'net'", 110 / 1020),
        ("'inflow_start_outflow_end', 'net'", 1210 / 1100 - 1),
        ("'weighted', 'net', 0.25", 110 / 1010),
        ("'start_of_day', 'gross'", 1155 / 1040 - 1),
        ("'end_of_day', 'gross'", 1115 / 1000 - 1),
        ("'mid_day', 'gross'", 115 / 1020),
        ("'inflow_start_outflow_end', 'gross'", 1215 / 1100 - 1),
        ("'weighted', 'gross', 1", 115 / 1040),
    ],
)
def test_each_timing_places_the_flow(connection: psycopg.Connection, conventions: str, expected: float) -> None:
    """1000 at the start, 100 in, 60 out, 5 of fees, 1150 at the end."""
    assert twrr(connection, "1000, 100, 60, 5, 1150", conventions) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("timing", FlowTiming)
def test_a_funding_day_takes_its_flow_at_the_start_under_every_timing(connection: psycopg.Connection, timing: FlowTiming) -> None:
    assert twrr(connection, "0, 200, 0, 0, 210", f"'{timing}', 'net', 0.5") == pytest.approx(0.05, abs=1e-15)
    outflow_at_the_end = timing is FlowTiming.INFLOW_START_OUTFLOW_END
    assert twrr(connection, "0, 250, 50, 0, 210", f"'{timing}', 'net', 0.5") == pytest.approx(
        0.04 if outflow_at_the_end else 0.05, abs=1e-15
    )


@pytest.mark.parametrize("timing", FlowTiming)
def test_what_is_nothing_beside_the_flow_funds_and_closes(connection: psycopg.Connection, timing: FlowTiming) -> None:
    conventions = f"'{timing}', 'net', 0.5, NULL, 0.001"
    assert twrr(connection, "0.01, 1000, 0, 0, 1010", conventions) == pytest.approx(1010 / 1000.01 - 1, abs=1e-15)
    assert twrr(connection, "1000, 0, 999.99, 0, 0.05", conventions) == pytest.approx(0.00004, abs=1e-15)


@pytest.mark.parametrize("timing", FlowTiming)
@pytest.mark.parametrize("basis", FeeBasis)
def test_every_convention_of_the_code_is_known(connection: psycopg.Connection, timing: FlowTiming, basis: FeeBasis) -> None:
    assert twrr(connection, "100, 0, 0, 0, 101", f"'{timing}', '{basis}', 0.5") == pytest.approx(0.01, abs=1e-15)


@pytest.mark.parametrize(
    ("amounts", "conventions"),
    [
        ("0, 0, 0, 0, 0", "'end_of_day', 'net'"),
        ("-10, 0, 0, 0, 5", "'end_of_day', 'net'"),
        ("-100, 100, 0, 0, 0", "'start_of_day', 'net'"),
        ("100, 0, 200, 0, -95", "'mid_day', 'net'"),
        ("100, 0, 199.99, 0, -95", "'mid_day', 'net', NULL, NULL, 0.001"),
        ("99.99, 0, 0, 0, 101", "'end_of_day', 'net', NULL, 100"),
        ("90, 18, 0, 0, 110", "'mid_day', 'net', NULL, 100"),
        ("100, 0, 0, 0, -1", "'start_of_day', 'net'"),
    ],
)
def test_without_a_proper_base_or_beyond_a_total_loss_there_is_no_return(
    connection: psycopg.Connection, amounts: str, conventions: str
) -> None:
    assert twrr(connection, amounts, conventions) is None


def test_bounds_are_inclusive(connection: psycopg.Connection) -> None:
    assert twrr(connection, "100, 0, 0, 0, 0", "'start_of_day', 'net'") == -1.0
    assert twrr(connection, "100, 0, 0, 0, 101", "'end_of_day', 'net', NULL, 100") == pytest.approx(0.01)
    assert twrr(connection, "90, 20, 0, 0, 120", "'mid_day', 'net', NULL, 100") == pytest.approx(0.10)


@pytest.mark.parametrize("missing", [0, 1, 2, 4])
def test_a_missing_amount_gives_no_return(connection: psycopg.Connection, missing: int) -> None:
    amounts = ["100", "0", "0", "0", "101"]
    amounts[missing] = "NULL"
    assert twrr(connection, ", ".join(amounts), "'end_of_day', 'net'") is None


def test_a_missing_weight_gives_no_return(connection: psycopg.Connection) -> None:
    assert twrr(connection, "100, 0, 0, 0, 101", "'weighted', 'net'") is None


@pytest.mark.parametrize(("conventions", "why"), [("'noon', 'net'", "flow timing 'noon'"), ("'mid_day', 'nett'", "fee basis 'nett'")])
def test_an_unknown_convention_is_refused(connection: psycopg.Connection, conventions: str, why: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=why):
        twrr(connection, "100, 0, 0, 0, 101", conventions)


def test_a_month_gets_one_partition_however_often_it_is_asked_for(warehouse: Warehouse) -> None:
    asked = "SELECT create_monthly_partition('performance_data', day) AS name FROM unnest(%s::date[]) AS day"
    days = [date(2024, 2, 29), date(2024, 2, 1), date(2024, 12, 31)]
    names = ["performance_data_2024_02", "performance_data_2024_02", "performance_data_2024_12"]
    assert warehouse.query(asked, [days])["name"].to_list() == names
    assert warehouse.query(asked, [days])["name"].to_list() == names
    bounds = warehouse.query("SELECT pg_get_expr(relpartbound, oid) AS b FROM pg_class WHERE relname = 'performance_data_2024_12'")
    assert bounds.item() == "FOR VALUES FROM ('2024-12-01') TO ('2025-01-01')"


def test_two_at_once_make_one_partition(warehouse: Warehouse) -> None:
    start, made = Barrier(2), list[str]()

    def make() -> None:
        with warehouse.connect() as connection:
            start.wait()
            for month in range(1, 13):
                found = connection.execute(
                    "SELECT create_monthly_partition('reconciliation_results', %s)", [date(2024, month, 15)]
                ).fetchone()
                connection.commit()
                made.append(found[0] if found else "")

    threads = [Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 24
    assert len(set(made)) == 12


def test_a_reader_of_another_month_does_not_wait_for_a_new_partition(warehouse: Warehouse) -> None:
    with warehouse.connect() as maker:
        maker.execute("SELECT create_monthly_partition('performance_data', '2024-01-01')")
        with warehouse.connect() as reader:
            reader.execute("SET lock_timeout = '2s'")
            assert reader.execute("SELECT count(*) FROM performance_data").fetchone() == (0,)


def test_only_the_partitioned_tables_have_months(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection, pytest.raises(psycopg.errors.RaiseException, match="not to accounts"):
        connection.execute("SELECT create_monthly_partition('accounts', '2024-01-01')")


def test_without_fees_there_is_a_net_return_but_no_gross_one(connection: psycopg.Connection) -> None:
    assert twrr(connection, "100, 0, 0, NULL, 101", "'end_of_day', 'net'") == pytest.approx(0.01, abs=1e-15)
    assert twrr(connection, "100, 0, 0, NULL, 101", "'end_of_day', 'gross'") is None


def an_amount(stream: random.Random, *also: str | None) -> Decimal | None:
    made = str(Decimal(stream.randint(-100, 10 ** stream.choice([2, 3, 5, 7, 9]))).scaleb(-2))
    chosen = stream.choice([made, made, made, *also])
    return None if chosen is None else Decimal(chosen)


@pytest.mark.parametrize("basis", FeeBasis)
@pytest.mark.parametrize("timing", FlowTiming)
def test_sql_and_the_frames_agree_on_a_thousand_random_rows(warehouse: Warehouse, timing: FlowTiming, basis: FeeBasis) -> None:
    """100 rows for each of the ten pairs of conventions; a float's last digits may differ."""
    stream = random.Random(f"{timing} {basis}")
    weight, minimum = (Decimal("0.35") if timing is FlowTiming.WEIGHTED else None), stream.choice([None, Decimal("50.00")])
    rows = pl.DataFrame(
        {
            "beginning_market_value": [an_amount(stream, "0", "0", None) for _ in range(100)],
            "contributions": [an_amount(stream, "0", "0", None) for _ in range(100)],
            "distributions": [an_amount(stream, "0", "0") for _ in range(100)],
            "fees": [an_amount(stream, "0", None) for _ in range(100)],
            "ending_market_value": [an_amount(stream, "0", None) for _ in range(100)],
        },
        schema_overrides=dict.fromkeys(("beginning_market_value", "contributions", "distributions", "fees", "ending_market_value"), MONEY),
    )
    ours = net_flows(rows.with_columns(income=None, appreciation=None, other_adjustments=None))
    residual = Decimal("0.001")
    ours = sub_period_returns(ours, timing=timing, fee_basis=basis, weight=weight, minimum_base=minimum, residual_base=residual)
    theirs = warehouse.query(
        "SELECT net_flow(c, d)::text AS flow, single_period_twrr(b, c, d, f, e, %s, %s, %s, %s, %s) AS twrr"
        " FROM unnest(%s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[])"
        " WITH ORDINALITY AS given(b, c, d, f, e, n) ORDER BY n",
        [timing.value, basis.value, weight, minimum, residual, *(column.to_list() for column in rows)],
    )
    assert [None if flow is None else Decimal(flow) for flow in theirs["flow"]] == ours["net_flow"].to_list()
    assert theirs["twrr"].to_list() == [
        None if value is None else pytest.approx(value, rel=1e-15, abs=1e-15) for value in ours["calculated_twrr"]
    ]
    assert 10 < ours["calculated_twrr"].count() < 100
