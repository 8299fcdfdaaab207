"""Planted causes are found again in a month of 5,000 accounts, and random noise has none."""

from collections import Counter
from decimal import Decimal
from random import Random

import polars as pl
import pytest

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import FeeBasis, FlowTiming, ReconciledField
from advisory_perf.contracts.tolerance import Allowance
from advisory_perf.performance.net_flow import net_flows
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf.reconciliation.compare import reconcile
from advisory_perf_tests.reconciliation.planted import DIGITS, RETURNS, VALUES, Planted, Row, planted

pytestmark = pytest.mark.slow

EMV, TWRR = ReconciledField.ENDING_MARKET_VALUE, ReconciledField.TWRR
ALLOWANCES = {EMV: Allowance(Decimal("0.01")), TWRR: Allowance(Decimal("0.0001"))}
TIMING = FlowTiming.END_OF_DAY
NOT_A_CAUSE = {"UNEXPLAINED", "OUTLIER"}


def reconciled(rows: list[Row], field: ReconciledField, digits: int = DIGITS) -> pl.DataFrame:
    """The breaks of one figure, as the pipeline finds them; the vendor's value stands in the place of the row's own."""
    money = [name for name, value in rows[0].items() if isinstance(value, Decimal)]
    frame = pl.DataFrame(rows, schema_overrides=dict.fromkeys(money, MONEY)).with_columns(
        ending_market_value="vendor_value" if field is EMV else "ending_market_value",
        other_adjustments=pl.lit(0, MONEY),
        vendor_net_flow=pl.lit(None, MONEY),
        vendor_value_half_unit=pl.lit("0.005").cast(MONEY),
        vendor_twrr_half_unit=pl.lit(0.5 * 10**-digits),
        currency=pl.lit("USD"),
        data_source=pl.lit("acme"),
        delivery_id=pl.col("as_of_date").cast(pl.String()),
    )
    figures = sub_period_returns(net_flows(frame), timing=TIMING, fee_basis=FeeBasis.NET)
    results = reconcile(figures, {field: ALLOWANCES[field]}, timing=TIMING, fee_basis=FeeBasis.NET)
    return results.filter(~pl.col("within_tolerance"))


def found_in(month: Planted, field: ReconciledField) -> list[tuple[str, str]]:
    """Of each break the planted cause and the one that was found."""
    breaks = reconciled(month.rows, field)
    keys = breaks.select("account_id", "as_of_date", "field_name", "likely_cause").rows()
    assert {key[:3] for key in keys} <= month.causes.keys(), "only planted rows break"
    return [(month.causes[account, day, name], cause) for account, day, name, cause in keys]


@pytest.mark.parametrize(("field", "plants"), [(TWRR, RETURNS), (EMV, VALUES)])
def test_planted_causes_are_found_again(field: ReconciledField, plants: dict[str, list]) -> None:  # type: ignore[type-arg]
    pairs = found_in(planted(plants, accounts=5_000, seed=7), field)
    planted_as, named = Counter(cause for cause, _ in pairs), Counter(cause for _, cause in pairs)
    right = Counter(cause for cause, found in pairs if cause == found)
    assert planted_as.keys() == plants.keys()
    assert min(planted_as.values()) >= 20
    recall = {cause: right[cause] / count for cause, count in planted_as.items()}
    precision = {cause: right[cause] / count for cause, count in named.items() if cause not in NOT_A_CAUSE}
    assert min(recall.values()) >= 0.95, recall
    assert min(precision.values()) >= 0.99, precision


def test_what_is_explained_gives_the_vendors_figure() -> None:
    breaks = reconciled(planted(RETURNS, accounts=1_000, seed=11).rows, TWRR).filter(pl.col("explained_value").is_not_null())
    assert breaks.height > 500
    assert breaks.select((pl.col("explained_value") - pl.col("vendor_value")).abs().max()).item() < 0.001
    plain = breaks.filter(pl.col("likely_cause") != "PERCENT_SCALE")
    off = (pl.col("explained_value") - pl.col("vendor_value")).abs() > pl.col("tolerance_threshold")
    assert plain.filter(off).is_empty()


@pytest.mark.parametrize("digits", [3, 4, DIGITS])
def test_random_noise_has_no_cause(digits: int) -> None:
    month, random = planted(RETURNS, accounts=5_000, seed=13), Random(17)
    rows = [{**row, "vendor_value": row["ending_market_value"]} for row in month.rows if row["account_id"] > "A02000"]
    for row in rows:
        if random.random() < 1 / 5:
            row["vendor_twrr"] = round(row["vendor_twrr"] + random.choice([-1, 1]) * random.uniform(0.0003, 0.05), digits)
        else:
            row["vendor_twrr"] = round(row["vendor_twrr"], digits)
    breaks = reconciled(rows, TWRR, digits).filter(
        ~pl.struct("account_id", "as_of_date").is_in([{"account_id": a, "as_of_date": d} for a, d, _ in month.causes])
    )
    assert breaks.height > 10_000
    named = breaks.filter(~pl.col("likely_cause").is_in(NOT_A_CAUSE)).height
    assert named <= breaks.height / 100, breaks["likely_cause"].value_counts()


def test_noise_in_values_has_no_cause() -> None:
    month, random = planted(VALUES, accounts=2_000, seed=19), Random(23)
    rows = [dict(row, vendor_value=row["ending_market_value"]) for row in month.rows]
    for row in rows:
        if random.random() < 1 / 3:
            row["vendor_value"] += random.choice([-1, 1]) * Decimal(random.randint(5, 1_000_000)) / 100
    breaks = reconciled(rows, EMV)
    assert breaks.height > 10_000
    named = breaks.filter(~pl.col("likely_cause").is_in(NOT_A_CAUSE)).height
    assert named <= breaks.height / 100, breaks["likely_cause"].value_counts()
