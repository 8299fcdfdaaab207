"""Names of columns and keys: what makes two of them one, and how they are inferred.

Every reader compares names by ``folded``, so that a name means the same in every format.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from advisory_perf.feeds.expressions import matches
from advisory_perf.showing import ignored_class, quoted

_SOFT_HYPHEN = "\u00ad"
INVISIBLE = rf"\s{ignored_class(besides=_SOFT_HYPHEN)}"
"""What may surround a value without being part of it, as the inside of a character class; a soft hyphen may be a minus."""
_MARK = re.compile(f"[{ignored_class()}]")
"""What no two names differ by: zero-width spaces and joiners, marks of direction, byte order marks, soft hyphens."""
_SPACES = re.compile(r"\s+")
_REPEATED = re.compile(r"(.*) \(column [0-9]+\)", re.DOTALL)


def visible(name: str) -> str:
    """A name without invisible marks, in composed characters (NFC), with single spaces and none around it."""
    return _SPACES.sub(" ", _MARK.sub("", unicodedata.normalize("NFC", name))).strip()


@lru_cache(maxsize=1 << 14)
def folded(name: str) -> str:
    """A name without the differences that do not change it: case, surplus or odd spaces, invisible marks, a trailing ``*``."""
    return unicodedata.normalize("NFC", visible(name).rstrip("* ").casefold())


@lru_cache(maxsize=1 << 14)
def folded_path(path: str) -> str:
    """The same of a dotted path of keys, each of which is a name."""
    return ".".join(map(folded, path.split(".")))


def matched(pattern: str, names: Sequence[str]) -> list[dict[str, str] | None]:
    """What an expression's groups find in each whole name, without the differences that do not change it; None where it matches none."""
    seen = [visible(name) for name in names]
    both = zip(*(matches(pattern, texts, any_case=True) for texts in (seen, [name.rstrip("* ") for name in seen])), strict=True)
    found = (whole if whole is not None else bare for whole, bare in both)
    return [None if groups is None else {name: text or "" for name, text in groups.items()} for groups in found]


def listed(names: Sequence[str], at_most: int = 8) -> str:
    """Names of a file within a sentence, each in quotes and cut, and how many more there are."""
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(map(quoted, names[:at_most])) + more


def repeated(name: str, column: int) -> str:
    """What a further column of one name is called; ``column`` is its place in the file, from 1."""
    return f"{name} (column {column})"


def is_repeated(name: str) -> bool:
    """Whether a name looks like one of ``repeated``."""
    return _REPEATED.fullmatch(name) is not None


def without_repeats(names: Iterable[str]) -> list[str]:
    """The names of which none is only what ``repeated`` calls a further column of another one of them."""
    given = list(names)
    known = set(given)
    return [name for name in given if not ((match := _REPEATED.fullmatch(name)) and match[1] in known)]
