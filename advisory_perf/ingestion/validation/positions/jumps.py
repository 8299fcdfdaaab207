"""Values that are a thousandfold of the account's last one, or a thousandth, while no flow explains it: a unit gone wrong.

Within a row the ending market value is held against the beginning one with and without the flows, and between rows of a delivery the
beginning against the last ending that was no jump. It is a jump where it is from half to twice the feed's factor away, or its square:
thousands or millions. Other leaps are the return's business, which the pipeline flags. Between deliveries, of which an ingestion knows
none, the pipeline looks too (``performance.quality.value_jumps``). What grows from a small value, and zero, is no evidence, and neither is
what follows a gap; what shrinks to one is, since nothing but a flow takes 50,000 to 50. Debits jump as credits do, and no sign reverses.
"""

from datetime import date

import polars as pl

from advisory_perf.contracts.enums import Cadence
from advisory_perf.feeds.fields import FLOWS
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.raw_frame import LINE_NUMBER
from advisory_perf.ingestion.validation.rules import Screened
from advisory_perf.showing import quoted

_BEGIN, _END = "beginning_market_value", "ending_market_value"
_GAP = {Cadence.DAILY: 10, Cadence.MONTHLY: 45}
"""After so many days money may have moved that no row says."""
_LEAST = 100.0
_ABOUT = 2.0
_TINY = 1e-9


def without_jumps(good: pl.DataFrame, feed: PositionsFeed, file_name: str) -> Screened:
    """The rows without the jumps, which are refused; or all rows and a notice where the feed only wants to be inferred."""
    factor = float(feed.plausibility.jump_factor)
    places = {**_between_rows(good, feed, factor), **_within_rows(good, factor)}
    if not places:
        return Screened(good, good.clear())
    ordered = sorted(places)
    texts = pl.DataFrame([places[place] for place in ordered], schema={"field_name": pl.String(), "text": pl.String()}, orient="row")
    found = pl.concat([good[ordered], texts], how="horizontal").with_columns(pl.lit("E_VALUE_JUMP").alias("code"))
    if feed.plausibility.jump == "warn":
        line, account, text = found.select(LINE_NUMBER, "account_id", "text").row(0)
        many = f"{feed.vendor}, {file_name}: {found.height} values jump by a unit, and no flow explains it"
        notice = Notice("W_VALUE_JUMP", f"{many}, such as that of {quoted(account)} in line {line} ({text})")
        return Screened(good, good.clear(), (notice,))
    is_jump = pl.Series(pl.repeat(value=False, n=good.height, eager=True)).scatter(ordered, values=True)
    return Screened(good.filter(~is_jump), found)


def _within_rows(good: pl.DataFrame, factor: float) -> dict[int, tuple[str, str]]:
    begin, end, inflow, outflow = (pl.col(name) for name in (_BEGIN, _END, *FLOWS))
    values = good.select(begin.cast(pl.Float64()).abs(), end.cast(pl.Float64()).abs())
    is_far = (pl.max_horizontal(begin, end) >= _LEAST) & ((end * _ABOUT >= begin * factor) | (begin * _ABOUT >= end * factor))
    places = values.select((is_far & (end > 0)).arg_true()).to_series()
    if places.is_empty():
        return {}
    rows = good[places].select(
        pl.lit(places).alias("place"), _BEGIN, _END, pl.col(_BEGIN, _END, *FLOWS).cast(pl.Float64()).name.suffix(":f")
    )
    begin, end, inflow, outflow = (pl.col(f"{name}:f") for name in (_BEGIN, _END, *FLOWS))
    sign = pl.when(end < 0).then(-1.0).otherwise(1.0)
    explained = [sign * each for each in (begin, begin + inflow, begin - outflow, begin + inflow - outflow)]
    most, least, size = pl.max_horizontal(explained), pl.min_horizontal(explained), sign * end
    is_jump = ((most >= _LEAST) & _is_unit(size / most, factor)) | ((least >= _LEAST) & _is_unit(least / size, factor))
    return {
        place: (_END, f"{value} after {before}") for place, before, value in rows.filter(is_jump).select("place", _BEGIN, _END).iter_rows()
    }


def _is_unit(ratio: pl.Expr, factor: float) -> pl.Expr:
    return pl.any_horizontal(ratio.is_between(unit / _ABOUT, unit * _ABOUT) for unit in (factor, factor**2))


def _between_rows(good: pl.DataFrame, feed: PositionsFeed, factor: float) -> dict[int, tuple[str, str]]:
    if good["as_of_date"].n_unique() <= 1:
        return {}
    values = good.select("account_id", *(pl.col(name).cast(pl.Float64()).abs() for name in (_BEGIN, _END)))
    most, least = pl.max_horizontal(_BEGIN, _END), pl.min_horizontal(pl.when(pl.col(name) > 0).then(name) for name in (_BEGIN, _END))
    spread = values.group_by("account_id").agg(most=most.max(), least=least.min())
    suspects = spread.filter(pl.col("most") * _ABOUT >= factor * pl.col("least")).select("account_id")
    if suspects.is_empty():
        return {}
    rows = (
        good.select(pl.int_range(pl.len()).alias("place"), "account_id", "as_of_date", _BEGIN, *FLOWS, _END)
        .join(suspects, on="account_id", how="semi")
        .sort("account_id", "as_of_date", "place")
    )
    found: dict[int, tuple[str, str]] = {}
    last: tuple[str, date, float] | None = None
    for place, account, day, begin, inflow, outflow, end in rows.iter_rows():
        if last is not None and last[0] == account and (day - last[1]).days <= _GAP[feed.cadence]:
            before, sign = last[2], -1.0 if begin < 0 else 1.0
            value, explained = sign * float(begin), [sign * each for each in (before, before + float(inflow), before - float(outflow))]
            up, down = value / max(*explained, _TINY), min(explained) / max(value, _TINY)
            large = (max(explained) if up > 1 else min(explained)) >= _LEAST
            if value > 0 and large and any(unit / _ABOUT <= ratio <= unit * _ABOUT for unit in (factor, factor**2) for ratio in (up, down)):
                found[place] = (_BEGIN, f"{begin} after {before:.4f}")
                continue
        last = (account, day, float(end))
    return found
