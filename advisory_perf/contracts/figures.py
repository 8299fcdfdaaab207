"""How figures are shown to a person: money with separators and its four decimals, returns in percent, their differences in basis points."""

from decimal import Decimal

from advisory_perf.contracts.enums import ReconciledField


def shown_figure(value: Decimal, field_name: object) -> str:
    """Ours or the vendor's: 1,932,051.2000, or 1.068001 % of a return."""
    return f"{value * 100:.6f} %" if field_name == ReconciledField.TWRR else f"{value:,.4f}"


def shown_difference(value: Decimal, field_name: object) -> str:
    """A variance: +1,262.15 (its decimals as far as they say something, two at least), or +14.0 bp of a return."""
    if field_name == ReconciledField.TWRR:
        return f"{value * 10_000:+,.1f} bp"
    whole, _, decimals = f"{value:+,.4f}".partition(".")
    return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"
