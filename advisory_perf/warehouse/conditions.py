"""Conditions on the rows of a relation: a small grammar of our own, read into a tree and written as SQL without any text of its author's.

A condition may say column names, comparisons, literals, AND, OR, NOT and parentheses; nothing else has a rule, so that there is no list
of what is forbidden. A column has to be one of the relation, a literal has to fit the column's type, and every value leaves as a
parameter: the SQL has quoted names of real columns, operators from the table here, and places for the values.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from typing import Any, LiteralString

import polars as pl
import psycopg
from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError
from psycopg import sql

from advisory_perf.errors import WarehouseError
from advisory_perf.warehouse.connection import Warehouse

LONGEST, DEEPEST = 10_000, 50
"""Characters of a condition, and conditions within each other."""

ALLOWED = (
    "a condition has column names, = <> < <= > >= IN BETWEEN LIKE IS NULL AND OR NOT, parentheses, numbers, true, false, and texts and days"
    " in single quotes, such as account_id = 'A-1' AND as_of_date >= '2025-01-31'"
)
_SHOWN = 80

_GRAMMAR = r"""
?start: either
either: both (_OR both)*
both: negated (_AND negated)*
?negated: _NOT negated -> negation
    | "(" either ")"
    | NAME -> flag
    | NAME COMPARISON operand -> comparison
    | NAME _BETWEEN value _AND value -> between
    | NAME _NOT _BETWEEN value _AND value -> not_between
    | NAME _IN "(" value ("," value)* ")" -> among
    | NAME _NOT _IN "(" value ("," value)* ")" -> not_among
    | NAME _LIKE value -> like
    | NAME _NOT _LIKE value -> not_like
    | NAME _IS _NULL -> is_null
    | NAME _IS _NOT _NULL -> is_not_null
?operand: value | NAME -> name
?value: TEXT -> text | NUMBER -> number | TRUE -> true | FALSE -> false
_OR.2: /OR\b/i
_AND.2: /AND\b/i
_NOT.2: /NOT\b/i
_BETWEEN.2: /BETWEEN\b/i
_IN.2: /IN\b/i
_LIKE.2: /LIKE\b/i
_IS.2: /IS\b/i
_NULL.2: /NULL\b/i
TRUE.2: /TRUE\b/i
FALSE.2: /FALSE\b/i
COMPARISON: "=" | "<>" | "<=" | ">=" | "<" | ">"
NAME: /[A-Za-z_][A-Za-z0-9_]*/
NUMBER: /[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?(?![A-Za-z0-9_.])/
TEXT: /'(?:[^']|'')*'/
%ignore /[ \t\r\n]+/
"""


class Kind(StrEnum):
    """What a column's values are compared as."""

    TEXT = "a text"
    NUMBER = "a number"
    DAY = "a day"
    INSTANT = "an instant"
    FLAG = "true or false"
    OTHER = "of a type that has only IS NULL"


_KINDS: dict[int, tuple[Kind, LiteralString]] = {
    16: (Kind.FLAG, "boolean"),
    20: (Kind.NUMBER, "numeric"),
    21: (Kind.NUMBER, "numeric"),
    23: (Kind.NUMBER, "numeric"),
    25: (Kind.TEXT, "text"),
    700: (Kind.NUMBER, "float8"),
    701: (Kind.NUMBER, "float8"),
    1043: (Kind.TEXT, "text"),
    1082: (Kind.DAY, "date"),
    1114: (Kind.INSTANT, "timestamp"),
    1184: (Kind.INSTANT, "timestamptz"),
    1700: (Kind.NUMBER, "numeric"),
}

_OPERATORS: dict[str, LiteralString] = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True, slots=True)
class Name:
    """A column."""

    column: str


Value = str | Decimal | bool


@dataclass(frozen=True, slots=True)
class Compared:
    """One column against values: an operator of ``_OPERATORS``, or BETWEEN, IN, LIKE, IS NULL, or TRUE for the column itself."""

    column: str
    operator: str
    values: tuple[Value | Name, ...] = ()
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Not:
    """What a condition is not."""

    part: "Condition"

    @property
    def depth(self) -> int:
        """How many conditions lie within each other."""
        return self.part.depth + 1


@dataclass(frozen=True, slots=True)
class Joined:
    """All of the parts (AND; true where there is none), or any (OR)."""

    word: str
    parts: tuple["Condition", ...]
    depth: int = field(init=False)

    def __post_init__(self) -> None:
        """Count once, while the tree grows from its leaves."""
        object.__setattr__(self, "depth", 1 + max((part.depth for part in self.parts), default=0))


Condition = Compared | Not | Joined
EVERY_ROW = Joined("AND", ())


def condition(chosen: Mapping[str, str | None]) -> Condition:
    """That the columns have the texts, where one is given."""
    return Joined("AND", tuple(Compared(name, "=", (text,)) for name, text in chosen.items() if text is not None))


def parsed(text: str) -> Condition:
    """The condition that a person has written; ``WarehouseError`` says where it cannot be read and what can."""
    if not text.strip():
        raise WarehouseError("the condition is blank; leave it out to export every row")
    if len(text) > LONGEST:
        raise WarehouseError(f"the condition has {len(text):,} characters; at most {LONGEST:,} are read, and {ALLOWED}")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise WarehouseError(f"the condition {_shown(text)} has a character that is no text; {ALLOWED}")
    try:
        found = _parser().parse(text)
    except UnexpectedInput as error:
        is_over = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        at = error.pos_in_stream or 0
        where = "at its end" if is_over else f"at {_shown(text[at : at + 20])}, character {at + 1}"
        raise WarehouseError(f"the condition {_shown(text)} cannot be read {where}; {ALLOWED}") from error
    except VisitError as error:
        if isinstance(error.orig_exc, WarehouseError):
            raise error.orig_exc from error
        raise
    if not isinstance(found, Compared | Not | Joined):  # what the start of the grammar gives
        raise TypeError(found)
    return found


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", transformer=_Tree())


@v_args(inline=True)
class _Tree(Transformer[Token, Any]):
    """Builds the tree from the bottom while the text is read, so that depth costs no stack."""

    def either(self, *parts: Condition) -> Condition:
        return _bounded(Joined("OR", parts) if len(parts) > 1 else parts[0])

    def both(self, *parts: Condition) -> Condition:
        return _bounded(Joined("AND", parts) if len(parts) > 1 else parts[0])

    def negation(self, part: Condition) -> Condition:
        return _bounded(Not(part))

    def flag(self, name: Token) -> Condition:
        return Compared(_folded(name), "TRUE")

    def comparison(self, name: Token, operator: Token, value: Value | Name) -> Condition:
        return Compared(_folded(name), str(operator), (value,))

    def between(self, name: Token, *values: Value) -> Condition:
        return Compared(_folded(name), "BETWEEN", values)

    def not_between(self, name: Token, *values: Value) -> Condition:
        return Not(self.between(name, *values))

    def among(self, name: Token, *values: Value) -> Condition:
        return Compared(_folded(name), "IN", values)

    def not_among(self, name: Token, *values: Value) -> Condition:
        return Not(self.among(name, *values))

    def like(self, name: Token, value: Value) -> Condition:
        return Compared(_folded(name), "LIKE", (value,))

    def not_like(self, name: Token, value: Value) -> Condition:
        return Not(self.like(name, value))

    def is_null(self, name: Token) -> Condition:
        return Compared(_folded(name), "IS NULL")

    def is_not_null(self, name: Token) -> Condition:
        return Not(self.is_null(name))

    def name(self, name: Token) -> Name:
        return Name(_folded(name))

    def text(self, token: Token) -> str:
        return str(token)[1:-1].replace("''", "'")

    def number(self, token: Token) -> Decimal:
        return Decimal(str(token))

    def true(self, _token: Token) -> bool:
        return True

    def false(self, _token: Token) -> bool:
        return False


def _folded(name: Token) -> str:
    """As SQL reads a name that is not quoted."""
    return str(name).lower()


def _bounded(found: Condition) -> Condition:
    if found.depth > DEEPEST:
        raise WarehouseError(f"the condition has more than {DEEPEST} conditions within each other; {ALLOWED}")
    return found


# as SQL ---------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Parameters:
    """The values of a statement, and how it has a place for one: a placeholder, or a setting of the transaction for COPY.

    COPY takes no parameters. Its values are bound to a query before it, which makes them settings of the transaction that COPY reads.
    """

    for_copy: bool = False
    values: list[str] = field(default_factory=list)

    def place(self, value: str, kind: LiteralString) -> sql.Composable:
        """The place of another value; in COPY a query of its own, which PostgreSQL runs once and not for each row."""
        self.values.append(value)
        name = f"p{len(self.values)}"
        if not self.for_copy:
            return sql.SQL("{}::{}").format(sql.Placeholder(name), sql.SQL(kind))
        return sql.SQL("(SELECT current_setting({})::{})").format(sql.Literal(f"advisory_perf.{name}"), sql.SQL(kind))

    def named(self) -> dict[str, str]:
        """The values for the placeholders."""
        return {f"p{number}": value for number, value in enumerate(self.values, start=1)}

    def bind(self, connection: psycopg.Connection) -> None:
        """Makes the values settings of the connection's transaction."""
        connection.execute(
            "SELECT set_config('advisory_perf.p' || number, value, true) FROM unnest(%s::text[]) WITH ORDINALITY AS given (value, number)",
            [self.values],
        )


def rendered(found: Condition, relation: str, columns: Sequence[psycopg.Column], parameters: Parameters) -> sql.Composable:
    """The condition as SQL; ``WarehouseError`` for a column that the relation has not, and a value that the column cannot be."""
    return _Writing(relation, {column.name: column.type_code for column in columns}, parameters).written(found)


@dataclass(frozen=True, slots=True)
class _Writing:
    """A relation and its columns, and where the values go."""

    relation: str
    known: Mapping[str, int]
    parameters: Parameters

    def written(self, found: Condition) -> sql.Composable:
        if isinstance(found, Not):
            return sql.SQL("(NOT {})").format(self.written(found.part))
        if isinstance(found, Compared):
            return self._test(found)
        if not found.parts:
            return sql.SQL("true")
        return sql.SQL("({})").format(sql.SQL(" OR " if found.word == "OR" else " AND ").join(self.written(part) for part in found.parts))

    def _test(self, test: Compared) -> sql.Composable:
        kind, in_sql = self._kind_of(test.column)
        column = sql.Identifier(test.column)
        match test.operator:
            case "IS NULL":
                return sql.SQL("({} IS NULL)").format(column)
            case "TRUE" if kind is Kind.FLAG:
                return column
            case "TRUE":
                raise WarehouseError(f"the condition has {test.column} alone, which is {kind}; compare it with a value")
            case "LIKE" if kind is not Kind.TEXT:
                raise WarehouseError(f"the condition has LIKE for {test.column}, which is {kind}; LIKE is for texts")
            case "LIKE":
                return sql.SQL("({} LIKE {})").format(column, self._operand(test, test.values[0]))
            case "BETWEEN":
                return sql.SQL("({} BETWEEN {} AND {})").format(column, *(self._operand(test, value) for value in test.values))
            case "IN":
                texts = [_as_text(test.column, value, kind) for value in test.values if not isinstance(value, Name)]
                listed = self.parameters.place(json.dumps(texts, ensure_ascii=False), "jsonb")
                form = "({} = ANY (ARRAY(SELECT jsonb_array_elements_text({})::{})))"
                return sql.SQL(form).format(column, listed, sql.SQL(in_sql))
        return sql.SQL("({} {} {})").format(column, sql.SQL(_OPERATORS[test.operator]), self._operand(test, test.values[0]))

    def _operand(self, test: Compared, value: Value | Name) -> sql.Composable:
        kind, in_sql = self._kind_of(test.column)
        if not isinstance(value, Name):
            return self.parameters.place(_as_text(test.column, value, kind), in_sql)
        other, _ = self._kind_of(value.column)
        if Kind.OTHER in {kind, other} or kind is not other:
            raise WarehouseError(f"the condition compares {test.column}, which is {kind}, with {value.column}, which is {other}")
        return sql.Identifier(value.column)

    def _kind_of(self, name: str) -> tuple[Kind, LiteralString]:
        if name not in self.known:
            close = get_close_matches(name, self.known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise WarehouseError(
                f"the condition names {name[:_SHOWN]}, which {self.relation} has no column for; {hint}it has {', '.join(self.known)}"
            )
        return _KINDS.get(self.known[name], (Kind.OTHER, "text"))


def _as_text(column: str, value: Value, kind: Kind) -> str:
    match kind, value:
        case Kind.TEXT, str():
            return value
        case Kind.FLAG, bool():
            return "true" if value else "false"
        case Kind.NUMBER, Decimal():
            return str(value)
        case Kind.DAY, str():
            try:
                return date.fromisoformat(value).isoformat()
            except ValueError:
                raise WarehouseError(f"the condition has {_shown(value)} for {column}, which is a day; write '2025-03-31'") from None
        case Kind.INSTANT, str():
            try:
                instant = datetime.fromisoformat(value)
            except ValueError:
                raise WarehouseError(
                    f"the condition has {_shown(value)} for {column}, which is an instant; write '2025-03-31T17:00:00+00:00' or a day"
                ) from None
            return instant.isoformat()
    shown = _shown(value) if isinstance(value, str) else str(value).lower()
    raise WarehouseError(f"the condition has {shown} for {column}, which is {kind}; {ALLOWED}")


def queried_where(warehouse: Warehouse, relation: str, statement: LiteralString, where: Condition) -> pl.DataFrame:
    """The result of a statement over the relation that has ``{}`` where the condition belongs."""
    with warehouse.connect() as connection:
        columns = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(relation))).description or []
    parameters = Parameters()
    return warehouse.query(sql.SQL(statement).format(rendered(where, relation, columns, parameters)), parameters.named())
