"""The lake: vendor files in their zones and Parquet by stage, on S3 or in a folder, through one interface.

Zones for files: ``incoming/<feed>/``, ``archive/<feed>/<delivery>/``, ``error/<feed>/<delivery>/``; how a delivery goes
through them is in ``deliveries.zones``. Parquet lies in hive layout, ``<stage>/vendor=<feed>/<delivery or window>=<key>/part.parquet``;
lakes from before feeds had names have that key, and are read as they are.
A set of partitions is staged under a name of its own first and promoted when all of it is there, so that a crash leaves old
partitions or new ones, never half a file.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from datetime import datetime
from functools import cached_property
from typing import Any

import polars as pl
from obstore.exceptions import BaseError

from advisory_perf.errors import LakeError, LakeOutageError
from advisory_perf.lake.buckets import Bucket
from advisory_perf.lake.folders import Folder
from advisory_perf.lake.objects import BarredError, LakeFile, Listing, ObjectError
from advisory_perf.library_errors import said_by

INCOMING, ARCHIVE, ERROR = "incoming", "archive", "error"
_STAGING = "_staging"
_PART = "part.parquet"
_THREADS = 8
_OF_POLARS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""Some damage it meets by an exception of no kind of its own."""


class Lake:
    """One lake at an s3:// address or in a folder. Nothing is opened before the first use; every incident is a LakeError."""

    def __init__(self, address: str, *, endpoint_url: str | None = None, region: str = "us-east-1") -> None:
        self.address = address.rstrip("/")
        self._endpoint_url = endpoint_url
        self._region = region
        self._kept: Callable[[], AbstractContextManager[object]] = nullcontext

    def under(self, kept: Callable[[], AbstractContextManager[object]]) -> "Lake":
        """The same lake for a run that holds locks: each change of a file is made within ``kept``, which raises where one is lost."""
        fenced = copy(self)
        fenced._kept = kept  # noqa: SLF001 - its own
        return fenced

    @property
    def is_s3(self) -> bool:
        """Whether the lake is an object store, not a folder."""
        return self.address.startswith("s3://")

    @cached_property
    def _store(self) -> Folder | Bucket:
        return Bucket(self.address, endpoint_url=self._endpoint_url, region=self._region) if self.is_s3 else Folder(self.address)

    @contextmanager
    def _reported(self, doing: str, *, may_lack_it: bool = True) -> Iterator[None]:
        """``may_lack_it`` is false where nothing has to be there yet, so that what is missing is the lake itself."""
        try:
            yield
        except FileNotFoundError as error:
            if not may_lack_it:
                raise LakeOutageError(f"the lake {self.address} fails at {doing} ({said_by(error)}); see that it is there") from error
            raise LakeError(f"the lake {self.address} fails at {doing} ({said_by(error)}); it is not there") from error
        except ObjectError as error:
            raise LakeOutageError(f"the lake {self.address} fails at {doing}: {error}; it stays where it is and is tried again") from error
        except BarredError as error:
            raise LakeError(f"the lake {self.address} fails at {doing}: {error}") from error
        except (BaseError, OSError) as error:
            raise LakeOutageError(f"the lake {self.address} fails at {doing} ({said_by(error)}); check its address and rights") from error

    # files ------------------------------------------------------------------------------------------------------------

    def listing(self, prefix: str) -> Listing:
        """Every object under a prefix, and what is oddly named there. A failed listing is an error, never an empty one."""
        with self._reported(f"listing {prefix}"):
            return self._store.listing(prefix)

    def files(self, prefix: str) -> list[LakeFile]:
        """Every object under a prefix, by path, without what is oddly named."""
        return self.listing(prefix).files

    def exists(self, path: str) -> bool:
        """Whether there is an object at the path."""
        return self.find(path) is not None

    def find(self, path: str) -> LakeFile | None:
        """The object at the path, without its bytes, if there is one."""
        try:
            return self.head(path)
        except LakeError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise

    def head(self, path: str) -> LakeFile:
        """The object at the path, without its bytes."""
        with self._reported(f"looking at {path}"):
            return self._store.head(path)

    def read(self, path: str) -> bytes:
        """The object's bytes, all of them."""
        with self._reported(f"reading {path}"):
            return self._store.read(path)

    def read_listed(self, listed: LakeFile) -> bytes:
        """The bytes of the very object that was listed, all of them; nobody is still writing it."""
        with self._reported(f"reading {listed.path}"):
            return self._store.read(listed.path, listed)

    def is_being_written(self, listed: LakeFile) -> bool:
        """Whether a process of this machine still has the file open for writing; false where that is not known, or it is gone."""
        return self._looked(listed, self._store.is_being_written)

    def is_barred(self, listed: LakeFile) -> bool:
        """Whether the file is closed to the user that runs the platform; false where that is not known, or it is gone."""
        return self._looked(listed, self._store.is_barred)

    def _looked(self, listed: LakeFile, question: Callable[[str], bool]) -> bool:
        try:
            with self._reported(f"looking at {listed.path}"):
                return question(listed.path)
        except LakeError:  # whoever reads it will say so, of this file alone
            return False

    def write(self, path: str, content: bytes) -> None:
        """Writes an object whole, in place of any earlier one; it is on the disk when this returns."""
        with self._kept(), self._reported(f"writing {path}", may_lack_it=False):
            self._store.write(path, content)

    def keep(self, path: str, content: bytes) -> None:
        """Writes an object that is to outlast its original: it was read back and compared when this returns."""
        with self._kept(), self._reported(f"writing {path}", may_lack_it=False):
            self._store.write(path, content)
            if self._store.read(path) != content:
                raise ObjectError(f"{path} reads back other bytes than were written")

    def delete(self, paths: Iterable[str]) -> None:
        """Deletes objects; one that is not there is no error."""
        for path in paths:
            try:
                with self._kept(), self._reported(f"deleting {path}"):
                    self._store.delete(path)
            except LakeError as error:
                if not isinstance(error.__cause__, FileNotFoundError):
                    raise

    def delete_listed(self, listed: LakeFile) -> bool:
        """Deletes the very object that was listed; false, and nothing deleted, where it is gone, another one, or still written."""
        with self._kept(), self._reported(f"deleting {listed.path}"):
            return self._store.delete_listed(listed)

    # partitions -------------------------------------------------------------------------------------------------------

    def write_partitions(self, stage: str, feed: str, dimension: str, partitions: Mapping[str, pl.DataFrame]) -> None:
        """Replaces a set of partitions: all staged, then all promoted.

        Who writes holds the lock of the delivery or pipeline, so that a staged file of the same name is what a killed run left behind.
        """
        staged = {key: f"{_STAGING}/{stage}/{feed}/{key}.parquet" for key in partitions}

        def stage_one(key: str) -> None:
            buffer = io.BytesIO()
            partitions[key].write_parquet(buffer, compression="zstd", compression_level=1)
            self.write(staged[key], buffer.getvalue())

        def promote(key: str) -> None:
            with self._reported(f"promoting {staged[key]}"):
                self._store.rename(staged[key], _partition(stage, feed, dimension, key))

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(stage_one, partitions))
            list(pool.map(promote, partitions))

    def sweep_staging(self, before: datetime) -> None:
        """Deletes what was staged before and never promoted: a run that lost its lock, or was killed, and that nobody launched again."""
        self.delete(file.path for file in self.files(f"{_STAGING}/") if file.modified < before)

    def partition_keys(self, stage: str, feed: str, dimension: str) -> list[str]:
        """The partitions that exist, sorted."""
        prefix = f"{stage}/vendor={feed}/"
        return sorted(file.path.removeprefix(f"{prefix}{dimension}=").rsplit("/", 1)[0] for file in self.files(prefix))

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
        """The rows of some partitions, in the order of the keys, or some of their columns.

        Partitions that are read whole have to have the same columns; of named ones, others may lie in some partitions only. With
        ``schema`` they have its columns, null where a partition was written before a column was kept. LakeError
        names a partition that does not exist or cannot be read as Parquet, and what makes it again; LakeOutageError where the lake fails.
        """
        paths = [_partition(stage, feed, dimension, key) for key in keys]
        if not paths:
            raise LakeError(f"no partition of {stage} of {feed} was asked for; name at least one {dimension}")
        try:
            sources: Any = self._whole(paths) if self.is_s3 else [f"{self.address}/{path}" for path in paths]
            frame = pl.scan_parquet(
                sources,
                hive_partitioning=False,
                glob=False,
                schema=schema,
                missing_columns="raise" if schema is None else "insert",
                extra_columns="raise" if columns is None else "ignore",
            )
            chosen = frame if where is None else frame.filter(where)
            return (chosen if columns is None else chosen.select(columns)).collect()
        except (*_OF_POLARS, OSError) as error:
            missing = next((path for path in paths if not self.exists(path)), None)
            if missing:
                raise LakeError(f"the lake {self.address} has no {missing}; materialise it first") from error
            if isinstance(error, OSError):
                raise LakeOutageError(f"the lake {self.address} cannot give {stage} of {feed} ({said_by(error)})") from error
            self._name_what_is_damaged(paths, dimension)
            raise LakeError(
                f"the lake {self.address} cannot give {stage} of {feed} ({said_by(error)}); make its partitions again that differ"
            ) from error

    def _whole(self, paths: Sequence[str]) -> list[io.BytesIO]:
        """The objects, each compared with its size and digest: a range of one that comes short would be taken for a damaged file."""

        def read(path: str) -> io.BytesIO:
            try:
                return io.BytesIO(self.read(path))
            except LakeError as error:
                if isinstance(error.__cause__, FileNotFoundError):
                    raise LakeError(f"the lake {self.address} has no {path}; materialise it first") from error
                raise

        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(read, paths))

    def _name_what_is_damaged(self, paths: Sequence[str], dimension: str) -> None:
        """LakeError for the first of the files that is no whole Parquet; none of them has to be."""
        for path in paths:
            content = self.read(path)
            try:
                pl.read_parquet(io.BytesIO(content), hive_partitioning=False)
            except _OF_POLARS as error:
                key = path.split("/")[-2].removeprefix(f"{dimension}=")
                again = f"run `advisory-perf quarantine replay --delivery {key}`" if dimension == "delivery" else f"materialise {key} again"
                found = f"{path}, of {len(content):,} bytes, which is no whole Parquet file ({said_by(error)})"
                raise LakeError(f"the lake {self.address} has {found}; {again}") from error


def _partition(stage: str, feed: str, dimension: str, key: str) -> str:
    return f"{stage}/vendor={feed}/{dimension}={key}/{_PART}"
