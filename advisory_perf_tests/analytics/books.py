"""Random books of accounts, for what has to hold whatever the amounts are."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from advisory_perf_tests.analytics.scenarios import row

Row = dict[str, Any]

CENT = Decimal("0.01")
cents = st.integers(0, 10**9).map(lambda units: units * CENT)
flows = st.one_of(st.just(Decimal(0)), st.sampled_from([Decimal(600), Decimal("0.07")]), cents)
moves = st.integers(-5_000, 5_000).map(lambda units: 1 + Decimal(units) / 100_000)


@st.composite
def accounts(
    draw: st.DrawFn, name: str, days: int, *, portfolios: Sequence[str | None], currencies: Sequence[str], is_steady: bool
) -> list[Row]:
    """The valuations of an account, which may begin late, be emptied and filled again; unless it is steady miss days and stop.

    A steady one pays out no more than half of what it has, and a hundredth in fees, so that its returns are mostly defined.
    """
    first, last = draw(st.integers(0, 3)), days - 1 if is_steady else draw(st.integers(days - 2, days - 1))
    value, found = draw(flows), []
    for place in range(first, last + 1):
        if not is_steady and draw(st.integers(0, 11)) == 0:
            continue
        into, out, fees = draw(flows), draw(flows), draw(flows)
        if is_steady:
            out, fees = (min(amount, ((value + into) / share).quantize(CENT)) for amount, share in ((out, 2), (fees, 100)))
        end = ((value + into) * draw(moves)).quantize(CENT) - out
        if draw(st.integers(0, 9)) == 0:
            out, end = out + max(end, Decimal(0)), Decimal(0)
        more = {"portfolio_id": draw(st.sampled_from(portfolios)), "currency": draw(st.sampled_from(currencies)), "fees": fees}
        found.append(row(name, place, value, end, into=into, out=out, **more))
        value = max(end, Decimal(0))
    return found


@st.composite
def books(
    draw: st.DrawFn,
    *,
    days: int = 8,
    portfolios: Sequence[str | None] = ("P", "P", "P", "P", "Q", None),
    currencies: Sequence[str] = ("EUR",) * 9 + ("USD",),
    is_steady: bool = False,
) -> list[Row]:
    """The valuations of two to four accounts in any order."""
    names = ["A", "B", "C", "D"][: draw(st.integers(2, 4))]
    rows = [
        each for name in names for each in draw(accounts(name, days, portfolios=portfolios, currencies=currencies, is_steady=is_steady))
    ]
    return draw(st.permutations(rows))


def departures_of(rows: Sequence[Row], share: int) -> list[tuple[str, str, date]]:
    """Every so manieth valuation of a portfolio is its account's last there."""
    ordered = sorted(rows, key=lambda each: (each["account_id"], each["as_of_date"]))
    return [(each["account_id"], each["portfolio_id"], each["as_of_date"]) for each in ordered[::share] if each["portfolio_id"]]
