"""Rows that are only the sum of others: subtotals and totals that a report prints with a day, as if they were accounts.

A row sums others when each of its amounts is exactly the sum of the rows above it on its day, as far up as the subtotal before it or
the beginning of its portfolio, or likewise of those below it, or of the other rows of its day, portfolio or client. What is no evidence
is no subtotal: rows of zeros sum nothing, one row is summed only by what is called a total, and round amounts coincide, so that without
such a name they have to show ``_LEAST_DIGITS`` digits, or ``_SURE_DIGITS`` where nothing says where the sum would begin.
"""

import polars as pl

from advisory_perf.contracts.columns import MONEY_SCALE
from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.fields import FLOWS, NET_FLOW
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.raw_frame import LINE_NUMBER
from advisory_perf.ingestion.validation.total_labels import TOTAL, TOTAL_LABEL

_VALUES = ("beginning_market_value", "ending_market_value")
_FURTHER = ("income", "appreciation", "fees", "other_adjustments")
_GROUPS = ("portfolio_id", "client_id")
_END = "ending_market_value"
_DAY = "as_of_date"
_LEAST_DIGITS, _SURE_DIGITS = 8, 16
_LEAST_ROWS = 2
_UNITS = 10**MONEY_SCALE
_LEVELS = 4
"""Subtotals of subtotals, up to a grand total."""
_CALLED_TOTAL = rf"(?i)(?:^|[^a-z]){TOTAL}(?:[^a-z]|$)"
_SHOWN = 3


def _required(rows: pl.DataFrame) -> tuple[str, ...]:
    """The amounts that every row has; a sum of net flows says nothing of both flows."""
    return (*_VALUES, *((NET_FLOW,) if NET_FLOW in rows.columns else FLOWS))


def without_subtotals(good: pl.DataFrame, feed: PositionsFeed, file_name: str) -> tuple[pl.DataFrame, int, list[Notice]]:
    """The rows as the feed wants them, how many subtotals were dropped, and a notice; E_SUBTOTAL where the feed refuses them."""
    found = subtotals(good)
    if not found.any():
        return good, 0, []
    rows = good.filter(found)
    first = rows.head(_SHOWN).select(pl.format("line {} ({} on {})", LINE_NUMBER, "account_id", _DAY)).to_series()
    more = f" and {rows.height - _SHOWN} more" if rows.height > _SHOWN else ""
    are = f"{', '.join(first)}{more}: exactly the sum of the rows above or of a group, so that totals would count them twice"
    where, rule = f"{feed.vendor}, {file_name}", feed.plausibility.subtotals
    if rule == "reject":
        raise DeliveryRejectedError("E_SUBTOTAL", f"{where}: {are}; send the file without them, or set plausibility: subtotals: drop")
    if rule == "drop":
        return good.filter(~found), rows.height, []
    remedy = "set plausibility: subtotals: drop in the feed if they are no accounts"
    return good, 0, [Notice("W_SUBTOTAL", f"{where}: {are}; {remedy}")]


def subtotals(rows: pl.DataFrame, called_total: pl.Series | None = None) -> pl.Series:
    """Which of the rows, in the file's order, sum others; ``called_total`` are those of which the feed says so by a footer rule."""
    found = pl.repeat(value=False, n=rows.height, eager=True)
    if rows.height <= 1:
        return found
    days = _suspect_days(rows)
    if days.is_empty():
        return found
    by_name = called_totals(rows) if called_total is None else called_totals(rows) | called_total
    used = [name for name in (_DAY, *_GROUPS, *_required(rows), *_FURTHER) if name in rows.columns]
    left = (
        rows.select(used)
        .with_row_index("place")
        .with_columns(by_name.alias("by_name"))
        .join(days, on=_DAY, how="semi", maintain_order="left")
    )
    left = left.with_columns(_digits(left).alias("digits"))
    if not (left["by_name"] | (left["digits"] >= _LEAST_DIGITS)).any():
        return found  # what shows fewer digits sums others by chance
    places: list[int] = []
    for _ in range(_LEVELS):
        level = _of_rows_above(left) or _of_groups(left) or _of_rows_below(left)
        if not level:
            break
        places += level
        left = left.filter(~pl.col("place").is_in(level))
    return found.scatter(places, values=True) if places else found


def _suspect_days(rows: pl.DataFrame) -> pl.DataFrame:
    """The days on which an ending market value may be the sum of rows above it, or of the others: one cheap look at one column."""
    groups = [name for name in _GROUPS if name in rows.columns]
    units = (pl.col(_END) * _UNITS).cast(pl.Int64(), strict=False).fill_null(0)
    values = rows.select(_DAY, *groups, units.alias("value"))
    value = pl.col("value")
    others = [values.group_by(_DAY, *group).agg(most=value.max(), all=value.sum()) for group in ([], *([name] for name in groups))]
    if values.select((value < 0).any()).item():  # the largest of a group need not be its sum then
        by_others = values.filter(pl.any_horizontal(value.sum().over(_DAY, *group) == 2 * value for group in ([], *([n] for n in groups))))
    else:
        by_others = pl.concat([sums.filter(pl.col("all") == 2 * pl.col("most"), pl.col("all") != 0).select(_DAY) for sums in others])
    return pl.concat([by_others.select(_DAY), *(_summing_above(ordered).select(_DAY) for ordered in (values, values.reverse()))]).unique()


def _summing_above(values: pl.DataFrame) -> pl.DataFrame:
    """The rows whose value is the sum of some right above them; of values that come day by day, also where those are of days before."""
    value, until = pl.col("value"), pl.col("value").cum_sum()
    values = values.with_columns((until if values[_DAY].is_sorted() else until.over(_DAY)).alias("until"))
    begins = values["until"]
    if begins.is_sorted():  # no value is negative, so that a sum is at least that of the two values above it, or the one
        before = value.shift(1, fill_value=0)
        values = values.filter(value != 0, (value >= before + value.shift(2, fill_value=0)) | (value == before))
        wanted = values["until"] - 2 * values["value"]
        found = begins.gather(begins.search_sorted(wanted).clip(0, max(len(begins) - 1, 0))) if len(wanted) else wanted
        return values.filter((found == wanted) | (wanted == 0))
    return values.filter(value != 0, (pl.col("until") - 2 * value).is_in(pl.concat([begins, pl.Series([0])]).implode()))


def called_totals(rows: pl.DataFrame) -> pl.Series:
    """Which of the rows have an account, or the name of one, that is a word for a total."""
    called = pl.col("account_id").str.contains(_CALLED_TOTAL)
    if "account_name" in rows.columns:
        called |= pl.col("account_name").str.contains(TOTAL_LABEL).fill_null(value=False)
    return rows.select(called.fill_null(value=False)).to_series()


def _digits(rows: pl.DataFrame) -> pl.Expr:
    """How many digits the row's amounts show, without the zeros that round them."""
    amounts = [pl.col(name).cast(pl.String()).fill_null("") for name in (*_required(rows), *_FURTHER) if name in rows.columns]
    return pl.sum_horizontal(amount.str.replace_all("[-.]", "").str.strip_chars("0").str.len_bytes().cast(pl.Int64()) for amount in amounts)


def _of_rows_above(rows: pl.DataFrame) -> list[int]:
    """The places of rows that sum those right above them."""
    required = _required(rows)
    amounts = [*required, *(name for name in _FURTHER if name in rows.columns)]
    until = [f"until:{name}" for name in amounts]
    counts = pl.any_horizontal(pl.col(name) != 0 for name in required).cast(pl.Int64())
    group = next((pl.col(name) for name in _GROUPS if name in rows.columns), pl.lit(None))
    sums = rows.with_columns(
        *(pl.col(name).fill_null(0).cum_sum().over(_DAY).alias(sum_) for name, sum_ in zip(amounts, until, strict=True)),
        counts.cum_sum().over(_DAY).alias("rows"),
        (group.shift(-1) != group).fill_null(value=False).over(_DAY).alias("ends_a_group"),
    )
    key = [_DAY, *until[: len(required)]]
    zero = (
        sums.select(_DAY)
        .unique()
        .with_columns(
            *(pl.lit(0).cast(sums.schema[name]).alias(name) for name in until), rows=pl.lit(0, pl.Int64()), ends_a_group=pl.lit(value=True)
        )
    )
    begins = (
        pl.concat([zero, sums.select(_DAY, *until, "rows", "ends_a_group")])
        .group_by(key, maintain_order=True)
        .agg(pl.col(until[len(required) :]).last(), pl.col("rows").last(), pl.col("ends_a_group").any())
        .with_row_index("sum")
    )
    own = sums.join(begins.select(*key, own="sum"), on=key, how="left", maintain_order="left")
    before = [(pl.col(sum_) - 2 * pl.col(name).fill_null(0)).alias(sum_) for name, sum_ in zip(amounts, until, strict=True)]
    matches = (
        own.filter(counts == 1)
        .with_columns(before)
        .join(begins, on=key, how="inner", suffix=":begin", maintain_order="left")
        .filter(
            pl.col("rows") - 1 > pl.col("rows:begin"),
            *(pl.col(name).is_null() | (pl.col(f"until:{name}") == pl.col(f"until:{name}:begin")) for name in amounts[len(required) :]),
        )
        .select("place", "own", "sum", "by_name", "digits", pl.col("rows") - 1 - pl.col("rows:begin"), begins="ends_a_group:begin")
    )
    found: list[int] = []
    ends: set[int] = set()
    for place, of_row, begin, by_name, digits, summed, begins_here in matches.sort("place").iter_rows():
        is_sure = digits >= (_LEAST_DIGITS if begins_here or begin in ends else _SURE_DIGITS)
        if by_name or (summed >= _LEAST_ROWS and is_sure):
            found.append(place)
            ends.add(of_row)
    return found


def _of_rows_below(rows: pl.DataFrame) -> list[int]:
    """The places of rows that sum those right below them, as where a spreadsheet shows a group's sum first."""
    turned = rows.reverse()
    places = turned["place"]
    return places.gather(_of_rows_above(turned.with_columns(pl.int_range(pl.len()).alias("place")))).to_list()


def _of_groups(rows: pl.DataFrame) -> list[int]:
    """The places of rows that sum all the others of their day, portfolio or client."""
    required = _required(rows)
    amounts = [*required, *(name for name in _FURTHER if name in rows.columns)]
    counts = pl.any_horizontal(pl.col(name) != 0 for name in required)
    for group in ([_DAY], *([_DAY, name] for name in _GROUPS if name in rows.columns)):
        is_sum = pl.all_horizontal((pl.col(name).sum().over(group) == 2 * pl.col(name)) | pl.col(name).is_null() for name in amounts)
        others = counts.cast(pl.Int64()).sum().over(group) - 1
        is_evident = ((others >= 1) & pl.col("by_name")) | ((others >= _LEAST_ROWS) & (pl.col("digits") >= _LEAST_DIGITS))
        named = rows if len(group) == 1 else rows.filter(pl.col(group[1]).is_not_null())
        found = named.filter(is_sum & counts & is_evident)["place"].to_list()
        if found:
            return found
    return []
