from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from advisory_perf.analytics import composites
from advisory_perf.analytics.composites import member_months, weighted_months
from advisory_perf.analytics.months import account_months
from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import Cadence, FeeBasis, FlowTiming, TransferNetting
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.analytics.exact import LIMIT, Row
from advisory_perf_tests.analytics.scenarios import book, conventions, row
from advisory_perf_tests.performance.exact import Conventions, exact_return, month_end
from advisory_perf_tests.performance.scenarios import a_schedule

MONTHLY = conventions(schedule=a_schedule(Cadence.MONTHLY))
aggregate_months = partial(composites.aggregate_months, transfers=TransferNetting.MATCHED)


def end_of(number: int) -> date:
    """The last day of a month, counted from January 2024."""
    return month_end(date(2024 + number // 12, number % 12 + 1, 1))


def months(*rows: tuple[str, int, Any, float | None], currency: str = "EUR") -> pl.DataFrame:
    """Months of accounts from (account, month, beginning value, net return); gross earns one percent more."""
    return pl.DataFrame(
        {
            "account_id": [account for account, *_ in rows],
            "month": [end_of(number) for _, number, *_ in rows],
            "beginning_market_value": pl.Series([Decimal(begin) for _, _, begin, _ in rows], dtype=MONEY),
            "ending_market_value": pl.Series([Decimal(begin) + 1 for _, _, begin, _ in rows], dtype=MONEY),
            "currency": [currency] * len(rows),
            "gross_return": pl.Series([None if value is None else value + 0.01 for *_, value in rows], dtype=pl.Float64()),
            "net_return": pl.Series([value for *_, value in rows], dtype=pl.Float64()),
        }
    )


def membership(*stays: tuple[str, date, date | None], composite: str = "C") -> pl.DataFrame:
    schema = {"composite": pl.String(), "account_id": pl.String(), "from_date": pl.Date(), "to_date": pl.Date()}
    return pl.DataFrame([(composite, *stay) for stay in stays], schema=schema, orient="row")


def column(frame: pl.DataFrame, name: str) -> list[Any]:
    return frame[name].to_list()


# members --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "counted_months"),
    [
        (date(2024, 1, 1), None, [0, 1, 2]),
        (date(2024, 1, 2), None, [1, 2]),
        (date(2024, 1, 31), date(2024, 2, 29), [1]),
        (date(2024, 1, 1), date(2024, 2, 28), [0]),
        (date(2024, 1, 1), date(2024, 2, 29), [0, 1]),
        (date(2024, 2, 2), date(2024, 2, 28), []),
        (date(2023, 12, 1), date(2024, 1, 30), [-1]),
        (date(2024, 3, 1), date(2030, 1, 1), [2]),
        (date(2025, 3, 1), None, []),
    ],
)
def test_a_portfolio_is_a_member_for_whole_months_only(first: date, last: date | None, counted_months: Sequence[int]) -> None:
    found = member_months(membership(("A", first, last)), months(*(("A", number, 100, 0.01) for number in (0, 1, 2))))
    assert column(found, "month") == [end_of(number) for number in counted_months]


def test_a_stay_that_overlaps_another_or_ends_before_it_begins_is_refused() -> None:
    of = months(("A", 0, 100, 0.0))
    with pytest.raises(ValueError, match="account A joins C on 2024-02-01, while it is a member; end its stay"):
        member_months(membership(("A", date(2024, 1, 1), date(2024, 2, 1)), ("A", date(2024, 2, 1), None)), of)
    with pytest.raises(ValueError, match="account A joins C on 2024-02-01, while it is a member"):
        member_months(membership(("A", date(2024, 1, 1), None), ("A", date(2024, 2, 1), None)), of)
    with pytest.raises(ValueError, match="account A leaves C on 2024-01-01, before it joins on 2024-02-01"):
        member_months(membership(("A", date(2024, 2, 1), date(2024, 1, 1))), of)
    again = membership(("A", date(2023, 11, 1), date(2023, 11, 30)), ("A", date(2024, 1, 1), None))
    assert column(member_months(again, of), "month") == [date(2023, 11, 30), end_of(0)]


def test_without_months_or_stays_there_are_no_members() -> None:
    stay, of = membership(("A", date(2024, 1, 1), None)), months(("A", 0, 100, 0.1))
    none = member_months(stay.clear(), of)
    assert none.height == member_months(stay, of.clear()).height == weighted_months(none).height == 0
    assert aggregate_months(book(valued("A", 0, 100, 110)), none, conventions=MONTHLY).height == 0


# weighted by beginning value ------------------------------------------------------------------------------------------

BOTH = membership(("A", date(2024, 1, 1), None), ("B", date(2024, 2, 1), None))


def test_returns_are_weighted_by_beginning_values_gross_and_net_side_by_side() -> None:
    found = weighted_months(member_months(BOTH, months(("A", 0, 100, 0.02), ("B", 0, 900, 0.5), ("A", 1, 100, 0.02), ("B", 1, 300, 0.06))))
    assert column(found, "net_return") == pytest.approx([0.02, 0.05])
    assert column(found, "gross_return") == pytest.approx([0.03, 0.06])
    assert column(found, "members") == [1, 2]
    assert column(found, "beginning_assets") == [100, 400]
    assert column(found, "composite_assets") == [101, 402]


def test_a_member_without_a_return_leaves_the_month_without_one() -> None:
    found = weighted_months(member_months(BOTH, months(("A", 0, 100, 0.02), ("A", 1, 100, 0.02), ("A", 2, 100, 0.02), ("B", 2, 1, None))))
    assert column(found, "missing_members") == [0, 1, 1]
    assert column(found, "composite_status") == ["OK", "MISSING_MEMBERS", "MISSING_MEMBERS"]
    assert found.select("net_return", "gross_return", "composite_assets").rows()[1:] == [(None, None, None)] * 2


def test_members_in_two_currencies_have_no_composite_return() -> None:
    of = pl.concat([months(("A", 1, 100, 0.02)), months(("B", 1, 100, 0.02), currency="USD")])
    found = weighted_months(member_months(membership(("A", end_of(0), None), ("B", end_of(0), None)), of))
    assert found.select("composite_status", "currency", "net_return", "beginning_assets").row(0) == ("SEVERAL_CURRENCIES", None, None, None)


def test_members_worth_nothing_have_no_composite_return() -> None:
    found = weighted_months(member_months(BOTH, months(("A", 0, 0, 0.02))))
    assert found.select("composite_status", "net_return").row(0) == ("MISSING_VALUE", None)


def test_a_gross_return_that_is_not_known_leaves_the_net_one() -> None:
    of = months(("A", 0, 100, 0.02)).with_columns(gross_return=pl.lit(None, pl.Float64()))
    found = weighted_months(member_months(BOTH, of))
    assert found.select("composite_status", "net_return", "gross_return").row(0) == ("OK", 0.02, None)


# aggregate ------------------------------------------------------------------------------------------------------------


def valued(account: str, number: int, begin: Any, end: Any, **more: Any) -> Row:
    return {**row(account, 0, begin, end, **more), "as_of_date": end_of(number)}


def aggregated(rows: Sequence[Row], stays: pl.DataFrame, timing: FlowTiming = FlowTiming.START_OF_DAY) -> pl.DataFrame:
    positions, said = book(*rows), replace(MONTHLY, timing=timing)
    return aggregate_months(positions, member_months(stays, account_months(positions, conventions=said)), conventions=said)


def test_the_aggregate_method_is_the_return_of_all_members_money() -> None:
    rows = [
        valued("A", 0, 1000, 1100, fees=10),
        valued("A", 1, 1100, 1110, fees=0),
        valued("B", 0, 5, 500, fees=0),
        valued("B", 1, 9000, 9010, fees=101),
    ]
    found = aggregated(rows, BOTH)
    assert column(found, "net_return") == pytest.approx([0.1, 20 / 10_100])
    assert column(found, "gross_return") == pytest.approx([0.11, 121 / 10_100])
    assert column(found, "members") == [1, 2]
    assert column(found, "composite_assets") == [1100, 10_120]


def test_a_member_that_leaves_is_missed_by_nobody_and_one_that_stays_away_is() -> None:
    rows = [valued(account, number, 100, 110) for account in "AB" for number in range(3) if (account, number) != ("B", 1)]
    declared = membership(("A", date(2024, 1, 1), None), ("B", date(2024, 1, 1), date(2024, 1, 31)))
    assert column(aggregated(rows, declared), "composite_status") == ["OK"] * 3
    still_in = membership(("A", date(2024, 1, 1), None), ("B", date(2024, 1, 1), None))
    found = aggregated(rows, still_in)
    assert column(found, "composite_status") == ["OK", "MISSING_MEMBERS", "MISSING_MEMBERS"]
    assert column(found, "net_return") == [pytest.approx(0.1), None, None]


def test_an_account_may_be_in_several_composites() -> None:
    rows = [valued(account, 0, 100, end) for account, end in (("A", 110), ("B", 120), ("C", 130))]
    stays = pl.concat(
        [
            membership(("A", date(2024, 1, 1), None), ("B", date(2024, 1, 1), None), composite="one"),
            membership(("B", date(2024, 1, 1), None), ("C", date(2024, 1, 1), None), composite="two"),
        ]
    )
    found = aggregated(rows, stays)
    assert found.select("composite", "members").rows() == [("one", 2), ("two", 2)]
    assert column(found, "net_return") == pytest.approx([0.15, 0.25])


@pytest.mark.parametrize("missing", [date(2024, 2, 7), date(2024, 3, 1)])
def test_a_day_on_which_a_member_is_not_valued_leaves_the_month_without_a_return(missing: date) -> None:
    daily = conventions(schedule=a_schedule(Cadence.DAILY, weekends=True))
    days = [date(2024, 2, 1) + timedelta(days=number) for number in range(60)]
    rows = [{**row(name, 0, 100, 100), "as_of_date": each} for name in "AB" for each in days if (name, each) != ("B", missing)]
    positions = book(*rows)
    both = membership(("A", date(2024, 2, 1), None), ("B", date(2024, 2, 1), None))
    of_accounts = account_months(positions, conventions=daily)
    found = aggregate_months(positions, member_months(both, of_accounts), conventions=daily)
    without = {2: 0, 3: 1}[missing.month]
    assert found.select("composite_status", "missing_members", "net_return").row(without) == ("MISSING_MEMBERS", 1, None)
    assert found.select("composite_status", "missing_members", "net_return").row(1 - without) == ("OK", 0, 0)
    alone = aggregate_months(positions, member_months(both.head(1), of_accounts), conventions=daily)
    assert alone["net_return"].to_list() == [0, 0]


# against exact arithmetic ---------------------------------------------------------------------------------------------

AMOUNTS = ("beginning_market_value", "contributions", "distributions", "ending_market_value", "fees")

cents = st.integers(1, 10**9).map(lambda units: units * Decimal("0.01"))
flows = st.one_of(st.just(Decimal(0)), cents)
monthly = st.tuples(cents, flows, flows, st.integers(-3000, 3000), flows)
histories = st.dictionaries(st.sampled_from("ABCDE"), st.lists(monthly, min_size=4, max_size=4), min_size=1)
stays = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(sorted)


def history(account: str, figures: Sequence[tuple[Decimal, Decimal, Decimal, int, Decimal]]) -> list[Row]:
    rows, value = [], figures[0][0]
    for number, (_, into, out, move, fees) in enumerate(figures):
        end = max(((value + into) * (1 + Decimal(move) / 10_000)).quantize(Decimal("0.01")) - out, Decimal("0.01"))
        rows.append(valued(account, number, value, end, into=into, out=out, fees=fees))
        value = end
    return rows


def agrees(found: float | None, expected: Fraction | None) -> bool:
    if found is None or expected is None:
        return found is None and expected is None
    return abs(Fraction(found) - expected) <= LIMIT * max(Fraction(1), abs(expected))


@accepts_at_least(0.3)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(histories, st.data(), st.sampled_from([FlowTiming.START_OF_DAY, FlowTiming.END_OF_DAY, FlowTiming.MID_DAY]), st.integers(0, 99))
def test_both_methods_are_within_one_in_a_million_million_in_any_order(
    figures: dict[str, Any], data: st.DataObject, timing: FlowTiming, seed: int
) -> None:
    rows = [each for account in figures for each in history(account, figures[account])]
    spans = {account: data.draw(stays) for account in figures}
    declared = membership(
        *((account, end_of(first - 1) if first else date(2024, 1, 1), end_of(last)) for account, (first, last) in spans.items())
    )
    declared = declared.with_columns(pl.col("from_date").dt.offset_by("1d").dt.month_start())
    said = replace(MONTHLY, timing=timing)
    positions = book(*rows)
    shuffled = positions.sample(fraction=1, shuffle=True, seed=seed)
    members = member_months(declared, account_months(positions, conventions=said))
    others = member_months(declared.reverse(), account_months(shuffled, conventions=said))
    assert_frame_equal(weighted_months(members), weighted_months(others.reverse()), check_exact=True)
    found = aggregate_months(positions, members, conventions=said)
    assert_frame_equal(found, aggregate_months(shuffled, others.reverse(), conventions=said), check_exact=True)
    by_weight = {each["month"]: each for each in weighted_months(members).rows(named=True)}
    has_begun, is_broken = False, False
    for number in range(4):
        inside = [each for each in rows if each["as_of_date"] == end_of(number) and is_inside(number, spans[each["account_id"]])]
        if not inside:
            assert end_of(number) not in by_weight
            is_broken = has_begun
        else:
            weighted, whole = by_weight[end_of(number)], found.filter(pl.col("month") == end_of(number)).row(0, named=True)
            for basis, name in ((FeeBasis.NET, "net_return"), (FeeBasis.GROSS, "gross_return")):
                by_value, in_sum = exact_composite(inside, Conventions(timing, basis))
                assert agrees(weighted[name], by_value)
                assert agrees(whole[name], in_sum if by_value is not None and not is_broken else None)
                counted("months", whole[name] is not None)
            has_begun, is_broken = True, False


def is_inside(number: int, span: Sequence[int]) -> bool:
    return span[0] <= number <= span[1]


def exact_composite(inside: Sequence[Row], said: Conventions) -> tuple[Fraction | None, Fraction | None]:
    """The composite's return of a month by the beginning values of its members, and as that of their sum."""
    values = [exact_return(each, said)[0] for each in inside]
    nets = [exact_return(each, replace(said, fee_basis=FeeBasis.NET))[0] for each in inside]
    total = {name: sum((Fraction(each[name]) for each in inside), Fraction(0)) for name in AMOUNTS}
    known = [value for value in values if value is not None]
    if None in nets or len(known) < len(values):
        return None, None
    weights = [Fraction(each["beginning_market_value"]) for each in inside]
    mean = sum((weight * value for weight, value in zip(weights, known, strict=True)), Fraction(0)) / sum(weights)
    return mean, exact_return(total, said)[0]
