"""When a pipeline has failed, and the alert about it: one a pipeline, until everything that has been ingested is published. Pure."""

from collections.abc import Sequence
from datetime import datetime

from advisory_perf.alerts.model import LANE_FAILED, STATISTICS_FAILED, Alert
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.feeds.feed import Feed
from advisory_perf.monitoring.attempts import FailedAttempt, Tries


def pipeline_has_failed(tries: Tries, *, attempts: int) -> bool:
    """Whether the sensor will not try the pipeline again for what has been ingested."""
    return tries.are_used_up(attempts)


def pipeline_alert(feed: Feed, pending: Sequence[LedgerEntry], attempts: Sequence[FailedAttempt]) -> Alert:
    """The alert about a pipeline whose attempts are used up; since its first failed run ended, or else since its deliveries came."""
    ended = [datetime.fromisoformat(attempt.ended_at) for attempt in attempts if attempt.ended_at]
    why = attempts[-1].reason if attempts else "no reason was given"
    waiting = f"{pending[0].file_name} and {len(pending) - 1} more are" if len(pending) > 1 else f"{pending[0].file_name} is"
    return Alert(
        key=pipeline_alert_key(feed.name),
        code=LANE_FAILED.name,
        severity=LANE_FAILED.severity,
        feed=feed.name,
        vendor=feed.vendor,
        since=min([*ended, *([] if ended else [entry.received_at for entry in pending])]),
        subject=f"{LANE_FAILED.name} {feed.name}",
        message=f"{feed.vendor}: its pipeline failed {len(attempts)} times, the last time because: {why}; {waiting} ingested and not "
        "published, and the rows published before stand; fix the reason and launch the pipeline's last run again, or it is tried again a "
        "day after it failed",
    )


def pipeline_alert_key(feed: str) -> str:
    """What the alert is about: the feed's pipeline, whichever deliveries wait for it."""
    return f"{LANE_FAILED.name} {feed}"


def statistics_alert(attempts: Sequence[FailedAttempt], *, now: datetime) -> Alert:
    """The alert about what is above the account, whose attempts are used up; since its first failed run ended."""
    ended = [datetime.fromisoformat(attempt.ended_at) for attempt in attempts if attempt.ended_at]
    why = attempts[-1].reason if attempts else "no reason was given"
    return Alert(
        key=STATISTICS_FAILED.name,
        code=STATISTICS_FAILED.name,
        severity=STATISTICS_FAILED.severity,
        feed="all",
        vendor="all",
        since=min(ended, default=now),
        subject=STATISTICS_FAILED.name,
        message=f"the job firm_performance failed {len(attempts)} times, the last time because: {why}; what was computed "
        "before stands; fix the reason and launch the job again, or it is tried again with the next change, or a day after it failed",
    )
