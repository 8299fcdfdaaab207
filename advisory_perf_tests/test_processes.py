"""Which process is meant, whatever the clock says."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from advisory_perf import processes
from advisory_perf.processes import alive_in, identity_of, is_alive, is_running, own_identity


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as made:
        yield made
        made.kill()


def clock_is_set(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """What is asked for times by the clock is answered so much later."""
    created, now = psutil.Process.create_time, time.time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: created(process) + hours * 3600)
    monkeypatch.setattr(time, "time", lambda: now() + hours * 3600)


@pytest.mark.parametrize("hours", [-48, -1, 0, 1, 48])
def test_setting_the_clock_makes_no_process_another(process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    identity = identity_of(process.pid)
    assert identity is not None
    clock_is_set(monkeypatch, hours)
    assert identity_of(process.pid) == identity
    assert is_running(identity)
    process.send_signal(signal.SIGSTOP)
    assert is_running(identity), "paused"
    process.kill()
    while is_alive(process.pid):
        time.sleep(0.01)
    assert not is_running(identity), "its parent has not looked at it yet"
    process.wait()
    assert (is_running(identity), identity_of(process.pid)) == (False, None)


def test_each_process_is_another(process: subprocess.Popen[bytes]) -> None:
    assert own_identity() == identity_of(os.getpid()) != identity_of(process.pid)


@pytest.mark.parametrize("changed", ["boot", "start"])
def test_a_later_process_of_the_same_number_is_another(process: subprocess.Popen[bytes], changed: str) -> None:
    number, boot, start = str(identity_of(process.pid)).split("/")
    other = f"{number}/{'another' if changed == 'boot' else boot}/{start if changed == 'boot' else int(start) - 1}"
    assert not is_running(other)
    assert alive_in({f"{number}/{boot}/{start}"}) == [process.pid]
    assert alive_in({other}) == [], "nor is what it has begun the other's"


@pytest.mark.parametrize(("number", "expected"), [(os.getpid(), True), (2**22 + 1, False)], ids=["runs", "has ended"])
def test_what_an_earlier_version_kept_is_a_number_alone(number: int, *, expected: bool) -> None:
    assert is_running(str(number)) is expected


def test_a_name_like_other_fields_misleads_nobody(tmp_path: Path) -> None:
    """The line in /proc has the name between parentheses, and nothing in it is escaped."""
    program = tmp_path / "x) S 1 2 3"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "600"]) as named:
        identity = identity_of(named.pid)
        stat = Path(f"/proc/{named.pid}/stat").read_text(encoding="utf-8")
        named.kill()
    assert str(identity).endswith("/" + stat.split(") ")[-1].split()[19])


def test_a_system_without_proc_tells_the_start_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    assert identity_of(os.getpid()) == f"{os.getpid()}/{psutil.Process().create_time()}"
    assert is_running(own_identity())
    assert identity_of(2**22 + 1) is None
