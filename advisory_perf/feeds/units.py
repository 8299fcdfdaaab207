"""Units in column names: thousands, lakhs, millions, crores, pence, percent, basis points, in the words that vendors use.

One vocabulary for detection, which takes a unit for the column's scale, and for ingestion, which refuses a name with a unit whose
feed says no scale. Words that mean nothing else count anywhere in a name; letters and short words (m, k, mm, bn, cr) only in a
bracket or beside a currency, since `MV_M` is a market value of a month, `MM` a money market and `401(k)` a plan.
"""

import re
from dataclasses import dataclass

from advisory_perf.contracts.currencies import ACTIVE, MINOR_UNITS, SIGNS

PERCENT, BASIS_POINTS = "percent", "basis_points"
RATES = frozenset({PERCENT, BASIS_POINTS})

_WORDS = {
    "1000": "thousand thousands thous thou ths tds tsd tausend millier milliers migliaia duizend duizenden tkr "
    "\u0442\u044b\u0441 \u0442\u044b\u0441\u044f\u0447 \u5343\u5143 \u5343\u5186",
    "100000": "lakh lakhs lac lacs",
    "1000000": "million millions mio mios mln mlns millionen milioni millones miljoen miljoenen mkr "
    "\u043c\u043b\u043d \u767e\u4e07\u5143 \u767e\u4e07\u5186",
    "10000000": "crore crores",
    "1000000000": "billion billions mrd mlrd milliarde milliarden milliard milliards miliardi miljard \u043c\u043b\u0440\u0434",
    "0.01": "pence cents agorot rappen",
    "10000": "\u4e07\u5143 \u4e07\u5186",
    "100000000": "\u5104\u5186 \u4ebf\u5143",
    PERCENT: "percent percentage pct prozent pourcent",
    BASIS_POINTS: "bps",
}
"""Words that count anywhere in a name."""
_SHORT = {
    "1000": "k t th ths tds miles",
    "1000000": "m mm mn mns mil mill",
    "10000000": "cr crs",
    "1000000000": "bn bln",
    "0.01": "p \u00a2",
    PERCENT: "pc",
    BASIS_POINTS: "bp",
}
"""What counts in a bracket that holds nothing else but a currency."""
_ANYWHERE = {word: scale for scale, words in _WORDS.items() for word in words.split()}
_IN_BRACKETS = _ANYWHERE | {word: scale for scale, words in _SHORT.items() for word in words.split()}
_FILLERS = "in of all amounts figures values are the and de di en as expressed stated reported local base gross net"

_CODES = "|".join(sorted(ACTIVE))
_MARKS = "|".join(re.escape(sign) for sign in sorted(SIGNS, key=len, reverse=True) if not sign[-1].isalpha() or len(sign) > 1)
_SYMBOLS = "|".join(re.escape(sign) for sign in sorted(SIGNS, key=len, reverse=True) if not any(letter.isalpha() for letter in sign))
_ZEROS = r"(?<![\w.,'\u2019])(?P<zeros>['\u2019`]?000['\u2019]?s?|'?000'?\s?s)(?![\w.,]*[0-9])(?!\w)"
_ZEROS_BEHIND = rf"(?:(?<![A-Za-z])(?:{_CODES})|{_SYMBOLS})\s?(?P<zeros>['\u2019`]?000['\u2019]?s?)(?!\w)"
_LETTER = {
    "k": "1000",
    "t": "1000",
    "m": "1000000",
    "mm": "1000000",
    "mn": "1000000",
    "b": "1000000000",
    "bn": "1000000000",
    "cr": "10000000",
}
_BEHIND_CURRENCY = rf"(?:(?<![A-Za-z])(?:{_CODES})|{_SYMBOLS}) ?(?P<letter>mm|mn|bn|cr|[kmb]|M[MN]|B[Nn]|Cr|Mn|[KMB])(?![A-Za-z0-9])"
_BEFORE_CURRENCY = rf"(?<![A-Za-z0-9])(?P<letter>[TKMkm])(?:(?:{_CODES}|{_SYMBOLS})(?!\w))"
_MINOR = rf"(?<![A-Za-z])(?P<minor>{'|'.join(text for text in MINOR_UNITS if len(text) > 1 and not text.islower())})(?![A-Za-z])"
_PERCENT_SIGN = r"(?P<percent>[%\ufe6a\uff05])"
_TIMES = r"(?:(?<!\w)[xX\u00d7*]\s?|(?<!\w)[iI][nN]\s)(?P<times>1(?:[.,'\u2019]?000)+)(?![\w.,]*[0-9])(?!\w)"
_OF_ONES = rf"[(\[{{](?:\W*(?:{_CODES})\W+)?(?P<times>1(?:[.,'\u2019]?000)+)['\u2019]?s[)\]}}]"
_POWER = r"(?<![\w.,])(?:10\^|1[eE]\+?0?)(?P<power>[3-9])(?!\w)"
_BEFORE_SPACE = rf"(?<!\w)(?P<letter>[kK]) (?:(?:{_CODES})(?!\w)|{_SYMBOLS})"
_AT_THE_END = r"(?<=\w )(?P<letter>mn|bn)$"
_LOOSE = tuple(
    re.compile(pattern)
    for pattern in (
        _ZEROS_BEHIND,
        _ZEROS,
        _BEHIND_CURRENCY,
        _BEFORE_CURRENCY,
        _MINOR,
        _PERCENT_SIGN,
        _TIMES,
        _OF_ONES,
        _POWER,
        _BEFORE_SPACE,
        _AT_THE_END,
    )
)
_BRACKETS = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")
_PLAN = re.compile(r"[0-9]\s*$")
"""What stands before a bracket that is part of a number, such as 401(k)."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+")
"""The words of a name, also of one that is written in one (ReturnPct)."""
_PHRASES = {r"(?i)\bbasis[ _]points?\b": BASIS_POINTS, r"(?i)\bper[ _]cent\b": PERCENT, r"(?i)\bp\.\s?c\.(?!\w)": PERCENT}


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that a name holds: as it is written, the feed's ``scale`` for it, and the name without it."""

    text: str
    scale: str
    rest: str

    @property
    def is_rate(self) -> bool:
        """Whether it is one of returns."""
        return self.scale in RATES

    @property
    def bare(self) -> str:
        """The name without the unit and the bracket around it."""
        return re.sub(rf"\s*[(\[{{]\W*(?:{_MARKS}|{_CODES})?\W*[)\]}}]\s*$", "", self.rest).strip()


def unit_in(name: str) -> Unit | None:
    """The unit that a column's name holds, if any."""
    for bracket in _BRACKETS.finditer(name):
        before, behind = name[: bracket.start()], name[bracket.end() :]
        found = _loose(bracket[1])
        if found is None and not re.match(r"\w", behind) and not _PLAN.search(before) and not _abbreviates(bracket[1], before):
            found = _short(bracket[1])
        if found is not None:
            rest = f"{before}{bracket[0][0]}{found.rest}{bracket[0][-1]}{behind}"
            return Unit(bracket[0], found.scale, rest)
    return _loose(name)


def _abbreviates(inside: str, before: str) -> bool:
    """Whether a bracket only holds the first letters of the words before it: Money Market (MM)."""
    initials = "".join(word[0] for word in before.split()[-len(inside) :])
    return len(inside) > 1 and initials == inside


def _short(inside: str) -> Unit | None:
    """A unit in a bracket beside nothing but currencies and words that say nothing."""
    left = re.sub(rf"(?<![A-Za-z])(?:{_CODES})(?![A-Za-z])|{_MARKS}", lambda mark: " " * len(mark[0]), inside)
    words = [word for word in re.finditer(r"[^\s,;./]+", left) if word[0].casefold() not in _FILLERS.split()]
    if len(words) == 1 and words[0][0].casefold() in _IN_BRACKETS:
        return _without(inside, words[0].span(), words[0].span(), _IN_BRACKETS[words[0][0].casefold()])
    return None


def _loose(name: str) -> Unit | None:
    """A unit that needs no bracket."""
    for pattern, scale in _PHRASES.items():
        if found := re.search(pattern, name):
            return _without(name, found.span(), found.span(), scale)
    for compiled in _LOOSE:
        if found := compiled.search(name):
            ((group, text),) = found.groupdict().items()
            return _without(name, found.span(), found.span(group), _scale_of(group, text))
    for word in _WORD.finditer(name):
        if word[0].casefold() in _ANYWHERE:
            return _without(name, word.span(), word.span(), _ANYWHERE[word[0].casefold()])
    return None


def _scale_of(group: str, text: str) -> str:
    if group == "letter":
        return _LETTER[text.casefold()]
    if group == "times":
        return re.sub("[^0-9]", "", text)
    if group == "power":
        return str(10 ** int(text))
    return {"zeros": "1000", "percent": PERCENT}.get(group) or MINOR_UNITS[text].scale


def _without(name: str, shown: tuple[int, int], span: tuple[int, int], scale: str) -> Unit:
    """The unit as it is shown, beside its currency, and the name without what is in the span."""
    before = re.sub(r"(?i)\bin[ _]$", "", name[: span[0]])
    behind = name[span[1] :] if scale in RATES else re.sub(r"(?i)^[ _]of\b", "", name[span[1] :])
    return Unit(name[shown[0] : shown[1]], scale, f"{before}{behind}")
