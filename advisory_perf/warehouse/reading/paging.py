"""Pages of a list: by number, or after the last row of the page before (keyset), in one total order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

from psycopg import sql

from advisory_perf.errors import RequestError
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

ANOTHER_LIST = "the cursor belongs to another list or filter; ask for the first page of this one without it"


@dataclass(frozen=True, slots=True)
class SortKey:
    """One expression of an order, which is never null, with its type in PostgreSQL. The keys of an order together name one row."""

    expression: LiteralString
    type: LiteralString
    descending: bool = False


@dataclass(frozen=True, slots=True)
class PageWanted:
    """``limit`` rows: after as many as ``offset`` says, or after the row whose keys are ``after``, as text."""

    limit: int
    offset: int = 0
    after: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PageFound:
    """Rows of one page, how many the list has in all, and the keys of the last row where another follows it."""

    rows: list[Row]
    total: int
    last: tuple[str, ...] | None = None


@dataclass(slots=True)
class Where:
    """Conditions that have all to hold, with the values of their places."""

    params: dict[str, Any] = field(default_factory=dict)
    _parts: list[sql.Composable] = field(default_factory=list)

    def add(self, condition: LiteralString, **values: Any) -> "Where":
        """One more, in which ``%(name)s`` is the place of each value."""
        self._parts.append(sql.SQL(condition))
        self.params.update(values)
        return self

    def equal(self, **values: tuple[LiteralString, Any]) -> "Where":
        """Each expression equal to its value; nothing is asked of one whose value is None."""
        for name, (expression, value) in values.items():
            if value is not None:
                self._parts.append(sql.SQL("{} = {}").format(sql.SQL(expression), sql.Placeholder(name)))
                self.params[name] = value
        return self

    @property
    def clause(self) -> sql.Composable:
        """All of them; true where there is none."""
        return sql.SQL("(") + sql.SQL(") AND (").join(self._parts) + sql.SQL(")") if self._parts else sql.SQL("true")


def page_of(
    snapshot: Snapshot,
    select: LiteralString,
    *,
    keys: Sequence[SortKey],
    where: Where,
    wanted: PageWanted,
    total: int,
    parts: Mapping[str, sql.Composable] | None = None,
) -> PageFound:
    """One page of a list.

    ``select`` is a statement with the places ``{keys}`` (at the end of its columns, after a comma), ``{where}`` (alone, or after AND) and
    ``{page}`` (at its end, for ORDER BY and LIMIT); ``parts`` fill further places that it has. RequestError where the row to go on after
    has other keys than the list.
    """
    if wanted.after is not None and len(wanted.after) != len(keys):
        raise RequestError(ANOTHER_LIST)
    params = {**where.params, "limit_": wanted.limit + 1}
    condition = where.clause
    if wanted.after is not None:
        params |= {f"after_{place}": value for place, value in enumerate(wanted.after)}
        condition = sql.SQL("{} AND {}").format(condition, _after(keys))
    paging = ordered_by(keys) + sql.SQL(" LIMIT %(limit_)s")
    if wanted.offset:
        params["offset_"] = wanted.offset
        paging += sql.SQL(" OFFSET %(offset_)s")
    shown = sql.SQL(", ").join(
        sql.SQL("({})::text AS {}").format(sql.SQL(key.expression), sql.Identifier(f"key_{place}_")) for place, key in enumerate(keys)
    )
    rows = snapshot.rows(sql.SQL(select).format(keys=shown, where=condition, page=paging, **(parts or {})), params)
    names = [f"key_{place}_" for place in range(len(keys))]
    found = [tuple(row.pop(name) for name in names) for row in rows]
    is_last = len(rows) <= wanted.limit
    return PageFound(rows[: wanted.limit], total, None if is_last else found[wanted.limit - 1])


def counted(snapshot: Snapshot, source: LiteralString, where: Where) -> int:
    """How many rows of ``source`` (what follows FROM) there are; for tables of which counting is cheap."""
    return int(snapshot.value(sql.SQL("SELECT count(*) FROM {} WHERE {}").format(sql.SQL(source), where.clause), where.params))


def ordered_by(keys: Sequence[SortKey]) -> sql.Composable:
    """The clause ORDER BY."""
    return sql.SQL("ORDER BY ") + sql.SQL(", ").join(_direction(key) for key in keys)


def _direction(key: SortKey) -> sql.Composable:
    return sql.SQL(key.expression) + sql.SQL(" DESC" if key.descending else "")


def _after(keys: Sequence[SortKey]) -> sql.Composable:
    """What comes after the row: as one comparison of rows where all directions are the same, which an index serves."""
    places = [sql.SQL("%(after_{})s::{}").format(sql.SQL(str(place)), sql.SQL(key.type)) for place, key in enumerate(keys)]
    expressions = [sql.SQL(key.expression) for key in keys]
    comma = sql.SQL(", ")
    if len({key.descending for key in keys}) == 1:
        operator = sql.SQL("<" if keys[0].descending else ">")
        return sql.SQL("({}) {} ({})").format(comma.join(expressions), operator, comma.join(places))
    either = []
    for number, key in enumerate(keys):
        equal = [sql.SQL("{} = {}").format(*pair) for pair in zip(expressions[:number], places[:number], strict=True)]
        beyond = sql.SQL("{} {} {}").format(expressions[number], sql.SQL("<" if key.descending else ">"), places[number])
        either.append(sql.SQL("({})").format(sql.SQL(" AND ").join([*equal, beyond])))
    return sql.SQL("({})").format(sql.SQL(" OR ").join(either))
