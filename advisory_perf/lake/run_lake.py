"""The lake as one run reads it: no partition of a window twice."""

import itertools
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

import polars as pl

from advisory_perf.lake.store import Lake

_WINDOW = "window"


class RunLake(Lake):
    """The same lake for one run, which keeps what it has read whole of a window; what it writes itself, it reads anew.

    Frames are kept as long as the run, whose last stage needs them all at once anyway. Of deliveries nothing is kept.
    """

    def __init__(self, lake: Lake) -> None:
        vars(self).update(vars(lake))
        self._known: dict[tuple[str, str], dict[tuple[str, ...], pl.DataFrame]] = {}

    def write_partitions(self, stage: str, feed: str, dimension: str, partitions: Mapping[str, pl.DataFrame]) -> None:
        """As for any lake."""
        known = self._known.get((stage, feed), {})
        for keys in [keys for keys in known if not partitions.keys().isdisjoint(keys)]:
            del known[keys]
        super().write_partitions(stage, feed, dimension, partitions)

    def read_partitions(
        self,
        stage: str,
        feed: str,
        dimension: str,
        keys: Iterable[str],
        *,
        where: pl.Expr | None = None,
        columns: Sequence[str] | None = None,
        schema: pl.Schema | None = None,
    ) -> pl.DataFrame:
        """As for any lake; the rows of windows that were read whole before are those of then."""
        wanted = tuple(keys)
        if dimension != _WINDOW or not wanted or schema is not None:
            return super().read_partitions(stage, feed, dimension, wanted, where=where, columns=columns, schema=schema)
        known = self._known.setdefault((stage, feed), {})
        if where is None and columns is None and wanted not in known:
            known[wanted] = super().read_partitions(stage, feed, dimension, wanted)
        parts = [
            _chosen(known[run], where, columns)
            if run in known
            else super(RunLake, self).read_partitions(stage, feed, dimension, run, where=where, columns=columns)
            for run in ([wanted] if wanted in known else _runs(wanted, {run[0] for run in known if len(run) == 1}))
        ]
        return parts[0] if len(parts) == 1 else pl.concat(parts)


def _chosen(frame: pl.DataFrame, where: pl.Expr | None, columns: Sequence[str] | None) -> pl.DataFrame:
    chosen = frame if where is None else frame.filter(where)
    return chosen if columns is None else chosen.select(columns)


def _runs(keys: Sequence[str], known: Container[str]) -> Iterator[tuple[str, ...]]:
    """The keys in their order: each that is known by itself, and together what lies between them."""
    for is_known, run in itertools.groupby(keys, key=lambda key: key in known):
        if is_known:
            yield from ((key,) for key in run)
        else:
            yield tuple(run)
