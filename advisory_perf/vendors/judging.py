"""Raw rows to positions and quarantined rows: every row is judged once, and every row ends somewhere.

read = accepted + quarantined + duplicate + footer holds by construction, because each step splits what the one before
left over. A delivery's rows are independent of any other delivery: what a later one changes is decided by the windows.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from advisory_perf.contracts.codes import CODES
from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.tables import DELIVERED_POSITIONS, QUARANTINED_ROWS
from advisory_perf.vendors.cells import Field, fields, printed_decimals
from advisory_perf.vendors.feed import PRECISION, PROVENANCE, Feed
from advisory_perf.vendors.raw import LINE_NUMBER, MISFIT, cell, cell_columns

_KEY = ("account_id", "as_of_date")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file as a vendor handed it over, as far as its rows need to know."""

    delivery_id: str
    file_name: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a delivery's rows."""

    positions: pl.DataFrame
    quarantined: pl.DataFrame
    read: int
    duplicate: int
    footer: int

    @property
    def is_conserved(self) -> bool:
        """Whether every row read ended in exactly one place."""
        return self.read == self.positions.height + self.quarantined.height + self.duplicate + self.footer


def judge(raw: pl.DataFrame, feed: Feed, delivery: Delivery) -> Judged:
    """The positions of a delivery (DELIVERED_POSITIONS) and its quarantined rows (QUARANTINED_ROWS), by line number."""
    is_footer = _is_footer(raw, feed)
    rows = raw.filter(~is_footer)
    made = fields(feed, raw.columns, received=delivery.received_at.date())
    typed = rows.with_columns([field.value for field in made])
    is_bad = pl.col(MISFIT).is_not_null() | pl.any_horizontal(_is_bad(field) for field in made)
    bad = typed.filter(is_bad)
    good = typed.filter(~is_bad)
    good, repeated, conflicting = _by_key(good, [field.name for field in made])
    quarantined = pl.concat([_with_code(bad, made), _with_conflict(conflicting)])
    return Judged(
        positions=_positions(good, feed, made, delivery),
        quarantined=_quarantined(quarantined, raw, feed, delivery),
        read=raw.height,
        duplicate=repeated,
        footer=raw.height - rows.height,
    )


def _is_footer(raw: pl.DataFrame, feed: Feed) -> pl.Expr:
    """A line whose named column, or whose whole text where its cells do not fit, starts as the feed's footers do."""
    tests = [
        text.str.strip_chars(" \"'").str.starts_with(start)
        for rule in feed.footer
        for start in rule.starts_with
        for text in (pl.col(cell(rule.column)), pl.col(MISFIT))
        if cell(rule.column) in raw.columns
    ]
    return pl.any_horizontal([pl.lit(value=False), *(test.fill_null(value=False) for test in tests)])


def _is_bad(field: Field) -> pl.Expr:
    """Without a value, although it may not be null or its cell is not blank."""
    no_value = pl.col(field.name).is_null()
    return no_value & (field.text.fill_null("") != "") & field.code.is_not_null() if field.may_be_null else no_value


def _by_key(good: pl.DataFrame, names: list[str]) -> tuple[pl.DataFrame, int, pl.DataFrame]:
    """One row a key; how many rows only repeat another; the rows of keys that two different rows claim."""
    is_repeated = good.select(pl.struct(_KEY).is_duplicated()).to_series()
    if not is_repeated.any():
        return good, 0, good.clear()
    several = good.filter(is_repeated)
    first_of_each = several.unique(names, keep="first", maintain_order=True)
    conflicting_keys = first_of_each.filter(pl.struct(_KEY).is_duplicated()).select(_KEY).unique()
    conflicting = several.join(conflicting_keys, on=_KEY, how="semi")
    equal = first_of_each.join(conflicting_keys, on=_KEY, how="anti")
    kept = pl.concat([good.filter(~is_repeated), equal]).sort(LINE_NUMBER)
    return kept, several.height - conflicting.height - equal.height, conflicting


def _with_code(bad: pl.DataFrame, made: list[Field]) -> pl.DataFrame:
    """Bad rows with code, field and the offending text of the first field that is wrong, in the feed's order."""
    problems = [
        pl.when(_is_bad(field)).then(pl.struct(field.code.alias("code"), pl.lit(field.name).alias("field_name"), field.text.alias("text")))
        for field in made
    ]
    misfit = pl.when(pl.col(MISFIT).is_not_null()).then(
        pl.struct(pl.lit("E_FIELDS").alias("code"), pl.lit(None, pl.String()).alias("field_name"), pl.col(MISFIT).alias("text"))
    )
    return bad.with_columns(pl.coalesce(misfit, *problems).alias("problem")).unnest("problem")


def _with_conflict(conflicting: pl.DataFrame) -> pl.DataFrame:
    return conflicting.with_columns(
        pl.lit("E_KEY_CONFLICT").alias("code"),
        pl.lit(None, pl.String()).alias("field_name"),
        pl.format("{} on {}", *_KEY).alias("text"),
    )


def _positions(good: pl.DataFrame, feed: Feed, made: list[Field], delivery: Delivery) -> pl.DataFrame:
    schema = DELIVERED_POSITIONS.polars_schema
    by_name = {field.name: field for field in made}
    half_units = {
        PRECISION[0]: _half_unit(by_name["ending_market_value"].text, feed, 0).fill_null(0.5).cast(MONEY),
        PRECISION[1]: _half_unit(by_name["vendor_twrr"].text, feed, _percent_digits(feed)) if "vendor_twrr" in by_name else None,
    }
    constants = {
        "data_source": feed.vendor,
        "file_name": delivery.file_name,
        "delivery_id": delivery.delivery_id,
        **({"currency": feed.currency} if feed.currency else {}),
    }
    absent = [
        pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in {*by_name, *PROVENANCE, *constants, *half_units}
    ]
    return good.with_columns(
        *(pl.lit(value).alias(name) for name, value in constants.items()),
        *((pl.lit(None, pl.Float64()) if unit is None else unit).alias(name) for name, unit in half_units.items()),
        *absent,
    ).select(schema.names())


def _percent_digits(feed: Feed) -> int:
    return 2 if feed.columns["vendor_twrr"].scale == "percent" else 0


def _half_unit(text: pl.Expr, feed: Feed, further_digits: int) -> pl.Expr:
    """Null where no cell prints decimals: whole money is a unit of one, but whole returns tell nothing of their precision."""
    return 0.5 * pl.lit(0.1).pow(printed_decimals(text, feed.numbers) + further_digits)


def _quarantined(rows: pl.DataFrame, raw: pl.DataFrame, feed: Feed, delivery: Delivery) -> pl.DataFrame:
    cells = cell_columns(raw)
    whole = pl.struct(pl.col(name).alias(name.removeprefix("cell:")) for name in cells).struct.json_encode()
    sentences = {name: code.sentence for name, code in CODES.items()}
    column = pl.col("field_name").replace_strict(
        {name: source.from_ for name, source in feed.columns.items()}, default=None, return_dtype=pl.String()
    )
    place = pl.format("{}, {}, line {}", pl.lit(feed.vendor), pl.lit(delivery.file_name), LINE_NUMBER)
    at_column = pl.when(column.is_not_null()).then(pl.format(", column {}", column)).otherwise(pl.lit(""))
    shown = pl.col("text").fill_null("").str.slice(0, 80)
    return (
        rows.select(
            pl.lit(delivery.delivery_id).alias("delivery_id"),
            LINE_NUMBER,
            "code",
            "field_name",
            pl.format("{}{}: {} ({})", place, at_column, pl.col("code").replace_strict(sentences, return_dtype=pl.String()), shown).alias(
                "reason"
            ),
            pl.col("code")
            .replace_strict({name: code.severity.value for name, code in CODES.items()}, return_dtype=pl.String())
            .alias("severity"),
            *_KEY,
            pl.coalesce(MISFIT, whole).alias("raw_row"),
        )
        .match_to_schema(QUARANTINED_ROWS.polars_schema)
        .sort(LINE_NUMBER)
    )
