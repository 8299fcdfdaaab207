"""What tells the rows of an unknown file apart: as-of date and account, and what follows from them.

Names propose a column and its texts decide: dates have to read in one way, accounts have to stand once a day. Lines without a
date that end the file, or that begin like a total, are footers. Cadence and currency are inferred from the dates and from the words
of the file, or not at all.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import polars as pl

from advisory_perf.contracts.currencies import ACTIVE, MINOR_UNITS, SIGNS, WITHDRAWN
from advisory_perf.contracts.enums import Cadence
from advisory_perf.feed_detection.column_names import CURRENCIES, Reading, Strength, candidates_for, name_of
from advisory_perf.feed_detection.findings import KeyFinding, Status
from advisory_perf.feed_detection.structure import FILE, Table
from advisory_perf.feed_detection.values import are_midnights_of_utc, day_formats, days, held, instant_format, looks_numeric, share
from advisory_perf.feeds.date_formats import has_time_zone
from advisory_perf.feeds.sources import Source
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MARK, MISFIT, cell

UTC_ZONE = "UTC"
_MOSTLY = 0.9
_NEARLY_ALL = 0.95
_TOTALS = r"(?i)^[\"']?\s*(sub-?total|total|grand total|sum|report|generated|disclaimer|note|source|end of|\*)"
_MOST_FOOTERS = 50
"""Lines that begin in more ways than these are remarks, which no rules tell from rows."""
_CODES = sorted(ACTIVE | MINOR_UNITS.keys() | WITHDRAWN.keys())
"""What a column of currencies holds; which of them is taken is the ingestion's business."""
_MINOR_UNIT = rf"\b(?i:in|currency|ccy)\b\W{{0,3}}({'|'.join(sorted(MINOR_UNITS))})\b"
_LEAST_MONTHS = 3
_LONGEST_STEP = timedelta(days=4)
"""Between business days, a weekend with a holiday included."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Date and account as far as they are inferred, with what each finding says; ``day`` and ``account`` go with ``rows``."""

    rows: pl.DataFrame
    day: pl.Series | None
    account: pl.Series | None
    findings: tuple[KeyFinding, ...]
    not_footers: pl.DataFrame
    footers: pl.DataFrame
    footer: KeyFinding | None = None
    time_zone: str | None = None

    @property
    def columns(self) -> set[str]:
        """The columns of the file that are taken."""
        return {_from(one.value) for one in self.findings if one.key.startswith("columns.") and one.value is not None}


def _from(value: object) -> str:
    return str(value["from"]) if isinstance(value, dict) else str(value)


def tell_keys(table: Table, named: Mapping[str, Sequence[Reading]]) -> Keys:
    """The rows without footers, their dates and accounts."""
    dates = _date_finding(table, named)
    column = _from(dates.value) if dates.value is not None else None
    formats = dates.value.get("formats", ["%Y-%m-%d"]) if isinstance(dates.value, dict) else ["%Y-%m-%d"]
    rows, footer = table.raw.filter(pl.col(MISFIT).is_null()), None
    day, footers = None, table.raw.clear()
    if column is not None:
        read = days(table.raw, column, formats)
        rows = table.raw.filter(read.is_not_null() & table.raw[MISFIT].is_null())
        footer, footers = _footer(table, read)
        day = days(rows, column, formats)
    accounts = _account_finding(rows, day, named)
    account = rows[cell(_from(accounts.value))].str.strip_chars() if accounts.value is not None else None
    findings = [accounts, dates, *_period(day)]
    is_read_as_none = pl.col(MISFIT).is_not_null() & pl.col(MARK).is_null()
    not_footers = table.raw.filter(~is_read_as_none & ~pl.col(LINE_NUMBER).is_in(footers[LINE_NUMBER].implode()))
    time_zone = UTC_ZONE if any(map(has_time_zone, formats)) else None
    return Keys(rows, day, account, tuple(findings), not_footers, footers, footer, time_zone)


def _one_of(passing: dict[str, Strength]) -> tuple[str, ...]:
    """The columns with the surest name among those that pass."""
    return tuple(column for column, strength in passing.items() if strength == max(passing.values()))


def _date_finding(table: Table, named: Mapping[str, Sequence[Reading]]) -> KeyFinding:
    key, proposed = "columns.as_of_date", candidates_for("as_of_date", named)
    inferred = {column: day_formats(table.raw[cell(column)]) for column in proposed}
    passing = {
        column: strength
        for column, strength in proposed.items()
        if (inferred[column].formats or inferred[column].rivals)
        and (inferred[column].rivals or share(days(table.raw, column, inferred[column].formats).is_not_null()) >= _MOSTLY / 2)
    }
    best = _one_of(passing)
    instants = {column: form for column in proposed if (form := instant_format(table.raw[cell(column)])) is not None}
    midnights = [column for column, form in instants.items() if are_midnights_of_utc(table.raw[cell(column)], form)]
    if not best and len(instants) == len(midnights) == 1 and proposed[midnights[0]] > Strength.POSSIBLE:
        (column,) = midnights
        evidence = (
            f"{proposed[column].name.lower()} name; every instant is a midnight of UTC, so that it is the day that it is written with"
        )
        return KeyFinding(key, Status.CONFIRMED, evidence, {"from": column, "formats": [instants[column]]})
    if not best and instants:
        evidence = "instants are days only somewhere; say where the vendor's day is, such as files: {time_zone: America/New_York}"
        return KeyFinding(
            key, Status.UNDECIDED, evidence, candidates=tuple(f"{{from: {one}, formats: [{form!r}]}}" for one, form in instants.items())
        )
    if len(best) != 1 or proposed[best[0]] is Strength.POSSIBLE:
        evidence = "several columns of dates are named so" if len(best) > 1 else "no column that is surely named so holds dates"
        return KeyFinding(key, Status.UNDECIDED, evidence, candidates=tuple(proposed))
    (column,) = best
    if inferred[column].rivals:
        rivals = tuple(f"{{from: {column}, formats: [{form!r}]}}" for forms in inferred[column].rivals for form in forms)
        return KeyFinding(key, Status.UNDECIDED, "dates can be read in several ways", candidates=rivals)
    formats = list(inferred[column].formats)
    value = column if formats == ["%Y-%m-%d"] else {"from": column, "formats": formats}
    read = days(table.raw, column, formats)
    evidence = f"{proposed[column].name.lower()} name; {read.count()} of {read.len()} lines are dates, and in one way only"
    return KeyFinding(key, Status.CONFIRMED, evidence, value)


def _account_finding(rows: pl.DataFrame, day: pl.Series | None, named: Mapping[str, Sequence[Reading]]) -> KeyFinding:
    key, proposed = "columns.account_id", candidates_for("account_id", named)
    pattern = Source.model_fields["pattern"].default
    uniqueness: dict[str, float] = {}
    for column in proposed:
        texts = rows[cell(column)].str.strip_chars()
        if rows.is_empty() or share(texts.str.contains(pattern)) < _NEARLY_ALL or share(texts.str.contains(r"\d")) < _MOSTLY:
            continue
        keys = rows.select(FILE, texts.alias("account"), day.alias("day")) if day is not None else None
        uniqueness[column] = keys.n_unique() / keys.height if keys is not None else 1.0
    passing = {column: proposed[column] for column, part in uniqueness.items() if part >= _NEARLY_ALL}
    best = _one_of(passing)
    if len(best) != 1 or proposed[best[0]] is Strength.POSSIBLE:
        evidence = "several columns are named so" if len(best) > 1 else "no column that is named so holds one account number a row and day"
        return KeyFinding(key, Status.UNDECIDED, evidence, candidates=tuple(best or proposed))
    (column,) = best
    count = rows[cell(column)].n_unique()
    once = f", once a day on {uniqueness[column]:.1%} of {rows.height} rows" if day is not None else ""
    status = Status.CONFIRMED if day is not None else Status.UNCONFIRMED
    return KeyFinding(key, status, f"{proposed[column].name.lower()} name; {count} account numbers{once}", column)


def _footer(table: Table, read: pl.Series) -> tuple[KeyFinding | None, pl.DataFrame]:
    """The lines without a date at the end, or that begin like a total: as rules by the words they begin with, and themselves."""
    raw = table.raw
    last = dict(raw.filter(read.is_not_null()).group_by(FILE).agg(pl.col(LINE_NUMBER).max()).iter_rows())
    dated = raw.filter(read.is_not_null())
    beginnings: dict[str, pl.Series] = {}
    validated: dict[tuple[str, str], bool] = {}
    unclear, places = 0, []
    for line in raw.filter(read.is_null()).iter_rows(named=True):
        whole = line[MISFIT]
        column, text = next(((name, line[cell(name)]) for name in table.headers if line[cell(name)]), (table.headers[0], whole or ""))
        text = (text or "").strip(" \"'")
        if line[LINE_NUMBER] < last.get(line[FILE], 0) and not re.match(_TOTALS, text):
            continue
        places.append(line[LINE_NUMBER])
        start = re.match(r"[A-Za-z*#-][A-Za-z]*(?: [A-Za-z]+)*", text)
        key = (column, start[0]) if start is not None else None
        if key is not None and key not in validated and len(validated) < _MOST_FOOTERS:
            if column not in beginnings:
                beginnings[column] = dated[cell(column)].str.strip_chars()
            validated[key] = share(beginnings[column].str.starts_with(key[1])) == 0
        unclear += key is None or not validated.get(key, False)
    rules: dict[str, list[str]] = {}
    for (column, text), is_footer in validated.items():
        if is_footer:
            rules.setdefault(column, []).append(text)
    lines = raw.filter(pl.col(LINE_NUMBER).is_in(places))
    if not any(rules.values()):
        return None, lines
    value = [{"column": column, "starts_with": starts} for column, starts in rules.items() if starts]
    evidence = "lines without a date at the end, or that begin like a total" + (f"; {unclear} more begin like no footer" if unclear else "")
    return KeyFinding("footer", Status.CONFIRMED, evidence, value), lines


def _period(day: pl.Series | None) -> list[KeyFinding]:
    """Cadence and first window."""
    if day is None or day.is_empty():
        nothing = "the dates are not inferred"
        return [KeyFinding(key, Status.UNDECIDED, nothing, candidates=options) for key, options in _PERIOD_KEYS.items()]
    found = sorted(day.unique().to_list())
    first = found[0].replace(day=1)
    window = KeyFinding("first_window", Status.CONFIRMED, f"the earliest date is {found[0]}; earlier ones would be E_DATE_RANGE", first)
    ends = all(_is_month_end(one) for one in found)
    if len(found) == 1:
        options = (Cadence.MONTHLY.value, Cadence.DAILY.value) if ends else (Cadence.DAILY.value, Cadence.MONTHLY.value)
        return [KeyFinding("cadence", Status.UNDECIDED, f"the only date is {found[0]}", candidates=options), window]
    steps = sorted(later - earlier for earlier, later in pairwise(found))
    if ends and len({(one.year, one.month) for one in found}) == len(found):
        return [
            KeyFinding("cadence", Status.CONFIRMED, f"{len(found)} dates, each the only one and the end of its month", "monthly"),
            window,
        ]
    if _is_monthly_with_others(day):
        evidence = f"{len(found)} dates, of which one is the end of each month and has nearly all rows"
        return [KeyFinding("cadence", Status.CONFIRMED, evidence, "monthly"), window]
    if steps[len(steps) // 2] <= _LONGEST_STEP:
        return [
            KeyFinding("cadence", Status.CONFIRMED, f"{len(found)} dates, mostly {steps[len(steps) // 2].days} day apart", "daily"),
            window,
        ]
    return [
        KeyFinding("cadence", Status.UNDECIDED, f"{len(found)} dates, neither days nor month ends", candidates=("daily", "monthly")),
        window,
    ]


def _is_monthly_with_others(day: pl.Series) -> bool:
    """Whether each of several months has one day that is its end, and these have nearly all rows."""
    ends = [one for one in day.unique().to_list() if _is_month_end(one)]
    months = {(one.year, one.month) for one in ends}
    every = {(one.year, one.month) for one in day.unique().to_list()}
    return len(months) == len(ends) >= _LEAST_MONTHS and months == every and share(day.is_in(ends)) >= _MOSTLY


_PERIOD_KEYS: dict[str, tuple[str, ...]] = {"cadence": ("daily", "monthly"), "first_window": ()}


def _is_month_end(day: date) -> bool:
    """The last day of the month, or its last from Monday to Friday."""
    following = day + timedelta(days=3 if day.weekday() == 4 else 1)  # noqa: PLR2004 - a Friday
    return following.month != day.month


def currency(table: Table, named: Mapping[str, Sequence[Reading]], signs: Iterable[str], taken: set[str]) -> KeyFinding:
    """The currency by a column of codes, or by the words of the file; a sign alone is several currencies'."""
    columns = [column for column in candidates_for("currency", named) if column not in taken]
    codes = {column: share(held(table.raw[cell(column)]).is_in(_CODES)) for column in columns}
    best = [column for column, part in codes.items() if part >= _NEARLY_ALL]
    if len(best) == 1:
        return KeyFinding("columns.currency", Status.CONFIRMED, f"{codes[best[0]]:.1%} of its texts are codes", best[0])
    if len(best) > 1:
        return KeyFinding("columns.currency", Status.UNDECIDED, "several columns hold codes", candidates=tuple(best))
    pattern = rf"\b(?:in|currency|ccy)\b\W{{0,3}}({'|'.join(sorted(CURRENCIES))})\b"
    said = {found.upper() for text in table.preamble for found in re.findall(pattern, text, re.IGNORECASE)}
    said |= {found for text in table.preamble for found in re.findall(_MINOR_UNIT, text)}
    said |= {name.currency for header in table.headers if (name := name_of(header)).currency}
    if len(said) == 1:
        return KeyFinding("currency", Status.CONFIRMED, "said above the header or in it", said.pop())
    ranked = tuple(sorted(said)) or tuple(code for sign in signs for code in SIGNS.get(sign, ()))
    nothing = "no column, word or sign of the file says it; add the line currency: with the vendor's code, such as currency: USD"
    several = "the file's signs and words leave several; add the line currency: with the right one"
    return KeyFinding("currency", Status.UNDECIDED, several if ranked else nothing, candidates=ranked)


def texts(rows: pl.DataFrame, account: pl.Series | None, named: Mapping[str, Sequence[Reading]], taken: set[str]) -> list[KeyFinding]:
    """Names and numbers of whom an account belongs to: one for each account, and never amounts."""
    findings = []
    for field in ("account_name", "portfolio_id", "client_id"):
        proposed = {column: one for column, one in candidates_for(field, named).items() if column not in taken and one > Strength.POSSIBLE}
        passing = {column: one for column, one in proposed.items() if account is not None and _belongs(rows, account, column, field)}
        best = _one_of(passing)
        if len(best) == 1:
            evidence = f"{passing[best[0]].name.lower()} name; one text for each account"
            findings.append(KeyFinding(f"columns.{field}", Status.NAMED, evidence, best[0]))
        elif proposed:
            evidence = "several columns are named so" if best else "does not hold one text for each account"
            findings.append(KeyFinding(f"columns.{field}", Status.UNDECIDED, evidence, candidates=tuple(best or proposed)))
    return findings


def _belongs(rows: pl.DataFrame, account: pl.Series, column: str, field: str) -> bool:
    found = rows.select(account.alias("account"), pl.col(cell(column)).alias("text"))
    one_each = found.group_by("account").agg(pl.col("text").drop_nulls().n_unique().alias("texts"))["texts"]
    is_number = looks_numeric(found["text"])
    is_amount = is_number and share(held(found["text"]).str.contains(r"[.,]")) > 0
    return share(one_each <= 1) >= _NEARLY_ALL and not is_amount and not (field == "account_name" and is_number)
