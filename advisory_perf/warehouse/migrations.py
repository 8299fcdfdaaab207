"""The warehouse schema: brought up to date from the numbered files in ``sql/`` and the scripts in ``sql/functions/``, its only source.

A numbered file is applied once. A script says how a function is now, may be applied any number of times, and is whenever its text has
changed; it comes after the numbered files.

An advisory lock is held around the migration tool's own lock, which is a row that outlives a killed process: who holds
the advisory lock may therefore break the other.
"""

import hashlib
from contextlib import redirect_stdout
from io import StringIO
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
                        # The tool prints the rows of a SELECT, among what a command gives out.
                        with get_backend(_yoyo_url(url, acting_as=_owner(guard))) as own, redirect_stdout(StringIO()):
                            own.apply_one(migration)
            _apply_functions(Warehouse(url, _owner(guard)), folder, anew=any(name not in _scripts(folder) for name in missing))
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
    """Names of the migrations and functions that ``migrate`` would apply now; changes nothing."""
    with Warehouse(url).connect() as connection:
        return pending_in(connection, sql_dir)


def pending_in(connection: psycopg.Connection, sql_dir: Path | None = None) -> list[str]:
    """The same by a connection that may read what was applied."""
    folder = _sql_folder(sql_dir)
    names = [migration.id for migration in read_migrations(str(folder))]
    if connection.execute("SELECT to_regclass('_yoyo_migration')").fetchone() == (None,):
        return [*names, *_scripts(folder)]
    applied = {row[0] for row in connection.execute("SELECT migration_id FROM _yoyo_migration")}
    return [*(name for name in names if name not in applied), *_changed(connection, folder)]


def _scripts(folder: Path) -> dict[str, str]:
    """The text of each script, by its name in the folder."""
    return {f"functions/{path.stem}": path.read_text(encoding="utf-8") for path in sorted((folder / "functions").glob("*.sql"))}


def _changed(connection: psycopg.Connection, folder: Path) -> dict[str, str]:
    """The scripts whose text is not the one that was applied last."""
    known: dict[str, str] = {}
    if connection.execute("SELECT to_regclass('sql_functions')").fetchone() != (None,):
        known = dict(connection.execute("SELECT name, sha256 FROM sql_functions").fetchall())
    return {name: text for name, text in _scripts(folder).items() if known.get(name) != _digest(text)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _apply_functions(warehouse: Warehouse, folder: Path, *, anew: bool) -> None:
    """Those that have changed; all of them where a numbered file, which may define an earlier one, was applied."""
    with warehouse.open() as connection:
        for name, text in (_scripts(folder) if anew else _changed(connection, folder)).items():
            connection.execute(text)  # the package's own script
            connection.execute(
                "INSERT INTO sql_functions (name, sha256) VALUES (%s, %s)"
                " ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, applied_at = now()",
                [name, _digest(text)],
            )


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
