"""Units that the name of a column prints and the feed says nothing of: whether the amounts below are in them nobody can know."""

import polars as pl

from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.sources import Source
from advisory_perf.feeds.units import PERCENT, Unit, unit_in
from advisory_perf.ingestion.raw_frame import Reading, bare, cell
from advisory_perf.showing import quoted


def tell_of_unit(column: str, unit: Unit, field: str, reading: Reading) -> None:
    """E_SCALE_AMBIGUOUS, or a notice, by the feed's plausibility, where a name has a unit and the feed no scale for the field."""
    doubt = _doubt(column, unit, field, reading.feed)
    if reading.feed.plausibility.scale == "reject":
        raise reading.refused("E_SCALE_AMBIGUOUS", doubt)
    reading.noticed("W_SCALE", doubt)


def doubtful_unit(good: pl.DataFrame, feed: Feed) -> str | None:
    """What is said of the first column whose name has a unit that its cells do not print and the feed has no scale for; or None."""
    known = feed.contract
    for name, source in feed.columns.items():
        unit = unit_in(source.from_) if source.scale is None else None
        if unit is None or not (name in known.money or (name in known.returns and unit.is_rate)) or _shows_percent(good, source, unit):
            continue
        return _doubt(source.from_, unit, name, feed)
    return None


def _doubt(column: str, unit: Unit, field: str, feed: Feed) -> str:
    is_return = field in feed.contract.returns
    plain = "fraction" if is_return else "1"
    meant = unit.scale if unit.is_rate == is_return else plain
    return (
        f"the column {quoted(column)} names a unit {unit.text}, and the feed no scale for {field}; set `scale: {meant}` there,"
        f" or `scale: {plain}` if its figures are printed without it"
    )


def _shows_percent(good: pl.DataFrame, source: Source, unit: Unit) -> bool:
    """Whether every cell has the percent sign of its column's name itself, so that its scale is inferred."""
    if unit.scale != PERCENT or cell(source.from_) not in good.columns:
        return False
    texts = bare(pl.col(cell(source.from_))).fill_null("")
    return bool(good.filter(texts != "").select(texts.str.contains("%", literal=True).all() & (pl.len() > 0)).item())
