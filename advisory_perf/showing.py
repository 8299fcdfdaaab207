"""How a text that somebody else wrote is shown to a person: names of files and columns, account numbers, cells, database errors.

A terminal obeys escape sequences, a browser loads pictures that a Markdown text names, and marks of direction make a text read
otherwise than it is. Whatever is printed, alerted, logged or put into metadata goes through here; what is stored or exported as data
does not.
"""

import re
import unicodedata
from functools import cache
from itertools import pairwise

_CONTROLS, _FORMATS, _BLANKS, _MARKS = frozenset({"Cc", "Cs", "Zl", "Zp"}), "Cf", "Zs", frozenset({"Mn", "Me"})
_DRAWN_AS_NOTHING = frozenset(
    map(
        chr,
        (
            0x034F,
            *(0x115F, 0x1160, 0x3164, 0xFFA0),  # the fillers of Hangul
            *(0x17B4, 0x17B5, 0x2065, 0x2800, 0x1D159),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),  # variants
            *range(0xFFF0, 0xFFF9),
            *range(0xE0000, 0xE1000),  # tags and variants
        ),
    )
)
"""What its category does not say is invisible: what Unicode has ignored by default, and two signs that are blank."""
_MOST_MARKS = 4
"""So many marks above and below one letter any script has; more are drawn over the lines around."""
_FURTHEST = 0x20000
"""Beyond are ideographs, private characters, and what is drawn as nothing by its place."""
LONGEST_NAME = 80
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def is_unseen(character: str) -> bool:
    """Whether a character is drawn as nothing or does something: a control, a line end, a mark of direction, a filler, half of one."""
    return is_ignored(character) or unicodedata.category(character) in _CONTROLS


def is_ignored(character: str) -> bool:
    """Whether a character is only drawn as nothing, so that two texts which differ by it look the same."""
    return unicodedata.category(character) == _FORMATS or character in _DRAWN_AS_NOTHING


@cache
def _ignored() -> list[int]:
    formats = {code for code in range(_FURTHEST) if unicodedata.category(chr(code)) == _FORMATS}
    return sorted(formats.union(map(ord, _DRAWN_AS_NOTHING)))


def ignored_class(*, besides: str = "") -> str:
    """All characters that are only drawn as nothing, but for some, as the inside of a character class of Python and of Polars alike."""
    codes = [code for code in _ignored() if chr(code) not in besides]
    ends = [code for code, following in pairwise([*codes, 0]) if following != code + 1]
    begins = [codes[0], *(code for before, code in pairwise(codes) if code != before + 1)]
    return "".join(f"\\U{begin:08x}-\\U{end:08x}" for begin, end in zip(begins, ends, strict=True))


def shown(text: str) -> str:
    r"""The text on one line, with everything that cannot be seen as an escape, such as ``\x1b`` or ``\u202e``; the rest as it is.

    So are blanks other than the space, marks that stand on no letter, and those beyond four on one.
    """
    if text.isascii() and text.isprintable():
        return text
    made, marks = [], _MOST_MARKS
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in _MARKS else 0
        if marks > _MOST_MARKS or is_unseen(character) or (category == _BLANKS and character != " "):
            made.append(_escape(character))
            marks = _MOST_MARKS
        else:
            made.append(character)
    return "".join(made)


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xA0:  # noqa: PLR2004 - two digits
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - four digits


def cut(text: str, at_most: int = LONGEST_NAME) -> str:
    """The text as it is shown, of at most so many characters, the last one an ellipsis where some are left out."""
    seen = shown(text[: at_most + 1])
    return seen if len(text) <= at_most and len(seen) <= at_most else f"{seen[: at_most - 1]}…"


def quoted(text: str) -> str:
    """The text as it is shown within a sentence: cut and in quotes, so that it is no part of the sentence."""
    mark = '"' if "'" in text and '"' not in text else "'"
    return mark + cut(text).replace(mark, "\\" + mark) + mark


def inert(text: str) -> str:
    """The text as Markdown that draws just these characters: no link, picture, heading, table or HTML."""
    return _PUNCTUATION.sub(r"\\\1", shown(text))
