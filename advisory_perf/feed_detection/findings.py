"""What detection says of one key of the feed: its value, how sure it is, and why."""

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """How sure a finding is; only the first two make a feed complete."""

    CONFIRMED = "confirmed"
    """Arithmetic or structure leaves nothing else."""
    NAMED = "by name"
    """An exact name, and everything that could contradict it agrees; what is left is inferred from the name alone."""
    UNCONFIRMED = "not confirmed"
    """An exact name that nothing in the file confirms: the value is proposed as a comment."""
    UNDECIDED = "undecided"
    """No value: the candidates are listed, the likeliest first."""


@dataclass(frozen=True, slots=True)
class KeyFinding:
    """One key of the feed (``currency``, ``columns.income``), its value as YAML has it, and the evidence in words."""

    key: str
    status: Status
    evidence: str
    value: object = None
    candidates: tuple[str, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Whether it is filled in; everything else is for a person to decide."""
        return self.status in {Status.CONFIRMED, Status.NAMED}
