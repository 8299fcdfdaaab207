"""The XML parts of a workbook, measured in one pass before the parser lays them out.

Any part is measured, whatever it is called and wherever it lies, since the workbook's relations decide which of them is a sheet. It
has to be well-formed XML without a document type: what a strict parser measures is then what a lenient one reads. The pass is linear
and holds one piece; a single tag or comment that goes on for mebibytes is no part of a workbook.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.parsers import expat

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.ingestion.raw_frame import Reading

SHEET_ROWS, SHEET_COLUMNS = 1 << 20, 1 << 14
_LONGEST_TAG = 4 << 20
_DIGITS, _MOST_DIGITS, _MOST_LETTERS = "0123456789", 10, 4
_EXTENT = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})(?::([A-Z]{1,3})([1-9][0-9]{0,6}))?")
_LITERALS = re.compile(r'"[^"]*"|\[[^\[\]]*\]|[\\_*].')
_FEWEST_PADDED = 2


@dataclass(slots=True)
class XmlPart:
    """What one part tells.

    ``rows`` and ``columns`` are how far its cells reach, ``texts`` whether it holds texts for the cells of other parts, ``relations``
    the ids and targets that it names, in its order. ``misstates`` says that it claims an extent that is none.
    """

    root: str = ""
    is_sheet: bool = False
    rows: int = 0
    columns: int = 0
    computes: bool = False
    texts: bool = False
    pads: bool = False
    from_1904: bool = False
    misstates: bool = False
    relations: list[tuple[str, str]] = field(default_factory=list)


def parsed(pieces: Iterable[bytes], name: str, reading: Reading) -> XmlPart:
    """What the part tells, which sentences call by that name.

    DeliveryRejectedError E_TOO_LARGE beyond the bounds of rows, E_FORMAT for anything but plain XML.
    """
    return _Measuring(name, reading).fed(pieces)


class _Parsing:
    """Feeds a part to a strict parser and refuses what no workbook holds."""

    def __init__(self, name: str, reading: Reading) -> None:
        self.name, self.reading = name, reading
        self.parser = expat.ParserCreate("utf-8")
        self.parser.ordered_attributes = True
        self.parser.StartDoctypeDeclHandler = self._document_type

    def feed(self, pieces: Iterable[bytes]) -> None:
        fed = 0
        try:
            for piece in pieces:
                if not fed and b"\0" in piece[:4]:
                    raise self.reading.refused("E_FORMAT", f"holds text in {self.name} that is not UTF-8; send it as Excel saves it")
                self.parser.Parse(piece, False)
                fed += len(piece)
                if fed - self.parser.CurrentByteIndex > _LONGEST_TAG:
                    raise self.reading.refused(
                        "E_TOO_LARGE", f"holds a tag or comment of more than {_LONGEST_TAG:,} bytes in {self.name}; send it without"
                    )
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            where = f"line {error.lineno}, column {error.offset + 1} of {self.name}"
            raise self.reading.refused("E_FORMAT", f"is damaged: it is no XML from {where} on; send it as Excel saves it") from error

    def damaged(self) -> DeliveryRejectedError:
        where = f"line {self.parser.CurrentLineNumber} of {self.name}"
        return self.reading.refused("E_FORMAT", f"is damaged: a cell says in {where} that it stands where none can; send it again")

    def _document_type(self, *_: object) -> None:
        said = f"holds a document type in {self.name}, which no workbook needs"
        raise self.reading.refused("E_FORMAT", f"{said}; send it as Excel saves it")


class _Measuring(_Parsing):
    """Follows the cells as the parser does: each where its reference says, else behind the one before it."""

    def __init__(self, name: str, reading: Reading) -> None:
        super().__init__(name, reading)
        self.part = XmlPart()
        self._most_rows = min(reading.bounds.rows, SHEET_ROWS)
        self._row_count = self._row = self._column = self._width = self._lowest = 0
        self._letters, self._last_letters, self._digits = dict[str, int](), "", "0"
        self._formula_waits = False
        self._cell_type: str | None = None
        self.parser.StartElementHandler = self._root

    def fed(self, pieces: Iterable[bytes]) -> XmlPart:
        self.feed(pieces)
        self._value_came_or_not()
        self.part.rows = max(self._lowest, int(self._digits))
        self.part.columns = max([self._width, *self._letters.values()])
        return self.part

    def _root(self, name: str, attributes: list[str]) -> None:
        self.part.root = _local(name)
        self.parser.StartElementHandler = self._start
        self._start(name, attributes)

    def _start(self, name: str, attributes: list[str]) -> None:
        name = name if ":" not in name else _local(name)
        if name == "c":
            self._cell(attributes)
        elif name == "v":
            if self._formula_waits:
                self.parser.CharacterDataHandler = self._value
        elif name == "row":
            self._row_begins(attributes)
        elif name == "f":
            self.part.computes = self._formula_waits = True
        elif name == "is":
            self._formula_waits = False
        elif name in _TELLING:
            getattr(self, _TELLING[name])(dict(zip(attributes[::2], attributes[1::2], strict=True)))

    def _cell(self, attributes: list[str]) -> None:
        if self._formula_waits:
            self._value_came_or_not()
        reference = self._cell_type = None
        for place in range(0, len(attributes), 2):
            key = attributes[place]
            if key == "r":
                reference = attributes[place + 1]
            elif key == "t":
                self._cell_type = attributes[place + 1]
        if reference is None:
            self.parser.EndElementHandler = self._end
            self._column = max(self._column, self._letters.get(self._last_letters, 0)) + 1
            self._width, self._lowest, self._last_letters = max(self._width, self._column), self._row, ""
            return
        letters = reference.rstrip(_DIGITS)
        digits = reference[len(letters) :]
        if letters not in self._letters:
            self._letters[letters] = self._number_of(letters)
        if len(digits) > len(self._digits) or (len(digits) == len(self._digits) and digits > self._digits):
            self._digits = self._row_number(digits)
        self._last_letters, self._column = letters, 0

    def _row_begins(self, attributes: list[str]) -> None:
        if self._formula_waits:
            self._value_came_or_not()
        self._row_count += 1
        self._row += 1
        for place in range(0, len(attributes), 2):
            if attributes[place] == "r":
                self._row = max(self._row, int(self._row_number(attributes[place + 1].strip())))
        if self._row_count > self._most_rows:
            raise self.reading.too_large(f"has more than {self._most_rows:,} rows in {self.name}", "ROWS")

    def _end(self, name: str) -> None:
        """Asked for only once a cell came without a reference: the next row begins with the first column again."""
        if name == "row" or _local(name) == "row":
            self._column, self._last_letters = 0, ""

    def _number_of(self, letters: str) -> int:
        if not letters.isascii() or not letters.isalpha():
            raise self.damaged()
        return column_number(letters[:_MOST_LETTERS].upper())

    def _row_number(self, digits: str) -> str:
        if not digits.isascii() or not digits.isdecimal():
            raise self.damaged()
        return digits[:_MOST_DIGITS]

    def _value(self, text: str) -> None:
        if text.strip():
            self._formula_waits, self.parser.CharacterDataHandler = False, None

    def _value_came_or_not(self) -> None:
        """A formula without a value, as programs write that do not compute; a text may be empty."""
        if self._formula_waits and self._cell_type != "str":
            said = f"holds formulas in {self.name} that were saved without their values"
            raise self.reading.refused("E_FORMAT", f"{said}; have it computed and saved by a spreadsheet program")
        self._formula_waits, self.parser.CharacterDataHandler = False, None

    def _data(self, _: dict[str, str]) -> None:
        self.part.is_sheet = True

    def _text(self, _: dict[str, str]) -> None:
        self.part.texts = True

    def _format(self, attributes: dict[str, str]) -> None:
        self.part.pads |= _pads_numbers(attributes.get("formatCode", ""))

    def _properties(self, attributes: dict[str, str]) -> None:
        self.part.from_1904 |= attributes.get("date1904") in {"1", "true", "on"}

    def _relation(self, attributes: dict[str, str]) -> None:
        self.part.relations.append((attributes.get("Id", ""), attributes.get("Target", "")))

    def _dimension(self, attributes: dict[str, str]) -> None:
        extent = _EXTENT.fullmatch(attributes.get("ref", ""))
        if extent is None:
            self.part.misstates = True
            return
        first = (int(extent[2]), column_number(extent[1]))
        last = (int(extent[4]), column_number(extent[3])) if extent[3] else first
        self.part.misstates |= not (first[0] <= last[0] <= SHEET_ROWS and first[1] <= last[1] <= SHEET_COLUMNS)


_TELLING = {
    "sheetData": "_data",
    "si": "_text",
    "numFmt": "_format",
    "workbookPr": "_properties",
    "Relationship": "_relation",
    "dimension": "_dimension",
}
"""What is done at elements that are few."""


def text_lengths(pieces: Iterable[bytes], name: str, reading: Reading) -> list[int]:
    """The characters of each text that cells show by its place."""
    lengths: list[int] = []
    parsing = _Parsing(name, reading)

    def start(tag: str, _: list[str]) -> None:
        if _local(tag) == "si":
            lengths.append(0)

    def text(characters: str) -> None:
        if lengths:
            lengths[-1] += len(characters)

    parsing.parser.StartElementHandler, parsing.parser.CharacterDataHandler = start, text
    parsing.feed(pieces)
    return lengths


def length_shown(pieces: Iterable[bytes], name: str, lengths: list[int], reading: Reading) -> int:
    """The characters that a sheet's cells show by the places of texts."""
    parsing = _Parsing(name, reading)
    parsing.parser.buffer_text = True
    shown, by_place = 0, False

    def start(tag: str, attributes: list[str]) -> None:
        nonlocal by_place
        local = _local(tag)
        if local == "c":
            by_place = "s" in [attributes[i + 1] for i in range(0, len(attributes), 2) if attributes[i] == "t"]
        parsing.parser.CharacterDataHandler = text if local == "v" and by_place else None

    def text(characters: str) -> None:
        nonlocal shown
        place = characters.strip()[:_MOST_DIGITS]
        if place.isascii() and place.isdecimal() and int(place) < len(lengths):
            shown += lengths[int(place)]

    parsing.parser.StartElementHandler = start
    parsing.feed(pieces)
    return shown


def column_number(letters: str) -> int:
    """The column of its letters, from 1."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


def _local(name: str) -> str:
    return name.partition(":")[2] or name


def _pads_numbers(code: str) -> bool:
    """Whether a number format has more than one zero, and no other digit, before its decimal point: 00000000, 000-00-0000."""
    positive = _LITERALS.sub("", html.unescape(code)).split(";")[0]
    whole = positive.partition(".")[0]
    return whole.count("0") >= _FEWEST_PADDED and "#" not in whole and "?" not in whole
