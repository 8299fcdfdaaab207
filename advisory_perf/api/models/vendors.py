"""Vendors and their feeds."""

from datetime import date

from pydantic import Field

from advisory_perf.api.envelope import Body, Instant, Money
from advisory_perf.contracts.enums import Cadence


class ToleranceInWords(Body):
    """What a figure may be off by: up to the larger of the two."""

    absolute: Money
    relative: Money = Field(description="of the larger of ours and theirs")


class FeedTerms(Body):
    """What is agreed about one kind of file."""

    feed: str
    dataset: str = Field(description="positions, rates or transactions")
    title: str
    owners: tuple[str, ...] = Field(description="who answers for it")
    cadence: Cadence
    currency: str | None = Field(description="of all accounts, where the feed says one")
    flow_timing: str | None = Field(description="when in a sub-period flows count in its returns; null where it has none")
    fee_basis: str | None = Field(description="whether its returns are net or gross of fees; null where it has none")
    tolerances: dict[str, ToleranceInWords] = Field(description="by figure")


class FeedInWords(FeedTerms):
    """What is agreed about one kind of file, and which one is expected next."""

    latest_as_of_date: date | None = Field(description="the latest day that was ingested")
    expected_next: date | None = Field(description="the window whose file is expected next; null without a deadline")
    expected_by: Instant | None = Field(description="until when it is expected")
    is_late: bool = Field(description="the file of a window whose deadline is over is missing")


class Vendor(Body):
    """A vendor: what came of it, and how its figures compare with ours."""

    vendor: str
    has_feed: bool = Field(description="a feed claims its files; without one only what came before is known")
    feeds: list[FeedInWords]
    deliveries: int
    deliveries_received: int
    deliveries_processing: int
    deliveries_completed: int
    deliveries_completed_with_issues: int
    deliveries_failed: int
    deliveries_duplicate: int
    rows_read: int = Field(description="accepted + quarantined + duplicate + footer")
    rows_accepted: int
    rows_quarantined: int
    rows_duplicate: int
    rows_footer: int
    latest_as_of_date: date | None = Field(description="the latest day that is published")
    latest_received_at: Instant | None
    figures_compared: int = Field(description="published figures that the vendor gives too")
    breaks: int = Field(description="of these outside their tolerance")
    reconciliation_pass_rate: float | None = Field(description="the share within tolerance (1 is all); null where nothing was compared")
    issues_low: int
    issues_medium: int
    issues_high: int
    issues_critical: int
    open_breaks: int
    open_alerts: int
