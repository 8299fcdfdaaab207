"""Raw rows to accepted and quarantined rows: every row is validated once, and every row ends somewhere.

read = accepted + quarantined + duplicate + footer holds by construction, because each step splits what the one before
left over. A delivery's rows are independent of any other delivery: what a later one changes is decided by the windows.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from operator import xor

import polars as pl

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.datasets import PROVENANCE, Dataset
from advisory_perf.contracts.issue_codes import CODES
from advisory_perf.contracts.tables import QUARANTINED_ROWS
from advisory_perf.feeds.feed import Feed
from advisory_perf.ingestion.formats.torn import TORN
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.parsing.binary_floats import APPROXIMATE, surely
from advisory_perf.ingestion.parsing.denominations import in_major_units
from advisory_perf.ingestion.parsing.fields import Field, fields, half_unit, in_case
from advisory_perf.ingestion.parsing.notation import Inferred, inferred
from advisory_perf.ingestion.parsing.numbers import exact_money
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MARK, MISFIT, cell_columns
from advisory_perf.ingestion.validation.account_case import case_notices
from advisory_perf.ingestion.validation.control_totals import control_notices, is_footer
from advisory_perf.ingestion.validation.footers import reconsidered, suspects
from advisory_perf.ingestion.validation.named_days import day_notices
from advisory_perf.ingestion.validation.rules import F, RowRules, refused
from advisory_perf.ingestion.validation.schema_drift import drift_notices
from advisory_perf.ingestion.validation.torn_rows import refuse_torn
from advisory_perf.showing import quoted, shown

_TWICE_IN_ROW = "a name that the feed maps stands twice in the row, and either value may be meant; send it once"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file as a vendor handed it over, as far as its rows need to know."""

    delivery_id: str
    file_name: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Validated:
    """What became of a delivery's rows; ``duplicate_days`` has the duplicates of each day."""

    accepted: pl.DataFrame
    quarantined: pl.DataFrame
    read: int
    duplicate: int
    footer: int
    notices: tuple[Notice, ...] = ()
    duplicate_days: tuple[tuple[date, int], ...] = ()

    @property
    def is_conserved(self) -> bool:
        """Whether every row read ended in exactly one place."""
        return self.read == self.accepted.height + self.quarantined.height + self.duplicate + self.footer


def validate(raw: pl.DataFrame, feed: F, delivery: Delivery, rules: RowRules[F], accounts: pl.DataFrame | None = None) -> Validated:
    """The accepted rows of a delivery (the dataset's delivered table) and its quarantined rows (QUARANTINED_ROWS), by line number.

    ``rules`` are those of the feed's dataset. ``accounts`` has the known ``account_id``; a feed with ``accounts: known`` quarantines
    every other one. DeliveryRejectedError where the delivery as a whole cannot be taken: its columns drifted or can be read in two
    ways, its control figures differ, its last row was cut short, or its figures contradict their columns.
    """
    key = feed.contract.key
    notices = drift_notices(raw, feed, delivery.file_name)
    footer = raw.select(is_footer(raw, feed)).to_series()
    tells = inferred(raw.filter(~footer), feed, delivery.file_name)
    made = fields(feed, raw.columns, tells, received=delivery.received_at.date())
    known = None if feed.accounts == "open" else accounts

    def looked_at(rows: pl.DataFrame, accounts: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        good, recovered, bad = _looked_at(rows, made, feed.contract, accounts)
        return rules.completed(good, feed), recovered, rules.completed(bad, feed)

    good, recovered, bad = looked_at(raw.filter(~footer), known)
    named = suspects(raw, footer, feed)
    if named.height:
        read, _, unread = looked_at(named, None)
        after_all = reconsidered(read, unread, good, feed, delivery.file_name, rules)
        notices += after_all.notices
        if after_all.places:
            footer = footer.scatter(after_all.places, values=False)
            good, recovered, bad = looked_at(raw.filter(~footer), known)
    footers = raw.filter(footer)
    refuse_torn(good, bad, feed, delivery.file_name, rules)
    good, dropped, summed = rules.without_totals(good, feed, delivery.file_name)
    notices += [*summed, *tells.notices, *_recovery_notices(recovered, made, feed, delivery.file_name)]
    notices += _rounding_notices(recovered, made, feed, tells, delivery.file_name)
    notices += control_notices(footers, pl.concat([good, bad.select(good.columns)]), feed, tells, delivery.file_name)
    plausible = rules.plausible(good, feed, delivery.file_name)
    notices += plausible.notices
    notices += case_notices(pl.concat([plausible.good, bad.select(good.columns)]), feed, delivery.file_name, known)
    notices += day_notices(raw, plausible.good, feed, delivery.file_name, received=delivery.received_at.date())
    in_scale = rules.in_scale(plausible.good, feed, delivery.file_name)
    notices += in_scale.notices
    bad = pl.concat([bad, plausible.refused, in_scale.refused], how="diagonal")
    good, repeated, conflicting = _by_key(in_scale.good, bad, [field.name for field in made], feed.contract)
    rules.refuse_contradictions(good, conflicting, feed, delivery.file_name)
    together, code = rules.refused_together(good, pl.concat([bad.select(key), conflicting.select(key)]), feed)
    of_these = refused(good.filter(together), code, _key_text(feed.contract))
    return Validated(
        accepted=_accepted(good.filter(~together), feed, made, tells, delivery),
        quarantined=_quarantined(
            pl.concat([bad, _with_conflict(conflicting, bad, feed.contract), of_these], how="diagonal"), raw, feed, delivery
        ),
        read=raw.height,
        duplicate=sum(repeated.values()),
        footer=footers.height + dropped,
        notices=tuple(notices),
        duplicate_days=tuple(sorted(repeated.items())),
    )


def _looked_at(
    rows: pl.DataFrame, made: list[Field], contract: Dataset, accounts: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Rows with every value by line number; those of them that took a second look; the others.

    The others have ``code``, ``field_name``, ``text`` and ``sentence`` of what is wrong.
    """
    is_unknown = None if accounts is None or contract.account is None else ~_is_known(contract.account, accounts)
    typed = rows.lazy().with_columns([field.first for field in made]).collect(engine="in-memory")
    doubts = [pl.col(MARK).is_not_null(), *(field.is_doubtful for field in made if typed[field.name].null_count())]
    if is_unknown is not None:
        doubts.append(is_unknown)
    places = typed.select(pl.any_horizontal(doubts).arg_true()).to_series()
    second = (
        typed[places]
        .lazy()
        .with_columns([field.plain for field in made if field.plain is not None])
        .with_columns([field.second for field in made])
        .with_columns(_problem(made, contract.account, is_unknown))
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


def _is_known(account: str, accounts: pl.DataFrame) -> pl.Expr:
    return pl.col(account).is_in(accounts["account_id"].implode()).fill_null(value=True)


def _problem(made: list[Field], account: str | None, is_unknown: pl.Expr | None) -> pl.Expr:
    """Code, field, offending text and more than the code's sentence of the first field that is wrong, in the feed's order; else null."""

    def problem(code: pl.Expr, field_name: str | None, text: pl.Expr, sentence: pl.Expr | None = None) -> pl.Expr:
        said = pl.lit(None, pl.String()) if sentence is None else sentence
        return pl.struct(
            code.alias("code"), pl.lit(field_name, pl.String()).alias("field_name"), text.alias("text"), said.alias("sentence")
        )

    is_marked = pl.col(MARK).is_not_null() & (pl.col(MARK) != TORN)
    why: pl.Expr = pl.when(pl.col(MARK) == "E_KEY_CONFLICT").then(pl.lit(_TWICE_IN_ROW))
    problems = [pl.when(is_marked).then(problem(pl.col(MARK), None, pl.col(MISFIT), why))]
    for field in made:
        problems.append(
            pl.when(field.is_missing & field.code.is_not_null()).then(problem(field.code, field.name, field.text, field.sentence))
        )
        if field.name == account and is_unknown is not None:
            problems.append(pl.when(is_unknown).then(problem(pl.lit("E_UNKNOWN_ACCOUNT"), field.name, field.text)))
    return pl.coalesce(problems).alias("problem")


def _recovery_notices(recovered: pl.DataFrame, made: list[Field], feed: Feed, file_name: str) -> list[Notice]:
    """What a person should know of cells that took a second look: amounts in scientific notation, account numbers in wrappings."""
    where = f"{feed.vendor}, {file_name}"
    money = [field for field in made if field.name in feed.contract.money]
    found = recovered.select(field.text.str.contains("[0-9.][eE]").any().alias(field.name) for field in money)
    columns = [feed.columns[name].from_ for name in found.columns if found[name].item()]
    notices = [Notice("W_SCI_NOTATION", f"{where}: {', '.join(columns)} in scientific notation")] if columns else []
    for field in (field for field in made if field.name == feed.contract.account):
        source = feed.columns[field.name]
        printed = in_case(field.cell.str.strip_chars(), source)
        cleaned = recovered.filter(pl.col(field.name) != printed).select(field.name, printed=printed)
        if cleaned.height:
            account, text = cleaned.row(0)
            such = f"such as {quoted(text)} to {quoted(account)}"
            notices.append(Notice("W_ID_CLEANED", f"{where}: {cleaned.height} rows of {source.from_} were cleaned, {such}"))
    return notices


def _rounding_notices(recovered: pl.DataFrame, made: list[Field], feed: Feed, tells: Inferred, file_name: str) -> list[Notice]:
    """Which columns hold amounts that were rounded because the feed says so, and how many."""
    if feed.numbers.round_to is None:
        return []
    found = []
    for field in (field for field in made if field.name in feed.contract.money):
        source, inferred_of = feed.columns[field.name], tells.numbers[field.name]
        printed = inferred_of.plain(surely(field.text, inferred_of.numbers), percent=False)
        differs = exact_money(printed, shift=source.shift) != pl.col(field.name) * source.sign
        is_rounded = printed.is_not_null() & (differs.fill_null(value=True) | field.text.str.starts_with(APPROXIMATE))
        count = recovered.select(is_rounded.sum()).item()
        found += [f"{count} of {source.from_}"] if count else []
    places = "decimal" if feed.numbers.round_to == 1 else "decimals"
    where = f"{feed.vendor}, {file_name}: amounts were rounded to {feed.numbers.round_to} {places}"
    return [Notice("W_ROUNDED", f"{where}, as numbers: round_to in the feed has it: {', '.join(found)}")] if found else []


def _by_key(
    good: pl.DataFrame, bad: pl.DataFrame, names: list[str], contract: Dataset
) -> tuple[pl.DataFrame, dict[date, int], pl.DataFrame]:
    """One row a key; how many rows of each day only repeat another; the rows of keys that two different rows claim.

    A row that cannot be read claims its key like any other: it may be the one that the vendor means, or reverse the other.
    """
    key, day = contract.key, contract.day
    unread = bad.select(key).drop_nulls().unique()
    claimed = good.join(unread, on=key, how="semi") if unread.height else good.clear()
    if claimed.height:
        good = good.join(unread, on=key, how="anti", maintain_order="left")
    # As many hashes as rows leave no room for two equal keys; only fewer are worth a look at the keys themselves.
    hashes = reduce(xor, (pl.col(name).hash(seed=seed) for seed, name in enumerate(key)))
    if good.select(hashes.n_unique()).item() == good.height:
        return good, {}, claimed
    is_repeated = good.select(pl.struct(key).is_duplicated()).to_series()
    several = good.filter(is_repeated)
    first_of_each = several.unique(names, keep="first", maintain_order=True)
    conflicting_keys = first_of_each.filter(pl.struct(key).is_duplicated()).select(key).unique()
    conflicting = several.join(conflicting_keys, on=key, how="semi")
    equal = first_of_each.join(conflicting_keys, on=key, how="anti")
    kept = pl.concat([good.filter(~is_repeated), equal]).sort(LINE_NUMBER)
    all_rows, in_conflict, first = (Counter(dict(rows[day].value_counts().iter_rows())) for rows in (several, conflicting, equal))
    return kept, dict(all_rows - in_conflict - first), pl.concat([claimed, conflicting])


def _key_text(contract: Dataset) -> pl.Expr:
    """How the key of a row is said: what it is of, on its day."""
    others = [name for name in contract.key if name != contract.day]
    on_day = [pl.col(contract.day).cast(pl.String())] if contract.day in contract.key else []
    said = [pl.concat_str(others, separator=", ")] if others else []
    return pl.concat_str([*said, *on_day], separator=" on ")


def _with_conflict(conflicting: pl.DataFrame, bad: pl.DataFrame, contract: Dataset) -> pl.DataFrame:
    """The rows with code and text, which names another line of the same key."""
    key = contract.key
    claims = pl.concat([conflicting.select(*key, LINE_NUMBER), bad.select(*key, LINE_NUMBER)])
    lines = claims.group_by(key).agg(first=pl.col(LINE_NUMBER).min(), last=pl.col(LINE_NUMBER).max())
    other = pl.when(pl.col(LINE_NUMBER) == pl.col("first")).then("last").otherwise("first")
    text = pl.format("{}, which line {} claims too", _key_text(contract), other)
    return refused(conflicting.join(lines, on=key, how="left"), "E_KEY_CONFLICT", text)


def _accepted(good: pl.DataFrame, feed: Feed, made: list[Field], tells: Inferred, delivery: Delivery) -> pl.DataFrame:
    contract = feed.contract
    schema = contract.delivered.polars_schema
    by_name = {field.name: field for field in made}

    def half_unit_of(name: str) -> pl.Expr:
        is_money = name in contract.money
        printed = half_unit(good, by_name[name], feed.columns[name], tells.numbers[name], is_money=is_money) if name in by_name else None
        if not is_money:
            return pl.lit(printed, pl.Float64())
        shift = feed.columns[name].shift if name in by_name else 0
        return in_major_units(pl.lit(0.5 * 10.0**shift if printed is None else printed), feed).cast(MONEY)

    half_units = {unit: half_unit_of(name) for unit, name in contract.half_units.items()}
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
    cells, account = cell_columns(raw), feed.contract.account
    whole = pl.struct(pl.col(name).alias(name.removeprefix("cell:")) for name in cells).struct.json_encode()
    sentences = {name: code.sentence for name, code in CODES.items()}
    column = pl.col("field_name").replace_strict(
        {name: source.from_ for name, source in feed.columns.items()}, default=None, return_dtype=pl.String()
    )
    place = pl.format("{}, {}, line {}", pl.lit(feed.vendor), pl.lit(delivery.file_name), LINE_NUMBER)
    at_column = pl.when(column.is_not_null()).then(pl.format(", column {}", column)).otherwise(pl.lit(""))
    of_code = pl.col("code").replace_strict(sentences, return_dtype=pl.String())
    text = pl.col("text").fill_null("").str.slice(0, 80)
    reason = pl.format("{}{}: {} ({})", place, at_column, pl.coalesce("sentence", of_code), text)
    return (
        rows.select(
            pl.lit(delivery.delivery_id).alias("delivery_id"),
            LINE_NUMBER,
            "code",
            "field_name",
            reason.map_batches(_escaped, return_dtype=pl.String(), is_elementwise=True).alias("reason"),
            pl.col("code")
            .replace_strict({name: code.severity.value for name, code in CODES.items()}, return_dtype=pl.String())
            .alias("severity"),
            (pl.lit(None, pl.String()) if account is None else pl.col(account)).alias("account_id"),
            pl.col(feed.contract.day).alias("as_of_date"),
            pl.coalesce(MISFIT, whole).alias("raw_row"),
        )
        .match_to_schema(QUARANTINED_ROWS.polars_schema)
        .sort(LINE_NUMBER)
    )


def _escaped(texts: pl.Series) -> pl.Series:
    """The texts as they are shown; only those are looked at that are more than plain ASCII."""
    places = texts.str.contains("[^ -~]").fill_null(value=False).arg_true()
    return texts.scatter(places, [shown(text) for text in texts.gather(places)]) if len(places) else texts
