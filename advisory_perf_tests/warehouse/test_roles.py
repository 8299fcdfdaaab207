"""Who may do what in the warehouse: each role exactly what is said of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from advisory_perf.errors import WarehouseError
from advisory_perf.operations.access_health import roles_health
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf.warehouse.export import exportable_relations
from advisory_perf.warehouse.migrations import migrate, pending_migrations
from advisory_perf.warehouse.roles import Role

pytestmark = pytest.mark.slow

OWNER, WRITER, READER, DESK = Role.OWNER, Role.WRITER, Role.READER, Role.DESK


class Action(NamedTuple):
    """A statement, who may run it, and of which class of SQLSTATE the error is that those get who may."""

    statement: str
    allowed: set[Role]
    fails_with: str = "none"


_REFUSED = "AP"
"""The class of what our functions say is wrong."""

ACTIONS = {
    "see what is published": Action("SELECT count(*) FROM performance_data", {OWNER, WRITER, READER}),
    "see a view": Action("SELECT count(*) FROM performance_summary", {OWNER, WRITER, READER}),
    "see the totals": Action("SELECT count(*) FROM daily_vendor_totals", {OWNER, WRITER, READER}),
    "see the sign-offs": Action("SELECT count(*) FROM break_sign_offs", {OWNER, WRITER, READER}),
    "see which migrations there are": Action("SELECT count(*) FROM _yoyo_migration", {OWNER, WRITER, READER}),
    "see the passwords": Action("SELECT count(*) FROM pg_authid", set()),
    "read a file of the server": Action("SELECT pg_read_file('/etc/passwd')", set()),
    "run a program": Action("COPY (SELECT 1) TO PROGRAM 'cat'", set()),
    "put a row in": Action("INSERT INTO accounts (data_source, account_id) VALUES ('alpha', 'A-1')", {OWNER, WRITER}),
    "change a row": Action("UPDATE performance_data SET vendor_twrr = 0", {OWNER, WRITER}),
    "take a row away": Action("DELETE FROM reconciliation_results", {OWNER, WRITER}),
    "empty a table": Action("TRUNCATE alerts", {OWNER}),
    "write a sign-off": Action(
        "INSERT INTO break_sign_offs (break_id, data_source, field_name, as_of_date, signed_off_by, reason)"
        " VALUES ('B-1', 'alpha', 'twrr', '2024-01-31', 'me', 'so')",
        {OWNER},
    ),
    "sign a break off": Action("SELECT * FROM sign_off_break('B-1', 'me', 'so')", {OWNER, DESK}, _REFUSED),
    "give a break to somebody": Action("SELECT assign_break('B-1', 'me', 'me')", {OWNER, DESK}, _REFUSED),
    "comment on a break": Action("SELECT comment_on_break('B-1', 'me', 'so')", {OWNER, DESK}, _REFUSED),
    "resolve an alert": Action("SELECT resolve_alert(1, 'me')", {OWNER, DESK}, _REFUSED),
    "see the audit log": Action("SELECT count(*) FROM audit_log", {OWNER, WRITER, READER}),
    "write to the audit log": Action(
        "INSERT INTO audit_log (principal, action, subject, origin) VALUES ('me', 'SIGNED_OFF', 'B-1', 'api')", {OWNER}
    ),
    "change the audit log": Action("UPDATE audit_log SET principal = 'you'", {OWNER}),
    "take from the audit log": Action("DELETE FROM audit_log", {OWNER}),
    "empty the audit log": Action("TRUNCATE audit_log", {OWNER}),
    "write anything to the audit log": Action("SELECT add_to_audit_log('me', 'SIGNED_OFF', 'B-1', NULL, NULL)", {OWNER}),
    "note a token": Action("SELECT note_action('me', 'TOKEN_MADE', 'token of x', NULL, NULL)", {OWNER, WRITER}),
    "note what the desk does": Action("SELECT note_action('me', 'SIGNED_OFF', 'B-1', NULL, NULL)", {OWNER, WRITER}, _REFUSED),
    "change a break": Action("UPDATE reconciliation_breaks SET valuations = 2", {OWNER, WRITER}),
    "bring the totals up to date": Action("SELECT refresh_daily_vendor_totals()", {OWNER, WRITER}),
    "bring the totals up to date by hand": Action("REFRESH MATERIALIZED VIEW daily_vendor_totals", {OWNER}),
    "make a month": Action("SELECT create_monthly_partition('performance_data', '2024-02-29')", {OWNER, WRITER}),
    "load into a temporary table": Action("CREATE TEMP TABLE incoming (x int)", {OWNER, WRITER}),
    "make a table": Action("CREATE TABLE mine (x int)", {OWNER}),
    "make a function": Action("CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", {OWNER}),
    "change a table": Action("ALTER TABLE accounts ADD COLUMN mine int", {OWNER}),
    "drop a table": Action("DROP TABLE break_sign_offs CASCADE", {OWNER}),
    "make a role": Action("CREATE ROLE mine", set()),
    "make a database": Action("CREATE DATABASE mine", set()),
    "become a superuser": Action("SET ROLE postgres", set()),
}


@pytest.fixture(scope="module")
def migrated(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database that was migrated itself, since a copy does not keep the rights to the database."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE of_roles TEMPLATE template0")
        migrate(postgres.url("of_roles"))
        yield "of_roles"
        connection.execute("DROP DATABASE of_roles WITH (FORCE)")


@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_is_said_of_it_and_nothing_else(postgres: EmbeddedPostgres, migrated: str, role: Role) -> None:
    done = {}
    with psycopg.connect(postgres.url(migrated, user=role)) as connection:
        for name, action in ACTIONS.items():
            try:
                connection.execute(action.statement)
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ActiveSqlTransaction):
                done[name] = False
            except psycopg.Error as error:
                if (error.sqlstate or "")[:2] not in action.fails_with:
                    raise
                done[name] = True
            else:
                done[name] = True
            connection.rollback()
    expected = {name: role in action.allowed for name, action in ACTIONS.items()}
    expected["make a database"] = False
    assert done == expected


def test_no_role_is_a_superuser_and_the_public_makes_no_temporary_tables(postgres: EmbeddedPostgres, migrated: str) -> None:
    found = Warehouse(postgres.url(migrated)).query(
        "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS is_more FROM pg_roles"
        " WHERE rolname LIKE 'advisory_perf_%%' ORDER BY 1"
    )
    assert found.rows() == [(name, False) for name in sorted([*Role, "advisory_perf_dagster"])]
    rights = Warehouse(postgres.url(migrated)).query(
        "SELECT has_database_privilege('public', current_database(), 'TEMP'), has_schema_privilege('public', 'public', 'CREATE')"
    )
    assert rights.row(0) == (False, False)


def test_every_relation_is_the_owners_and_the_reader_sees_those_of_the_product_only(postgres: EmbeddedPostgres, migrated: str) -> None:
    owners = Warehouse(postgres.url(migrated)).query(
        "SELECT DISTINCT relowner::regrole::text AS owner FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    assert owners["owner"].to_list() == [OWNER]
    relations = exportable_relations(Warehouse(postgres.url(migrated), READER))
    assert relations == exportable_relations(Warehouse(postgres.url(migrated)))
    assert len(relations) >= 16


def test_functions_with_the_owners_rights_look_in_its_schema_first_and_are_not_the_publics(
    postgres: EmbeddedPostgres, migrated: str
) -> None:
    found = Warehouse(postgres.url(migrated)).query(
        "SELECT proname, proconfig, has_function_privilege('public', oid, 'EXECUTE') AS anybodys FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND prosecdef ORDER BY 1"
    )
    assert found["proname"].to_list() == [
        "assign_break",
        "comment_on_break",
        "create_monthly_partition",
        "note_action",
        "note_change",
        "raise_data_version",
        "refresh_daily_vendor_totals",
        "resolve_alert",
        "sign_off_break",
        "sign_off_breaks",
    ]
    for _, settings, anybodys in found.iter_rows():
        assert "search_path=public, pg_temp" in settings
        assert not anybodys


def test_a_temporary_table_of_the_name_gets_no_month(postgres: EmbeddedPostgres, migrated: str) -> None:
    with psycopg.connect(postgres.url(migrated, user=WRITER)) as connection:
        connection.execute("CREATE TEMP TABLE performance_data (x int)")
        with pytest.raises(psycopg.errors.RaiseException, match="monthly partitions belong to"):
            connection.execute("SELECT create_monthly_partition('pg_temp.performance_data', '2024-02-29')")


@pytest.mark.parametrize("role", Role)
def test_a_connection_has_the_time_outs_of_its_role(postgres: EmbeddedPostgres, migrated: str, role: Role) -> None:
    shown = (
        "SELECT current_setting('statement_timeout') AS of_statements, current_setting('lock_timeout') AS of_locks,"
        " current_setting('idle_in_transaction_session_timeout') AS of_idlers, current_user::text AS name"
    )
    found = [Warehouse(postgres.url(migrated, user=login), role).query(shown).row(0) for login in ("postgres", role)]
    assert found[0] == found[1], "by SET ROLE as by a login of its own"
    assert "0" not in found[0]
    assert found[0][3] == role


def test_a_rolled_back_transaction_leaves_a_connection_its_role(postgres: EmbeddedPostgres, migrated: str) -> None:
    with Warehouse(postgres.url(migrated), READER).open() as connection:
        connection.execute("SELECT 1")
        connection.rollback()
        assert connection.execute("SELECT current_user::text").fetchone() == (READER,)


def test_a_login_that_may_not_act_as_the_role_is_reported_what_to_grant(postgres: EmbeddedPostgres, migrated: str) -> None:
    with pytest.raises(
        WarehouseError, match=r"may not act as advisory_perf_writer; run `advisory-perf migrate`, or .* GRANT advisory_perf_w"
    ):
        Warehouse(postgres.url(migrated, user=READER), WRITER).reach()


def test_doctor_says_who_may_not_act_as_a_role_and_what_the_public_may(postgres: EmbeddedPostgres, migrated: str, empty_url: str) -> None:
    url = postgres.url(migrated)
    (good,) = roles_health(Warehouse(url, OWNER), [Warehouse(url, WRITER)])
    assert good.is_good
    (bad,) = roles_health(Warehouse(url, OWNER), [Warehouse(postgres.url(migrated, user=READER), WRITER)])
    assert not bad.is_good
    (public,) = roles_health(Warehouse(empty_url), [])
    assert "REVOKE TEMPORARY" in public.says


# clusters of others ---------------------------------------------------------------------------------------------------


@pytest.fixture
def managed(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database whose owner is a plain login, member of the roles as far as an administrator has granted them."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE managed TEMPLATE template0 OWNER advisory_perf_dagster")
        yield postgres.url("managed", user="advisory_perf_dagster")
        connection.execute("DROP DATABASE managed WITH (FORCE)")
        connection.execute("REVOKE advisory_perf_owner, advisory_perf_writer FROM advisory_perf_dagster")


def test_an_owner_that_may_make_no_roles_migrates_with_those_that_were_granted_to_it(postgres: EmbeddedPostgres, managed: str) -> None:
    with pytest.raises(WarehouseError, match=r"0014_roles failed \(advisory_perf_dagster may not give the schema to the role adv"):
        migrate(managed)
    assert pending_migrations(managed)[0] == "0014_roles"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("GRANT advisory_perf_owner, advisory_perf_writer TO advisory_perf_dagster")
    assert migrate(managed)[0] == "0014_roles"
    assert Warehouse(managed, WRITER).query("SELECT count(*) FROM accounts").item() == 0
    with pytest.raises(WarehouseError, match="may not act as advisory_perf_desk"):
        Warehouse(managed, DESK).reach()
    assert migrate(managed) == []


def test_where_roles_are_missing_and_cannot_be_made_the_sentence_has_the_commands(managed: str, tmp_path: Path) -> None:
    for path in (Path(__file__).parents[2] / "sql").glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text().replace("advisory_perf_", "others_"))
    with pytest.raises(WarehouseError, match=r"the role others_owner is missing and .* may not create it; have an administrator run CREA"):
        migrate(managed, tmp_path)


def test_tables_of_before_the_roles_become_the_owners(empty_url: str, tmp_path: Path) -> None:
    for path in (Path(__file__).parents[2] / "sql").glob("00*.sql"):
        if path.name < "0014":
            (tmp_path / path.name).write_text(path.read_text())
    migrate(empty_url, tmp_path)
    with psycopg.connect(empty_url) as connection:
        connection.execute("SELECT create_monthly_partition('performance_data', '2024-02-29')")
        connection.execute("CREATE TABLE somebody_elses (x int)")
    migrate(empty_url)
    owners = dict(Warehouse(empty_url).query("SELECT relname, relowner::regrole::text FROM pg_class WHERE relkind IN ('r', 'p')").rows())
    assert owners["performance_data_2024_02"] == owners["etl_processing_log"] == OWNER
    assert owners["somebody_elses"] == "postgres"
    with Warehouse(empty_url, READER).connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege, match="somebody_elses"):
        connection.execute(sql.SQL("SELECT * FROM somebody_elses"))


def test_a_database_of_anothers_is_not_entered_with_the_roles_of_this(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(make_conninfo(postgres.url(user=READER), dbname="dagster"))
