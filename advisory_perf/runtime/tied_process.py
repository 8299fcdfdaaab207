"""``python -m advisory_perf.runtime.tied_process PARENT PROGRAM…``: becomes the program, which ends when its parent ends, however it does.

The program heeds SIGINT and SIGTERM whatever the shell that started the parent ignores. A process of its own does this, since a
function between fork and exec is not safe in a parent with threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then be the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:
        sys.exit("the parent has ended")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    os.execv(program[0], program)  # noqa: S606 - no shell is wanted


main()
