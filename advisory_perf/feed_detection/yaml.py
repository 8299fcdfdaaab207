"""A proposal as a feed file: YAML with the evidence beside each key.

Keys that are not settled are comments: with their candidates, or as the line that becomes valid once a person confirms it.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

import yaml

from advisory_perf.feed_detection.findings import KeyFinding, Status
from advisory_perf.feed_detection.proposal import Proposal
from advisory_perf.feeds.fields import FIELDS

_ORDER = (
    "vendor", "title", "cadence", "weekends", "valuations", "first_window", "files", "currency", "minor_units", "numbers", "negative_flows",
    "footer", "controls", "plausibility", "columns", "conventions",
)  # fmt: skip
_SHOWN_CANDIDATES, _SHOWN_FILES = 6, 3


def as_yaml(proposal: Proposal) -> str:
    """The feed file. It is a valid feed when the proposal is complete; ``feeds check`` names what is missing otherwise."""
    sections: dict[str, list[KeyFinding]] = {key: [] for key in _ORDER}
    for one in proposal.findings:
        sections[one.key.split(".")[0]].append(one)
    files = ", ".join(map(_one_line, proposal.file_names[:_SHOWN_FILES])) + (", …" if len(proposal.file_names) > _SHOWN_FILES else "")
    lines = [
        f"# Proposed from {files}: {proposal.rows:,} rows read, {proposal.sampled:,} computed with.",
        f"# To be decided: {', '.join(proposal.open_keys)}"
        if proposal.open_keys
        else "# Everything is inferred from the file and confirmed.",
    ]
    for key, found in sections.items():
        if key in {"columns", "conventions"}:
            ordered = sorted(found, key=lambda one: FIELDS.index(_last(one)) if _last(one) in FIELDS else len(FIELDS))
            lines += [f"{key}:", *(f"  {line}" for one in ordered for line in _lines(_last(one), one))]
        else:
            lines += [line for one in found for line in _lines(one.key, one)]
    if proposal.unmapped:
        lines.append(f"# Columns that no key takes: {', '.join(map(_one_line, proposal.unmapped))}")
    return "\n".join(lines) + "\n"


def _last(one: KeyFinding) -> str:
    """The key below its section, such as ``income`` or ``account_id.case``."""
    return one.key.partition(".")[2]


def _lines(key: str, one: KeyFinding) -> Iterable[str]:
    evidence = f"{one.status.value}: {one.evidence}" if one.status is not Status.UNDECIDED else one.evidence
    if one.value is None:
        shown = ", ".join(map(_one_line, one.candidates[:_SHOWN_CANDIDATES])) or "none in the file"
        yield f"# {key}: undecided; candidates: {shown}; {_one_line(evidence)}"
    else:
        yield f"{'' if one.is_settled else '# '}{key}: {_inline(one.value)}  # {_one_line(evidence)}"


def _inline(value: object) -> str:
    """The value in one line of YAML that reads back as the same value."""
    return (
        yaml.safe_dump(_plain(value), default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9)
        .removesuffix("...\n")
        .strip()
    )


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    return value if isinstance(value, date | int | str) else str(value)


def _one_line(text: str) -> str:
    """Text of the file that cannot end a comment."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
