"""When publications began that are still running, as anybody may see who is connected: superseded rows bear these instants.

A row is superseded at the beginning of the transaction that does it, and is seen only once that ends; of two publications the later one may
end first. Each therefore holds a shared advisory lock whose number says a second that is not after its beginning. Locks are seen by every
role, unlike the transactions of others in pg_stat_activity. A pooler in front of the warehouse has to leave a session its connection, and
whoever asks has to ask the server that publications are made on.
"""

from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg

_PLACE: dict[str, Any] = {"name": "publications that have begun", "epoch": datetime(2020, 1, 1, tzinfo=UTC)}
"""What the locks are called, and from when on seconds are counted, so that their number is an integer until 2088."""
_ANNOUNCE: LiteralString = """
    SELECT second, pg_advisory_lock_shared(hashtext(%(name)s), second)
    FROM (SELECT floor(extract(epoch FROM clock_timestamp() - %(epoch)s::timestamptz))::integer AS second) AS clock
"""
_TAKE_OVER: LiteralString = """
    SELECT pg_advisory_xact_lock_shared(hashtext(%(name)s), %(second)s), pg_advisory_unlock_shared(hashtext(%(name)s), %(second)s)
"""
_SETTLED: LiteralString = """
    SELECT least(now(), %(epoch)s::timestamptz + min(objid::bigint) * interval '1 second') FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid = hashtext(%(name)s)::oid AND objsubid = 2
"""


def begin_announced(connection: psycopg.Connection) -> None:
    """Begin a transaction of which ``settled_until`` knows from before its beginning to its end; the one before it has to be over.

    The session takes the lock, ends that transaction, and the next one takes it over.
    """
    taken = connection.execute(_ANNOUNCE, _PLACE).fetchone()
    assert taken is not None  # noqa: S101 - of one row
    connection.commit()
    connection.execute(_TAKE_OVER, {**_PLACE, "second": taken[0]})


def settled_until(connection: psycopg.Connection) -> datetime:
    """The instant before which nothing more will be superseded; whoever reads up to it has to begin the transaction afterwards.

    It is now, or up to a second before the oldest publication that is running began.
    """
    found = connection.execute(_SETTLED, _PLACE).fetchone()
    assert found is not None  # noqa: S101 - an aggregate has a row
    instant: datetime = found[0]
    return instant
