"""Lines of a name and a value to rows: what a file prints below each other becomes the cells of one row.

The feed says which columns hold names and values, and which lines are of one row. Every name becomes a column, in the feed's spelling
where it maps it. A name that stands twice in a row makes it a misfit (E_KEY_CONFLICT), since either value may be meant, and so does a
name that is missing (E_FIELDS), unless the feed says that its column may be absent: then the cell is blank. Where a line cannot be read
it is a misfit all the same, because the name may have stood there.
"""

from collections.abc import Iterable

import polars as pl

from advisory_perf.feeds.names import folded
from advisory_perf.feeds.reshaping import Pivot
from advisory_perf.feeds.units import unit_in
from advisory_perf.ingestion.limits import cells_allowed
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MARK, MISFIT, Reading, bare, cell, cell_columns, missing_columns, set_aside
from advisory_perf.ingestion.unit_doubts import tell_of_unit
from advisory_perf.ingestion.validation.control_totals import is_footer

_ROW, _NAME, _VALUE = "row", "name", "value"
_CELLS_A_LINE = 16


def pivoted(raw: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """The raw rows as they are, or where the feed says so one for all the lines of a name and a value that belong together.

    ``line_number`` is that of its first line. DeliveryRejectedError: E_MAPPING where no row has a name that the feed needs, E_TOO_LARGE.
    """
    layout = reading.feed.files.pivot
    if layout is None:
        return raw
    names, values = cell(layout.names), cell(layout.values)
    _ask_for_scale(layout, reading)
    raw = set_aside(raw, is_footer(raw, reading.feed) & pl.col(MISFIT).is_null(), separator="\t")
    raw = raw.with_columns(_spelled(raw[names], reading).alias(_NAME), bare(pl.col(values)).fill_null("").alias(_VALUE))
    raw = raw.with_row_index(_ROW, offset=1).with_columns(_rows(layout).alias(_ROW))
    is_line, is_nothing = pl.col(MISFIT).is_null(), (pl.col(_NAME) == "") & (pl.col(_VALUE) == "")
    raw = set_aside(raw, is_line & is_nothing, separator="\t")
    raw = set_aside(raw, is_line & ((pl.col(_NAME) == "") | (pl.col(_ROW) == 0)), separator="\t", mark="E_FIELDS")
    lines, others = raw.filter(is_line), raw.filter(~is_line)
    present = lines[_NAME].unique(maintain_order=True).to_list()
    lacking = [name for name in _needed(reading) if name not in present and cell(name) not in raw.columns]
    if lacking and lines.height:
        raise missing_columns(reading, lacking, where=f"the column {layout.names}", names=present)
    if lines.is_empty():
        return others.drop(names, values, _NAME, _VALUE, _ROW)
    wide = _wide(lines, present, others.filter(pl.col(MARK).is_not_null()), layout, reading)
    return pl.concat([wide, others.drop(names, values, _NAME, _VALUE, _ROW)], how="diagonal").sort(LINE_NUMBER, maintain_order=True)


def are_among(names: pl.Series, wanted: Iterable[str]) -> pl.Series:
    """Which lines have one of the wanted names: in what a line's number means, as amount or identifier, its name decides."""
    known, texts = set(map(folded, wanted)), _bare(names)
    return texts.is_in([text for text in texts.unique() if folded(text) in known])


def _bare(names: pl.Series) -> pl.Series:
    return names.to_frame().select(bare(pl.col(names.name)).fill_null("")).to_series()


def _ask_for_scale(layout: Pivot, reading: Reading) -> None:
    """E_SCALE_AMBIGUOUS, or a notice, where the name of the column of values has a unit and the feed no scale for amounts."""
    feed, unit = reading.feed, unit_in(layout.values)
    field = next((name for name, source in feed.columns.items() if name in feed.contract.money and source.scale is None), None)
    if unit is not None and field is not None:
        tell_of_unit(layout.values, unit, field, reading)


def _needed(reading: Reading) -> list[str]:
    feed = reading.feed
    return [source.from_ for source in feed.columns.values() if source.absent == "reject" and source.from_ not in feed.files.made_columns]


def _spelled(names: pl.Series, reading: Reading) -> pl.Series:
    """The names in the feed's spelling where it knows them, without what only surrounds them elsewhere."""
    feed, pivot = reading.feed, reading.feed.files.pivot
    begins = [pivot.begins] if pivot is not None and pivot.begins is not None else []
    spelling = {folded(name): name for name in (*feed.ignored, *begins, *(source.from_ for source in feed.columns.values()))}
    bare_names = _bare(names)
    return bare_names.replace({name: spelling[folded(name)] for name in bare_names.unique() if folded(name) in spelling})


def _rows(layout: Pivot) -> pl.Expr:
    """The ordinal of the row that a line belongs to; 0 above the first one."""
    if layout.by:
        return pl.col(_ROW).min().over([bare(pl.col(cell(name))).fill_null("") for name in layout.by])
    return ((pl.col(_NAME) == layout.begins) & pl.col(MISFIT).is_null()).fill_null(value=False).cast(pl.Int64()).cum_sum()


def _wide(lines: pl.DataFrame, present: list[str], broken: pl.DataFrame, layout: Pivot, reading: Reading) -> pl.DataFrame:
    """One row for the lines of each; ``broken`` are the lines that cannot be read."""
    further = [name for name in cell_columns(lines) if name not in {cell(layout.names), cell(layout.values)}]
    taken = [name for name in present if cell(name) not in further]
    _refuse_too_large(lines, len(taken) + len(further), reading)
    mapped = [name for name in further if name.removeprefix(cell("")) in {source.from_ for source in reading.feed.columns.values()}]
    rows = lines.group_by(_ROW, maintain_order=True).agg(
        pl.col(LINE_NUMBER).first(),
        pl.col(MARK).drop_nulls().first(),
        *(pl.col(name).filter(pl.col(name) != "").first() for name in further),
        pl.any_horizontal(
            pl.col(_NAME).is_duplicated().any(),
            ~pl.col(_NAME).is_in(taken).all(),
            *(pl.col(name).filter(pl.col(name) != "").n_unique() > 1 for name in mapped),
        ).alias("is_twofold"),
        pl.concat_str([_NAME, _VALUE], separator="=").str.join("; ").alias("text"),
    )
    cells = lines.filter(pl.col(_NAME).is_in(taken)).select(_ROW, _NAME, _VALUE)
    wide = cells.pivot(on=_NAME, index=_ROW, values=_VALUE, aggregate_function="first").rename({name: cell(name) for name in taken})
    wide = rows.join(wide, on=_ROW, how="left", maintain_order="left")
    near_broken = pl.col(_ROW).is_in(broken[_ROW].implode()) if layout.begins is not None else pl.lit(value=False)
    code = (
        pl.when("is_twofold")
        .then(pl.lit("E_KEY_CONFLICT"))
        .when(near_broken | _lacks_a_name(wide, taken, broken, reading))
        .then(pl.lit("E_FIELDS"))
    )
    wide = wide.with_columns(code.alias("code"))
    is_good = pl.col("code").is_null()
    return wide.select(
        LINE_NUMBER,
        pl.when(~is_good).then("text").alias(MISFIT),
        pl.coalesce("code", MARK).alias(MARK),
        *(pl.when(is_good).then(pl.col(name)).alias(name) for name in (*further, *map(cell, taken))),
    )


def _lacks_a_name(wide: pl.DataFrame, taken: list[str], broken: pl.DataFrame, reading: Reading) -> pl.Expr:
    """Whether a row lacks a name that it has to have, that a broken line may have held, or that all rows but the last one have."""
    text = folded(" ".join(broken[MISFIT].fill_null("")))
    tests = [pl.lit(value=False)]
    for source in reading.feed.columns.values():
        name = source.from_
        if name in reading.feed.files.made_columns or (cell(name) in wide.columns and name not in taken):
            continue
        is_missing = pl.col(cell(name)).is_null() if name in taken else pl.lit(value=True)
        may_be_broken = broken.height > 0 and (name in taken or folded(name) in text)
        may_be_cut = name in taken and wide.height > 1 and wide[cell(name)].head(-1).null_count() == 0
        if source.absent == "reject" or may_be_broken or may_be_cut:
            tests.append(is_missing)
    return pl.any_horizontal(tests)


def _refuse_too_large(lines: pl.DataFrame, width: int, reading: Reading) -> None:
    if width > reading.bounds.columns:
        raise reading.too_large(f"has {width:,} different names, which become columns", "COLUMNS")
    if lines[_ROW].n_unique() * width > cells_allowed(lines.height, _CELLS_A_LINE):
        raise reading.refused(
            "E_TOO_LARGE", "has rows that hardly share a name, so their table would be almost empty; send rows of one kind"
        )
