"""Habits of a vendor that the rows show once columns and amounts are inferred: keys of the feed that take rows which others would refuse.

Each is proposed where the figures leave nothing else: a reversal by the identity, one account in two spellings by the values that roll
from the one to the other. Where they only raise the question, it is left to a person as a comment, with its evidence; where they raise
none, no key is proposed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property

import polars as pl

from advisory_perf.contracts.currencies import MINOR_UNITS
from advisory_perf.contracts.enums import Cadence
from advisory_perf.feed_detection.control_totals import amounts_of
from advisory_perf.feed_detection.findings import KeyFinding, Status
from advisory_perf.feed_detection.identities import BEGINNING, COEFFICIENT, ENDING, LEAST_WITNESSES
from advisory_perf.feed_detection.row_keys import Keys
from advisory_perf.feed_detection.structure import FILE, Table
from advisory_perf.feed_detection.values import held, money
from advisory_perf.feeds.fields import FLOWS, IDENTIFIERS, NET_FLOW
from advisory_perf.feeds.sources import Numbers
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, cell
from advisory_perf.ingestion.validation.positions.subtotals import called_totals, subtotals

_CENT = Decimal("0.01")
_SHOWN = 3
_LEAST_WEEKEND_DAYS = 4
_SATURDAY, _SUNDAY = 6, 7
_TEXTS = (*IDENTIFIERS, "account_name")


@dataclass(frozen=True)
class Habits:
    """The rows of a table with the columns that findings fill in."""

    table: Table
    keys: Keys
    settled: Mapping[str, KeyFinding]
    numbers: Numbers

    @cached_property
    def _positions(self) -> pl.DataFrame:
        """Account, day, texts and amounts by field, as far as they are inferred; rows with all of their amounts only."""
        rows, day, account = self.keys.rows, self.keys.day, self.keys.account
        if day is None or account is None:
            return pl.DataFrame()
        sources = amounts_of([*self.settled.values()])
        amounts = [money(rows, one.from_, self.numbers, one.shift).alias(field) * one.sign for field, one in sources.items()]
        texts = [
            rows[cell(_column(found))].alias(field)
            for field in _TEXTS
            if (found := self.settled.get(f"columns.{field}")) is not None and field != "account_id"
        ]
        frame = pl.DataFrame([rows[LINE_NUMBER], rows[FILE], account.alias("account_id"), day.alias("as_of_date"), *texts, *amounts])
        return frame.drop_nulls([*sources, "account_id", "as_of_date"])

    @cached_property
    def _rolls(self) -> pl.DataFrame:
        """The rows by account (in whatever case), with the ending before each and the spelling and day that it stands under."""
        if not {BEGINNING, ENDING} <= set(self._positions.columns):
            return pl.DataFrame()
        frame = self._positions.with_columns(pl.col("account_id").str.to_lowercase().alias("folded")).sort("folded", "as_of_date")
        before = [pl.col(name).shift(1).over("folded").alias(f"{name}:before") for name in ("account_id", "as_of_date", BEGINNING, ENDING)]
        return frame.with_columns(before).with_columns(
            ((pl.col(BEGINNING) - pl.col(f"{ENDING}:before")).abs() <= _CENT).alias("rolls"),
            (pl.col(f"{ENDING}:before") != pl.col(f"{BEGINNING}:before")).alias("could_fail"),
        )

    def findings(self) -> Iterator[KeyFinding]:
        """What the rows show, and what they only raise."""
        yield from self._minor_units()
        yield from self._open_end()
        yield from self._weekends()
        if not self._positions.is_empty():
            yield from self._negative_flows()
            yield from self._subtotals()
            yield from self._valuations()

    def _minor_units(self) -> Iterator[KeyFinding]:
        """``minor_units: accept`` where currencies are minor units, unless the names of columns say so too."""
        column = self.settled.get("columns.currency")
        constant = self.settled.get("currency")
        texts = held(self.keys.rows[cell(_column(column))]) if column is not None else pl.Series([str(constant.value)] if constant else [])
        units = sorted(texts.filter(texts.is_in([*MINOR_UNITS])).unique().to_list()) if texts.len() else []
        if not units:
            return
        named = ", ".join(f"{unit} is a part of {MINOR_UNITS[unit].major}" for unit in units[:_SHOWN])
        if any(isinstance(one.value, Mapping) and "scale" in one.value for one in self.settled.values() if _field(one) in COEFFICIENT):
            doubt = f"{named}, and columns name a unit too, so that amounts might be converted twice; set one of both"
            yield KeyFinding("minor_units", Status.UNDECIDED, doubt, candidates=("accept", "reject"))
        else:
            yield KeyFinding("minor_units", Status.NAMED, f"{named}; the amounts are converted exactly", "accept")

    def _open_end(self) -> Iterator[KeyFinding]:
        """A question where a file ends without a line end and its last cell is a text, which may be half of one."""
        last = self.table.headers[-1]
        texts = [one for one in self.settled.values() if _field(one) in _TEXTS and _column(one) == last]
        if self.table.ends_open and texts:
            evidence = f"a file ends without a line end, so that its last {last} may be cut; set it if the vendor ends no file with one"
            yield KeyFinding("files.csv.final_newline", Status.UNDECIDED, evidence, candidates=("never", "optional"))

    def _weekends(self) -> Iterator[KeyFinding]:
        """``weekends: true`` where a daily feed has every Saturday and Sunday between its first day and its last."""
        cadence, day = self.settled.get("cadence"), self.keys.day
        if day is None or cadence is None or cadence.value != Cadence.DAILY.value:
            return
        days = sorted(day.unique().to_list())
        due = [one for one in _days_between(days[0], days[-1]) if one.isoweekday() in {_SATURDAY, _SUNDAY}] if days else []
        if len(due) >= _LEAST_WEEKEND_DAYS and set(due) <= set(days):
            evidence = f"all {len(due)} Saturdays and Sundays from {days[0]} to {days[-1]} have rows"
            yield KeyFinding("weekends", Status.CONFIRMED, evidence, value=True)

    def _negative_flows(self) -> Iterator[KeyFinding]:
        """``negative_flows: net`` where the identity holds on every row with a negative flow as it is printed, and on none turned."""
        rows = self._positions
        flows = [name for name in FLOWS if name in rows.columns]
        if len(flows) < len(FLOWS):
            return
        suspects = rows.filter(pl.any_horizontal(pl.col(name) < 0 for name in flows))
        if suspects.is_empty():
            return
        lines = _lines(suspects)
        printed, turned = (
            frame.select((_residual(frame).abs() <= _CENT * len(COEFFICIENT)).fill_null(value=False)).to_series()
            for frame in (suspects, suspects.with_columns(pl.col(flows).abs()))
        )
        is_shown = {BEGINNING, ENDING} <= set(rows.columns) and printed.all() and not turned.any()
        if is_shown:
            evidence = (
                f"{suspects.height} rows have a negative flow ({lines}), and the identity holds on each of them only as it is printed"
            )
            yield KeyFinding("negative_flows", Status.CONFIRMED, evidence, "net")
        else:
            evidence = f"{suspects.height} rows have a negative flow ({lines}), and nothing confirms that it reverses an earlier one"
            yield KeyFinding("negative_flows", Status.UNDECIDED, evidence, candidates=("quarantine", "net"))

    def _subtotals(self) -> Iterator[KeyFinding]:
        """``plausibility: subtotals: drop`` where rows that sum others are called totals; a question where they are not."""
        rows = self._positions
        needed = {BEGINNING, ENDING, *((NET_FLOW,) if NET_FLOW in rows.columns else FLOWS)}
        if not needed <= set(rows.columns):
            return
        found = pl.concat([_sums(of_file) for _, of_file in rows.group_by(FILE, maintain_order=True)])
        if found.is_empty():
            return
        lines = f"{found.height} rows are exactly the sum of others ({_lines(found)})"
        if called_totals(found).all():
            yield KeyFinding("plausibility", Status.CONFIRMED, f"{lines} and are called totals", {"subtotals": "drop"})
        else:
            evidence = f"{lines}; drop them if they are no accounts"
            yield KeyFinding("plausibility.subtotals", Status.UNDECIDED, evidence, candidates=("drop", "warn", "reject"))

    def _valuations(self) -> Iterator[KeyFinding]:
        """``valuations: all`` where a monthly feed has several days a month and values roll from each to the next."""
        cadence, rolls = self.settled.get("cadence"), self._rolls
        if rolls.is_empty() or cadence is None or cadence.value != Cadence.MONTHLY.value:
            return
        month = pl.col("as_of_date").dt.month_start()
        is_same = (month == pl.col("as_of_date:before").dt.month_start()) & (pl.col("as_of_date") != pl.col("as_of_date:before"))
        within = rolls.filter(is_same & (pl.col("account_id") == pl.col("account_id:before")))
        if within.is_empty():
            return
        telling = within.filter("could_fail")
        rolling = telling["rolls"].sum()
        many = f"{within.height} valuations follow another one of their account in the same month ({_lines(within)})"
        if telling.height >= LEAST_WITNESSES and rolling == telling.height:
            yield KeyFinding("valuations", Status.CONFIRMED, f"{many}, and each begins with the value that the other one ended with", "all")
        else:
            evidence = f"{many}, of which {rolling} begin with the value that the other one ended with"
            yield KeyFinding("valuations", Status.UNDECIDED, evidence, candidates=("all", "one_per_window"))

    def with_case(self, found: KeyFinding) -> tuple[KeyFinding, ...]:
        """The finding of the account number with ``case``, where accounts differ by case only; a question where nothing tells."""
        rows = self._positions
        if found.key != "columns.account_id" or not found.is_settled or rows.is_empty():
            return (found,)
        values = [pl.col(name) for name in (BEGINNING, ENDING) if name in rows.columns] or [pl.lit(0)]
        folded = pl.col("account_id").str.to_lowercase().alias("folded")
        spelled = rows.select("account_id", folded, "as_of_date", FILE, pl.struct(values).alias("values"))
        twins = spelled.filter(pl.col("account_id").n_unique().over("folded") > 1)
        if twins.is_empty():
            return (found,)
        names = " and ".join(sorted(twins.filter(pl.col("folded") == twins["folded"].min())["account_id"].unique()))
        same_day = twins.group_by("folded", "as_of_date", FILE).agg(pl.col("account_id", "values").n_unique() > 1)
        options = found.value if isinstance(found.value, Mapping) else {"from": str(found.value)}
        if _each(twins, same_day):
            why = f"accounts such as {names} differ by case only, and stand beside each other on one day"
            return (replace(found, evidence=f"{found.evidence}; {why}", value={**options, "case": "keep"}),)
        changes = (
            self._rolls.filter((pl.col("account_id") != pl.col("account_id:before")) & pl.col("could_fail"))
            if len(self._rolls)
            else twins.clear()
        )
        is_one = not same_day["account_id"].any() and changes.height > 0 and bool(changes["rolls"].all())
        is_one &= is_one and set(twins["folded"]) == set(changes["folded"])
        if is_one:
            why = f"accounts such as {names} differ by case only, and the value of the one is where the other one begins"
            uppers = rows.select((pl.col("account_id") == pl.col("account_id").str.to_uppercase()).mean()).item()
            case = "upper" if uppers >= 0.5 else "lower"  # noqa: PLR2004 - as most are written
            return (replace(found, evidence=f"{found.evidence}; {why}", value={**options, "case": case}),)
        why = f"accounts such as {names} differ by case only, and nothing tells whether they are one"
        return (found, KeyFinding("columns.account_id.case", Status.UNDECIDED, why, candidates=("upper", "lower", "keep")))


def _each(twins: pl.DataFrame, same_day: pl.DataFrame) -> bool:
    """Whether each account that is spelled in several ways has two spellings on one day, with different values."""
    beside = same_day.filter("account_id", "values")["folded"].unique()
    return beside.len() == twins["folded"].n_unique()


def _residual(rows: pl.DataFrame) -> pl.Expr:
    return pl.sum_horizontal(pl.col(field) * sign for field, sign in COEFFICIENT.items() if field in rows.columns)


def _sums(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(subtotals(rows))


def _days_between(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=place) for place in range((last - first).days + 1))


def _lines(rows: pl.DataFrame) -> str:
    shown = ", ".join(map(str, rows[LINE_NUMBER].head(_SHOWN)))
    return f"line {shown}" if rows.height == 1 else f"lines {shown}{' and others' if rows.height > _SHOWN else ''}"


def _field(found: KeyFinding) -> str:
    return found.key.removeprefix("columns.")


def _column(found: KeyFinding) -> str:
    return str(found.value["from"]) if isinstance(found.value, Mapping) else str(found.value)


def habits_of(table: Table, keys: Keys, findings: Sequence[KeyFinding], numbers: Numbers) -> tuple[KeyFinding, ...]:
    """The findings with the habits that the rows show besides."""
    habits = Habits(table, keys, {one.key: one for one in findings if one.is_settled}, numbers)
    return (*(more for one in findings for more in habits.with_case(one)), *habits.findings())
