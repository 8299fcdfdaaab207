"""Money in another currency, by rates of the very day, and what the currency did to a return.

A rate is the price of one unit of a currency in another on a day. It is used for that day and that direction only: no rate is carried to
another day, turned around or made of two others. Where one is missing the amount is null and says so.
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.contracts.enums import ConversionStatus, FeeBasis
from advisory_perf.performance.ordering import Frame, finite, finite_or_null, require

RATE_PLACES = 10
"""Decimal places that a rate may have, so that an amount times its rate is exact."""

_PRODUCT = pl.Decimal(38, 4 + RATE_PLACES)
_NEEDED = ("beginning_market_value", "contributions", "distributions", "ending_market_value")
_RATE_KEY = ["as_of_date", "from_currency", "to_currency"]


def converted(positions: Frame, rates: pl.DataFrame, *, to: str, rate_dates: Mapping[str, str]) -> Frame:
    """The rows with their amounts in the currency ``to``, exact and not rounded; rows stay, in their order.

    ``positions`` has currency and, for each amount named by ``rate_dates``, the column with the day whose rate it takes: a beginning value
    that of the close before, an ending value its own as_of_date, a flow the day on which it crossed. ``rates`` has as_of_date,
    from_currency, to_currency and rate (Decimal, above zero, of at most ten places), the price of one unit of from_currency in to_currency.
    An amount · its rate has up to fourteen decimal places, which it keeps. Amounts in ``to`` already need no rate. The result has

    - the amounts, converted; currency, which is ``to``; account_currency, which it was;
    - for each day column that ``rate_dates`` names, rate_of_<that column>: the rate of that day, null where there is none, 1 where the
      row's currency is ``to``;
    - conversion_status: OK; MISSING_RATE, no rate of the day from this currency to ``to``; MISSING_DATE, no day. Then all amounts of the
      row are null: never the latest rate, the inverse of another, or a part of the row in another currency. What was null stays null.

    Raises ValueError where a column is missing, an amount or a rate is no Decimal, a rate is not above zero or has more places, or two
    rates are given for a day and pair. Source: GIPS Standards 2020, section 2.A (total firm assets and returns in one currency; the
    rates have to be consistent for all portfolios).
    """
    require(positions, "a conversion", "currency", *rate_dates, *rate_dates.values())
    prices = _checked(rates).filter(pl.col("to_currency") == to)
    rows = positions.lazy().collect()
    for name in rate_dates:
        if rows.schema[name].is_float():
            raise ValueError(f"the column {name} holds floats, which do not convert exactly; cast it to Decimal where it is read")
    is_home = pl.col("currency") == to
    day_names = sorted(set(rate_dates.values()))
    for day in day_names:
        prices_of_day = prices.select(pl.col("as_of_date").alias(day), currency="from_currency", **{_rate_of(day): pl.col("rate")})
        rows = rows.join(prices_of_day, on=[day, "currency"], how="left", maintain_order="left", nulls_equal=False)
        rows = rows.with_columns(pl.when(is_home).then(pl.lit(1, _PRODUCT)).otherwise(_rate_of(day)).alias(_rate_of(day)))
    without_day = pl.any_horizontal(pl.col(day).is_null() & ~is_home for day in day_names)
    without_rate = pl.any_horizontal(pl.col(_rate_of(day)).is_null() for day in day_names)
    status = (
        pl.when(pl.col("currency").is_not_null() & without_day)
        .then(pl.lit(ConversionStatus.MISSING_DATE.value))
        .when(without_rate)
        .then(pl.lit(ConversionStatus.MISSING_RATE.value))
        .otherwise(pl.lit(ConversionStatus.OK.value))
    )
    is_ok = pl.col("conversion_status") == ConversionStatus.OK.value
    amounts = [
        pl.when(is_ok).then(finite(name, rows).cast(_PRODUCT) * pl.col(_rate_of(day))).alias(name) for name, day in rate_dates.items()
    ]
    found = rows.with_columns(conversion_status=status).with_columns(*amounts, account_currency=pl.col("currency"), currency=pl.lit(to))
    return found.lazy() if isinstance(positions, pl.LazyFrame) else found


def returns_in_both_currencies(
    positions: Frame, rates: pl.DataFrame, *, to: str, rate_dates: Mapping[str, str], conventions: ReturnConventions
) -> Frame:
    """Adds the return in the account's currency, in the currency ``to``, and what the currency did; rows stay, in their order.

    ``positions``, ``rates``, ``to`` and ``rate_dates`` are as for ``converted``; the amounts that the return needs have to be among
    ``rate_dates``. The amounts of the result are those of the account. Returns are fractions (0.01 is 1 %):

    - calculated_twrr, growth_factor, return_status: ``sub_period_returns`` of the account's own amounts;
    - all that ``returns_abroad`` adds.

    1,000 that become 1,010 EUR, at 1.10 and 1.12 USD: 1 %, 1,131.2 / 1,100 - 1 = 2.8364 %, and an effect of 1.8182 %, which is
    1.12 / 1.10 - 1. A ``minimum_base`` is an amount of the account's currency, and counts for the first return only.

    Errors as in ``returns_abroad``.
    """
    home = positions.lazy().collect()
    found = returns_abroad(conventions.returns(home), rates, to=to, rate_dates=rate_dates, conventions=conventions)
    return found.lazy() if isinstance(positions, pl.LazyFrame) else found


def returns_abroad(
    positions: pl.DataFrame, rates: pl.DataFrame, *, to: str, rate_dates: Mapping[str, str], conventions: ReturnConventions
) -> pl.DataFrame:
    """Adds to rows with a return, however it was found, that of the same amounts in ``to``; rows stay, in their order.

    ``positions`` has besides what ``returns_in_both_currencies`` needs calculated_twrr, and growth_factor, which is 1 + that; both are
    null where the account has no return. Added are

    - reporting_return, reporting_growth_factor, reporting_status: ``sub_period_returns`` of the converted amounts;
    - currency_effect: (1 + reporting return) / (1 + return) - 1, so that both link: null where either return is, and where all was lost;
    - reporting_currency, which is ``to``, conversion_status and the rates, as ``converted`` gives them.

    Errors as in ``converted`` and ``sub_period_returns``. Source: Bacon, Practical Portfolio Performance Measurement and Attribution
    (geometric currency effect: base return over local return).
    """
    amounts = [*_NEEDED, *(["fees"] if conventions.fee_basis is FeeBasis.GROSS else [])]
    unconverted = [name for name in amounts if name not in rate_dates]
    if unconverted:
        raise ValueError(f"the amounts of {unconverted[0]} have no date of their rate; name its column in rate_dates")
    own = positions.drop("calculated_twrr", "growth_factor", "return_status", strict=False)
    abroad = replace(conventions, minimum_base=None).returns(converted(own, rates, to=to, rate_dates=rate_dates))
    names = {"calculated_twrr": "reporting_return", "growth_factor": "reporting_growth_factor", "return_status": "reporting_status"}
    of_rates = ["conversion_status", *(_rate_of(day) for day in sorted(set(rate_dates.values())))]
    added = abroad.select(*of_rates, **{new: pl.col(old) for old, new in names.items()})
    effect = pl.when(pl.col("growth_factor") > 0).then(pl.col("reporting_growth_factor") / pl.col("growth_factor") - 1)
    return positions.hstack(added).with_columns(reporting_currency=pl.lit(to), currency_effect=finite_or_null(effect))


def _rate_of(day: str) -> str:
    return f"rate_of_{day}"


def _checked(rates: pl.DataFrame) -> pl.DataFrame:
    """The rates with the scale of a product; ValueError for one that is none."""
    require(rates, "a conversion", *_RATE_KEY, "rate")
    dtype = rates.schema["rate"]
    if dtype.is_float():
        raise ValueError("the column rate holds floats, which do not convert exactly; cast it to Decimal where it is read")
    value = finite("rate", rates)
    places = value.cast(pl.Decimal(38, RATE_PLACES))
    # a cast to fewer places rounds without a word, so it is cast back and compared
    checked = rates.with_columns(_is_rate=((value > 0) & (places.cast(dtype if isinstance(dtype, pl.Decimal) else _PRODUCT) == value)))
    wrong = checked.filter(~pl.col("_is_rate").fill_null(value=False)).sort(_RATE_KEY)
    if wrong.height:
        row = wrong.row(0, named=True)
        raise ValueError(
            f"the rate from {row['from_currency']} to {row['to_currency']} of {row['as_of_date']} is {row['rate']}; a rate is above zero"
            f" and has at most {RATE_PLACES} decimal places"
        )
    twice = rates.filter(pl.struct(_RATE_KEY).is_duplicated()).sort(_RATE_KEY)
    if twice.height:
        day, source, target = twice.select(_RATE_KEY).row(0)
        raise ValueError(f"there are two rates from {source} to {target} of {day}; give the one that counts")
    return rates.select(*_RATE_KEY, rate=value.cast(_PRODUCT))
