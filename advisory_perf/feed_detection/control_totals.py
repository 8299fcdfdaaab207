"""What a file announces of itself below its rows: a count of rows, sums of amounts, a row of totals.

A number in a footer line is taken for a count or a sum only where it is exactly that in every file, and where the line inferred as
an expression fits no row. So what is proposed holds for the files at hand, and a later one that differs is refused, not misread.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

import polars as pl

from advisory_perf.feed_detection.findings import KeyFinding, Status
from advisory_perf.feed_detection.structure import FILE
from advisory_perf.feed_detection.values import money
from advisory_perf.feeds.fields import MONEY_FIELDS
from advisory_perf.feeds.sources import Numbers, Source
from advisory_perf.ingestion.parsing.numbers import figure
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MISFIT, cell, cell_columns

_LEAST_COUNT = 3
"""A line says 1 or 2 for many reasons."""
_MARKS = ".,'"
_MOST_LINES, _MOST_NUMBERS = 20, 12
"""A vendor announces its figures in a few short lines at the end; in a file of remarks every number would be tried against every row."""


@dataclass(frozen=True)
class Announcements:
    """The lines of a table that are no rows (``footers``), its ``rows``, and the amounts that the feed maps."""

    rows: pl.DataFrame
    footers: pl.DataFrame
    amounts: Mapping[str, Source]
    numbers: Numbers
    delimiter: str

    def findings(self, footer: KeyFinding | None) -> list[KeyFinding]:
        """The control figures, and the footer rules, of which one whose line is the rows' sums says so."""
        found = [] if footer is None else [self._with_totals(footer)]
        controls = self._controls([rule for one in found if isinstance(one.value, list) for rule in one.value if "totals" in rule])
        if controls:
            evidence = "the figures below the rows are their number and sums"
            found.append(KeyFinding("controls", Status.CONFIRMED, evidence, controls))
        return found

    @cached_property
    def _sums_by_file(self) -> dict[str, dict[str, Decimal]]:
        return {file: self._sums(rows) for (file,), rows in self.rows.group_by(FILE)}

    def _sums(self, rows: pl.DataFrame) -> dict[str, Decimal]:
        """By field the sum of its column as it is printed, where every cell is an amount."""
        columns = {field: money(rows, source.from_, self.numbers, 0) for field, source in self.amounts.items()}
        return {field: sum(amounts, Decimal(0)) for field, amounts in columns.items() if amounts.null_count() == 0}

    def _amount(self, text: str) -> Decimal | None:
        return figure(text, self.numbers)

    def _is(self, total: Decimal, text: str) -> bool:
        return self._amount(text) == total

    def _ways_to_count(self, count: int) -> list[tuple[str, Callable[[str], bool]]]:
        """How a number of rows may be printed: in digits, or else as the file's amounts are (1,200)."""
        if count < _LEAST_COUNT:
            return []
        return [(r"(\d+)", lambda text: text == str(count)), (f"({self._any_number})", partial(self._is, Decimal(count)))]

    def _with_totals(self, footer: KeyFinding) -> KeyFinding:
        rules = [dict(rule) for rule in footer.value] if isinstance(footer.value, list) else []
        for rule in rules:
            if all(self._is_totals(line) for line in self._named(rule)) and self._named(rule):
                rule["totals"] = True
        is_said = any("totals" in rule for rule in rules)
        return replace(footer, value=rules, evidence=f"{footer.evidence}; totals are the sums of the rows" if is_said else footer.evidence)

    def _named(self, rule: Mapping[str, Any]) -> list[dict[str, Any]]:
        starts = tuple(rule["starts_with"])
        lines = self.footers.filter(pl.col(MISFIT).is_null()).to_dicts()
        return [line for line in lines if str(line[cell(rule["column"])] or "").strip(" \"'").startswith(starts)]

    def _is_totals(self, line: Mapping[str, Any]) -> bool:
        """Whether a line as wide as a row holds sums in at least two columns of amounts, and nothing else in any."""
        sums = self._sums_by_file.get(line[FILE], {})
        held = {field: str(line[cell(source.from_)] or "").strip() for field, source in self.amounts.items()}
        texts = {field: text for field, text in held.items() if text and text not in self.numbers.blanks}
        return len(texts) > 1 and all(field in sums and self._amount(text) == sums[field] for field, text in texts.items())

    def _controls(self, totals_rules: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Count and totals, from the lines that no rule holds against the rows already."""
        summed = [line[LINE_NUMBER] for rule in totals_rules for line in self._named(rule)]
        footers = self.footers.filter(~pl.col(LINE_NUMBER).is_in(summed))
        files = self.rows[FILE].unique(maintain_order=True).to_list()
        if footers.is_empty() or not files:
            return {}
        lines = {file: self._last_lines(footers.filter(pl.col(FILE) == file)) for file in files}
        counts = {file: self.rows.filter(pl.col(FILE) == file).height for file in files}
        sums = self._sums_by_file
        first = files[0]
        count = next(
            (
                pattern
                for line in lines[first]
                for group, fits in self._ways_to_count(counts[first])
                for pattern in self._patterns(line, group, fits)
                if all(self._says(pattern, lines[file], Decimal(counts[file])) for file in files)
            ),
            None,
        )
        totals: dict[str, str] = {}
        for line in lines[first]:
            for field, total in sums[first].items():
                if not total or list(sums[first].values()).count(total) > 1:
                    continue
                for pattern in self._patterns(line, f"({self._any_number})", partial(self._is, total)):
                    if all(field in sums[file] and self._says(pattern, lines[file], sums[file][field]) for file in files):
                        totals.setdefault(field, pattern)
        return {**({"count": count} if count else {}), **({"totals": totals} if totals else {})}

    @property
    def _any_number(self) -> str:
        """A number in a line, whose marks are none of those that part its cells."""
        return rf"-?\d[\d{_MARKS.replace(self.delimiter, '')}]*"

    def _patterns(self, line: str, group: str, fits: Callable[[str], bool]) -> Iterator[str]:
        """The line as an expression around each number that fits; any other number in it may be another one."""
        numbers = list(re.finditer(self._any_number, line))
        if len(numbers) > _MOST_NUMBERS:
            return
        for chosen in numbers:
            if not fits(chosen[0]):
                continue
            pattern, end = "^", 0
            for found in numbers:
                pattern += re.escape(line[end : found.start()]).replace(r"\ ", " ") + (group if found is chosen else self._any_number)
                end = found.end()
            yield pattern + re.escape(line[end:]).replace(r"\ ", " ") + "$"

    def _texts(self, lines: pl.DataFrame) -> list[str]:
        """The lines as the ingestion holds them against ``validation.control_totals``."""
        whole = pl.concat_str(pl.col(cell_columns(lines)).fill_null(""), separator=self.delimiter)
        return [text for text in lines.select(pl.coalesce(MISFIT, whole).alias("line"))["line"] if text]

    def _last_lines(self, lines: pl.DataFrame) -> list[str]:
        return self._texts(lines)[-_MOST_LINES:]

    def _says(self, pattern: str, lines: Sequence[str], figure: Decimal) -> bool:
        """Whether the lines of a file say the figure by the pattern, once, and no row fits it."""
        said = [found[1] for line in lines if (found := re.search(pattern, line))]
        return len(said) == 1 and self._amount(said[0]) == figure and not self._rows_as_text.str.contains(pattern).any()

    @cached_property
    def _rows_as_text(self) -> pl.Series:
        return pl.Series(self._texts(self.rows), dtype=pl.String())


def amounts_of(findings: Sequence[KeyFinding]) -> dict[str, Source]:
    """The columns of amounts that findings fill in."""
    values = {one.key.removeprefix("columns."): one.value for one in findings if one.is_settled and one.key.startswith("columns.")}
    return {
        field: Source.model_validate(value if isinstance(value, Mapping) else {"from": value})
        for field, value in values.items()
        if field in MONEY_FIELDS
    }
