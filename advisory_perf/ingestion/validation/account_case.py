"""Account numbers that differ by case only: two accounts unless the feed says that they are one, which a notice asks."""

import polars as pl

from advisory_perf.feeds.feed import Feed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.showing import quoted

_SHOWN = 3


def case_notices(rows: pl.DataFrame, feed: Feed, file_name: str, known: pl.DataFrame | None) -> list[Notice]:
    """A notice where accounts of the delivery differ by case only, among themselves or from the accounts that are ``known``."""
    account = feed.contract.account
    if account is None or feed.columns[account].case is not None:
        return []
    delivered = rows.select(account).drop_nulls().unique()
    accounts = delivered if known is None else pl.concat([delivered, known.select(account)]).unique()
    folded = pl.col(account).str.to_lowercase()
    if accounts.select(folded.n_unique()).item() == accounts.height:
        return []
    twins = accounts.group_by(folded.alias("folded")).agg(pl.col(account).sort()).filter(pl.col(account).list.len() > 1)
    twins = twins.filter(pl.col(account).list.eval(pl.element().is_in(delivered[account].implode())).list.any()).sort("folded")
    if twins.is_empty():
        return []
    named = "; ".join(" and ".join(map(quoted, spelled)) for spelled in twins[account].head(_SHOWN))
    more = f" and {twins.height - _SHOWN} more" if twins.height > _SHOWN else ""
    return [
        Notice(
            "W_ID_CASE",
            f"{feed.vendor}, {file_name}: the accounts {named}{more} differ by case only; set case: upper for {account} in the feed"
            " if they are one, or case: keep if they are not",
        )
    ]
