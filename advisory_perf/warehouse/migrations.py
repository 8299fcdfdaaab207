"""The warehouse schema: brought up to date from the numbered files in ``sql/``, which are its only source.

An advisory lock is held around the migration tool's own lock, which is a row that outlives a killed process: who holds
the advisory lock may therefore break the other.
"""

from pathlib import Path
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict
from yoyo import get_backend, read_migrations
from yoyo.exceptions import LockTimeout

from advisory_perf.errors import WarehouseError
from advisory_perf.packaged import packaged
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.roles import Role

_NO_TIME_OUTS = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]


def migrate(url: str, sql_dir: Path | None = None) -> list[str]:
    """Apply the migrations that are missing, in order; returns their names.

    Two processes may call this at once: one waits for the other and then finds nothing to do.
    Raises ``WarehouseError`` when the warehouse cannot be reached or a migration fails; a failed one leaves no trace.
    """
    folder = _sql_folder(sql_dir)
    with Warehouse(url).connect() as guard:
        # The guard waits for others and is idle while the migrations run.
        guard.execute("SELECT set_config(name, '0', true) FROM unnest(%s::text[]) AS name", [_NO_TIME_OUTS])
        guard.execute("SELECT pg_advisory_xact_lock(hashtextextended('advisory_perf migrate', 0))")
        missing = pending_migrations(url, folder)
        if not missing:
            return []
        try:
            with get_backend(_yoyo_url(url, acting_as=_owner(guard))) as backend:
                backend.break_lock()
                with backend.lock():
                    for migration in backend.to_apply(read_migrations(str(folder))):
                        # One of them hands the schema over to its owner.
                        with get_backend(_yoyo_url(url, acting_as=_owner(guard))) as own:
                            own.apply_one(migration)
        except (psycopg.Error, LockTimeout) as error:
            left = pending_migrations(url, folder)
            raise WarehouseError(
                f"migration {left[0] if left else missing[-1]} failed ({str(error).strip().splitlines()[0]}); "
                "nothing of it was kept, so correct the file or the warehouse and migrate again"
            ) from error
        left = pending_migrations(url, folder)
        if left:
            raise WarehouseError(f"migration {left[0]} was not applied; see that what it depends on exists in {folder}")
        return missing


def pending_migrations(url: str, sql_dir: Path | None = None) -> list[str]:
    """Names of the migrations that ``migrate`` would apply now; changes nothing."""
    names = [migration.id for migration in read_migrations(str(_sql_folder(sql_dir)))]
    with Warehouse(url).connect() as connection:
        if connection.execute("SELECT to_regclass('_yoyo_migration')").fetchone() == (None,):
            return names
        applied = {row[0] for row in connection.execute("SELECT migration_id FROM _yoyo_migration")}
    return [name for name in names if name not in applied]


def _sql_folder(sql_dir: Path | None) -> Path:
    folder = sql_dir if sql_dir is not None else packaged("sql")
    if not any(folder.glob("*.sql")):
        raise WarehouseError(f"no migrations in {folder}; install the package again, or say where its sql folder is")
    return folder


def _owner(connection: psycopg.Connection) -> Role | None:
    """The role that owns the schema once the roles are made; before that the login does."""
    owner = connection.execute("SELECT relowner::regrole::text FROM pg_class WHERE oid = to_regclass('_yoyo_migration')").fetchone()
    return Role.OWNER if owner == (Role.OWNER,) else None


def _yoyo_url(url: str, *, acting_as: Role | None) -> str:
    """Every part of the URL as a query argument, so that sockets, escapes and several hosts arrive as they are."""
    parts = {name: value for name, value in conninfo_to_dict(url).items() if value}
    if acting_as is not None:
        parts["options"] = f"{parts.get('options', '')} -c role={acting_as}".strip()
    return f"postgresql+psycopg:///?{urlencode(parts)}"
