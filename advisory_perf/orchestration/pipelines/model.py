"""What a pipeline is: stages in the order of the data flow, and what its last one hands to the warehouse. Data; it runs nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import polars as pl
import psycopg

from advisory_perf.contracts.datasets import Dataset
from advisory_perf.contracts.tables import PublishedTable, Table
from advisory_perf.contracts.windows import WindowRange
from advisory_perf.ingestion.validation.rules import F, RowRules
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
    """What a stage has made of its inputs; the last one also what is to be published.

    ``numbers`` are figures of each window besides (``window``, and a column a figure), which the UI plots.
    """

    rows: pl.DataFrame
    findings: Sequence[Finding]
    publication: Publication | None = None
    numbers: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Stage(Generic[F]):
    """One asset of a pipeline; what has no inputs reads deliveries."""

    table: Table
    inputs: tuple[Table, ...]
    rules: tuple[Rule, ...]
    compute: Callable[[Platform, F, WindowRange, Inputs], Computed]
    kinds: frozenset[str] = frozenset({"polars", "parquet"})
    looks_back: bool = False
    is_published: bool = False


@dataclass(frozen=True, slots=True)
class Pipeline(Generic[F]):
    """All that the platform does with a dataset: how its rows are validated, and the stages that make of them what is published.

    ``across`` are the assets across feeds that its job brings up to date as well.
    """

    dataset: Dataset
    rules: RowRules[F]
    stages: tuple[Stage[F], ...]
    across: tuple[str, ...] = ()


Pipelines = Mapping[str, Pipeline[Any]]
"""Pipelines by the name of their dataset, which a feed says."""
