"""A pipeline and what happens to a delivery meanwhile, in every order: nothing is closed whose latest rows the pipeline did not read."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import combinations

import psycopg
import pytest

from advisory_perf.contracts.tables import PUBLISHED_PERFORMANCE, QUARANTINED_ROWS
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.lake_writes import LakeWrite

pytestmark = pytest.mark.slow

FIRST, LAST = date(2024, 1, 1), date(2024, 1, 31)
FIRST_STAGE, SECOND_STAGE = "normalized_positions", "net_flows"
PIPELINE = ("read rows", "take up", "carry on", "publish")
PIPELINES = {
    "of one run": PIPELINE,
    "of a run that dies in the middle, and one of the last stage alone": ("read rows", "take up", "publish"),
}
LIVES = {
    "is ingested": ("claim", "store", "ingest"),
    "is ingested again": ("claim", "store", "ingest", "claim", "store", "ingest"),
    "is ingested, and another run ingests it at once": ("claim", "claim", "store", "ingest", "store", "ingest"),
    "is ingested, and does not ingest again": ("claim", "store", "ingest", "claim", "reject"),
    "is rejected, and is ingested": ("claim", "reject", "claim", "store", "ingest"),
    "is ingested, is rejected, and is ingested": ("claim", "store", "ingest", "reject", "claim", "store", "ingest"),
    "is ingested, and what the lake has is in doubt": ("claim", "store", "ingest", "doubt"),
    "is ingested twice under one pipeline after the other": ("claim", "store", "ingest", "doubt", "claim", "ingest"),
}


class OneConnection(Warehouse):
    """A warehouse whose transactions share a connection, since there are thousands of them here."""

    def __init__(self, warehouse: Warehouse, connection: psycopg.Connection) -> None:
        super().__init__(warehouse.url, warehouse.role)
        self._connection = connection

    @contextmanager
    def connect(self, _after: str = "") -> Iterator[psycopg.Connection]:
        """A block that is one transaction."""
        with self._connection.transaction():
            yield self._connection


@dataclass
class Reported:
    """A delivery and its vendor's pipeline.

    ``rows`` are what the lake holds of the delivery, reported by a number that each change raises; ``due`` are those that have to be
    published before nothing is pending.
    """

    ledger: Ledger
    runs: int = 0
    rows: int = 0
    due: int = 0
    is_received: bool = False
    pending: list[LedgerEntry] = field(default_factory=list)
    read: int = 0
    first_stage: int = 0
    second_stage: int = 0
    published: int = 0

    def do(self, step: str) -> None:
        """One step of the delivery's life, or of the pipeline's."""
        getattr(self, step.replace(" ", "_"))()

    def claim(self) -> None:
        """Another run claims it."""
        self.runs += 1
        entry = self.ledger.entry("d")
        self.is_received = entry is None or entry.status in {"RECEIVED", "FAILED"}
        self.ledger.claim(
            delivery_id="d",
            file_name="d.csv",
            file_path="incoming/alpha/d.csv",
            feed="alpha",
            vendor="alpha",
            sha256="bytes",
            size_bytes=1,
            received_at=datetime(2024, 2, 1, tzinfo=UTC),
            run_id=f"run {self.runs}",
        )

    def store(self) -> None:
        """Its rows are in the lake, before the ledger says so."""
        self.rows += 1

    def ingest(self) -> None:
        """The ledger says that it has been ingested."""
        self.ledger.mark_ingested(
            "d", read=1, accepted=1, quarantined=0, duplicate=0, footer=0, as_of_dates=[FIRST, LAST], issues=QUARANTINED_ROWS.empty()
        )
        self.due, self.is_received = self.rows, False

    def reject(self) -> None:
        """Its rows do not count any more."""
        self._change()
        self.is_received = False
        self.ledger.rejected("d", code="E_UNREADABLE", sentence="it cannot be read")

    def doubt(self) -> None:
        """What the lake holds of the pipeline may be another run's."""
        self._change()
        self.ledger.recompute(LakeWrite(0, "alpha", FIRST, LAST, "run"))

    def _change(self) -> None:
        if self.due:
            self.rows += 1
            self.due = self.rows

    def read_rows(self) -> None:
        """The pipeline asks what is pending, and reads."""
        self.pending = self.ledger.pending("alpha")
        self.read = self.rows

    def take_up(self) -> None:
        """What it has read is what the first stage holds."""
        self.first_stage = self.read
        self.ledger.taken_up(self.pending, by=FIRST_STAGE, after=[], first=FIRST, last=LAST)

    def carry_on(self) -> None:
        """What the first stage holds is what the second one holds."""
        self.second_stage = self.first_stage
        self.ledger.taken_up(self.ledger.pending("alpha"), by=SECOND_STAGE, after=[FIRST_STAGE], first=FIRST, last=LAST)

    def publish(self) -> None:
        """What the second stage holds is published."""
        with self.ledger.warehouse.connect() as connection:
            self.ledger.published(
                connection, "alpha", of=[FIRST_STAGE, SECOND_STAGE], first=FIRST, last=LAST, rows=PUBLISHED_PERFORMANCE, pass_rate=0.95
            )
        self.published = self.second_stage

    def check(self) -> None:
        """Where nobody is to compute anything, what is due is published; what was claimed and not ingested is not called completed."""
        entry = self.ledger.entry("d")
        assert entry is None or (entry.status == "RECEIVED") == self.is_received
        assert self.ledger.pending("alpha") or self.published >= self.due


def orders(life: tuple[str, ...], pipeline: tuple[str, ...]) -> Iterator[list[str]]:
    """Every order of the steps of both, each in its own."""
    places = range(len(life) + len(pipeline))
    for chosen in combinations(places, len(pipeline)):
        lives, pipelines = iter(life), iter(pipeline)
        yield [next(pipelines) if place in chosen else next(lives) for place in places]


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_nothing_is_closed_whose_latest_rows_the_pipeline_did_not_read(
    warehouse: Warehouse, life: tuple[str, ...], pipeline: tuple[str, ...]
) -> None:
    with closing(warehouse.open(autocommit=True)) as connection:
        ledger = Ledger(OneConnection(warehouse, connection))
        for order in orders(life, pipeline):
            reported = Reported(ledger)
            for step in order:
                reported.do(step)
                reported.check()
            for step in PIPELINE:
                reported.do(step)
            assert (ledger.pending("alpha"), reported.published) == ([], reported.rows), order
            connection.execute("DELETE FROM alerts; DELETE FROM data_quality_issues; DELETE FROM delivered_days")
            connection.execute("DELETE FROM etl_processing_log")
