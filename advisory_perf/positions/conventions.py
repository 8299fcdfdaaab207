"""A feed's agreements about returns, as the returns library asks for them: one place where they are put together."""

from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.feeds.positions_feed import PositionsFeed


def conventions_of(feed: PositionsFeed) -> ReturnConventions:
    """How the feed's returns are computed and linked."""
    agreed = feed.conventions
    return ReturnConventions(
        timing=agreed.flow_timing,
        fee_basis=agreed.fee_basis,
        weight=agreed.weight,
        minimum_base=agreed.minimum_base,
        residual_base=agreed.residual_base,
        large_flow=agreed.large_flow,
        reopening=feed.reopening,
        schedule=feed.schedule,
    )
