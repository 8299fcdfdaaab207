"""Labels that an unknown file prints once for a group of rows, so that a blank cell repeats the one above: ``fill: down``.

Of an account number or day nothing else can be meant: no row is a position without either, and with the labels every account stands
once a day. Of other texts a blank cell may as well be no value; it is the label above where some account has the label in one row and
none in another, and no account gets two. Otherwise the key is left to a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from advisory_perf.feed_detection.column_names import Reading, Strength, candidates_for
from advisory_perf.feed_detection.findings import KeyFinding, Status
from advisory_perf.feed_detection.structure import FILE, Table
from advisory_perf.feed_detection.values import day_formats, share
from advisory_perf.feeds.sources import Source
from advisory_perf.ingestion.raw_frame import MISFIT, bare, cell

_TEXTS = ("client_id", "portfolio_id", "account_name", "currency")
_OF_THE_ACCOUNT = ("account_name", "currency")
_TOTAL = r"(?i)^[\"']?\s*(?:sub-?total|total|grand total|sum)"
_NEARLY_ALL = 0.95


@dataclass(frozen=True, slots=True)
class Labels:
    """The table with the labels that are certain in every row; by column why they are, and why others may be."""

    table: Table
    certain: Mapping[str, str]
    possible: Mapping[str, str]

    def applied(self, found: KeyFinding) -> KeyFinding:
        """The finding of a column with ``fill: down``, where the column is one of labels."""
        if found.value is None or not found.key.startswith("columns."):
            return found
        column = str(found.value["from"]) if isinstance(found.value, dict) else str(found.value)
        why = self.certain.get(column, self.possible.get(column))
        if why is None:
            return found
        options = found.value if isinstance(found.value, dict) else {"from": column}
        status = found.status if column in self.certain else Status.UNCONFIRMED
        return replace(found, status=status, evidence=f"{found.evidence}; {why}", value={**options, "fill": "down"})


def with_labels(table: Table, named: Mapping[str, Sequence[Reading]]) -> Labels:
    """The table with the labels of its groups, as far as the file tells that they are labels."""
    account, day = _column_of("account_id", table, named), _column_of("as_of_date", table, named)
    if account is None or day is None:
        return Labels(table, {}, {})
    raw = table.raw
    is_line = raw.select(pl.col(MISFIT).is_null() & ~_text(account).fill_null("").str.contains(_TOTAL)).to_series()
    certain, possible = dict[str, str](), dict[str, str]()
    for name, other in ((account, day), (day, account)):
        is_row = is_line & raw.select(_text(other).is_not_null()).to_series()
        filled = _filled(raw, name, is_row)
        if filled is not None and _is_key(filled.filter(is_row), account, day):
            raw = filled
            certain[name] = "printed once for a group, and with the label above in blank cells every account stands once a day"
    is_row = is_line & raw.select(_text(account).is_not_null() & _text(day).is_not_null()).to_series()
    for field in _TEXTS:
        column = _column_of(field, table, named)
        within = account if field in _OF_THE_ACCOUNT else None
        filled = _filled(raw, column, is_row, within=within) if column not in {None, account, day} else None
        if column is None or filled is None:
            continue
        same = filled.filter(is_row).group_by(_text(account).alias("account")).agg(_text(column).n_unique().alias("labels"))["labels"]
        printed = raw.filter(is_row).group_by(_text(account).alias("account")).agg(_text(column).is_null().alias("blank"))
        is_mixed = printed.select(pl.col("blank").list.any() & ~pl.col("blank").list.all()).to_series()
        if (same > 1).any() or (field in _OF_THE_ACCOUNT and not _below_their_account(raw.filter(is_row), column, account)):
            continue
        if is_mixed.any():
            raw = filled
            certain[column] = (
                f"printed once for a group: {is_mixed.sum()} accounts have the label in one row and none in another, and none has two"
            )
        else:
            possible[column] = "looks as if printed once for a group, and nothing tells whether a blank cell is the label above or no value"
    return Labels(replace(table, raw=raw), certain, possible)


def _text(column: str) -> pl.Expr:
    return bare(pl.col(cell(column))).replace("", None)


def _column_of(field: str, table: Table, named: Mapping[str, Sequence[Reading]]) -> str | None:
    """The one column that is surely named so and holds what the field does."""
    found = candidates_for(field, named)
    best = [name for name, strength in found.items() if strength == max(found.values()) and strength > Strength.POSSIBLE]
    if len(best) != 1:
        return None
    texts = table.raw.select(_text(best[0]).alias("text"))["text"]
    if field == "as_of_date":
        return best[0] if day_formats(texts).formats else None
    if field == "account_id":
        printed = texts.drop_nulls()
        return best[0] if share(printed.str.contains(Source.model_fields["pattern"].default)) >= _NEARLY_ALL else None
    return best[0]


def _filled(raw: pl.DataFrame, column: str | None, is_row: pl.Series, *, within: str | None = None) -> pl.DataFrame | None:
    """The raw rows with the label above in each blank cell; None where the column does not look as if it held labels.

    A label ends where a line is no row, and at the end of its file. The same label is not printed twice in a row: nowhere, or, of what
    belongs to an account, for no account.
    """
    if column is None:
        return None
    texts = raw.select(
        _text(column).alias("text"),
        (pl.lit("") if within is None else _text(within)).alias("within"),
        pl.col(FILE).rle_id().alias("file"),
        is_row.rle_id().alias("run"),
        is_row.alias("is_row"),
    )
    rows = texts.filter("is_row")
    printed, blanks = rows.drop_nulls("text"), rows["text"].null_count()
    again = printed.select((pl.struct("within", "text") == pl.struct("within", "text").shift(1)).fill_null(value=False).any()).item()
    if not blanks or rows["text"][0] is None or 2 * blanks < printed.height or again:
        return None
    label = texts.select(pl.col("text").forward_fill().over("file", "run")).to_series()
    if label.filter(is_row).null_count():
        return None
    return raw.with_columns(pl.when(is_row).then(label).otherwise(pl.col(cell(column))).alias(cell(column)))


def _is_key(rows: pl.DataFrame, account: str, day: str) -> bool:
    """Whether account and day tell nearly all rows of a file apart."""
    keys = rows.select(FILE, _text(account).alias("account"), _text(day).alias("day"))
    return keys.height > 0 and keys.n_unique() >= _NEARLY_ALL * keys.height


def _below_their_account(rows: pl.DataFrame, column: str, account: str) -> bool:
    """Whether each blank cell stands right below a row of the same account."""
    found = rows.select(_text(column).is_null().alias("blank"), (_text(account) == _text(account).shift(1)).alias("same"))
    return bool(found.filter("blank")["same"].fill_null(value=False).all())
