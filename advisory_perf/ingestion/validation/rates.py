"""The rules of exchange rates across columns: both codes are active ones of ISO 4217, and they are two."""

import polars as pl

from advisory_perf.contracts.currencies import ACTIVE
from advisory_perf.feeds.rates_feed import RatesFeed
from advisory_perf.ingestion.validation.rules import RowRules, Screened, refused

_PAIR = ("base_currency", "quote_currency")


class RateRules(RowRules[RatesFeed]):
    """What a rate has to keep beside the types of its cells."""

    def in_scale(self, good: pl.DataFrame, feed: RatesFeed, file_name: str) -> Screened:  # noqa: ARG002
        """The rates of two active currencies; others are E_CURRENCY, and those of a currency in itself E_RATE."""
        is_known = pl.all_horizontal(pl.col(name).is_in(sorted(ACTIVE)) for name in _PAIR)
        is_pair = pl.col("base_currency") != pl.col("quote_currency")
        pair = pl.format("{}/{}", *_PAIR)
        unknown, alone = good.filter(~is_known), good.filter(is_known & ~is_pair)
        wrong = pl.concat([refused(unknown, "E_CURRENCY", pair), refused(alone, "E_RATE", pair)])
        return Screened(good.filter(is_known & is_pair), wrong)


RATE_RULES = RateRules()
