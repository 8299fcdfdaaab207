"""The alert about a turn that a process has had for very long. Pure.

A run that is stopped, or hangs, keeps its turn: nobody else may write what it might write when it goes on.
"""

from collections.abc import Sequence
from datetime import timedelta

from advisory_perf.alerts.model import TURN_HELD, Alert
from advisory_perf.warehouse.locks import HeldTurn

LONG = timedelta(hours=1)


def held_turn_alert(turn: HeldTurn) -> Alert:
    """The alert about the turn, since it was taken."""
    _, vendor, *_ = [*turn.subject.split(" "), ""]
    return Alert(
        key=_key(turn),
        code=TURN_HELD.name,
        severity=TURN_HELD.severity,
        vendor=vendor,
        since=turn.taken_at,
        subject=f"{TURN_HELD.name} {turn.subject}",
        message=f"{turn.subject}: the process {turn.holder} (host and number) has had this turn since {turn.taken_at:%Y-%m-%d %H:%M} UTC, "
        "and no other run does this work meanwhile; let it go on if it works, else end the process: the work is launched again by itself",
    )


def no_longer_held(open_keys: Sequence[str], held: Sequence[HeldTurn]) -> list[str]:
    """The keys of the open alerts whose turns have come free."""
    there = {_key(turn) for turn in held}
    return [key for key in open_keys if key not in there]


def _key(turn: HeldTurn) -> str:
    return f"{TURN_HELD.name} {turn.subject} {turn.taken_at.isoformat()}"
