"""The feed of exchange rates: prices of currencies in each other on days."""

from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from advisory_perf.contracts.datasets import RATES, Dataset
from advisory_perf.feeds.feed import Feed


class RatesFeed(Feed):
    """The contract of a vendor's exchange rates.

    ``rate_jump`` is the factor by which a rate may differ from the one before it.
    """

    contract: ClassVar[Dataset] = RATES

    dataset: Literal["rates"] = "rates"
    rate_jump: Decimal = Field(default=Decimal("1.25"), gt=1)
