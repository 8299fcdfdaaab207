"""Whether a delivery looks like those of its feed before it: a pure function of their profiles.

A figure is held against the median of the earlier ones. It may differ by SPREADS times the median absolute deviation from it, which
single odd deliveries among them do not move, and by a floor at least, since files that were all alike have no deviation. Fewer than
LEAST_EARLIER earlier figures say nothing. What is found is a notice: it keeps nothing back.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from statistics import median

from advisory_perf.feeds.feed import Feed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.profile import ColumnProfile, DeliveryProfile

LOOKED_BACK = 20
"""Earlier deliveries of the feed that a delivery is held against."""
LEAST_EARLIER = 5
SPREADS = 6
"""About four standard deviations, where figures are distributed normally."""
SHARE_FLOOR = Fraction(1, 5)
"""A row count or a sum may always differ by this share of the median."""
ROWS_FLOOR = 5
"""A row count may always differ by so many rows."""
BLANKS_FLOOR = Fraction(1, 20)
"""The share of a column that is blank may always differ by this, and by what two rows make."""


def drift_from(earlier: Sequence[DeliveryProfile], profile: DeliveryProfile, feed: Feed, file_name: str) -> list[Notice]:
    """Notices of a row count, a column's share of blanks, or a sum of a figure that the deliveries before it do not have.

    Sums are those of the dataset's ``figures``, which every row prints; flows come and go.
    """
    where = f"{feed.vendor}, {file_name}"
    found = [
        ("W_PROFILE_ROWS", _rows(earlier, profile)),
        ("W_PROFILE_BLANKS", "; ".join(filter(None, (_blanks(earlier, profile, column) for column in profile.columns)))),
        ("W_PROFILE_SUM", "; ".join(filter(None, (_sum(earlier, profile, name) for name in feed.contract.figures)))),
    ]
    return [Notice(code, f"{where}: {says}; ask the vendor whether the file is whole and meant so") for code, says in found if says]


def _rows(earlier: Sequence[DeliveryProfile], profile: DeliveryProfile) -> str:
    return _strays("rows", Fraction(profile.rows), [Fraction(one.rows) for one in earlier], _floor_of_rows, lambda value: f"{value:,.0f}")


def _blanks(earlier: Sequence[DeliveryProfile], profile: DeliveryProfile, column: ColumnProfile) -> str:
    shares = [share for one in earlier for share in (_share(one, _named(one, column.name)),) if share is not None]
    own = _share(profile, column)
    if own is None:
        return ""
    floor = max(BLANKS_FLOOR, Fraction(2, profile.cells))
    return _strays(f"blank cells of {column.name}", own, shares, lambda _: floor, lambda value: f"{value:.1%}")


def _sum(earlier: Sequence[DeliveryProfile], profile: DeliveryProfile, field: str) -> str:
    totals = [total for one in earlier for total in (_total(one, field),) if total is not None]
    own = _total(profile, field)
    if own is None:
        return ""
    return _strays(f"sum of {field}", own, totals, lambda middle: abs(middle) * SHARE_FLOOR, lambda value: f"{value:,.2f}")


def _floor_of_rows(middle: Fraction) -> Fraction:
    return max(middle * SHARE_FLOOR, Fraction(ROWS_FLOOR))


def _named(profile: DeliveryProfile, name: str) -> ColumnProfile | None:
    return next((column for column in profile.columns if column.name == name), None)


def _share(profile: DeliveryProfile, column: ColumnProfile | None) -> Fraction | None:
    return Fraction(column.blanks, profile.cells) if column is not None and profile.cells else None


def _total(profile: DeliveryProfile, field: str) -> Fraction | None:
    totals = (column.total for column in profile.columns if column.field == field)
    return next((Fraction(total) for total in totals if total is not None), None)


def _strays(
    what: str, own: Fraction, earlier: Sequence[Fraction], floor: Callable[[Fraction], Fraction], printed: Callable[[Decimal], str]
) -> str:
    """The sentence about a figure that lies further from the median of the earlier ones than they do; empty where it does not."""
    if len(earlier) < LEAST_EARLIER:
        return ""
    middle = median(earlier)
    reach = max(SPREADS * median(abs(value - middle) for value in earlier), floor(middle))
    if abs(own - middle) <= reach:
        return ""
    own_text, usual, least, most = (printed(_decimal(value)) for value in (own, middle, middle - reach, middle + reach))
    return f"{what}: {own_text}, where the last {len(earlier)} deliveries have {usual} (median; {least} to {most} pass)"


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
