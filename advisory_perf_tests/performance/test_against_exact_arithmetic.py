"""Ten thousand accounts against the same rules in rational arithmetic."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from advisory_perf.contracts.enums import Cadence, FeeBasis, FlowTiming, Reopening
from advisory_perf.performance import net_flows, sub_period_returns, twrr_series
from advisory_perf_tests.performance.exact import Conventions, Row, differences, exact_series
from advisory_perf_tests.performance.scenarios import a_schedule, positions

ACCOUNTS = 150
"""Of each of the ten pairs of flow timing and fee basis."""


def cents(stream: random.Random, least: int, most: int) -> Decimal:
    return Decimal(stream.randint(least * 100, most * 100)).scaleb(-2)


def an_account(stream: random.Random, account: str) -> Iterator[Row]:
    """Valuations a day to fourteen months apart, with everything that can happen to an account."""
    day, value = date(2015, 1, 1) + timedelta(days=stream.randrange(400)), Decimal(0)
    for _ in range(stream.randint(3, 14)):
        day += timedelta(days=stream.choice([1, 1, 1, 3, 27, 31, 92, 365, 430]))
        happens = stream.choices(
            ["flows", "quiet", "close", "total loss", "overdrawn", "negative base", "fund", "unknown", "residual"],
            [40, 30, 4, 4, 3, 3, 12, 4, 3],
        )[0]
        inflow, outflow = Decimal(0), Decimal(0)
        if happens == "flows":
            inflow, outflow = (stream.choice([Decimal(0), cents(stream, 0, 30_000)]) for _ in range(2))
        elif happens == "fund":
            inflow = cents(stream, 1, 200_000)
        elif happens == "close":
            outflow = max(value, Decimal(0))
        elif happens == "residual":
            value = cents(stream, -1, 1)
            inflow, outflow = stream.choice([(cents(stream, 900, 200_000), Decimal(0)), (Decimal(0), cents(stream, 0, 900))])
        elif happens == "negative base":
            value = -cents(stream, 1, 5_000)
        end = (max(value, Decimal(0)) + inflow - outflow) * Decimal(stream.randint(9_000, 11_000)).scaleb(-4)
        end = {
            "total loss": Decimal(0),
            "overdrawn": -cents(stream, 1, 100),
            "close": stream.choice([Decimal(0), Decimal(0), cents(stream, -1, 1)]),
        }.get(happens, end.quantize(Decimal("0.01")))
        row: dict[str, Any] = {
            "account_id": account,
            "as_of_date": day,
            "beginning_market_value": value,
            "contributions": inflow,
            "distributions": outflow,
            "fees": stream.choice([Decimal(0), cents(stream, 0, 90)]),
            "ending_market_value": end,
        }
        if happens == "unknown":
            row[stream.choice(["beginning_market_value", "ending_market_value", "fees"])] = None
        elif happens == "quiet" and value == 0 and stream.random() < 0.2:
            row |= {"distributions": cents(stream, 1, 50), "ending_market_value": Decimal(0)}
        yield row
        value = max(end, Decimal(0)) if stream.random() < 0.97 else end


@pytest.mark.slow
@pytest.mark.parametrize("fee_basis", list(FeeBasis))
@pytest.mark.parametrize("timing", list(FlowTiming))
def test_every_figure_of_many_accounts_is_within_one_in_a_million_million(timing: FlowTiming, fee_basis: FeeBasis) -> None:
    stream = random.Random(f"{timing} {fee_basis}")
    rows = [row for number in range(ACCOUNTS) for row in an_account(stream, f"A{number:04d}")]
    weight = Decimal("0.3333") if timing is FlowTiming.WEIGHTED else None
    minimum = stream.choice([None, Decimal(50)])
    reopening = stream.choice(list(Reopening))
    conventions = Conventions(timing, fee_basis, weight, minimum, Decimal("0.001"), Decimal("0.1"), reopening)
    schedule = a_schedule(stream.choice(list(Cadence)), holidays=[date(2016, 12, 30), date(2018, 5, 31)])
    expected = exact_series(rows, conventions, schedule)
    stream.shuffle(rows)
    returns = sub_period_returns(
        net_flows(positions(*rows)),
        timing=timing,
        fee_basis=fee_basis,
        weight=weight,
        minimum_base=conventions.minimum_base,
        residual_base=conventions.residual_base,
        large_flow=conventions.large_flow,
    )
    series = twrr_series(returns, schedule=schedule, reopening=reopening, residual_base=conventions.residual_base).series
    wrong = differences(series.iter_rows(named=True), expected)
    assert not wrong, wrong[:5]
    met = {row["return_status"] for row in expected}
    assert {"OK", "LARGE_FLOW", "UNDEFINED_BASE", "BEYOND_TOTAL_LOSS", "MISSING_VALUE", "CLOSED"} <= met
    assert len({row["account_id"] for row in expected if row["growth_index"] == 0}) > ACCOUNTS // 50
    assert sum(row["twrr_1y"] is not None for row in expected) > ACCOUNTS // 20
    assert sum(row["twrr_5y"] is not None for row in expected) > ACCOUNTS // 100
    assert sum(row["inception_date"] != rows[0]["as_of_date"] and row["twrr_mtd_over_gap"] is True for row in expected) > ACCOUNTS // 20
