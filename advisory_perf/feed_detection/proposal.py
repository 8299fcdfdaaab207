"""A feed for an unknown file: every key that the file tells, with evidence, and candidates for those that it does not.

Names propose, structure and arithmetic confirm or refuse, and nothing is filled in that two readings would explain. The equations
are asked of the first rows of a long file; what is counted over whole columns (dates, notation, blanks) is counted over all.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from advisory_perf.feed_detection.amounts import FiguresOfFile, conventions
from advisory_perf.feed_detection.column_names import Reading, candidates_for, name_of, readings
from advisory_perf.feed_detection.control_totals import Announcements, amounts_of
from advisory_perf.feed_detection.file_names import vendor_of
from advisory_perf.feed_detection.findings import KeyFinding, Status
from advisory_perf.feed_detection.groups import with_labels
from advisory_perf.feed_detection.habits import habits_of
from advisory_perf.feed_detection.identities import COEFFICIENT
from advisory_perf.feed_detection.return_equation import SubPeriodReturns
from advisory_perf.feed_detection.row_keys import currency, tell_keys, texts
from advisory_perf.feed_detection.structure import Table, read_unknown
from advisory_perf.feed_detection.values import Notation, held, looks_numeric, notation
from advisory_perf.feeds.fields import REQUIRED_FIELDS, RETURN_FIELDS
from advisory_perf.ingestion.raw_frame import cell


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for files. ``unmapped`` are their columns that no key takes; ``sampled`` of ``rows`` rows were computed with."""

    file_names: tuple[str, ...]
    findings: tuple[KeyFinding, ...]
    unmapped: tuple[str, ...]
    rows: int
    sampled: int

    @property
    def open_keys(self) -> tuple[str, ...]:
        """The keys that a person has to look at."""
        return tuple(one.key for one in self.findings if not one.is_settled)

    @property
    def is_complete(self) -> bool:
        """Whether every key of the feed is inferred and confirmed."""
        return not self.open_keys


def propose(deliveries: Sequence[tuple[str, bytes]], *, compute: SubPeriodReturns, vendor: str | None = None) -> Proposal:
    """The proposal for a file, or for several of a kind (name and bytes), of which a day each tells more.

    ``compute`` gives sub-period returns. DeliveryRejectedError where a file cannot be read.
    """
    table = read_unknown(deliveries)
    named = {header: readings(header) for header in table.headers}
    labels = with_labels(table, named)
    table = labels.table
    keys = tell_keys(table, named)
    whose = texts(keys.rows, keys.account, named, keys.columns)
    taken = keys.columns | {str(one.value) for one in whose if one.value is not None}
    numeric = [name for name in table.headers if name not in taken and _holds_numbers(keys.rows[cell(name)])]
    marks = notation((keys.rows[cell(name)] for name in numeric), is_text=table.files["format"] == "csv")
    figures = FiguresOfFile(keys, {name: name_of(name) for name in numeric}, {name: named[name] for name in numeric}, marks, compute)
    code = currency(table, named, marks.inferred.get("currency_signs", ()), taken | set(numeric))
    amounts = figures.findings() if not marks.candidates else _unread(named)
    columns = [*keys.findings[:2], *whose, *amounts]
    delimiter = str(table.files.get("csv", {}).get("delimiter", ","))
    announced = Announcements(keys.not_footers, keys.footers, amounts_of(amounts), marks.numbers, delimiter)
    findings = (
        *_file_findings(table, vendor, {"time_zone": keys.time_zone} if keys.time_zone else {}),
        *keys.findings[2:],
        code,
        *_number_findings(marks),
        *announced.findings(keys.footer),
        *sorted(columns, key=lambda one: "columns" not in one.key),
    )
    findings = habits_of(table, keys, tuple(map(labels.applied, findings)), marks.numbers)
    known = {_column(one.value) for one in findings if one.key.startswith("columns.")}
    return Proposal(
        tuple(file_name for file_name, _ in deliveries),
        findings,
        tuple(name for name in table.headers if name not in known),
        table.raw.height,
        figures.sample.height,
    )


def _column(value: object) -> str:
    return str(value["from"]) if isinstance(value, Mapping) else str(value)


def _holds_numbers(column: pl.Series) -> bool:
    return looks_numeric(column) and not held(column).is_empty()


def _file_findings(table: Table, vendor: str | None, further: dict[str, str]) -> list[KeyFinding]:
    said = Status.CONFIRMED if vendor else Status.NAMED
    findings = [
        KeyFinding("vendor", said, "as said" if vendor else "from the file's name", vendor or vendor_of(table.file_name)),
        KeyFinding(
            "title", Status.NAMED, "for people", f"{(vendor or vendor_of(table.file_name)).replace('_', ' ')}, {table.files['format']}"
        ),
    ]
    inferred = [pattern for pattern in table.files["patterns"] if re.search("[A-Za-z].*[.]", pattern)]
    files = {key: value for key, value in table.files.items() if key != "patterns" or inferred} | further
    findings.append(KeyFinding("files", Status.CONFIRMED, "from the bytes and names", files))
    if not inferred:
        nothing = "the name is only a date, and would claim the files of every vendor"
        findings.append(KeyFinding("files.patterns", Status.UNDECIDED, nothing, candidates=tuple(table.files["patterns"])))
    if table.encodings:
        findings.append(
            KeyFinding("files.csv.encoding", Status.UNDECIDED, "not UTF-8, and no byte tells which of these", candidates=table.encodings)
        )
    return findings


def _number_findings(marks: Notation) -> list[KeyFinding]:
    if marks.candidates:
        return [KeyFinding("numbers", Status.UNDECIDED, "the marks in numbers can be read in several ways", candidates=marks.candidates)]
    return [KeyFinding("numbers", Status.CONFIRMED, "explains every number of the file", dict(marks.inferred))] if marks.inferred else []


def _unread(named: Mapping[str, Sequence[Reading]]) -> list[KeyFinding]:
    """What is left open where numbers cannot be read."""
    fields = [*COEFFICIENT, *RETURN_FIELDS]
    open_fields = {field: candidates_for(field, named) for field in fields if candidates_for(field, named) or field in REQUIRED_FIELDS}
    reason = "the notation of numbers is not inferred"
    return [
        *(KeyFinding(f"columns.{field}", Status.UNDECIDED, reason, candidates=tuple(found)) for field, found in open_fields.items()),
        *conventions(None, reason),
    ]
