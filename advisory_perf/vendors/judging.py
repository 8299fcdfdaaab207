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
from advisory_perf.vendors.cells import Field, fields, half_unit, split_flows
from advisory_perf.vendors.controls import control_notices, is_footer
from advisory_perf.vendors.drift import drift_notices
from advisory_perf.vendors.feed import MONEY_FIELDS, NET_FLOW, PRECISION, PROVENANCE, Feed
from advisory_perf.vendors.notices import Notice
from advisory_perf.vendors.plausibility import TORN, plausibility_notices, refuse_one_account, refuse_torn
from advisory_perf.vendors.raw import LINE_NUMBER, MARK, MISFIT, cell_columns
from advisory_perf.vendors.telling import Told, told

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
    notices: tuple[Notice, ...] = ()

    @property
    def is_conserved(self) -> bool:
        """Whether every row read ended in exactly one place."""
        return self.read == self.positions.height + self.quarantined.height + self.duplicate + self.footer


def judge(raw: pl.DataFrame, feed: Feed, delivery: Delivery, accounts: pl.DataFrame | None = None) -> Judged:
    """The positions of a delivery (DELIVERED_POSITIONS) and its quarantined rows (QUARANTINED_ROWS), by line number.

    ``accounts`` has the known ``account_id``; a feed with ``accounts: known`` quarantines every other one.
    DeliveryRejectedError where the delivery as a whole cannot be taken: its columns drifted or can be read in two ways, its
    control figures differ, its last row was cut short, or its figures contradict their columns.
    """
    notices = drift_notices(raw, feed, delivery.file_name)
    footer = raw.select(is_footer(raw, feed)).to_series()
    rows, footers = raw.filter(~footer), raw.filter(footer)
    tells = told(rows, feed, delivery.file_name)
    made = fields(feed, raw.columns, tells, received=delivery.received_at.date())
    good, recovered, bad = _looked_at(rows, made, None if feed.accounts == "open" else accounts)
    if NET_FLOW in feed.columns:
        good, bad = good.with_columns(split_flows()), bad.with_columns(split_flows())
    refuse_torn(good, bad, feed, delivery.file_name)
    notices += [*tells.notices, *_recovery_notices(recovered, made, feed, delivery.file_name)]
    notices += control_notices(footers, pl.concat([good, bad.select(good.columns)]), feed, tells, delivery.file_name)
    notices += plausibility_notices(good, feed, delivery.file_name)
    good, repeated, conflicting = _by_key(good, [field.name for field in made])
    refuse_one_account(good, conflicting, feed, delivery.file_name)
    return Judged(
        positions=_positions(good, feed, made, tells, delivery),
        quarantined=_quarantined(pl.concat([bad, _with_conflict(conflicting)], how="diagonal"), raw, feed, delivery),
        read=raw.height,
        duplicate=repeated,
        footer=footers.height,
        notices=tuple(notices),
    )


def _looked_at(rows: pl.DataFrame, made: list[Field], accounts: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Rows with every value by line number; those of them that took a second look; the others.

    The others have ``code``, ``field_name`` and ``text`` of what is wrong.
    """
    typed = rows.lazy().with_columns([field.first for field in made]).collect(engine="in-memory")
    doubts = [pl.col(MARK).is_not_null(), *(field.is_doubtful for field in made if typed[field.name].null_count())]
    if accounts is not None:
        doubts.append(~_is_known(accounts))
    places = typed.select(pl.any_horizontal(doubts).arg_true()).to_series()
    second = (
        typed[places]
        .lazy()
        .with_columns([field.plain for field in made if field.plain is not None])
        .with_columns([field.second for field in made])
        .with_columns(_problem(made, accounts))
        .collect(engine="in-memory")
    )
    is_good = pl.col("problem").struct.field("code").is_null()
    recovered, bad = second.filter(is_good).select(typed.columns), second.filter(~is_good)
    good = _with_values(typed, recovered, places.filter(second.select(is_good).to_series()), [field.name for field in made])
    if bad.height:
        is_bad = pl.Series(pl.repeat(value=False, n=typed.height, eager=True)).scatter(
            places.filter(second.select(~is_good).to_series()), values=True
        )
        good = good.filter(~is_bad)
    return good, recovered, bad.select(*typed.columns, "problem").unnest("problem")


def _with_values(typed: pl.DataFrame, recovered: pl.DataFrame, places: pl.Series, names: list[str]) -> pl.DataFrame:
    """The typed rows with the recovered ones' values in their places; cells, which take more memory, stay where they are."""
    if recovered.is_empty():
        return typed
    source = pl.int_range(typed.height, eager=True).scatter(places, pl.int_range(typed.height, typed.height + len(places), eager=True))
    return typed.with_columns(pl.concat([typed.select(names), recovered.select(names)])[source])


def _is_known(accounts: pl.DataFrame) -> pl.Expr:
    return pl.col("account_id").is_in(accounts["account_id"].implode()).fill_null(value=True)


def _problem(made: list[Field], accounts: pl.DataFrame | None) -> pl.Expr:
    """Code, field and offending text of the first field that is wrong, in the feed's order; null where none is."""

    def problem(code: pl.Expr, field_name: str | None, text: pl.Expr) -> pl.Expr:
        return pl.struct(code.alias("code"), pl.lit(field_name, pl.String()).alias("field_name"), text.alias("text"))

    is_marked = pl.col(MARK).is_not_null() & (pl.col(MARK) != TORN)
    problems = [pl.when(is_marked).then(problem(pl.col(MARK), None, pl.col(MISFIT)))]
    for field in made:
        problems.append(pl.when(field.is_missing & field.code.is_not_null()).then(problem(field.code, field.name, field.text)))
        if field.name == "account_id" and accounts is not None:
            problems.append(pl.when(~_is_known(accounts)).then(problem(pl.lit("E_UNKNOWN_ACCOUNT"), field.name, field.text)))
    return pl.coalesce(problems).alias("problem")


def _recovery_notices(recovered: pl.DataFrame, made: list[Field], feed: Feed, file_name: str) -> list[Notice]:
    """What a person should know of cells that took a second look: amounts in scientific notation, account numbers in wrappings."""
    where = f"{feed.vendor}, {file_name}"
    money = [field for field in made if field.name in MONEY_FIELDS]
    found = recovered.select(field.text.str.contains("[0-9.][eE]").any().alias(field.name) for field in money)
    columns = [feed.columns[name].from_ for name in found.columns if found[name].item()]
    notices = [Notice("W_SCI_NOTATION", f"{where}: {', '.join(columns)} in scientific notation")] if columns else []
    printed = next(field.cell for field in made if field.name == "account_id").str.strip_chars()
    cleaned = recovered.filter(pl.col("account_id") != printed).select("account_id", printed=printed)
    if cleaned.height:
        account, text = cleaned.row(0)
        column = feed.columns["account_id"].from_
        notices.append(Notice("W_ID_CLEANED", f"{where}: {cleaned.height} rows of {column} were cleaned, such as {text!r} to {account}"))
    return notices


def _by_key(good: pl.DataFrame, names: list[str]) -> tuple[pl.DataFrame, int, pl.DataFrame]:
    """One row a key; how many rows only repeat another; the rows of keys that two different rows claim."""
    # As many hashes as rows leave no room for two equal keys; only fewer are worth a look at the keys themselves.
    if good.select((pl.col(_KEY[0]).hash() ^ pl.col(_KEY[1]).hash(seed=1)).n_unique()).item() == good.height:
        return good, 0, good.clear()
    is_repeated = good.select(pl.struct(_KEY).is_duplicated()).to_series()
    several = good.filter(is_repeated)
    first_of_each = several.unique(names, keep="first", maintain_order=True)
    conflicting_keys = first_of_each.filter(pl.struct(_KEY).is_duplicated()).select(_KEY).unique()
    conflicting = several.join(conflicting_keys, on=_KEY, how="semi")
    equal = first_of_each.join(conflicting_keys, on=_KEY, how="anti")
    kept = pl.concat([good.filter(~is_repeated), equal]).sort(LINE_NUMBER)
    return kept, several.height - conflicting.height - equal.height, conflicting


def _with_conflict(conflicting: pl.DataFrame) -> pl.DataFrame:
    return conflicting.with_columns(
        pl.lit("E_KEY_CONFLICT").alias("code"),
        pl.lit(None, pl.String()).alias("field_name"),
        pl.format("{} on {}", *_KEY).alias("text"),
    )


def _positions(good: pl.DataFrame, feed: Feed, made: list[Field], tells: Told, delivery: Delivery) -> pl.DataFrame:
    schema = DELIVERED_POSITIONS.polars_schema
    by_name = {field.name: field for field in made}

    def half_unit_of(name: str) -> float | None:
        return half_unit(good, by_name[name], feed.columns[name], tells.numbers[name]) if name in by_name else None

    money = half_unit_of("ending_market_value")
    half_units = {
        PRECISION[0]: pl.lit(0.5 * 10.0 ** feed.columns["ending_market_value"].shift if money is None else money).cast(MONEY),
        PRECISION[1]: pl.lit(half_unit_of("vendor_twrr"), pl.Float64()),
    }
    constants = {
        "data_source": feed.vendor,
        "file_name": delivery.file_name,
        "delivery_id": delivery.delivery_id,
        **({"currency": feed.currency} if feed.currency else {}),
    }
    unmapped = schema.keys() - {*good.columns, *PROVENANCE, *constants, *half_units}
    made_here = [pl.lit(value).alias(name) for name, value in constants.items()] + [unit.alias(name) for name, unit in half_units.items()]
    return good.with_columns(*made_here, *(pl.lit(None, schema[name]).alias(name) for name in unmapped)).select(schema.names())


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
