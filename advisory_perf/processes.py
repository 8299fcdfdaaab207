"""Which process is meant, and whether it still runs, without asking a clock, which somebody may set.

A number alone may be another process's by now. A process is known by its number, the boot of the machine and the ticks from that boot
to its start. One that has ended and that its parent has not looked at yet has a number and nothing else.
"""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import psutil

_ENDED = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
_PROC = Path("/proc")
_START = 22 - 3
"""Of a process's line in /proc, what follows its name begins with the third field."""


def is_alive(number: int) -> bool:
    """Whether a process of that number runs on this machine, paused or not; it may be another one than was meant."""
    try:
        return psutil.Process(number).status() not in _ENDED
    except psutil.NoSuchProcess:
        return False


def identity_of(number: int) -> str | None:
    """The identity of the process that has the number, a word that no other process ever has; None where none has it."""
    try:
        return f"{number}/{_start_of(number)}"
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None


def own_identity() -> str:
    """The identity of this process."""
    return f"{os.getpid()}/{_start_of(os.getpid())}"


def number_of(identity: str) -> int:
    """The number of the process with that identity, also of one that was kept as a number alone."""
    return int(identity.partition("/")[0])


def is_running(identity: str) -> bool:
    """Whether the very process with that identity runs; of one that was kept as a number alone, whether any process has that number."""
    number = number_of(identity)
    return ("/" not in identity or identity_of(number) == identity) and is_alive(number)


def _start_of(number: int) -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except FileNotFoundError:  # no Linux, where the system keeps the time of the start itself
        return str(psutil.Process(number).create_time())
    line = (_PROC / str(number) / "stat").read_bytes()
    return f"{boot}/{line.rpartition(b')')[2].split()[_START].decode()}"


def alive_in(sessions: Collection[str]) -> list[int]:
    """The processes of these sessions that run; a session is known by the process that began it.

    As long as one of its processes runs, no other session has its number.
    """
    own = {number_of(session) for session in sessions if identity_of(number_of(session)) in {None, session}}
    found = []
    for number in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(number) in own and is_alive(number):
                found.append(number)
    return found
