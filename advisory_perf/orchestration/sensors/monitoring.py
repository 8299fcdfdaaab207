"""The sensors of alerts: one finds what no transaction of the ledger can tell, the other sends what waits in the outbox.

Shells around ``monitoring.deadlines`` and ``planning``. Nothing that loads a delivery knows of them: a channel that does not answer makes a
sensor red and nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import dagster as dg

from advisory_perf.alerts.channels import Channel, channel_of
from advisory_perf.alerts.messages import message_of
from advisory_perf.alerts.model import MISSING_FILE, ODD_NAME, STATISTICS_FAILED, STUCK_FILE, TRIED_FOR_LONG, TURN_HELD, Alert, is_rejection
from advisory_perf.alerts.outbox import Outbox
from advisory_perf.contracts.enums import Severity
from advisory_perf.deliveries.delivered_days import beginning, first_arrivals
from advisory_perf.deliveries.zones import UNKNOWN_FEED, delivery_id_of
from advisory_perf.errors import ChannelError, LockHeldError
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.registry import vendor_of
from advisory_perf.lake.objects import Listing
from advisory_perf.lake.store import INCOMING
from advisory_perf.monitoring.attempts import Tries
from advisory_perf.monitoring.deadlines import Deadlines, late_and_missing, span, windows_in_question
from advisory_perf.monitoring.failed_pipelines import pipeline_alert, pipeline_alert_key, pipeline_has_failed, statistics_alert
from advisory_perf.monitoring.held_locks import LONG, held_lock_alert, no_longer_held
from advisory_perf.monitoring.long_attempts import long_tries, long_try_alert
from advisory_perf.monitoring.stuck_files import no_longer_stuck, stuck_alert, stuck_files, stuck_key
from advisory_perf.monitoring.unread_files import why_unread
from advisory_perf.orchestration.planning import pipeline_subject, waiting_by_feed
from advisory_perf.orchestration.run_history import failed_attempts, latest_failure, tries_for, tries_of_all
from advisory_perf.orchestration.sensors.arrivals import tries_of_files
from advisory_perf.orchestration.sensors.arriving import odd_name_alerts
from advisory_perf.orchestration.sensors.firm import pending_subject
from advisory_perf.platform import Platform
from advisory_perf.warehouse.locks import sweep_locks

_WATCH_SECONDS = 30
_SEND_SECONDS = 15
_STUCK_A_TICK = 20
_AT_MOST = 30
"""Alerts of one message, which stays within what Slack and SNS take; the next ones follow with the next tick."""


def watch_sensor(platform: Platform) -> dg.SensorDefinition:
    """Raises alerts about missing, late, stuck and odd files, pipelines that failed, locks that are held for long; resolves them again."""

    @dg.sensor(
        name="watch",
        minimum_interval_seconds=_WATCH_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="looks at deadlines, failed pipelines and files that are stuck in incoming/, and raises alerts",
    )
    def watch(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        now, reported = platform.clock(), []
        for feed in platform.feeds.values():
            found = deadlines_of(platform, feed, now=now)
            failed, published = pipeline_of(platform, feed, context.instance)
            reported += Outbox(platform.warehouse).update(once=found.alerts, raised=failed, resolved=[*found.over, *published])
        look = look_at(platform, context.instance, now=now)
        for code, found_of in _FOUND.items():
            known = Outbox(platform.warehouse).open_keys(code.name)
            raised, resolved = found_of(platform, known, look)
            Outbox(platform.warehouse).update(raised=raised, resolved=resolved)
            reported += [alert.message for alert in raised if alert.key not in known]
        for message in reported:
            context.log.warning(message)
        return dg.SkipReason("; ".join(reported) or "nothing new")

    return watch


def deadlines_of(platform: Platform, feed: Feed, *, now: datetime) -> Deadlines:
    """What is to be reported of the feed's deadlines now.

    incoming/ is listed before the ledger is asked, or a file that is ingested in between would be in neither.
    """
    missing = Outbox(platform.warehouse).open_windows(feed.name, MISSING_FILE.name)
    windows = windows_in_question(feed, beginning(platform.warehouse, feed.name), missing, now=now)
    under_way = [file.modified for file in platform.lake.files(f"{INCOMING}/{feed.name}/")] if windows else []
    arrivals = first_arrivals(platform.warehouse, feed.name, *span(feed, windows)) if windows else []
    return late_and_missing(feed, windows, arrivals, missing, under_way=under_way, now=now)


def pipeline_of(platform: Platform, feed: Feed, instance: dg.DagsterInstance) -> tuple[Sequence[Alert], Sequence[str]]:
    """The alert about the feed's pipeline if it failed as often as agreed; the key of such an alert once nothing waits for it."""
    pending = platform.ledger.pending(feed.name)
    if not pending:
        return [], [pipeline_alert_key(feed.name)]
    subject, now = pipeline_subject(feed.name, pending), platform.clock()
    if not pipeline_has_failed(tries_for(instance, subject, now=now), attempts=platform.settings.attempts):
        return [], []
    return [pipeline_alert(feed, pending, failed_attempts(instance, subject, now=now))], []


@dataclass(frozen=True, slots=True)
class Look:
    """What lies in incoming/ at a tick, the runs that there were for its files, and where others are asked for."""

    instance: dg.DagsterInstance
    listing: Listing
    tries_of: Callable[[str], Tries]
    now: datetime


def look_at(platform: Platform, instance: dg.DagsterInstance, *, now: datetime) -> Look:
    """Lists incoming/ and asks for the runs of all its files, once for everything that is looked for."""
    listing = platform.lake.listing(f"{INCOMING}/")
    return Look(instance, listing, tries_of_files(instance, listing.files, now=now, attempts=platform.settings.attempts), now)


def stuck_of(platform: Platform, known: Sequence[str], look: Look) -> tuple[Sequence[Alert], Sequence[str]]:
    """The alerts about files that stay in incoming/ with every attempt used up; of the known keys those whose files have left it.

    One whose rejection is reported is no second incident, although it could not be moved to error/. Why runs failed is asked for some files
    only, those first of which nothing is known yet; the others follow with the next ticks.
    """
    reported = {alert.delivery_id for alert in Outbox(platform.warehouse).alerts(only_open=True) if is_rejection(alert.code)}
    listing = [file for file in look.listing.files if delivery_id_of(file) not in reported]
    waiting, unclaimed = waiting_by_feed(listing, platform.feeds)
    stuck = [
        found
        for feed, files in {**waiting, UNKNOWN_FEED: unclaimed}.items()
        for found in stuck_files(feed, files, look.tries_of, attempts=platform.settings.attempts)
    ]
    reported_first = sorted(stuck, key=lambda one: stuck_key(one) in known)[:_STUCK_A_TICK]
    raised = [
        stuck_alert(one, vendor_of(platform.feeds, one.feed), failed_attempts(look.instance, one.subject, now=look.now, latest=1))
        for one in reported_first
    ]
    return raised, no_longer_stuck(known, listing)


def held_of(platform: Platform, known: Sequence[str], look: Look) -> tuple[Sequence[Alert], Sequence[str]]:
    """The alerts about locks that are held for very long; of the known keys those whose locks have come free."""
    locks = sweep_locks(platform.warehouse, look.now - LONG)
    return [held_lock_alert(lock, platform.feeds) for lock in locks], no_longer_held(known, locks)


def odd_names_of(platform: Platform, _known: Sequence[str], look: Look) -> tuple[Sequence[Alert], Sequence[str]]:
    """The alerts about what is left alone in incoming/, one a feed; the keys of the feeds that have nothing such there."""
    lake, why_left = platform.lake, partial(why_unread, platform)
    return odd_name_alerts(look.listing, platform.feeds, why_left=why_left, is_written=lake.is_being_written, now=look.now)


def long_tries_of(platform: Platform, known: Sequence[str], look: Look) -> tuple[Sequence[Alert], Sequence[str]]:
    """The alerts about what is tried in vain, one a feed; of the known keys those of feeds that have nothing such.

    What waits for a lock that is held is reported by the alert about that.
    """
    waiting, unclaimed = waiting_by_feed(look.listing.files, platform.feeds)
    of_feed = {**waiting, UNKNOWN_FEED: unclaimed}
    files = [(feed, file.name, delivery_id_of(file)) for feed, of_it in of_feed.items() for file in of_it]
    pending_of = {feed: pending for feed in platform.feeds if (pending := platform.ledger.pending(feed))}
    pipelines = [(feed, "its pipeline", pipeline_subject(feed, pending)) for feed, pending in pending_of.items()]
    tries = {subject: look.tries_of(subject) for *_, subject in files}
    tries |= tries_of_all(look.instance, [subject for *_, subject in pipelines], now=look.now)
    found = long_tries([*files, *pipelines], tries, attempts=platform.settings.attempts, now=look.now)
    raised = []
    for feed in of_feed:
        own = [one for one in found if one.feed == feed]
        kind, why = latest_failure(look.instance, own[0].subject) if own else ("", "")
        if own and kind != LockHeldError.__name__:
            raised.append(long_try_alert(own, vendor_of(platform.feeds, feed), why))
    return raised, sorted(set(known) - {alert.key for alert in raised})


def statistics_of(platform: Platform, known: Sequence[str], look: Look) -> tuple[Sequence[Alert], Sequence[str]]:
    """The alert about what is above the account if it failed as often as agreed; the known one once nothing waits, or is tried again."""
    subject = pending_subject(platform, look.instance)
    if subject is None or not tries_for(look.instance, subject, now=look.now).are_used_up(platform.settings.attempts):
        return [], known
    return [statistics_alert(failed_attempts(look.instance, subject, now=look.now), now=look.now)], []


_FOUND = {ODD_NAME: odd_names_of, STUCK_FILE: stuck_of, TURN_HELD: held_of, TRIED_FOR_LONG: long_tries_of, STATISTICS_FAILED: statistics_of}
"""What is looked for at each tick besides deadlines and pipelines, by the alert that tells of it."""


def alerts_sensor(platform: Platform) -> dg.SensorDefinition:
    """Sends the alerts that are due, the oldest first, as one message a tick; without a channel they only wait."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=_SEND_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="sends the alerts of the outbox to ADVISORY_PERF_ALERTS_URL, again and again until they are taken",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if platform.settings.alerts_url is None:
            return dg.SkipReason("no channel is set: alerts are only kept in the table alerts")
        channel = channel_of(platform.settings.alerts_url)
        least = Severity(platform.settings.alerts_severity)
        sent, refused = send_due(Outbox(platform.warehouse), channel, least=least, now=platform.clock())
        if refused:
            context.log.warning(refused)
        return dg.SkipReason(f"sent {sent} alerts to {channel.place}" if sent else "nothing is due")

    return alerts


def send_due(outbox: Outbox, channel: Channel, *, least: Severity, now: datetime) -> tuple[int, str | None]:
    """Sends what is due as one message; how many alerts that were, and who of several recipients was refused.

    ChannelError where the channel does not take it. What one recipient took is not sent again, or he would get it for ever.
    """
    leased = outbox.lease(now=now, least=least, at_most=_AT_MOST)
    if not leased:
        return 0, None
    message = message_of(leased)
    try:
        refused = channel.send(message)
    except ChannelError as error:
        outbox.failed(message.ids, why=str(error))
        raise
    outbox.sent(message.ids, to=channel.place, but=refused)
    return len(leased), refused
