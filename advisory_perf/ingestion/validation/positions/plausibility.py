"""Whether a delivery's figures fit the columns they stand in: names are confirmed by arithmetic, never by likeness.

Two equations are asked. The market value identity: beginning + contributions - distributions + income + appreciation - fees
+ other adjustments = ending. The return equation: the vendor's return earns the gain on the base of the feed's flow timing,
within ten basis points. Both are about a whole delivery; one row that breaks is the reconciliation's business. These are
coarse comparisons, in floats: no value is made here.
"""

from collections.abc import Iterator
from itertools import combinations

import polars as pl

from advisory_perf.contracts.tolerance import CENT, TEN_BASIS_POINTS
from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.fields import FLOWS, NET_FLOW, RETURN_FIELDS
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.unit_doubts import doubtful_unit
from advisory_perf.ingestion.validation.positions.flows import split_flows
from advisory_perf.performance.returns import with_gain_and_base
from advisory_perf.showing import quoted

_ADDED = ("beginning_market_value", "contributions", "income", "appreciation", "other_adjustments")
_SUBTRACTED = ("distributions", "fees", "ending_market_value")
COMPONENTS = (*_ADDED, *_SUBTRACTED)
_EITHER_SIGN = ("income", "appreciation", "fees", "other_adjustments")
_CENT = float(CENT.absolute)
_NOTHING = 0.00005
"""Half a unit of the last digit that money carries."""
_MOST_FAILING = 0.05
_MOST_UNEXPLAINED = 0.20
"""A vendor with errors in every tenth row is to be reconciled; one with more has other columns than it says."""
_LEAST_ROWS = 20
"""Fewer rows tell of swapped columns only by holding once the columns change places."""
_LEAST_TELLING = 3
"""Returns of one row or two fit by chance under one of the many swaps; an identity to the cent does not."""
_REQUIRED_MONEY = ("beginning_market_value", "contributions", "distributions", "ending_market_value")
_SAMPLE = 5000
_LEAST_CONFLICTS = 5
"""Two rows for one account and day are a conflict; this many, and nothing else, are no accounts."""
_SCALES = (100, 10_000)
_LEAST_RETURN = 0.001
_LEAST_RATIOS = 5
"""One return that is a hundred times too large is a break; several are a scale."""
_LARGEST_USUAL_RETURN = 10.0
"""Returns of more than 1000 % in most rows are percent or basis points."""


def plausibility_notices(good: pl.DataFrame, feed: PositionsFeed, file_name: str) -> list[Notice]:
    """What is implausible as notices, or DeliveryRejectedError E_SCALE_AMBIGUOUS or E_HEADER_AMBIGUOUS.

    ``good`` are the typed rows that have every value. A feed that does not map all components of the identity is not asked
    for it.
    """
    where = f"{feed.vendor}, {file_name}"
    notices = []
    scale = _scale_doubt(good, feed)
    if scale is not None:
        if feed.plausibility.scale == "reject":
            raise DeliveryRejectedError("E_SCALE_AMBIGUOUS", f"{where}: {scale}")
        notices.append(Notice("W_SCALE", f"{where}: {scale}"))
    identity = None if scale is not None else _identity_doubt(good, feed)
    if identity is not None:
        code, sentence = identity
        if feed.plausibility.identity == "reject":
            raise DeliveryRejectedError(code, f"{where}: {sentence}")
        notices.append(Notice("W_IDENTITY", f"{where}: {sentence}"))
    flows = _flow_doubt(good, feed)
    if flows is not None:
        notices.append(Notice("W_LARGE_FLOWS", f"{where}: {flows}"))
    return notices


def figures_say(last: pl.DataFrame, feed: PositionsFeed, field: str | None) -> bool | None:
    """Whether the row's figures show that its cell of ``field`` is whole, or contradict it (False); None where they say nothing."""
    if not feed.filled_fields >= set(COMPONENTS):
        return None
    figures = _figures(last, feed)
    fits = figures.select(identity_holds().fill_null(value=True)).item() and not (
        field == "vendor_twrr" and feed.has_sub_period_returns and _fitting(figures, feed) == 0
    )
    if not fits:
        return False
    is_exact = figures.select((_surplus().abs() < _NOTHING).fill_null(value=False)).item()
    return True if is_exact and field in {*COMPONENTS, NET_FLOW} else None


def refuse_one_account(good: pl.DataFrame, conflicting: pl.DataFrame, feed: PositionsFeed, file_name: str) -> None:
    """DeliveryRejectedError E_HEADER_AMBIGUOUS where all rows contradict each other on one account and day.

    ``good`` are the rows that became positions, ``conflicting`` those that claim a key of which there is another row.
    """
    accounts = conflicting["account_id"].unique()
    different = conflicting.select(pl.struct("as_of_date", *_REQUIRED_MONEY).n_unique()).item()
    if good.is_empty() and len(accounts) == 1 and different >= _LEAST_CONFLICTS:
        account = accounts[0]
        raise DeliveryRejectedError(
            "E_HEADER_AMBIGUOUS",
            f"{feed.vendor}, {file_name}: all rows are of the account {quoted(account)} and contradict each other, so the column"
            f" {quoted(feed.columns['account_id'].from_)} may hold something else, such as the institution; fix the feed",
        )


def identity_holds() -> pl.Expr:
    """Whether the market value identity holds to a cent for each of its terms; null where a component is."""
    return _surplus().abs() <= _CENT * len(COMPONENTS)


def _surplus() -> pl.Expr:
    """What the components make beyond the ending market value."""
    return pl.sum_horizontal(pl.col(_ADDED), ignore_nulls=False) - pl.sum_horizontal(pl.col(_SUBTRACTED), ignore_nulls=False)


def _return_holds() -> pl.Expr:
    """Whether the vendor's return earns the gain on the base of the feed's flow timing; null without a return."""
    gain, base = pl.col("gain"), pl.col("base")
    return (pl.col("vendor_twrr") * base - gain).abs() <= TEN_BASIS_POINTS * base.abs() + _CENT


def _flow_doubt(good: pl.DataFrame, feed: PositionsFeed) -> str | None:
    """Whether most flows exceed the value they flow into or leave behind, which both equations may allow; or None."""
    is_large = (pl.col("contributions") > pl.col("beginning_market_value")) | (pl.col("distributions") > pl.col("ending_market_value"))
    large = good.filter(is_large).height
    if large * 2 <= good.height:
        return None
    names = " or ".join(dict.fromkeys(feed.source_of(name).from_ for name in FLOWS))
    return f"the flows in {names} exceed the market values beside them in {large} of {good.height} rows; see whether columns are swapped"


def _identity_doubt(good: pl.DataFrame, feed: PositionsFeed) -> tuple[str, str] | None:
    """Code and reason why the columns may not be what their names say, or None."""
    if not feed.filled_fields >= set(COMPONENTS) or good.is_empty():
        return None
    figures = _figures(good, feed)
    fails = figures.select((~identity_holds()).mean()).item() or 0.0
    if fails <= _MOST_FAILING and (figures.height < _LEAST_TELLING or _fitting(figures, feed) >= 1 - _MOST_FAILING):
        return None
    share = f"the market value identity fails on {fails:.0%} of {figures.height} rows"
    why = share if fails > _MOST_FAILING else "the vendor's returns do not follow from the values"
    sample = figures.head(_SAMPLE)
    as_is = _fitting(sample, feed)
    for code, remedy, other_reading in _other_readings(sample, feed):
        fitting = _fitting(other_reading, feed)
        if fitting >= 1 - _MOST_FAILING and fitting > as_is:
            return code, f"{why}, and everything holds once {remedy}"
    if fails > _MOST_UNEXPLAINED and figures.height >= _LEAST_ROWS:
        return "E_HEADER_AMBIGUOUS", f"{share}; columns may be swapped: fix columns in the feed, or say plausibility: identity: warn"
    return None


def _other_readings(figures: pl.DataFrame, feed: PositionsFeed) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """The figures with one sign turned, or two columns in each other's place: code, what to do, and the figures so read."""
    source = {name: column.from_ for name, column in feed.columns.items()}
    has_net = NET_FLOW in feed.columns
    for name in (*_EITHER_SIGN, *([NET_FLOW] if has_net else [])):
        remedy = f"the sign of {source[name]} is turned; say sign: {-feed.columns[name].sign} for {name} in the feed"
        yield "E_SIGN", remedy, _split(figures.with_columns(-pl.col(name)), feed)
    components = [NET_FLOW, *(name for name in COMPONENTS if name not in FLOWS)] if has_net else COMPONENTS
    pairs = list(combinations(components, 2))
    if figures.height >= _LEAST_ROWS and feed.has_sub_period_returns and "benchmark_return" in feed.columns:
        pairs.append(("vendor_twrr", "benchmark_return"))
    for one, other in pairs:
        remedy = f"the columns {source[one]} and {source[other]} change places; send the file with its columns named rightly"
        yield "E_HEADER_AMBIGUOUS", remedy, _split(figures.rename({one: other, other: one}), feed)


def _split(figures: pl.DataFrame, feed: PositionsFeed) -> pl.DataFrame:
    return figures.with_columns(split_flows()) if NET_FLOW in feed.columns else figures


def _figures(rows: pl.DataFrame, feed: PositionsFeed) -> pl.DataFrame:
    net_flow = [NET_FLOW] if NET_FLOW in feed.columns else []
    return rows.select(pl.col(*COMPONENTS, *net_flow).cast(pl.Float64()), *(pl.col(name) for name in RETURN_FIELDS if name in feed.columns))


def _fitting(figures: pl.DataFrame, feed: PositionsFeed) -> float:
    """The share of rows of which both equations hold, as far as they can be asked."""
    holds = identity_holds().fill_null(value=True)
    if feed.has_sub_period_returns:
        agreed = feed.conventions
        figures = with_gain_and_base(
            figures,
            timing=agreed.flow_timing,
            fee_basis=agreed.fee_basis,
            weight=agreed.weight,
            residual_base=agreed.residual_base,
        )
        holds = holds & _return_holds().fill_null(value=True)
    share: float = figures.select(holds.mean()).item()
    return share


def _scale_doubt(good: pl.DataFrame, feed: PositionsFeed) -> str | None:
    """Why values may be printed in another scale than the feed has, or None."""
    unit = doubtful_unit(good, feed)
    if unit is not None:
        return unit
    for name in RETURN_FIELDS:
        if name not in feed.columns:
            continue
        given = good.filter(pl.col(name) != 0)
        if given.filter(pl.col(name).abs() > _LARGEST_USUAL_RETURN).height * 2 > given.height:
            return f"most values of {_said(feed, name)} are returns of more than 1000 %; say scale: percent or basis_points in the feed"
    if not feed.has_sub_period_returns:
        return None
    base = pl.col("beginning_market_value") + pl.col("contributions")
    gain = pl.col("ending_market_value") - base + pl.col("distributions")
    earned = gain.cast(pl.Float64()) / base.cast(pl.Float64())
    ratio = good.filter(base > 0).select(earned=earned, ratio=pl.col("vendor_twrr") / earned).filter(pl.col("earned").abs() > _LEAST_RETURN)
    for scale in _SCALES:
        for times, word in ((scale, "larger"), (1 / scale, "smaller")):
            if ratio.filter((pl.col("ratio") / times).is_between(0.8, 1.25)).height * 2 > max(ratio.height, _LEAST_RATIOS):
                return (
                    f"most values of {_said(feed, 'vendor_twrr')} are {scale} times {word} than what the values earned;"
                    " say scale: fraction, percent or basis_points in the feed as the vendor prints them"
                )
    return None


def _said(feed: PositionsFeed, name: str) -> str:
    source = feed.columns[name]
    return f"the column {quoted(source.from_)}, read as {str(source.scale or 'fraction').replace('_', ' ')},"
