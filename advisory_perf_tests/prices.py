"""A dataset of two columns that the package knows nothing of: the price of something on a day, one price a day."""

from typing import Any, ClassVar, Literal

import polars as pl

from advisory_perf.contracts.columns import COLUMNS, Column, Kind
from advisory_perf.contracts.datasets import PROVENANCE, Dataset
from advisory_perf.contracts.tables import Table
from advisory_perf.contracts.windows import WindowRange
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.registry import FEED_MODELS
from advisory_perf.ingestion.validation.rules import RowRules, Screened, refused
from advisory_perf.orchestration.pipelines.model import Computed, Inputs, Pipeline, Pipelines, Stage
from advisory_perf.orchestration.pipelines.registry import PIPELINES
from advisory_perf.platform import Platform

DICTIONARY = COLUMNS | {
    "valued_on": Column("valued_on", Kind.DATE, "the day of the price"),
    "price": Column("price", Kind.MONEY, "what one unit cost at the end of the day"),
}
DELIVERED = Table(
    "delivered_prices",
    "the rows of one delivery that became prices",
    ("valued_on", "price", *PROVENANCE),
    ("valued_on",),
    dictionary=DICTIONARY,
)
SERIES = Table("price_series", "one price a day", ("as_of_date", "price"), ("as_of_date",), dictionary=DICTIONARY)
DATASET = Dataset(
    name="prices",
    row="price",
    delivered=DELIVERED,
    key=("valued_on",),
    day="valued_on",
    required=("valued_on", "price"),
    unsigned=("price",),
    figures=("price",),
)


class PricesFeed(Feed):
    contract: ClassVar[Dataset] = DATASET

    dataset: Literal["prices"] = "prices"


class PriceRules(RowRules[PricesFeed]):
    def in_scale(self, good: pl.DataFrame, feed: PricesFeed, file_name: str) -> Screened:  # noqa: ARG002
        """A price of more than ten times the one before is refused."""
        ordered = good.sort("valued_on")
        jumps = (pl.col("price") > 10 * pl.col("price").shift(1)).fill_null(value=False)
        return Screened(
            ordered.filter(~jumps).sort("line_number"), refused(ordered.filter(jumps), "E_VALUE_JUMP", pl.col("price").cast(pl.String()))
        )


RULES = PriceRules()


def series(platform: Platform, feed: PricesFeed, windows: WindowRange, inputs: Inputs) -> Computed:
    """The prices of the windows, of whatever deliveries there are."""
    keys = platform.lake.partition_keys(DELIVERED.name, feed.name, "delivery")
    rows = platform.lake.read_partitions(DELIVERED.name, feed.name, "delivery", keys)
    rows = rows.filter(pl.col("valued_on").is_between(windows.first_day, windows.last_day))
    return Computed(rows.select(pl.col("valued_on").alias("as_of_date"), "price").sort("as_of_date"), [])


PRICES_PIPELINE = Pipeline(DATASET, RULES, (Stage(SERIES, (), (), series),))
MODELS: dict[str, type[Feed]] = {**FEED_MODELS, "prices": PricesFeed}
PIPELINES_WITH_PRICES: Pipelines = {**PIPELINES, "prices": PRICES_PIPELINE}


def prices_as_data(**changes: Any) -> dict[str, Any]:
    """What a feed of acme's prices says: a vendor that delivers positions under its own name as well."""
    return {
        "dataset": "prices",
        "vendor": "acme",
        "name": "acme_prices",
        "title": "Acme's prices",
        "cadence": "daily",
        "first_window": "2020-01-01",
        "files": {"patterns": ["prices_*"], "format": "csv"},
        "columns": {"valued_on": "Day", "price": "Price"},
        **changes,
    }


def a_prices_feed(**changes: Any) -> PricesFeed:
    return PricesFeed.model_validate(prices_as_data(**changes))
