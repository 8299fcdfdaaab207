"""Whether a process still runs. One that has ended and that its parent has not looked at yet has a number and nothing else."""

import os
from collections.abc import Collection
from contextlib import suppress

import psutil

_ENDED = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
_CLOCKS_DIFFER = 5
"""Seconds: a process tells its start by the clock of the machine's boot."""


def is_alive(number: int, *, since: float | None = None) -> bool:
    """Whether a process of that number runs on this machine, paused or not; with a time, in seconds of the epoch, one that ran then."""
    try:
        process = psutil.Process(number)
        return process.status() not in _ENDED and (since is None or process.create_time() <= since + _CLOCKS_DIFFER)
    except psutil.NoSuchProcess:
        return False


def alive_in(sessions: Collection[int]) -> list[int]:
    """The processes of these sessions that run; a session is the number of the process that began it."""
    found = []
    for number in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(number) in sessions and is_alive(number):
                found.append(number)
    return found
