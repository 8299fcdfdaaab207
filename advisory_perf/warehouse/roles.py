"""The roles of the warehouse, which ``sql/0014_roles.sql`` makes: who may do what, and how a connection becomes one of them.

A connection acts as a role by SET ROLE from the login of its address, or its login is the role, as on the embedded server. SET ROLE
could be undone by a statement; none comes from outside, so that it guards against our own mistakes, and an address of its own for the
reader and the desk guards against more. The time-outs of a role are kept with it in the database, where an administrator may change
them; PostgreSQL applies them at a login only, so that they are read and applied here.
"""

from enum import StrEnum

import psycopg
from psycopg import sql

from advisory_perf.errors import WarehouseOutageError
from advisory_perf.settings import Settings


class Role(StrEnum):
    """Owner: the schema. Writer: rows. Reader: sees them. Desk: signs breaks off."""

    OWNER = "advisory_perf_owner"
    WRITER = "advisory_perf_writer"
    READER = "advisory_perf_reader"
    DESK = "advisory_perf_desk"


def address_of(settings: Settings, role: Role) -> str:
    """The address by which a role is reached: its own, or that of the warehouse; empty where there is neither."""
    own = {Role.OWNER: settings.owner_url, Role.READER: settings.reader_url, Role.DESK: settings.desk_url}
    return own.get(role) or settings.warehouse_url or ""


_TIME_OUTS = """
    SELECT set_config(split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1), false)
    FROM pg_roles CROSS JOIN LATERAL unnest(rolconfig) AS setting
    WHERE rolname = current_user
"""


def act_as(connection: psycopg.Connection, role: Role) -> None:
    """Makes a connection in autocommit the role's until it is closed; WarehouseError where its login may not be the role."""
    try:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue, psycopg.errors.UndefinedObject) as error:
        login = connection.info.user
        raise WarehouseOutageError(
            f"the login {login} may not act as {role}; run `advisory-perf migrate`, or have an administrator run GRANT {role} TO {login}"
        ) from error
    connection.execute(_TIME_OUTS)
