"""Where a field comes from and how its cells are written: the part of a feed that says how cells become values.

Models only; the notation itself is read in ``ingestion.parsing.numbers`` and ``date_formats``.
"""

import re
from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from advisory_perf.contracts.columns import MONEY_SCALE
from advisory_perf.contracts.enums import ReturnPeriod
from advisory_perf.feeds.expressions import compiled
from advisory_perf.feeds.frozen import FrozenModel

INDIAN = "indian"
"""The grouping of lakhs and crores: commas between two digits each, and before the last three."""
_SHIFTS = 9
"""Money comes in billions at most, and never in less than billionths."""


class Numbers(FrozenModel):
    """The notation of numbers. What is not switched on here, and can be read in more than one way, is E_NUMBER.

    ``decimal_mark: auto`` lets each whole column of a delivery tell its mark; one that does not is E_NUMBER_AMBIGUOUS.
    Parentheses, a trailing minus, apostrophes between thousands and a percent sign behind a return can be read in one
    way only, and are understood unless they are switched off, as are dashes behind the decimal mark, which stand for no
    cents (1'000.-) and are no sign. ``grouping: indian`` is 10,00,000.00. ``credit_debit``: ``CR`` is positive, ``DR`` negative.
    ``scientific`` says that a short mantissa is whole (1.04E+06 is 1,040,000.00); without it money in scientific
    notation has to show its cents. ``blanks`` are the texts that mean no value, besides an empty cell.
    ``binary_floats: 15_digits`` is for vendors who print binary floats (50000.000000000007): amounts are their fifteen significant
    digits, as a workbook's always are. ``round_to`` rounds amounts to so many decimals; without it none is ever rounded.
    """

    decimal_mark: Literal[".", ",", "auto"] = "."
    grouping: Literal["", ",", ".", "'", " ", "indian"] = ""
    currency_signs: tuple[str, ...] = ()
    parentheses_negative: bool = True
    trailing_minus: bool = True
    percent_sign: bool = True
    credit_debit: bool = False
    scientific: bool = False
    binary_floats: Literal["15_digits"] | None = None
    round_to: int | None = Field(default=None, ge=0, le=MONEY_SCALE)
    blanks: tuple[str, ...] = ("-", "--", "\u2013", "\u2014", "n/a", "N/A", "NA", "null", "UNCH", "Incomplete")

    @field_validator("blanks", mode="before")
    @classmethod
    def _null_is_a_text(cls, value: object) -> object:
        """A bare ``null`` in a list of texts is the text, which YAML reads as nothing."""
        return ["null" if text is None else text for text in value] if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.decimal_mark == self.grouping:
            raise ValueError("decimal_mark and grouping must differ")
        if self.grouping == INDIAN and self.decimal_mark != ".":
            raise ValueError("grouping: indian is written with commas (10,00,000.00) and goes with decimal_mark '.'")
        if self.decimal_mark == "auto" and self.grouping in {".", ","}:
            raise ValueError("decimal_mark: auto tells the grouping '.' or ',' too; leave grouping out")
        if any(not sign.strip() or re.search(r"[0-9,()+%-]|(?<![^\W\d_])\.", sign) for sign in self.currency_signs):
            raise ValueError(
                "currency_signs: a sign is text without digits, marks and signs of a number; a point may follow a letter (Rs.)"
            )
        if any(re.search("[0-9]", text) for text in self.blanks):
            raise ValueError("blanks: a text with digits is a value")
        if any(text != text.strip() for text in self.blanks):
            raise ValueError("blanks: a text stands without the spaces around it, which every cell is read without")
        return self


class Source(FrozenModel):
    """Where one field comes from and how its cells are to be read.

    ``blank`` says what an empty cell is: ``null``, ``zero``, or ``reject`` (E_REQUIRED). ``absent`` says what a missing
    column is: ``reject``, ``zero`` (money counts as zero, anything else as blank) or ``null``. ``sign: -1`` reverses the
    vendor's sign. ``scale`` is for returns ``fraction``, ``percent`` or ``basis_points``; for money a power of ten that
    amounts are multiplied with (1000 for thousands, 0.01 for pence). ``formats`` of dates are strftime formats or
    ``excel_serial``, ``epoch_seconds`` or ``epoch_milliseconds``; two of them that read the same cell differently leave it to the
    whole column. ``fill: down`` is for labels that are printed once for a group: a blank cell repeats the one above;
    ``none`` says that it does not. ``period`` is what the vendor's return covers up to the row's day, where that is more than the
    row's own sub-period. ``case`` of an identifier: ``upper`` or ``lower`` makes ``ab-1`` and ``AB-1`` one account; ``keep`` says
    that they are two, which a notice asks otherwise.
    """

    from_: str = Field(alias="from", min_length=1)
    blank: Literal["null", "zero", "reject"] = "null"
    absent: Literal["reject", "zero", "null"] = "reject"
    sign: Literal[1, -1] = 1
    scale: Literal["fraction", "percent", "basis_points"] | Decimal | None = None
    formats: tuple[str, ...] = Field(default=("%Y-%m-%d",), min_length=1)
    fill: Literal["down", "none"] | None = None
    case: Literal["keep", "upper", "lower"] | None = None
    pattern: str = r"^[0-9A-Za-z][0-9A-Za-z ._/#-]{0,63}$"
    period: ReturnPeriod | None = None

    @field_validator("pattern")
    @classmethod
    def _is_expression(cls, value: str) -> str:
        compiled(value)
        return value

    @field_validator("scale")
    @classmethod
    def _is_power_of_ten(cls, value: str | Decimal | None) -> str | Decimal | None:
        if isinstance(value, Decimal) and (value.normalize().as_tuple().digits != (1,) or not -_SHIFTS <= value.adjusted() <= _SHIFTS):
            raise ValueError(f"must be fraction, percent, basis_points or a power of ten (1000, 0.01), found {value}")
        return value

    @property
    def shift(self) -> int:
        """How many digits the decimal point of money moves to the right."""
        return self.scale.adjusted() if isinstance(self.scale, Decimal) else 0

    @property
    def return_digits(self) -> int:
        """How many digits a return as it is printed lies above a fraction: 2 for percent, 4 for basis points."""
        return {"percent": 2, "basis_points": 4}.get(str(self.scale), 0)
