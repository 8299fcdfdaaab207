"""The regular expressions of a feed, all run by one engine: that of Polars, which takes time linear in the text whatever the expression.

Python's own engine tries one way after another, so that ``(a+)+$`` takes for ever over forty letters. What only such an engine can do
(looking ahead or behind, naming what a group found before) is refused when the feed is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

_LONGEST = 2_000
_BEGIN, _END = "\x01", "\x02"
_KNOWN_TEXTS = 1 << 14
_REASONS = (
    ("look-around", "looks ahead or behind, which takes no bounded time; say with a group what stands before or after"),
    ("backreferences", "names what a group found before, which takes no bounded time; say it without"),
    ("size limit", "repeats too often to be held in memory; say it with fewer repetitions"),
    ("unrecognized flag", "has a kind of bracket, (?…), that is not known; groups are (…), (?:…) and (?P<name>…), and (?i) ignores case"),
    ("unrecognized escape", "has a mark behind a backslash that is not known; the end of the text is \\z"),
)


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that can be run: how many ``groups`` it has, and the ``names`` of those that have one, in their order."""

    pattern: str
    groups: int
    names: tuple[str, ...]


@lru_cache(maxsize=1 << 10)
def compiled(pattern: str) -> Expression:
    """The regular expression of a feed; ValueError says what is wrong with it."""
    if len(pattern) > _LONGEST:
        raise ValueError(f"is a regular expression of {len(pattern):,} characters; at most {_LONGEST:,} are taken")
    try:
        found = pl.Series([""]).str.extract_groups(pattern)
        pl.Series([""]).str.contains(_whole(pattern))
    except pl.exceptions.ComputeError as error:
        raise ValueError(f"{pattern!r} {_why(str(error))}") from error
    names = found.struct.fields
    return Expression(pattern, len(names), tuple(name for name in names if not name.isdecimal()))


def matches(pattern: str, texts: Sequence[str], *, any_case: bool = False) -> list[dict[str, str | None] | None]:
    """For each text what the groups found, by name or number, where the expression matches it from end to end; else None."""
    whole = _whole(pattern, any_case=any_case)
    series = pl.Series(texts, dtype=pl.String())
    are_matched = series.str.contains(whole)
    if not are_matched.any():
        return [None] * len(texts)
    found = series.str.extract_groups(whole).to_list() if compiled(pattern).groups else [{} for _ in texts]
    return [groups if is_matched else None for groups, is_matched in zip(found, are_matched, strict=True)]


@lru_cache(maxsize=_KNOWN_TEXTS)
def first_found(pattern: str, text: str) -> str | None:
    """What the first group finds in the first place that matches, in upper or lower case."""
    found: str | None = pl.Series([text]).str.extract(f"(?i:{pattern})", 1).item()
    return found


@lru_cache(maxsize=_KNOWN_TEXTS)
def without(pattern: str, text: str, filling: str = "") -> str:
    """The text with the filling in every place that matches, in upper or lower case."""
    replaced: str = pl.Series([text]).str.replace_all(f"(?i:{pattern})", filling).item()
    return replaced


def all_found(pattern: str, text: str) -> list[str]:
    """What the first group finds in each place that matches."""
    bare = text.replace(_BEGIN, " ").replace(_END, " ")
    marked: str = pl.Series([bare]).str.replace_all(pattern, f"{_BEGIN}${{1}}{_END}").item()
    return [part.partition(_END)[0] for part in marked.split(_BEGIN)[1:]]


def _whole(pattern: str, *, any_case: bool = False) -> str:
    return rf"\A(?{'i' if any_case else ''}:{pattern})\z"


def _why(said: str) -> str:
    """Our own words for what the engine finds wrong; the place is that of its caret below the expression."""
    for sign, reason in _REASONS:
        if sign in said:
            return f"is a regular expression that {reason}"
    caret = next((line.index("^") - 4 for line in said.splitlines() if line.strip("^ ") == "" and "^" in line), 0)
    return f"is no regular expression from character {max(caret, 0) + 1} on; close its brackets"
