"""Which lines that a footer rule names are rows all the same: "Total Care Foundation" is an account.

A line reads as a row if its key can be read and no required cell is blank. It stays a footer if its amounts are the
sums of others, or if the rule is about account numbers and what stands there is a word and no number, which a notice then says.
Every other one is a row, and is validated like one.
"""

from dataclasses import dataclass

import polars as pl

from advisory_perf.feeds.contents import FooterRule
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.names import folded
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MISFIT, bare, cell
from advisory_perf.ingestion.validation.control_totals import has_control_figures, is_named
from advisory_perf.ingestion.validation.rules import F, RowRules
from advisory_perf.ingestion.validation.total_labels import TOTAL_LABEL
from advisory_perf.showing import quoted

PLACE = "place"
"""The column of ``suspects`` that says where in the delivery a line stands."""


@dataclass(frozen=True, slots=True)
class Reconsidered:
    """The places of lines that are rows after all, and what a person should know of those that read like rows."""

    places: list[int]
    notices: list[Notice]


def suspects(raw: pl.DataFrame, footer: pl.Series, feed: Feed) -> pl.DataFrame:
    """The footers that only a rule of the feed names, with their ``place``; their cells may be those of a position."""
    if not feed.footer or not footer.any():
        return raw.clear().with_columns(pl.lit(0, pl.Int64()).alias(PLACE))
    named = raw.with_columns(pl.int_range(pl.len(), dtype=pl.Int64()).alias(PLACE)).filter(footer, pl.col(MISFIT).is_null())
    return named.filter(~has_control_figures(named, feed))


def reconsidered(read: pl.DataFrame, unread: pl.DataFrame, good: pl.DataFrame, feed: F, file_name: str, rules: RowRules[F]) -> Reconsidered:
    """Which suspects are rows; ``read`` are those with every value, ``unread`` the others, ``good`` the delivery's rows."""
    claims_key = pl.all_horizontal(pl.col(name).is_not_null() for name in feed.contract.key)
    partly = unread.filter(claims_key, pl.col("code") != "E_REQUIRED").select(read.columns)
    if read.height + partly.height == 0:
        return Reconsidered([], [])
    labels = pl.concat([read, partly]).with_columns(
        _says_only_total(feed, read).alias("is_label"), _is_no_account(feed, read).alias("is_word")
    )
    among = pl.concat([good.with_columns(pl.lit(None, pl.Int64()).alias(PLACE)), read.select(*good.columns, PLACE)])
    among = among.sort(LINE_NUMBER, maintain_order=True)
    by_rule = among.join(labels.filter("is_label").select(PLACE, is_total=pl.lit(value=True)), on=PLACE, how="left", maintain_order="left")
    summed = among.filter(rules.sums_of_others(among, by_rule["is_total"].fill_null(value=False)))[PLACE].drop_nulls()
    labels = labels.filter(~pl.col(PLACE).is_in(summed.implode()))
    where = f"{feed.vendor}, {file_name}"
    inferred = labels.filter("is_word" if any(rule.totals for rule in feed.footer) else pl.col("is_word") | pl.col("is_label"))
    notices = [
        Notice(
            "W_FOOTER_POSITION",
            f"{where}: line {line} is named by a footer rule, reads as a whole {feed.contract.row} of {quoted(called)} and is no sum of"
            f" others; it is taken as a {'footer' if is_word else 'row'}, so narrow the rule or ask the vendor what it is",
        )
        for line, called, is_word in inferred.select(LINE_NUMBER, pl.col(_label(feed)).cast(pl.String()), "is_word").head(1).iter_rows()
    ]
    return Reconsidered(labels.filter(~pl.col("is_word"))[PLACE].to_list(), notices)


def _texts(feed: Feed, rows: pl.DataFrame) -> list[tuple[FooterRule, pl.Expr]]:
    """Each rule with the cells that it looks at."""
    return [(rule, bare(pl.col(cell(rule.column)))) for rule in feed.footer if cell(rule.column) in rows.columns]


def _says_only_total(feed: Feed, rows: pl.DataFrame) -> pl.Expr:
    """Whether a cell that a rule names holds nothing but the rule's text, or what is called a total."""
    tests = [
        text.str.strip_chars(" :.\"'").is_in([start.strip(" :.\"'") for start in rule.starts_with])
        | (is_named(rows, rule) & text.str.contains(TOTAL_LABEL))
        for rule, text in _texts(feed, rows)
    ]
    return pl.any_horizontal(pl.lit(value=False), *(test.fill_null(value=False) for test in tests))


def _is_no_account(feed: Feed, rows: pl.DataFrame) -> pl.Expr:
    """Whether a rule names what stands in the place of the account number, and that has no digit."""
    account = folded(feed.columns[_label(feed)].from_)
    tests = [is_named(rows, rule) & ~text.str.contains("[0-9]") for rule, text in _texts(feed, rows) if folded(rule.column) == account]
    return pl.any_horizontal(pl.lit(value=False), *(test.fill_null(value=False) for test in tests))


def _label(feed: Feed) -> str:
    """The field by which a row is called: its account, or the first of its key."""
    return feed.contract.account or feed.contract.key[0]
