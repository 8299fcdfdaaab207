"""What to write in a feed so that it takes a delivery whose columns have other names.

Names are compared by their letters only, so everything here is a proposal for a person and never applied: whether two names
mean the same is the vendor's word.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher

from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.names import listed, visible
from advisory_perf.feeds.units import unit_in
from advisory_perf.showing import quoted

_ALIKE = 0.6


def proposed_changes(feed: Feed, missing: Sequence[str], new: Sequence[str]) -> str:
    """One sentence a change: a missing field beside the new column that may be its new name, and what to ignore.

    ``missing`` are fields of the feed, ``new`` are columns of the file.
    """
    proposals, left = [], list(new)
    for field in missing:
        source = feed.columns[field].from_
        alike = max(left, key=lambda name: _likeness(name, source), default=None)
        if alike is not None and (_likeness(alike, source) >= _ALIKE or len(left) == len(missing) == 1):
            proposals.append(f"if {source} was renamed to {quoted(alike)}, write {field}: {{from: {visible(alike)!r}}} under columns")
            left.remove(alike)
        else:
            proposals.append(f"if {source} comes no more, {_without(field, feed)}")
    if left:
        proposals.append(f"if {listed(left)} is not wanted, add {'it' if len(left) == 1 else 'them'} to ignored")
    return "; ".join(proposals)


def renamed_by_a_unit(missing: str, new: Sequence[str]) -> str | None:
    """The new column that is the missing one with a unit behind its name, which is never cut off: amounts would change."""
    units = ((name, unit_in(name)) for name in new)
    return next((name for name, unit in units if unit is not None and unit.bare.casefold() == missing.casefold()), None)


def _without(field: str, feed: Feed) -> str:
    if feed.columns[field].absent == "reject":
        return f"say absent: zero for {field}, if it then counts as zero"
    return f"take {field} out of columns"


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one.casefold(), other.casefold()).ratio()
