"""How many rows of each day a delivery has, and what became of them: what its quality is counted from, day by day."""

import polars as pl

from advisory_perf.contracts.datasets import Dataset
from advisory_perf.ingestion.validation.rows import Validated

KEY_CONFLICT = "E_KEY_CONFLICT"
DAY_COUNTS = pl.Schema({"as_of_date": pl.Date(), **dict.fromkeys(("accepted", "quarantined", "conflicting", "duplicate"), pl.Int64())})


def day_counts(validated: Validated, contract: Dataset) -> pl.DataFrame:
    """DAY_COUNTS of a delivery by day; ``conflicting`` are those quarantined rows whose key two different rows claim.

    A quarantined row whose day cannot be read counts to the delivery's day where it has one, and else to no day.
    """
    quarantined = validated.quarantined.select("as_of_date", conflicting=pl.col("code") == KEY_CONFLICT)
    parts = [
        validated.accepted.group_by(as_of_date=pl.col(contract.day)).agg(accepted=pl.len()),
        quarantined.drop_nulls("as_of_date").group_by("as_of_date").agg(pl.col("conflicting").sum(), quarantined=pl.len()),
        pl.DataFrame(validated.duplicate_days, schema={"as_of_date": pl.Date(), "duplicate": pl.Int64()}, orient="row"),
    ]
    rows = pl.concat([DAY_COUNTS.to_frame(), *parts], how="diagonal_relaxed")
    counts = rows.group_by("as_of_date").agg(pl.exclude("as_of_date").sum()).sort("as_of_date").cast(DAY_COUNTS)
    undated = quarantined["as_of_date"].null_count()
    return counts.with_columns(pl.col("quarantined") + undated) if counts.height == 1 else counts
