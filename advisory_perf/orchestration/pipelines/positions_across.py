"""What accounts of a feed tell of each other, as checks of what is published of positions, and as issues of its deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from advisory_perf.contracts.issue_codes import (
    NEW_ACCOUNT,
    PORTFOLIO_DAYS,
    RENUMBERED,
    RETURN_OUTLIER,
    TOTAL_BREAK,
    TOTAL_MOVE,
    TRANSFER_APART,
    Code,
)
from advisory_perf.contracts.windows import WindowRange
from advisory_perf.deliveries.across_issues import first_quarantined
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.orchestration.asset_checks import Finding, Rule
from advisory_perf.platform import Platform
from advisory_perf.positions.across import Across, across_accounts
from advisory_perf.positions.looked_back import LookedBack
from advisory_perf.quality.across_accounts import by_window, days_apart, new_accounts, renumbered_accounts
from advisory_perf.quality.outliers import return_outliers
from advisory_perf.quality.portfolio_totals import total_breaks, total_moves, with_previous
from advisory_perf.quality.transfers import NEIGHBOURS, transfers_apart
from advisory_perf.reconciliation.delivery_factors import BEGINNING

_OF: Mapping[Code, Rule] = {
    TOTAL_BREAK: Rule("totals_continue", "each total begins as it ended before, with who joined and without who left", hard=False),
    TOTAL_MOVE: Rule("totals_in_bounds", "no total moves by more than agreed, flows aside", hard=False),
    NEW_ACCOUNT: Rule("new_accounts_are_few", "no more than the agreed share of a window's accounts comes for the first time", hard=False),
    RENUMBERED: Rule("account_numbers_kept", "no account begins with the very value of one that is gone", hard=False),
    PORTFOLIO_DAYS: Rule("portfolio_days_agree", "the accounts of a portfolio are valued on one day", hard=False),
    TRANSFER_APART: Rule("transfers_have_two_sides", "both sides of an internal transfer have one day and one amount", hard=False),
    RETURN_OUTLIER: Rule("returns_beside_others", "no return lies far from its portfolio's or its account's own", hard=False),
}
ACROSS_RULES: Sequence[Rule] = tuple(_OF.values())


@dataclass(frozen=True, slots=True)
class FoundAcross:
    """By code what was found, as ``publish_across`` takes it, and the findings of ACROSS_RULES."""

    issues: Mapping[Code, pl.DataFrame]
    findings: Sequence[Finding]


def found_across(
    platform: Platform, feed: PositionsFeed, windows: WindowRange, full: pl.DataFrame, looked: LookedBack, factors: pl.DataFrame
) -> FoundAcross:
    """What the run's accounts tell of each other; ``full`` has their positions, flows and returns in one frame.

    Where one of DELIVERY_FACTORS, ``factors``, puts the values of a whole delivery off, its totals are not named besides.
    """
    across = across_accounts(platform, feed, windows, full, looked)
    issues = issues_across(feed, across)
    whole = factors.filter(field_name=BEGINNING)
    issues = {
        **issues,
        TOTAL_BREAK: issues[TOTAL_BREAK].join(whole, on=["delivery_id", "as_of_date"], how="anti", maintain_order="left"),
        NEW_ACCOUNT: _not_quarantined_before(platform, feed, issues[NEW_ACCOUNT]),
    }
    findings = [Finding(rule, issues[code], full.height) for code, rule in _OF.items() if code is not NEW_ACCOUNT]
    return FoundAcross(issues, [*findings, _few_are_new(issues[NEW_ACCOUNT], full, platform.settings.missing_share)])


def issues_across(feed: PositionsFeed, across: Across) -> dict[Code, pl.DataFrame]:
    """By code what is found; an account that seems to be another under a new number is not named as a new one besides."""
    rows = by_window(across.rows, several=feed.valuations == "all")
    totals = with_previous(rows)
    new = new_accounts(rows, across.known)
    renumbered = renumbered_accounts(rows, new, across.quarantined)
    return {
        TOTAL_BREAK: total_breaks(totals),
        TOTAL_MOVE: total_moves(totals, bound=feed.plausibility.total_move),
        NEW_ACCOUNT: new.join(renumbered, on=["account_id", "as_of_date"], how="anti", maintain_order="left"),
        RENUMBERED: renumbered,
        PORTFOLIO_DAYS: days_apart(rows, across.last_days, across.quarantined, cadence=feed.cadence),
        TRANSFER_APART: transfers_apart(across.rows, neighbours=NEIGHBOURS[feed.cadence]),
        RETURN_OUTLIER: return_outliers(across.returns, bound=float(feed.plausibility.outlier)),
    }


def _not_quarantined_before(platform: Platform, feed: PositionsFeed, new: pl.DataFrame) -> pl.DataFrame:
    """Without accounts that came before, in quarantine."""
    if new.is_empty():
        return new
    came = first_quarantined(platform.warehouse, feed.name, new["account_id"].unique().to_list())
    is_first = pl.col("first_quarantined").is_null() | (pl.col("first_quarantined") >= pl.col("as_of_date"))
    return new.join(came, on="account_id", how="left", maintain_order="left").filter(is_first)


def _few_are_new(new: pl.DataFrame, full: pl.DataFrame, share: float) -> Finding:
    accounts = full.group_by("as_of_date").agg(pl.len().alias("accounts"))
    days = new.group_by("as_of_date").agg(pl.len().alias("new")).join(accounts, on="as_of_date")
    many = days.filter(pl.col("new") > share * pl.col("accounts")).sort("as_of_date")
    return Finding(_OF[NEW_ACCOUNT], many, full.height, failed=int(many["new"].sum()), metadata={"new": new.height})
