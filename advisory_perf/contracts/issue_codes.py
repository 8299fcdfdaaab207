"""Every code with its sentence and severity. Files are rejected whole, rows are quarantined one by one; a notice does neither.

What a pipeline finds in published rows changes no figure and keeps nothing back.
"""

from dataclasses import dataclass

from advisory_perf.contracts.enums import Severity


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means and what would make the input right."""

    name: str
    severity: Severity
    sentence: str


_FILE_CODES = (
    Code("E_EMPTY", Severity.CRITICAL, "the file has no bytes; ask the vendor to send it again"),
    Code("E_HEADER_MISSING", Severity.CRITICAL, "no line holds the column names that the feed maps"),
    Code("E_HEADER_DUPLICATE", Severity.CRITICAL, "a column name stands twice in the header"),
    Code("E_HEADER_AMBIGUOUS", Severity.CRITICAL, "a column name could mean two things"),
    Code("E_FORMAT", Severity.CRITICAL, "the bytes are not what the feed says, or cannot be parsed"),
    Code("E_ENCODING", Severity.CRITICAL, "the bytes are not text in the feed's encoding"),
    Code("E_TORN", Severity.CRITICAL, "the file ends before its end; ask the vendor to send it again"),
    Code("E_CONTROL_COUNT", Severity.CRITICAL, "the number of rows is not the one the vendor announced"),
    Code("E_CONTROL_TOTAL", Severity.CRITICAL, "a sum is not the one the vendor announced"),
    Code("E_FILE_DAY", Severity.CRITICAL, "the file's own day is not that of its rows"),
    Code("E_SUBTOTAL", Severity.CRITICAL, "rows are the sums of others, which the feed does not take"),
    Code("E_SHEET_AMBIGUOUS", Severity.CRITICAL, "more than one visible sheet could be meant; name it in the feed"),
    Code("E_MULTI_TABLE", Severity.CRITICAL, "the file holds more than one table"),
    Code("E_ENCRYPTED", Severity.CRITICAL, "the file is encrypted; ask the vendor for it without a password"),
    Code("E_TOO_LARGE", Severity.CRITICAL, "the file is larger than the settings allow"),
    Code("E_RESOURCES", Severity.CRITICAL, "reading the file takes more memory or time than the settings allow, or ends its reader"),
    Code("E_MAPPING", Severity.CRITICAL, "a required column is missing or ambiguous"),
    Code("E_DRIFT", Severity.CRITICAL, "the layout left the feed's contract"),
    Code("E_TYPE", Severity.CRITICAL, "a column has a type that the feed cannot take"),
    Code("E_POISONED", Severity.CRITICAL, "its ingestion failed as often as agreed, for a reason that no code names"),
    Code("E_UNKNOWN_VENDOR", Severity.CRITICAL, "no feed claims the file"),
    Code("E_DATE_AMBIGUOUS", Severity.CRITICAL, "dates can be read in two ways; say the format in the feed"),
    Code("E_SCALE_AMBIGUOUS", Severity.CRITICAL, "values can be percent or fraction, units or thousands; say it in the feed"),
)

_ROW_CODES = (
    Code("E_FIELDS", Severity.HIGH, "the row has too many or too few cells"),
    Code(
        "E_QUOTE",
        Severity.HIGH,
        "the row's quotes are broken or not the feed's; send cells quoted from end to end, or set csv: quote or csv: escape in the feed",
    ),
    Code(
        "E_FRAGMENT",
        Severity.HIGH,
        "a piece of a row stands beside the row, so that its first or last cell may be cut; send them in one line",
    ),
    Code("E_REQUIRED", Severity.HIGH, "a required cell is blank"),
    Code("E_NUMBER", Severity.HIGH, "the cell is not a number in the feed's notation"),
    Code("E_NOT_FINITE", Severity.HIGH, "the number is infinite or too large to hold"),
    Code("E_NUMBER_AMBIGUOUS", Severity.HIGH, "the number can be read in two ways; say the notation in the feed"),
    Code(
        "E_PRECISION",
        Severity.HIGH,
        "the amount has more digits than money carries, or hides some, and is never rounded;"
        " where the vendor computes in binary floats, set numbers: binary_floats: 15_digits or numbers: round_to in the feed",
    ),
    Code("E_CELL_ERROR", Severity.HIGH, "the cell holds a spreadsheet error"),
    Code("E_DATE", Severity.HIGH, "the cell is not a date in one of the feed's formats"),
    Code("E_DATE_RANGE", Severity.HIGH, "the date lies before the feed's first window or after the delivery's arrival"),
    Code(
        "E_ID",
        Severity.HIGH,
        "the identifier is masked, damaged or not one the feed's pattern allows; send it as text, since a number keeps fifteen digits"
        " and no leading zeros (excel: numeric_ids: accept in the feed takes numbers without them)",
    ),
    Code("E_GROUP", Severity.HIGH, "the row repeats a label of its group that may stand in a line above it that cannot be read"),
    Code("E_UNKNOWN_ACCOUNT", Severity.HIGH, "the account is not in the account master"),
    Code("E_CURRENCY", Severity.MEDIUM, "the currency is not an active three-letter code of ISO 4217"),
    Code(
        "E_RATE",
        Severity.HIGH,
        "the rate is not above zero, or is one of a currency in itself; send the price of one unit of the base currency in the other one",
    ),
    Code(
        "E_SIGN",
        Severity.HIGH,
        "the flow is negative; set negative_flows: net in the feed if it reverses an earlier flow, or sign: -1 if the vendor prints all so",
    ),
    Code(
        "E_VALUE_JUMP",
        Severity.HIGH,
        "the value is a thousandfold of the account's last one, or a thousandth, and no flow explains it; set plausibility: jump: warn"
        " in the feed if it is right",
    ),
    Code("E_KEY_CONFLICT", Severity.HIGH, "two different rows claim the same account and day; neither is taken"),
    Code(
        "E_SEVERAL_VALUATIONS",
        Severity.HIGH,
        "the account has several valuations in one month; none is taken, unless the feed says valuations: all",
    ),
)

_NOTICE_CODES = (
    Code("W_NEW_COLUMN", Severity.LOW, "a column is neither mapped nor ignored; its cells are kept in the raw rows only"),
    Code("W_MISSING_OPTIONAL", Severity.LOW, "a column that may be absent is"),
    Code("W_EMPTY_FILE", Severity.LOW, "the file holds no rows"),
    Code("W_UNNAMED_COLUMN", Severity.LOW, "a column with values has no name"),
    Code("W_SCI_NOTATION", Severity.LOW, "amounts are printed in scientific notation"),
    Code("W_FORMULA", Severity.LOW, "the workbook holds formulas, of which the saved values are read"),
    Code("W_HIDDEN_SHEET", Severity.LOW, "the workbook holds hidden sheets, which are not read"),
    Code("W_ID_CLEANED", Severity.LOW, "account numbers stood in marks that are no part of them"),
    Code("W_GROUP_LABEL", Severity.MEDIUM, "labels seem to be printed once for a group, or rows stand below none"),
    Code("W_ID_CASE", Severity.MEDIUM, "account numbers differ by case only; they may be one account"),
    Code("W_FILE_DAY", Severity.MEDIUM, "the day in the file's name lies in another window than all of its rows"),
    Code("W_FUTURE_TIME", Severity.LOW, "the file's time lay in the future when it came; it counts as come when it was taken"),
    Code("W_VALUE_JUMP", Severity.HIGH, "values are a thousandfold of the account's last one, or a thousandth, and no flow explains it"),
    Code("W_TWO_DIGIT_YEAR", Severity.LOW, "years are printed with two digits"),
    Code("W_MIDNIGHT_UTC", Severity.LOW, "days are written as instants at midnight; they are read as the days they are written with"),
    Code("W_ROUNDED", Severity.LOW, "amounts in binary floats were rounded to the decimals that the feed states"),
    Code("W_LAYOUT_CHANGED", Severity.LOW, "cells are written in another way than the feed names first"),
    Code("W_CONTROL_COUNT", Severity.MEDIUM, "the number of rows is not the one the vendor announced, or was not announced"),
    Code("W_CONTROL_TOTAL", Severity.MEDIUM, "a sum is not the one the vendor announced, or cannot be compared with it"),
    Code("W_IDENTITY", Severity.MEDIUM, "the market value identity fails on many rows; columns may be swapped"),
    Code("W_LARGE_FLOWS", Severity.MEDIUM, "most flows exceed the market values beside them; columns may be swapped"),
    Code("W_SUBTOTAL", Severity.MEDIUM, "rows with a day are exactly the sums of others; they may be no accounts"),
    Code("W_FOOTER_POSITION", Severity.MEDIUM, "a line that a footer rule names reads as a whole position"),
    Code("W_NEGATIVE_FLOW", Severity.LOW, "negative flows were moved to the other side, as the feed says"),
    Code(
        "W_SCALE",
        Severity.MEDIUM,
        "returns or amounts may be printed in another scale than the feed has; percent may be read as fractions, thousands as units",
    ),
    Code("W_PROFILE_ROWS", Severity.MEDIUM, "the number of rows is far from that of the feed's last deliveries"),
    Code("W_PROFILE_BLANKS", Severity.MEDIUM, "a column is blank far more or less often than in the feed's last deliveries"),
    Code("W_PROFILE_SUM", Severity.MEDIUM, "the sum of an amount is far from that of the feed's last deliveries"),
)

STALE_VALUE = Code("DQ_STALE_VALUE", Severity.MEDIUM, "the ending market value has not changed, and nothing flowed; the prices may be old")
LARGE_FLOW = Code(
    "DQ_LARGE_FLOW",
    Severity.MEDIUM,
    "a flow is large beside the base of its return, which depends on the day it crossed; GIPS wants a valuation there",
)
CURRENCY_CHANGE = Code(
    "DQ_CURRENCY_CHANGE",
    Severity.HIGH,
    "the account's currency is another than at its valuation before, so there is no return without a rate",
)
VALUE_JUMP = Code(
    "DQ_VALUE_JUMP", Severity.HIGH, "the value is a thousandfold of the account's last one, or a thousandth, and no flow explains it"
)
SYSTEMATIC_BREAK = Code(
    "DQ_SYSTEMATIC_BREAK", Severity.HIGH, "one factor puts a figure of the whole delivery off, as another currency or unit does"
)
ACCOUNT_MISSING = Code("DQ_ACCOUNT_MISSING", Severity.MEDIUM, "the account was in the windows before and is missing from this one")
INCOMPLETE = Code("DQ_INCOMPLETE", Severity.HIGH, "the window holds far fewer accounts than those before it")
SHORT_RESTATEMENT = Code("DQ_SHORT_RESTATEMENT", Severity.HIGH, "the restatement holds far fewer rows than what it restates")
OLDER_VERSION = Code("DQ_OLDER_VERSION", Severity.MEDIUM, "an older version of the file came after a newer one, and does not count")
TOTAL_BREAK = Code(
    "DQ_TOTAL_BREAK", Severity.MEDIUM, "the total begins with another value than it ended with before, with who joined and without who left"
)
TOTAL_MOVE = Code("DQ_TOTAL_MOVE", Severity.MEDIUM, "the total moved by more than agreed, and no flow explains it")
NEW_ACCOUNT = Code("DQ_NEW_ACCOUNT", Severity.LOW, "the account comes for the first time, though the feed goes back further")
RENUMBERED = Code(
    "DQ_RENUMBERED", Severity.HIGH, "the account begins with the very value of one that is gone; it may be the same under another number"
)
PORTFOLIO_DAYS = Code("DQ_PORTFOLIO_DAYS", Severity.MEDIUM, "the account is valued on another day than the others of its portfolio")
TRANSFER_APART = Code(
    "DQ_TRANSFER_APART", Severity.MEDIUM, "what looks like the other side of an internal transfer has another day or amount"
)
RETURN_OUTLIER = Code("DQ_RETURN_OUTLIER", Severity.MEDIUM, "the return lies far from those that it is held against")
ACROSS_CODES = (TOTAL_BREAK, TOTAL_MOVE, NEW_ACCOUNT, RENUMBERED, PORTFOLIO_DAYS, TRANSFER_APART, RETURN_OUTLIER)
"""What accounts tell of each other."""
RATE_JUMP = Code("DQ_RATE_JUMP", Severity.HIGH, "the rate is another than the one before by more than agreed")
RATE_INVERSE = Code("DQ_RATE_INVERSE", Severity.MEDIUM, "the rates of a pair in both directions contradict each other")
RATE_CODES = (RATE_JUMP, RATE_INVERSE)
"""What is found among published rates."""
COMPLETENESS_CODES = (INCOMPLETE, SHORT_RESTATEMENT, OLDER_VERSION)
"""What makes a delivery one with issues; an account that is missing by itself does not."""
_OF_VALUATIONS = (STALE_VALUE, LARGE_FLOW, CURRENCY_CHANGE, VALUE_JUMP)
PIPELINE_CODES: dict[str, Code] = {
    code.name: code for code in (*_OF_VALUATIONS, SYSTEMATIC_BREAK, ACCOUNT_MISSING, *COMPLETENESS_CODES, *ACROSS_CODES, *RATE_CODES)
}

CODES: dict[str, Code] = {code.name: code for code in (*_FILE_CODES, *_ROW_CODES, *_NOTICE_CODES, *PIPELINE_CODES.values())}
NOTICE_CODES: frozenset[str] = frozenset(code.name for code in _NOTICE_CODES)
ROW_CODES: frozenset[str] = frozenset(code.name for code in _ROW_CODES)
