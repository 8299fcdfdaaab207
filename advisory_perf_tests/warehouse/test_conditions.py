"""Conditions of exports: what they choose, and that what has no rule in the grammar reaches no database."""

import io
import operator
import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from psycopg import sql

from advisory_perf.errors import WarehouseError
from advisory_perf.warehouse.conditions import DEEPEST, Compared, Condition, Joined, Name, Not, Parameters, parsed, queried_where, rendered
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf.warehouse.export import ExportFormat, export_relation
from advisory_perf.warehouse.export_forms import OneStatement
from advisory_perf.warehouse.filters import Filters
from advisory_perf.warehouse.migrations import migrate
from advisory_perf.warehouse.roles import Role
from advisory_perf_tests.accepting import accepts_at_least, counted

Row = dict[str, Any]

ROWS: tuple[Row, ...] = (
    {"id": 1, "note": "a", "money": Decimal("0.10"), "day": date(2024, 1, 31), "is_open": True},
    {"id": 2, "note": "A'b\n;--", "money": Decimal(-5), "day": date(2024, 2, 29), "is_open": False},
    {"id": 3, "note": "", "money": Decimal("1e20"), "day": None, "is_open": None},
    {"id": 4, "note": None, "money": None, "day": date(1999, 12, 31), "is_open": True},
    {"id": 5, "note": "ü%_\\株", "money": Decimal("0.10"), "day": date(2024, 1, 31), "is_open": None},
)


@pytest.fixture(scope="module")
def stocked(postgres: EmbeddedPostgres) -> Iterator[Warehouse]:
    """The five rows in a table that the reader may read, in a database of the module's own."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE of_conditions TEMPLATE advisory_perf")
        url = postgres.url("of_conditions")
        with psycopg.connect(url) as own:
            own.execute("CREATE TABLE samples (id bigint PRIMARY KEY, note text, money numeric, day date, is_open boolean, extra json)")
            for row in ROWS:
                own.execute("INSERT INTO samples VALUES (%(id)s, %(note)s, %(money)s, %(day)s, %(is_open)s)", row)
            own.execute("GRANT SELECT ON samples TO advisory_perf_reader")
        yield Warehouse(url, Role.READER)
        connection.execute("DROP DATABASE of_conditions WITH (FORCE)")


def chosen(warehouse: Warehouse, where: str | Condition | None, filters: Filters | None = None, relation: str = "samples") -> list[int]:
    target = io.BytesIO()
    export_relation(warehouse, relation, form=ExportFormat.CSV, target=target, where=where, filters=filters)
    return [int(found[0]) for found in re.finditer(r"(?m)^\d+(?=,)", target.getvalue().decode())]


# what is refused ------------------------------------------------------------------------------------------------------

ATTACKS = {
    "a string of escapes that goes on over a newline": "note = E'a'\n'\\') OR true; UPDATE samples SET money = 0; --'",
    "a string that goes on over a newline": "note = 'a'\n'; UPDATE samples SET money = 0; --'",
    "a second statement": "true; DROP TABLE samples",
    "a program": "id = 1) TO STDOUT; COPY (SELECT 1) TO PROGRAM 'touch /tmp/pwned' --",
    "a file of the server": "note = pg_read_file('/etc/passwd')",
    "a sub-query": "id IN (SELECT 1)",
    "the passwords": "EXISTS (SELECT FROM pg_authid)",
    "a function": "pg_sleep(10) IS NULL",
    "a setting": "set_config('transaction_read_only', 'off', true) = 'off'",
    "a comment to the end": "id = 1 -- AND true",
    "a comment within": "id = 1 /* */",
    "dollar quotes": "note = $$a$$",
    "escapes of Unicode": "note = U&'\\0061'",
    "a quoted name": 'note = "note"',
    "a cast": "note::int = 1",
    "a cast by function": "CAST(note AS int) = 1",
    "a command of psql": "id = 1 \\! id",
    "a NUL": "note = 'a\0b'",
    "a byte that is no text": "note = '\udcff'",
    "parentheses closed and opened": "1) OR (1=1",
    "a tautology of numbers": "1 = 1",
    "a number with a name behind it": "id = 1OR",
    "an unknown column": "password = 'x'",
    "a column of the system": "ctid = '(0,1)'",
    "another relation's column": "pg_authid.rolpassword = 'x'",
    "a union": "id = 1 UNION SELECT 1",
    "a setting's value": "note = current_setting('data_directory')",
    "a value of another kind": "day = 'pg_sleep(1)'",
    "a null that nothing equals": "note = NULL",
    "an operator of patterns": "note ~ 'a'",
    "a concatenation": "note = 'a' || 'b'",
    "a placeholder": "note = %(p1)s",
    "nothing": "  ",
    "an open quote": "note = 'a",
    "conditions without end": "NOT " * 2_000 + "is_open",
    "parentheses and conditions without end": "(is_open OR NOT " * 600 + "is_open" + ")" * 600,
    "a very long text": f"note = '{'a' * 20_000}'",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_by_a_sentence_and_changes_nothing(stocked: Warehouse, name: str) -> None:
    before = chosen(stocked, None)
    for form in ExportFormat:
        with pytest.raises(WarehouseError, match="condition") as caught:
            export_relation(stocked, "samples", form=form, target=io.BytesIO(), where=ATTACKS[name])
        said = str(caught.value)
        assert "\n" not in said
        assert "\0" not in said
        assert len(said) < 600
    assert chosen(stocked, None) == before == [1, 2, 3, 4, 5]
    money = Warehouse(stocked.url).query("SELECT sum(money) AS money FROM samples").item()
    assert money == sum(row["money"] for row in ROWS if row["money"] is not None)


@pytest.mark.parametrize("where", ["true; DROP TABLE samples", "note = $$a$$", "id IN (SELECT 1)", "1 = 1"])
def test_a_refusal_says_what_is_allowed(where: str) -> None:
    with pytest.raises(WarehouseError, match=r"a condition has column names, = <> < <= > >= IN BETWEEN LIKE IS NULL AND OR NOT, parenthes"):
        parsed(where)


def test_deep_parentheses_alone_are_no_depth() -> None:
    assert parsed("(" * 900 + "is_open" + ")" * 900) == Compared("is_open", "TRUE")
    assert parsed("NOT " * (DEEPEST - 1) + "is_open").depth == DEEPEST
    with pytest.raises(WarehouseError, match=f"more than {DEEPEST} conditions within each other"):
        parsed("NOT " * DEEPEST + "is_open")


def test_copy_takes_one_statement_only(stocked: Warehouse) -> None:
    stacked = sql.SQL("COPY (SELECT 1) TO STDOUT; DROP TABLE samples")
    with Warehouse(stocked.url).open() as connection, OneStatement(connection) as cursor:  # noqa: SIM117 - what raises stands apart
        with pytest.raises(psycopg.errors.SyntaxError, match="multiple commands"), cursor.copy(stacked):
            pass
    assert chosen(stocked, None) == [1, 2, 3, 4, 5]


def test_no_text_of_a_condition_is_in_the_statement(stocked: Warehouse) -> None:
    parameters = Parameters(for_copy=True)
    with stocked.connect() as connection:
        columns = connection.execute("SELECT * FROM samples LIMIT 0").description or []
        text = rendered(parsed("note = 'secret' AND id IN (71, 72) AND day < '2024-01-31'"), "samples", columns, parameters)
        written = text.as_string(connection)
    assert parameters.values == ["secret", '["71", "72"]', "2024-01-31"]
    assert not re.search(r"secret|7[12]|2024", written), written


# what is chosen -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("id = 1 OR id = 2", [1, 2]),
        ("money > 0", [1, 3, 5]),
        ("money >= -5 AND money < 1e3", [1, 2, 5]),
        ("MONEY = .1", [1, 5]),
        ("note = 'A''b\n;--'", [2]),
        ("note LIKE '%;%'", [2]),
        ("note NOT LIKE '%;%'", [1, 3, 5]),
        ("note IS NULL", [4]),
        ("note IS NOT NULL AND NOT note = ''", [1, 2, 5]),
        ("id IN (1, 3, 99)", [1, 3]),
        ("id NOT IN (1, 3)", [2, 4, 5]),
        ("note IN ('a', '')", [1, 3]),
        ("day BETWEEN '2024-01-01' AND '2024-01-31' AND is_open", [1]),
        ("day NOT BETWEEN '2024-01-01' AND '2024-01-31'", [2, 4]),
        ("day IN ('1999-12-31')", [4]),
        ("is_open = false", [2]),
        ("NOT is_open", [2]),
        ("(id = 1 OR id = 2) AND is_open = TRUE", [1]),
        ("id = money or id < 2", [1]),
        ("extra is null and id = 5", [5]),
    ],
)
def test_a_condition_chooses_rows(stocked: Warehouse, where: str, ids: list[int]) -> None:
    assert chosen(stocked, where) == ids
    found = queried_where(Warehouse(stocked.url), "samples", "SELECT id FROM samples WHERE {} ORDER BY id", parsed(where))
    assert found["id"].to_list() == ids, "the lists choose as the exports do"


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("notes = 'a'", r"names notes, which samples has no column for; did you mean note\? it has id, note, money"),
        ("note = 1", "has 1 for note, which is a text"),
        ("money = '1'", "has '1' for money, which is a number"),
        ("day = '31.01.2024'", "write '2025-03-31'"),
        ("is_open = 'yes'", "has 'yes' for is_open, which is true or false"),
        ("note", "has note alone, which is a text; compare it with a value"),
        ("id LIKE 'a'", "LIKE is for texts"),
        ("extra = '{}'", "of a type that has only IS NULL"),
        ("id = note", "compares id, which is a number, with note, which is a text"),
    ],
)
def test_a_value_that_a_column_cannot_be_is_reported(stocked: Warehouse, where: str, why: str) -> None:
    with pytest.raises(WarehouseError, match=why):
        chosen(stocked, where)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS | st.sampled_from([str(row["note"]) for row in ROWS if row["note"] is not None]))
def test_any_text_is_a_literal_that_equals_itself_and_nothing_else(stocked: Warehouse, postgres: EmbeddedPostgres, text: str) -> None:
    quoted = text.replace("'", "''")
    assert parsed(f"note = '{quoted}'") == Compared("note", "=", (text,))
    with psycopg.connect(postgres.url("of_conditions"), autocommit=True) as connection:
        connection.execute("INSERT INTO samples (id, note) VALUES (6, %s)", [text])
        try:
            found = chosen(stocked, f"note = '{quoted}'")
        finally:
            connection.execute("DELETE FROM samples WHERE id = 6")
    assert found == [*(row["id"] for row in ROWS if row["note"] == text), 6]


NUMBERS = st.sampled_from([Decimal("0.1"), Decimal(-5), Decimal("1e20"), Decimal(3)])
NOTES = st.sampled_from(["a", "A'b\n;--", "", "ü%_\\株", "z"])
DAYS = st.sampled_from(["2024-01-31", "2024-02-29", "1999-12-31", "2030-01-01"])
COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def comparisons_of(column: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Condition]:
    return st.one_of(
        st.builds(lambda how, value: Compared(column, how, (value,)), st.sampled_from(sorted(COMPARED)), values),
        st.builds(lambda first, last: Compared(column, "BETWEEN", (first, last)), values, values),
        st.builds(lambda some: Compared(column, "IN", tuple(some)), st.lists(values, min_size=1, max_size=3)),
        st.just(Compared(column, "IS NULL")),
    )


TREES: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(
        comparisons_of("id", NUMBERS),
        comparisons_of("money", NUMBERS),
        comparisons_of("note", NOTES),
        comparisons_of("day", DAYS),
        st.just(Compared("is_open", "TRUE")),
        st.just(Compared("id", "<", (Name("money"),))),
    ),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(lambda word, parts: Joined(word, tuple(parts)), st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=8,
)


def in_python(tree: Condition, row: Row) -> bool | None:  # noqa: PLR0911 - a line a case
    """SQL's three values: None where a null leaves it open."""
    match tree:
        case Not(part):
            found = in_python(part, row)
            return None if found is None else not found
        case Joined(word, parts):
            known = [in_python(part, row) for part in parts]
            ends = word == "OR"
            return ends if ends in known else None if None in known else not ends
        case Compared(column, how, values):
            value = row[column]
            if how == "IS NULL":
                return value is None
            others = [
                row[one.column] if isinstance(one, Name) else date.fromisoformat(str(one)) if column == "day" else one for one in values
            ]
            if value is None or None in others:
                return None
            if how == "TRUE":
                return bool(value)
            if how == "BETWEEN":
                return bool(others[0] <= value <= others[1])
            return value in others if how == "IN" else bool(COMPARED[how](value, others[0]))
    raise TypeError(tree)


def as_text(tree: Condition) -> str:
    """A condition as a person would write it."""
    match tree:
        case Not(part):
            return f"NOT ({as_text(part)})"
        case Joined(word, parts):
            return f" {word} ".join(f"({as_text(part)})" for part in parts)
        case Compared(column, how, values):
            said = [one.column if isinstance(one, Name) else str(one) if isinstance(one, Decimal) else quoted(str(one)) for one in values]
            return {
                "TRUE": column,
                "IS NULL": f"{column} IS NULL",
                "BETWEEN": f"{column} BETWEEN {' AND '.join(said)}",
                "IN": f"{column} IN ({', '.join(said)})",
            }.get(how) or f"{column} {how} {said[0]}"
    raise TypeError(tree)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@accepts_at_least(0.4)
@settings(derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES)
def test_what_is_rendered_chooses_as_the_tree_does_in_python(stocked: Warehouse, tree: Condition) -> None:
    assume(tree.depth <= DEEPEST)
    expected = [row["id"] for row in ROWS if in_python(tree, row)]
    counted("conditions that choose some rows and not all", 0 < len(expected) < len(ROWS))
    counted("conditions of several parts", tree.depth > 1)
    assert chosen(stocked, tree) == expected
    assert parsed(as_text(tree)) == tree


# filters --------------------------------------------------------------------------------------------------------------


def test_a_filter_is_on_the_column_that_the_relation_has_for_it() -> None:
    columns = ("break_id", "data_source", "status", "first_as_of_date", "last_as_of_date")
    given_filters = Filters(vendor="alpha", first="2024-01-01", last="2024-01-31", status="open", break_id="B-1")
    assert given_filters.condition("reconciliation_breaks", columns) == Joined(
        "AND",
        (
            Compared("data_source", "=", ("alpha",)),
            Compared("last_as_of_date", ">=", ("2024-01-01",)),
            Compared("first_as_of_date", "<=", ("2024-01-31",)),
            Compared("status", "=", ("OPEN",)),
            Compared("break_id", "=", ("B-1",)),
        ),
    )


def test_a_filter_without_a_column_is_reported(stocked: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="samples cannot be narrowed by vendor: it has no column data_source or vendor; leave"):
        chosen(stocked, None, Filters(vendor="alpha"))


def test_an_empty_database_can_be_migrated_and_filtered(empty_url: str) -> None:
    migrate(empty_url)
    assert chosen(Warehouse(empty_url, Role.READER), None, Filters(vendor="x", first="2024-01-01"), "performance_data") == []
