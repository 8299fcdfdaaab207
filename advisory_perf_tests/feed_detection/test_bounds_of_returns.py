"""What printed returns say of conventions: which rows tell, how close they have to be, and when one convention beats another."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import FeeBasis, FlowTiming
from advisory_perf.feed_detection.amounts import FiguresOfFile
from advisory_perf.feed_detection.column_names import name_of, readings
from advisory_perf.feed_detection.identities import Figures, Seen
from advisory_perf.feed_detection.return_equation import Convention, Verdict, Witness
from advisory_perf.feed_detection.row_keys import Keys
from advisory_perf.feed_detection.values import Notation
from advisory_perf.performance.returns import sub_period_returns

ASSIGNED = {"beginning_market_value": "bmv", "contributions": "in", "distributions": "out", "ending_market_value": "emv"}
END, START = FlowTiming.END_OF_DAY, FlowTiming.START_OF_DAY
BEST = Convention(END, FeeBasis.NET, "fraction", 1)


@pytest.mark.parametrize(
    ("rows", "part", "flowing", "holds"),
    [
        (5, 0.9, Seen(3, 3), True),
        (4, 0.9, Seen(3, 3), False),
        (5, 0.89, Seen(3, 3), False),
        (20, 0.95, Seen(1, 9), False),
        (20, 0.95, Seen(0, 0), True),
    ],
)
def test_returns_hold_on_nine_of_ten_rows_and_mostly_on_those_with_a_flow(rows: int, part: float, flowing: Seen, *, holds: bool) -> None:
    assert Verdict(BEST, part, rows, (BEST,), (), {}, flowing).holds is holds


def verdict(
    printed: Sequence[float | None],
    computed: Mapping[FlowTiming, Sequence[float | None]],
    *,
    digits: int = 4,
    flows: Sequence[int] = (),
) -> Verdict | None:
    """What returns say of rows for which each timing gives these; the other timings give something else on every row."""
    rows = len(printed)
    inflow = flows or [1] * rows
    amounts = {"bmv": [100] * rows, "in": inflow, "out": [0] * rows, "emv": [101 + place for place in range(rows)]}
    keys = pl.DataFrame({"account": ["A1"] * rows, "day": [date(2025, 1, 1)] * rows})
    figures = Figures(keys, pl.DataFrame(amounts).cast(MONEY), Decimal("0.01"))
    inferred = {timing: pl.Series("inferred", given, pl.Float64()) for timing, given in computed.items()}

    def compute(
        positions: pl.DataFrame,
        *,
        timing: FlowTiming,
        fee_basis: FeeBasis,
        weight: Decimal | None = None,
        minimum_base: Decimal | None = None,
    ) -> pl.DataFrame:
        place = positions["ending_market_value"].cast(pl.Int64()) - 101
        given = inferred.get(timing)
        return pl.DataFrame({"calculated_twrr": given.gather(place) if given is not None else [77.0] * positions.height})

    witness = Witness(figures, pl.Series(printed, dtype=pl.Float64()), pl.Series([digits] * rows), compute)
    return witness.verdict(ASSIGNED, sides=True, values=True)


def wrong_on(rows: int, *places: int) -> list[float | None]:
    return [0.5 if place in places else 0.01 for place in range(rows)]


@pytest.mark.parametrize(
    ("ahead", "behind", "beats"),
    [(3, 0, True), (2, 0, False), (5, 1, True), (4, 1, False), (10, 2, True), (9, 2, False)],
)
def test_a_convention_beats_another_by_three_rows_and_five_times_what_speaks_against_it(ahead: int, behind: int, *, beats: bool) -> None:
    computed = {END: wrong_on(30, *range(behind)), START: wrong_on(30, *range(10, 10 + ahead))}
    found = verdict([0.01] * 30, computed)
    assert found is not None
    assert (found.best.timing, found.part) == (END, (30 - behind) / 30)
    assert {one.timing for one in found.tied} == ({END} if beats else {END, START})


@pytest.mark.parametrize(("fifth", "is_inferred"), [(0.00022, True), (-0.00022, True), (0.0002, False), (None, False)])
def test_a_return_tells_from_four_times_its_rounding_on(fifth: float | None, *, is_inferred: bool) -> None:
    found = verdict([*[0.01] * 4, fifth], {END: [*[0.01] * 4, fifth]})
    assert (found is not None) is is_inferred


@pytest.mark.parametrize(
    ("off", "digits", "allowed"),
    [
        (0.00005, 4, 0.0),
        (0.000052, 4, 1e-5),
        (-0.00005, 4, 0.0),
        (9e-10, 15, 0.0),
        (2e-9, 15, 1e-6),
        (9e-6, 15, 1e-5),
        (9e-5, 15, 1e-4),
        (1.1e-4, 15, None),
    ],
)
def test_a_return_follows_within_its_rounding_or_else_within_a_basis_point(off: float, digits: int, allowed: float | None) -> None:
    found = verdict([0.01] * 6, {END: [0.01 + off] * 6}, digits=digits)
    assert found is not None
    assert (found.off if found.holds else None) == allowed


@pytest.mark.parametrize(("factor", "scale"), [(100, "percent"), (10_000, "basis_points")])
@pytest.mark.parametrize(("off", "allowed"), [(9e-7, 1e-6), (9e-6, 1e-5), (9e-5, 1e-4), (1.1e-4, None)])
def test_what_a_return_may_be_off_is_a_fraction_in_every_scale(factor: int, scale: str, off: float, allowed: float | None) -> None:
    found = verdict([0.01 * factor] * 6, {END: [0.01 + off] * 6}, digits=15)
    assert found is not None
    assert ((found.off, found.best.scale) if found.holds else None) == ((allowed, scale) if allowed else None)


def test_a_return_that_cannot_be_computed_does_not_follow() -> None:
    found = verdict([0.01] * 20, {END: [None, *[0.01] * 19]})
    assert found is not None
    assert (found.part, found.flowing) == (0.95, Seen(19, 20))


def test_four_hundred_rows_tell_and_those_with_a_flow_first() -> None:
    found = verdict([0.01] * 410, {END: [0.01] * 410}, flows=[0] * 400 + [1] * 10)
    assert found is not None
    assert (found.rows, found.flowing) == (400, Seen(10, 10))


def test_a_scale_and_a_sign_are_those_under_which_returns_follow() -> None:
    for factor, scale in ((100, "percent"), (10_000, "basis_points"), (-1, "fraction")):
        found = verdict([0.01 * factor] * 6, {END: [0.01] * 6})
        assert found is not None
        assert (found.best.scale, found.best.sign) == (scale, 1 if factor > 0 else -1)


def test_of_several_rows_for_an_account_and_day_the_last_one_is_asked() -> None:
    rows = pl.DataFrame({"cell:emv": ["1.00", "2.00", "3.00"]})
    keys = Keys(rows, pl.Series([date(2025, 1, 1)] * 3), pl.Series(["A1", "A1", "A2"]), (), rows, rows.clear())
    asked = FiguresOfFile(keys, {"emv": name_of("emv")}, {"emv": ()}, Notation({}), sub_period_returns)
    assert asked.sample["cell:emv"].to_list() == ["2.00", "3.00"]


@pytest.mark.parametrize(("unit", "off", "holds"), [("", 0.4, True), ("", 0.5, False), (" ($000)", 0.4, True), (" ($000)", 0.5, False)])
def test_what_rounding_puts_off_the_identity_is_counted_in_the_unit_of_the_amounts(unit: str, off: float, *, holds: bool) -> None:
    """Eight terms with one decimal each, half a unit of which is 0.05 of what is printed."""
    values = [1000 + 17 * place * place for place in range(10)]
    amounts: dict[str, Sequence[float]] = {
        "Beginning Market Value": values,
        "Contributions": [10 + 3 * place for place in range(10)],
        "Withdrawals": [5 + place for place in range(10)],
        "Ending Market Value": [value + 5 + 2 * place + off for place, value in enumerate(values)],
    }
    named = {f"{name}{unit}": readings(f"{name}{unit}") for name in amounts}
    rows = pl.DataFrame({f"cell:{name}{unit}": [f"{amount:.1f}" for amount in column] for name, column in amounts.items()})
    accounts = pl.Series([f"A{place}" for place in range(10)])
    keys = Keys(rows, pl.Series([date(2025, 1, 1)] * 10), accounts, (), rows, rows.clear())
    asked = FiguresOfFile(keys, {name: name_of(name) for name in named}, named, Notation({}), sub_period_returns)
    evidence = [found.evidence for found in asked.findings() if found.key.startswith("columns.")]
    assert ["identity holds on 100.0% of 10 rows" in said for said in evidence] == [holds] * 4
