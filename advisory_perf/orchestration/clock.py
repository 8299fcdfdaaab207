"""What time it is, for sensors; tests put another clock in its place."""

from datetime import UTC, datetime


def right_now() -> datetime:
    """The time."""
    return datetime.now(UTC)
