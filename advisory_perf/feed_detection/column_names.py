"""Which field a column's name may stand for, by exact name after normalising, never by likeness.

Custodians and accounting systems use a small vocabulary in many spellings. Spelling is normalised (case, spaces, marks, word
joins, common abbreviations, plural), then the whole name has to stand in the table. Three strengths, because one name means
different things in different files: EXACT names one field; LIKELY usually means it; POSSIBLE can mean it, but as often means
something else. The last two are proposals for arithmetic to confirm. A bracket behind a name is evidence (currency, percent,
thousands, dates): one that is not understood makes the name unknown, since it may change what the column holds.
"""

import itertools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache

from advisory_perf.contracts.currencies import MINOR_UNITS, SIGNS
from advisory_perf.feed_detection.translations import in_english, without_accents
from advisory_perf.feed_detection.vocabulary import ABBREVIATIONS, SHORTHANDS, TABLE
from advisory_perf.feeds.fields import MONEY_FIELDS, RETURN_FIELDS
from advisory_perf.feeds.units import RATES, unit_in


class Strength(IntEnum):
    """How sure a name alone is."""

    POSSIBLE = 1
    LIKELY = 2
    EXACT = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """One field that a name may stand for."""

    field: str
    strength: Strength


@dataclass(frozen=True, slots=True)
class Name:
    """A normalised name, and what its marks and brackets say; ``unit`` is the feed's ``scale`` (percent, 1000, …)."""

    words: str
    spelled: str = ""
    """The plain words as they are spelled, which may be another language's."""
    unit: str | None = None
    currency: str | None = None
    is_understood: bool = True


_BRACKETS = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_NEGATIVES = re.compile(r"/\s*\(([A-Za-z ]+)\)|\s\((depreciation|loss|losses|withdrawals?|distributions?|outflows?)\)", re.IGNORECASE)
"""Accountants' way to say that the second of two is negative: Gain/(Loss), Appreciation (Depreciation)."""
_WORD_JOINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PERIOD_DATES = re.compile(r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}")
CURRENCIES = frozenset(
    (
        "USD",
        "EUR",
        "GBP",
        "CHF",
        "JPY",
        "CAD",
        "AUD",
        "NZD",
        "SEK",
        "NOK",
        "DKK",
        "HKD",
        "SGD",
        "CNY",
        "INR",
        "BRL",
        "MXN",
        "ZAR",
        "PLN",
        "CZK",
        "ILS",
    )
)
_LOOSE_CURRENCIES = frozenset(("USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD"))
_SILENT = frozenset({"gross", "net", "base", "", "to", "-", "+", "+/-", "value", "in", "in of", *map(str.casefold, SIGNS)})
_LONGEST_NAME, _MOST_PARTS = 150, 8
"""Longer texts are prose and no names, and deeper paths lead to no table; looking them up would take time and find nothing."""


def name_of(header: str) -> Name:
    """The header's words in the table's spelling, and what its marks and brackets say about unit and currency."""
    text = _NEGATIVES.sub(r"/\1\2", without_accents(unicodedata.normalize("NFKC", header)).strip().rstrip("*†‡ "))
    unit = unit_in(text)
    if unit is not None:
        text = unit.rest
    brackets = [said for said in _BRACKETS.findall(text) if not _repeats(said, _BRACKETS.sub(" ", text))]
    text = _BRACKETS.sub(" ", text)
    currency, is_understood, basis = _of_a_minor_unit(header), True, ""
    for part in re.split(r"[,;]", ",".join(_PERIOD_DATES.sub(" ", bracket) for bracket in brackets)):
        said = " ".join(re.sub(r"[$€£¥%]", " ", part).split())
        if said.upper() in CURRENCIES:
            currency = said.upper()
        elif said.casefold() not in _SILENT:
            is_understood = False
        elif said.casefold() in {"gross", "net"}:
            basis = f" {said}"
    loose = next((word for word in re.findall(r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])", text) if word in _LOOSE_CURRENCIES), None)
    if loose is not None:
        text = re.sub(rf"(?<![A-Za-z]){loose}(?![A-Za-z])", " ", text)
    return Name(_words(text + basis), " ".join(_plain(text)), unit.scale if unit is not None else None, currency or loose, is_understood)


def _of_a_minor_unit(header: str) -> str | None:
    """The currency of which a bracket names a part, as in Value (GBX)."""
    return next((MINOR_UNITS[said.strip()].major for said in _BRACKETS.findall(header) if said.strip() in MINOR_UNITS), None)


def _repeats(bracket: str, name: str) -> bool:
    """Whether a bracket only says again what stands beside it, in full, in part or by its initials: Net Asset Value (NAV)."""
    said, words = _words(bracket), _words(name)
    return bool(said) and (f" {said} " in f" {words} " or said == "".join(word[0] for word in _plain(name)))


def _words(text: str) -> str:
    """Lower case, word joins and marks apart, abbreviations written out, singular, without ``and`` and ``the``."""
    words = (_singular(ABBREVIATIONS.get(word, word)) for word in _plain(text))
    return " ".join(word for word in words if word not in {"and", "the", "s"})


def _plain(text: str) -> list[str]:
    spelled = _WORD_JOINS.sub(" ", text).replace("#", " number ").replace("%", " ").casefold()
    return re.sub(r"[^0-9a-z]+", " ", spelled).split()


def _singular(words: str) -> str:
    plain = words[:-1] if re.search("[^su]s$", words) and len(words) > len("was") else words
    return ABBREVIATIONS.get(plain, plain)


@lru_cache(maxsize=10_000)
def readings(header: str) -> tuple[Reading, ...]:
    """The fields that a header may stand for, the surest first; none where it is not in the table.

    A dotted path (nested JSON) that is not known as a whole is known by its last parts, but never as EXACT. A text without letters, or
    as long as prose, is no name.
    """
    if len(header) > _LONGEST_NAME or not re.search(r"[^\W\d_]|#", header):
        return ()
    name = name_of(header)
    if not name.is_understood:
        return ()
    found = _looked_up(name)
    parts = header.split(".")
    if len(parts) > _MOST_PARTS:
        return found
    for start in range(1, len(parts)):
        if found:
            break
        ends = _looked_up(name_of(" ".join(parts[start:])))
        found = tuple(Reading(reading.field, min(reading.strength, Strength.LIKELY)) for reading in ends)
    return found


def candidates_for(field: str, named: Mapping[str, Sequence[Reading]]) -> dict[str, Strength]:
    """The columns that may be the field by their names, the surest first; POSSIBLE ones only where there is no other."""
    found = {column: one.strength for column, readings in named.items() for one in readings if one.field == field}
    sure = {column: strength for column, strength in found.items() if strength > Strength.POSSIBLE}
    return dict(sorted((sure or found).items(), key=lambda one: -one[1]))


def _looked_up(name: Name) -> tuple[Reading, ...]:
    """What the table has for a name, in its own language or another. A share or rate is no amount, and thousands are no return."""
    table = _by_words()
    found = next((table[words] for words in (name.words, *map(_words, in_english(name.spelled))) if words in table), ())
    if name.unit is None:
        return found
    is_rate = name.unit in RATES
    return tuple(one for one in found if one.field not in (MONEY_FIELDS if is_rate else RETURN_FIELDS))


@cache
def _by_words() -> dict[str, tuple[Reading, ...]]:
    table: dict[str, dict[str, Strength]] = {}
    for field, names in TABLE.items():
        for strength, templates in zip((Strength.EXACT, Strength.LIKELY, Strength.POSSIBLE), names, strict=True):
            for name in templates.split(";"):
                for words in _expanded(name):
                    of_words = table.setdefault(words, {})
                    of_words[field] = max(strength, of_words.get(field, strength))
    return {
        words: tuple(sorted((Reading(field, strength) for field, strength in found.items()), key=lambda one: -one.strength))
        for words, found in table.items()
        if words
    }


def _expanded(template: str) -> set[str]:
    """Every name that a template with alternatives in braces stands for, normalised."""
    for shorthand, alternatives in SHORTHANDS.items():
        template = template.replace(shorthand, alternatives)
    parts = [part.split("|") for part in re.split(r"[{}]", template)]
    return {_words(" ".join(choice)) for choice in itertools.product(*parts)}
