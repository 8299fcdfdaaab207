"""A JSON document read piece by piece: one value at a time, never the whole document.

Python's own scanner parses each value, out of a window of text that moves on; so neither a document of two gigabytes nor one
value of that size costs memory, and depth is bounded before the scanner could run out of stack. Numbers stay as they are
printed, names that stand twice in an object are noted, and NaN and Infinity are no JSON (RFC 8259).
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import NoReturn

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.names import folded, repeated
from advisory_perf.ingestion.raw_frame import Reading, feed_spellings
from advisory_perf.showing import quoted

_PIECE = 1 << 20
_LONGEST_VALUE = 1 << 22
"""Characters of one row, or of one value beside the rows."""
_CONTAINERS = frozenset({dict, list})
_END_OF_FILE = b"\x1a"
_SPACES = re.compile(r"[ \t\n\r\ufeff]*")
"""JSON's own, and the byte order marks that files bring along when they are joined."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]|NaN|-?Infinity', re.DOTALL)
_UNFINISHED = re.compile(r'(?:-|\.|[eE][+-]?|t|tr|tru|f|fa|fal|fals|n|nu|nul|"(?:[^"\\]|\\.)*\\?|(?:\\u?|u)[0-9a-fA-F]{0,4})?', re.DOTALL)
"""What may be left of a value, from where the scanner stopped, when a document was cut within it."""


class Decimals(str):
    """A number with a fraction or an exponent, as it is printed."""

    __slots__ = ()


class JsonText:
    """A place in a document, which moves forward over its values."""

    def __init__(self, content: bytes, reading: Reading) -> None:
        stripped = content.rstrip(b" \t\r\n\x1a") if _END_OF_FILE in content[-_PIECE:] else content
        self._content = memoryview(content if content[len(stripped) :].strip(b" \t\r\n") == b"" else stripped)
        self._reading = reading
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._fed = 0
        self._text = ""
        self._place = 0
        self._passed = 0
        self._twice: str | None = None
        files = reading.feed.files
        stated = (one.at for one in files.stated.values() if one.at is not None)
        read = (*feed_spellings(reading.feed).values(), *files.json_.key_as, *stated)
        self._read = {folded(part) for name in read for part in name.split(".")}
        self._scan = json.JSONDecoder(
            parse_float=Decimals if reading.feed.numbers.decimal_mark != "." else str,
            parse_int=str,
            parse_constant=self._not_json,
            object_pairs_hook=self._unique,
        ).scan_once  # type: ignore[attr-defined]  # the stubs leave it out

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            self._place = _SPACES.match(self._text, self._place).end()  # type: ignore[union-attr]  # matches the empty text
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._fill():
                return ""

    def line_ends(self) -> int:
        """Moves over spaces; how many line ends were among them."""
        passed = 0
        while True:
            begin, self._place = self._place, _SPACES.match(self._text, self._place).end()  # type: ignore[union-attr]  # likewise
            passed += self._text.count("\n", begin, self._place)
            if self._place < len(self._text) or not self._fill():
                return passed

    def take(self, expected: str) -> None:
        """Moves over one character; E_TORN at the end, E_FORMAT where another stands."""
        found = self.peek()
        if found != expected:
            raise self._torn() if not found else self._format(f"expected {expected!r} but found {quoted(found)}")
        self._place += 1

    def value(self, levels: int = 0) -> tuple[object, str | None, str]:
        """The next value, the name that stands twice in it (else null), and its text; ``levels`` are already open around it."""
        self.peek()
        while True:
            self._twice = None
            try:
                value, end = self._scan(self._text, self._place)
            except (StopIteration, ValueError) as error:
                if self._can_wait():
                    continue
                raise self._unreadable(error) from error
            except RecursionError as error:
                raise self._too_deep() from error
            if end == len(self._text) and self._can_wait():
                continue
            text = self._text[self._place : end]
            if not (type(value) is dict and _CONTAINERS.isdisjoint(map(type, value.values()))):
                self._bound_depth(text, levels)
            self._place = end
            return value, self._twice, text

    def elements(self) -> Iterator[None]:
        """Stands before each element of an array one after another; whoever iterates moves over it."""
        self.take("[")
        if self.peek() == "]":
            self._place += 1
            return
        while True:
            yield
            if self.peek() != ",":
                self.take("]")
                return
            self._place += 1

    def members(self) -> Iterator[str]:
        """The names of an object, standing before the value of each; whoever iterates moves over it."""
        self.take("{")
        if self.peek() == "}":
            self._place += 1
            return
        while True:
            name, _, text = self.value() if self.peek() == '"' else (None, None, "")
            if not isinstance(name, str) or not text:
                raise self._torn() if not self.peek() else self._format("expected a name in quotes")
            self.take(":")
            yield name
            if self.peek() != ",":
                self.take("}")
                return
            self._place += 1

    def skip(self, levels: int = 0) -> None:
        """Moves over a value of any size."""
        opening = self.peek()
        if opening not in {"[", "{"}:
            self.value(levels)
            return
        if levels >= self._reading.bounds.nesting:
            raise self._too_deep()
        for _ in self.elements() if opening == "[" else self.members():
            self.skip(levels + 1)

    def end(self) -> None:
        """E_FORMAT where anything follows the document."""
        if self.peek():
            raise self._format("further text follows the document")

    def _fill(self) -> bool:
        """Takes in the next piece, and lets go of what was moved over."""
        if self._fed >= len(self._content):
            return False
        piece = self._content[self._fed : self._fed + _PIECE]
        self._fed += len(piece)
        try:
            further = self._decoder.decode(piece, self._fed >= len(self._content))
        except UnicodeDecodeError as error:
            place = self._fed - len(piece) + error.start
            raise self._reading.refused("E_ENCODING", f"is not UTF-8 text near byte {place}; send it as UTF-8") from error
        self._passed += self._place
        self._text = self._text[self._place :] + further
        self._place = 0
        return True

    def _can_wait(self) -> bool:
        """Whether more text may make the value whole; E_TOO_LARGE where it is longer than any row."""
        if self._fed < len(self._content) and len(self._text) - self._place > _LONGEST_VALUE:
            raise self._reading.refused(
                "E_TOO_LARGE", f"holds a value of more than {_LONGEST_VALUE:,} characters at character {self._at()}; send rows of their own"
            )
        return self._fill()

    def _bound_depth(self, text: str, levels: int) -> None:
        if levels + min(text.count("{") + text.count("["), text.count("}") + text.count("]")) <= self._reading.bounds.nesting:
            return
        depth = levels
        for token in _TOKEN.finditer(text):
            depth += (token[0] in {"[", "{"}) - (token[0] in {"]", "}"})
            if depth > self._reading.bounds.nesting:
                raise self._too_deep()

    def _unique(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        """The object, in which a name that nobody reads may stand as often as it likes."""
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice = [name for name in made if names.count(name) > 1]
            self._twice = next((name for name in twice if folded(name) in self._read), self._twice)
            seen = set[str]()
            for place, (name, value) in enumerate(pairs, start=1):
                made[repeated(name, place) if name in seen else name] = value
                seen.add(name)
        return made

    def _not_json(self, literal: str) -> NoReturn:
        for token in _TOKEN.finditer(self._text, self._place):
            if token[0] == literal:
                raise self._format(f"{literal} is not JSON", self._passed + token.start())
        raise self._format(f"{literal} is not JSON")

    def _unreadable(self, error: Exception) -> DeliveryRejectedError:
        """E_TORN where the text ends within the value, else E_FORMAT."""
        if isinstance(error, json.JSONDecodeError):
            place, what = error.pos, "what stands there continues no value"
        else:
            place, what = (error.value if isinstance(error, StopIteration) else self._place), "no value stands there"
        if _UNFINISHED.fullmatch(self._text.rstrip(" \t\r\n"), place):
            return self._torn()
        return self._format(what, self._passed + place)

    def _at(self) -> int:
        return self._passed + self._place

    def _torn(self) -> DeliveryRejectedError:
        return self._reading.refused(
            "E_TORN", f"ends within its document, after character {self._at()}, so it was cut short; send it again"
        )

    def _format(self, what: str, place: int | None = None) -> DeliveryRejectedError:
        at = self._at() if place is None else place
        return self._reading.refused("E_FORMAT", f"is not JSON at character {at} ({what}); send it again")

    def _too_deep(self) -> DeliveryRejectedError:
        return self._reading.too_large(f"is nested deeper than {self._reading.bounds.nesting} levels", "NESTING")
