"""What the supervisor decides, as a table; what it does then, with parts that die on command; what is left of real children."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from advisory_perf.errors import WarehouseError
from advisory_perf.processes import alive_in, is_alive, number_of
from advisory_perf.runtime.dev_server import CODE_SILENCE
from advisory_perf.runtime.parts import Child, Patient, end
from advisory_perf.runtime.supervisor import Policy, Seen, Step, SupervisionError, Supervisor, decide, wait_after

NOW = 1_000.0
SILENCE = CODE_SILENCE
POLICY = Policy()


def seen(*, is_alive: bool, started: float, answered: float | None, deaths: list[float], own: list[float] | None = None) -> Seen:
    """A part whose deaths are its own unless some are distinguished."""
    return Seen(is_alive, started, answered, deaths, deaths if own is None else own, SILENCE)


@pytest.mark.parametrize(
    ("part", "step"),
    [
        pytest.param(seen(is_alive=True, started=NOW - 500, answered=NOW - 1, deaths=[]), Step.KEEP, id="answers"),
        pytest.param(seen(is_alive=True, started=NOW - 500, answered=NOW - 11, deaths=[]), Step.KEEP, id="is slow"),
        pytest.param(seen(is_alive=True, started=NOW - 500, answered=NOW - 13, deaths=[]), Step.REPLACE, id="is paused"),
        pytest.param(seen(is_alive=True, started=NOW - 100, answered=None, deaths=[]), Step.KEEP, id="starts slowly"),
        pytest.param(seen(is_alive=True, started=NOW - 121, answered=None, deaths=[]), Step.REPLACE, id="never comes up"),
        pytest.param(seen(is_alive=False, started=0, answered=None, deaths=[]), Step.START, id="was never started"),
        pytest.param(seen(is_alive=False, started=0, answered=None, deaths=[NOW]), Step.START, id="died once"),
        pytest.param(seen(is_alive=False, started=0, answered=None, deaths=[NOW - 5, NOW]), Step.WAIT, id="died again"),
        pytest.param(seen(is_alive=False, started=0, answered=None, deaths=[NOW - 5, NOW - 1]), Step.START, id="died again, a second ago"),
        pytest.param(seen(is_alive=False, started=0, answered=None, deaths=[NOW - 601, NOW]), Step.START, id="died long ago, too"),
        pytest.param(
            seen(is_alive=False, started=0, answered=None, deaths=[NOW - n for n in range(6, -1, -1)]), Step.ABANDON, id="keeps dying"
        ),
        pytest.param(
            seen(is_alive=False, started=0, answered=None, deaths=[NOW - n for n in range(6, -1, -1)], own=[NOW]),
            Step.WAIT,
            id="keeps dying for want of another",
        ),
    ],
)
def test_what_is_done_with_a_part(part: Seen, step: Step) -> None:
    assert decide(part, NOW, POLICY) is step


def test_the_waits_double_up_to_a_minute() -> None:
    assert [wait_after(deaths, POLICY) for deaths in range(10)] == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_a_part_that_is_paused_is_replaced_well_within_half_a_minute() -> None:
    assert SILENCE + 2 * POLICY.between_questions <= 18


@dataclass
class Fake:
    """A part that does as it is reported."""

    name: str
    journal: list[str]
    is_running: bool = False
    is_answering: bool = True
    fails: bool = False
    is_needed: bool = False
    silence: float = SILENCE
    log: str = "its log"

    def start(self) -> None:
        self.journal.append(f"start {self.name}")
        if self.fails:
            raise WarehouseError(f"{self.name} does not start")
        self.is_running = True

    def is_alive(self) -> bool:
        return self.is_running

    def answers(self) -> bool:
        return self.is_answering

    def kill(self) -> None:
        self.journal.append(f"kill {self.name}")
        self.is_running = False


@dataclass
class Watch:
    """A supervisor of two parts on a clock of ours."""

    journal: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    now: float = 0

    def __post_init__(self) -> None:
        """The parts, and who watches them."""
        self.code, self.page = Fake("code", self.journal, is_needed=True), Fake("page", self.journal)
        self.supervisor = Supervisor([self.code, self.page], self.said.append, clock=lambda: self.now)

    def look(self, seconds: float) -> None:
        """Look twice a second for so long."""
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            self.supervisor.look()

    def look_while_it_dies(self, part: Fake) -> None:
        """Look for some minutes at a part that never stays up."""
        for _ in range(200):
            part.is_running = False
            self.look(1)


def test_a_part_is_started_when_those_before_it_answer() -> None:
    watch = Watch()
    watch.code.is_answering = False
    watch.look(60)
    assert watch.journal == ["start code"]
    watch.code.is_answering = True
    watch.look(10)
    assert watch.journal == ["start code", "start page"]
    assert watch.said == []


def test_a_part_that_dies_is_started_again_and_that_is_said_in_one_line() -> None:
    watch = Watch()
    watch.look(10)
    watch.code.is_running = False
    watch.look(1)
    assert watch.journal == ["start code", "start page", "start code"]
    assert watch.said == ["the code has ended or does not answer, and is started again (see its log)"]


def test_a_part_that_falls_silent_is_killed_and_started_again() -> None:
    watch = Watch()
    watch.look(10)
    watch.code.is_answering = False
    watch.look(18)
    assert watch.journal == ["start code", "start page", "kill code", "start code"]


def test_what_a_part_does_without_one_that_it_needs_is_not_held_against_it() -> None:
    watch = Watch()
    watch.look(30)
    for _ in range(20):
        watch.code.is_running, watch.page.is_running = False, False
        watch.look(8)
        watch.page.is_running = False
        watch.look(112)
    assert watch.page.is_running


def test_a_part_is_not_replaced_for_its_silence_while_one_that_it_needs_is_silent() -> None:
    watch = Watch()
    watch.look(30)
    watch.code.is_answering, watch.page.is_answering = False, False
    watch.look(8)
    watch.code.is_answering = True
    watch.look(5)
    watch.page.is_answering = True
    watch.look(60)
    assert watch.journal == ["start code", "start page"]


def test_a_question_that_hangs_is_no_and_is_not_asked_again_meanwhile() -> None:
    over, asked = Event(), []

    def hangs() -> bool:
        asked.append(1)
        return over.wait()

    question = Patient(hangs, 0.01)
    assert [question(), question(), question()] == [False] * 3
    assert asked == [1]
    over.set()
    assert Patient(hangs, 60)()
    assert not Patient(lambda: False, 60)()


@pytest.mark.parametrize("fails", [False, True])
def test_a_part_that_keeps_dying_ends_it_with_its_name_and_the_place_of_its_log(fails: bool) -> None:
    watch = Watch()
    watch.look(30)
    watch.page.fails = fails
    with pytest.raises(SupervisionError, match="the page ended 7 times within 10 minutes; read its log"):
        watch.look_while_it_dies(watch.page)
    assert watch.journal.count("start page") == 7


def child(folder: Path, program: str) -> Child:
    return Child("child", [sys.executable, "-c", program], dict(os.environ), folder, folder / "child.log", lambda: True)


def started(parts: Sequence[Child], folder: Path, count: int) -> None:
    for part in parts:
        part.start()
    deadline = time.monotonic() + 600
    while len(list(folder.glob("up*"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


UP = "import os, pathlib, signal, subprocess, sys, time\n"
READY = "pathlib.Path(f'up{os.getpid()}').touch()\n"
DEAF = "[signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)]\n"
WITH_CHILD = f"subprocess.Popen([sys.executable, '-c', {UP + DEAF + READY + 'time.sleep(600)'!r}])\n"


@pytest.mark.slow
@pytest.mark.parametrize("program", [READY, DEAF + READY, WITH_CHILD + READY], ids=["obedient", "deaf", "with a deaf child"])
def test_nothing_is_left_of_children_that_are_ended(tmp_path: Path, program: str) -> None:
    part = child(tmp_path, UP + program + "time.sleep(600)")
    started([part], tmp_path, 2 if program.startswith(WITH_CHILD) else 1)
    os.kill(number_of(next(iter(part.sessions))), signal.SIGSTOP)
    end([part], 0.5, is_hurried=lambda: False)
    assert alive_in(part.sessions) == []


@pytest.mark.slow
def test_what_a_killed_child_had_started_goes_on_until_the_end(tmp_path: Path) -> None:
    part = child(tmp_path, UP + WITH_CHILD + READY + "time.sleep(600)")
    started([part], tmp_path, 2)
    part.kill()
    assert not part.is_alive()
    (first,) = part.sessions
    assert len(alive_in({first})) == 1
    part.start()
    assert len(part.sessions) == 2
    end([part], 0.5, is_hurried=lambda: False)
    assert alive_in(part.sessions) == []


@pytest.mark.slow
def test_a_child_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    program = UP + READY + "time.sleep(600)"
    parent = (
        "import os, sys; from pathlib import Path; from advisory_perf.runtime.parts import Child\n"
        f"Child('child', [sys.executable, '-c', {program!r}], dict(os.environ), Path.cwd(), None, bool).start()\n"
        "import time; time.sleep(600)"
    )
    part = child(tmp_path, parent)
    started([part], tmp_path, 1)
    (grandchild,) = (int(path.name.removeprefix("up")) for path in tmp_path.glob("up*"))
    part.kill()
    deadline = time.monotonic() + 600
    while is_alive(grandchild):
        assert time.monotonic() < deadline
        time.sleep(0.05)
