"""What a pipeline is: stages in the order of the data flow, and what its last one hands to the warehouse. Data; it runs nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import psycopg

from advisory_perf.contracts.tables import PublishedTable, Table
from advisory_perf.contracts.windows import WindowRange
from advisory_perf.feeds.feed import Feed
from advisory_perf.orchestration.asset_checks import Finding, Rule
from advisory_perf.platform import Platform

Inputs = Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Publication:
    """What is published of a range of windows, all in one transaction.

    ``tables`` are the rows of each published table; ``along`` brings up to date what belongs to them, and is called within the
    transaction once they are written.
    """

    tables: Sequence[tuple[PublishedTable, pl.DataFrame]]
    along: Callable[[psycopg.Connection], object]


@dataclass(frozen=True, slots=True)
class Computed:
    """What a stage has made of its inputs; the last one also what is to be published."""

    rows: pl.DataFrame
    findings: Sequence[Finding]
    publication: Publication | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One asset of a pipeline; what has no inputs reads deliveries."""

    table: Table
    inputs: tuple[Table, ...]
    rules: tuple[Rule, ...]
    compute: Callable[[Platform, Feed, WindowRange, Inputs], Computed]
    kinds: frozenset[str] = frozenset({"polars", "parquet"})
    looks_back: bool = False
    is_published: bool = False


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stages that make of a dataset's deliveries what is published of it."""

    dataset: str
    stages: tuple[Stage, ...]
