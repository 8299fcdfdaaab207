"""Figures as a person reads them."""

from decimal import Decimal

import pytest

from advisory_perf.contracts.figures import shown_difference, shown_figure


@pytest.mark.parametrize(
    ("value", "field", "figure", "difference"),
    [
        ("1932051.200000000000", "ending_market_value", "1,932,051.2000", "+1,932,051.20"),
        ("-4500.2701", "net_flow", "-4,500.2701", "-4,500.2701"),
        ("0", "net_flow", "0.0000", "+0.00"),
        ("0.010680010316", "twrr", "1.068001 %", "+106.8 bp"),
        ("-0.00006", "twrr", "-0.006000 %", "-0.6 bp"),
        ("12", "twrr", "1200.000000 %", "+120,000.0 bp"),
    ],
)
def test_money_has_its_decimals_and_returns_their_unit(value: str, field: str, figure: str, difference: str) -> None:
    assert (shown_figure(Decimal(value), field), shown_difference(Decimal(value), field)) == (figure, difference)
