"""One sub-period return in words and amounts: the formula that its conventions and its day choose, with what was put into it.

The numbers are those of ``returns``; only the text is made here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

import polars as pl

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import FeeBasis, FlowTiming, ReturnStatus
from advisory_perf.performance.returns import CountsFrom, sub_period_returns, with_exact_terms

_NET_FLOW = "({contributions} - {distributions})"
_BEGIN = "{beginning_market_value}"
_GAIN = "{end} - " + f"{_BEGIN} - {_NET_FLOW}"
_END = {FeeBasis.NET: "{ending_market_value}", FeeBasis.GROSS: "{ending_market_value} + {fees}"}
_AT_START, _AT_END = f"{_BEGIN} + {_NET_FLOW}", _BEGIN
_BASES = {
    FlowTiming.START_OF_DAY: _AT_START,
    FlowTiming.END_OF_DAY: _AT_END,
    FlowTiming.MID_DAY: f"{_BEGIN} + {_NET_FLOW} / 2",
    FlowTiming.INFLOW_START_OUTFLOW_END: f"{_BEGIN} + {{contributions}}",
    FlowTiming.WEIGHTED: f"{_BEGIN} + {{weight}} * {_NET_FLOW}",
}
_AMOUNTS = ("beginning_market_value", "contributions", "distributions", "ending_market_value", "fees")

_DIGITS = 60
"""Of a quotient: those of money and of a weight together are fewer."""

_RULES = {
    CountsFrom.TIMING: "the flow counts as the flow timing says",
    CountsFrom.START: "a funding: what was there before is nothing beside the flow, which counts from the start under every timing",
    CountsFrom.END: "a closing: what is left is nothing beside the flow, which counts at the end under every timing",
}

WHY_NO_RETURN = {
    ReturnStatus.MISSING_VALUE: "a value that the return needs is missing",
    ReturnStatus.UNDEFINED_BASE: "the base is zero or negative, or nothing beside the flow",
    ReturnStatus.BELOW_MINIMUM_BASE: "the base is below the least one that the feed allows",
    ReturnStatus.BEYOND_TOTAL_LOSS: "more than everything was lost",
    ReturnStatus.CURRENCY_CHANGE: "the valuation before is in another currency, so that there is no return without a rate",
    ReturnStatus.CLOSED: "the account was empty throughout, so that nothing was there to earn a return",
}
"""Of each status without a return the reason, as a sentence."""


@dataclass(frozen=True, slots=True)
class ExplainedReturn:
    """How one return comes about.

    ``formula`` names its ``inputs`` (exact amounts in account currency, the weight among them; null where one is missing), and ``put_in``
    is the same with the amounts in their place, null where one is missing. The return is ``numerator`` over ``base``, both exact and in
    account currency; ``result`` is what ``sub_period_returns`` gives (a fraction), null where ``status`` says why, and ``growth_factor``
    1 + the return, which linking multiplies by. ``rule`` says when the flow counts.
    """

    formula: str
    put_in: str | None
    inputs: Mapping[str, Decimal | None]
    numerator: Decimal | None
    base: Decimal | None
    result: float | None
    growth_factor: float | None
    status: ReturnStatus
    rule: str


def explained_return(  # noqa: PLR0913 - the conventions of a return
    amounts: Mapping[str, Decimal | None],
    *,
    timing: FlowTiming,
    fee_basis: FeeBasis,
    weight: Decimal | None = None,
    minimum_base: Decimal | None = None,
    residual_base: Decimal | None = None,
    large_flow: Decimal | None = None,
    of_history: ReturnStatus | None = None,
) -> ExplainedReturn:
    """The return of one row by the conventions of ``sub_period_returns``, where formulas, sources and errors stand.

    ``amounts`` has beginning_market_value, contributions, distributions, ending_market_value, and fees where gross. ``of_history`` is
    CURRENCY_CHANGE or CLOSED where the valuations before give the row that status in place of a return.
    """
    names = [name for name in _AMOUNTS if name != "fees" or fee_basis is FeeBasis.GROSS]
    inputs = {name: amounts[name] for name in names} | ({"weight": weight} if timing is FlowTiming.WEIGHTED else {})
    agreed: dict[str, Any] = {"timing": timing, "fee_basis": fee_basis, "weight": weight, "residual_base": residual_base}
    row = with_exact_terms(pl.DataFrame({name: [inputs[name]] for name in names}, schema=dict.fromkeys(names, MONEY)), **agreed)
    found = sub_period_returns(row, **agreed, minimum_base=minimum_base, large_flow=large_flow).row(0, named=True)
    counts_from = CountsFrom(found["counts_from"])
    base = {CountsFrom.TIMING: _BASES[timing], CountsFrom.START: _AT_START, CountsFrom.END: _AT_END}[counts_from]
    template = f"({_GAIN}) / ({base})".replace("{end}", _END[fee_basis])
    return ExplainedReturn(
        formula=template.format_map({name: name for name in inputs}),
        put_in=template.format_map({name: _written(value) for name, value in inputs.items() if value is not None})
        if None not in inputs.values()
        else None,
        inputs=inputs,
        numerator=_unscaled(found["exact_gain"], found["scale"]),
        base=_unscaled(found["exact_base"], found["scale"]),
        result=found["calculated_twrr"] if of_history is None else None,
        growth_factor=found["growth_factor"] if of_history is None else None,
        status=of_history or ReturnStatus(found["return_status"]),
        rule=_RULES[counts_from],
    )


def _written(amount: Decimal) -> str:
    """In parentheses where a sign would stand beside another."""
    return f"{amount:f}" if amount >= 0 else f"({amount:f})"


def _unscaled(amount: Decimal | None, scale: int) -> Decimal | None:
    """Exact: the scale is a weight's denominator, whose decimals end."""
    with localcontext(prec=_DIGITS):
        return None if amount is None else amount / scale
