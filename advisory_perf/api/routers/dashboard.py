"""`/api/dashboard/summary`, `/api/kpis` and `/api/quality/score`."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.answering import Answering, ForReaders
from advisory_perf.api.dashboards import key_figures, quality, summary
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.known import refuse_unknown_vendor
from advisory_perf.api.models.dashboard import DashboardQuery, DashboardSummary, KeyFigure, QualityScore
from advisory_perf.api.parameters import ends_of
from advisory_perf.api.responses import NOT_FOUND
from advisory_perf.api.service import Service
from advisory_perf.warehouse.reading.dashboard import Shown, days_shown
from advisory_perf.warehouse.reading.snapshot import Snapshot

router = APIRouter(prefix="/api", tags=["dashboards"], responses=NOT_FOUND)
Asked = Annotated[DashboardQuery, InQuery()]


@router.get("/dashboard/summary")
def dashboard_summary(answering: ForReaders, query: Asked) -> Envelope[DashboardSummary]:
    """Key figures, deliveries, market values, pass rates, breaks and alerts of some days. Without an ETag: one figure is of the moment."""
    return answering.one(_read(answering, query, summary, is_kept=False))


@router.get("/kpis")
def kpis(answering: ForReaders, query: Asked) -> Envelope[list[KeyFigure]]:
    """The key figures of some days, each with its target, the value from which it alerts, and whether that is so. Without an ETag."""
    return answering.all_of(_read(answering, query, key_figures, is_kept=False))


@router.get("/quality/score")
def quality_score(answering: ForReaders, query: Asked) -> Envelope[QualityScore]:
    """The quality score of some days: by dimension, by feed, and day by day."""
    return answering.one(_read(answering, query, quality, is_kept=True))


def _read(answering: Answering, query: DashboardQuery, made: Callable[[Snapshot, Service, Shown], Any], *, is_kept: bool) -> Any:
    """``is_kept``: not what has the seconds of this process's requests, which are others after each of them."""
    today = answering.service.clock().date()

    def reading(snapshot: Snapshot) -> Any:
        if query.vendor is not None:
            refuse_unknown_vendor(snapshot, answering.service, query.vendor)
        return made(snapshot, answering.service, days_shown(snapshot, query.vendor, *ends_of(query.date_range), today))

    return answering.read(reading, varies=today.isoformat(), is_kept=is_kept)
