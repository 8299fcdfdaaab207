"""How a text that somebody else wrote is shown to a person: names of files and columns, account numbers, cells, database errors.

A terminal obeys escape sequences, a browser loads pictures that a Markdown text names, and marks of direction make a text read
otherwise than it is. Whatever is printed, alerted, logged or put into metadata goes through here; what is stored or exported as data
does not.
"""

import re

UNSEEN = (
    r"\u0000-\u001f\u007f-\u009f"  # controls, among them those that a terminal obeys, and line ends
    r"\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb"  # invisible, and marks of direction
    r"\U000e0000-\U000e0fff"  # tags and variants, which are drawn as nothing
)
"""What cannot be seen, as the inside of a character class of Python and of Polars alike."""
_ONE = re.compile(rf"[{UNSEEN}\ud800-\udfff]")
"""One of them, or half of a character, as bytes that are no UTF-8 become in a file's name."""
LONGEST_NAME = 80
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def shown(text: str) -> str:
    r"""The text on one line, with everything that cannot be seen as an escape, such as ``\x1b`` or ``\u202e``; the rest as it is."""
    return _ONE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0xA0:  # noqa: PLR2004 - a control
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(found[0], f"\\x{code:02x}")
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
