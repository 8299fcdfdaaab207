"""The lake: vendor files in their zones and Parquet by stage, on S3 or in a folder, through one interface.

Zones for files: ``incoming/<vendor>/``, ``archive/<vendor>/<delivery>/``, ``error/<vendor>/<delivery>/``; how a delivery goes
through them is in ``receiving``. Parquet lies in hive layout, ``<stage>/vendor=<v>/<delivery or window>=<key>/part.parquet``.
A set of partitions is staged under a name of its own first and promoted when all of it is there, so that a crash leaves old
partitions or new ones, never half a file.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import obstore
import polars as pl
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

if TYPE_CHECKING:
    from obstore.store import S3Config

from advisory_perf.errors import LakeError

INCOMING, ARCHIVE, ERROR = "incoming", "archive", "error"
_STAGING = "_staging"
_PART = "part.parquet"
_THREADS = 8


@dataclass(frozen=True, slots=True)
class LakeFile:
    """One object as a listing shows it."""

    path: str
    size: int
    modified: datetime
    etag: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rsplit("/", 1)[-1]


class Lake:
    """One lake at an s3:// address or in a folder. Nothing is opened before the first use."""

    def __init__(self, address: str, *, endpoint_url: str | None = None, region: str = "us-east-1") -> None:
        self.address = address.rstrip("/")
        self._endpoint_url = endpoint_url
        self._region = region
        self._store: LocalStore | S3Store | None = None

    @property
    def is_s3(self) -> bool:
        """Whether the lake is an object store, not a folder."""
        return self.address.startswith("s3://")

    @property
    def store(self) -> LocalStore | S3Store:
        """The object store; credentials come from the environment as for any AWS client."""
        if self._store is None:
            self._store = self._open()
        return self._store

    def _open(self) -> LocalStore | S3Store:
        if not self.is_s3:
            return LocalStore(prefix=self.address, mkdir=True)
        config: S3Config = {"region": self._region}
        if self._endpoint_url:
            config["endpoint"] = self._endpoint_url
            config["virtual_hosted_style_request"] = False
        plain_http = bool(self._endpoint_url and self._endpoint_url.startswith("http://"))
        return S3Store.from_url(self.address, config=config, client_options={"allow_http": plain_http})

    @contextmanager
    def _reported(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            raise LakeError(f"the lake {self.address} fails at {doing} ({_short(error)}); check its address and rights") from error

    # files ------------------------------------------------------------------------------------------------------------

    def files(self, prefix: str) -> list[LakeFile]:
        """Every object under a prefix, by path. A failed listing is an error, never an empty one."""
        with self._reported(f"listing {prefix}"):
            found = [meta for batch in obstore.list(self.store, prefix=prefix) for meta in batch]
        return sorted(
            (LakeFile(meta["path"], meta["size"], meta["last_modified"], meta["e_tag"] or "") for meta in found), key=lambda file: file.path
        )

    def exists(self, path: str) -> bool:
        """Whether there is an object at the path."""
        try:
            with self._reported(f"looking at {path}"):
                obstore.head(self.store, path)
        except LakeError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return False
            raise
        return True

    def head(self, path: str) -> LakeFile:
        """The object at the path, without its bytes."""
        with self._reported(f"looking at {path}"):
            meta = obstore.head(self.store, path)
        return LakeFile(meta["path"], meta["size"], meta["last_modified"], meta["e_tag"] or "")

    def read(self, path: str) -> bytes:
        """The object's bytes."""
        with self._reported(f"reading {path}"):
            return bytes(obstore.get(self.store, path).bytes())

    def write(self, path: str, content: bytes) -> None:
        """Writes an object whole, in place of any earlier one."""
        with self._reported(f"writing {path}"):
            obstore.put(self.store, path, content)

    def delete(self, paths: Iterable[str]) -> None:
        """Deletes objects; one that is not there is no error."""
        for path in paths:
            try:
                with self._reported(f"deleting {path}"):
                    obstore.delete(self.store, path)
            except LakeError as error:
                if not isinstance(error.__cause__, FileNotFoundError):
                    raise

    # partitions -------------------------------------------------------------------------------------------------------

    def write_partitions(self, stage: str, vendor: str, dimension: str, partitions: Mapping[str, pl.DataFrame]) -> None:
        """Replaces a set of partitions: all staged, then all promoted.

        Who writes holds the turn of the delivery or lane, so that a staged file of the same name is what a killed run left behind.
        """
        staged = {key: f"{_STAGING}/{stage}/{vendor}/{key}.parquet" for key in partitions}

        def stage_one(key: str) -> None:
            buffer = io.BytesIO()
            partitions[key].write_parquet(buffer, compression="zstd", compression_level=1)
            self.write(staged[key], buffer.getvalue())

        def promote(key: str) -> None:
            with self._reported(f"promoting {staged[key]}"):
                obstore.rename(self.store, staged[key], _partition(stage, vendor, dimension, key))

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(stage_one, partitions))
            list(pool.map(promote, partitions))

    def partition_keys(self, stage: str, vendor: str, dimension: str) -> list[str]:
        """The partitions that exist, sorted."""
        prefix = f"{stage}/vendor={vendor}/"
        return sorted(file.path.removeprefix(f"{prefix}{dimension}=").rsplit("/", 1)[0] for file in self.files(prefix))

    def read_partitions(
        self,
        stage: str,
        vendor: str,
        dimension: str,
        keys: Iterable[str],
        *,
        where: pl.Expr | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """The rows of some partitions, in the order of the keys, or some of their columns; LakeError names one that does not exist.

        Partitions that are read whole have to have the same columns; of named ones, others may lie in some partitions only.
        """
        paths = [_partition(stage, vendor, dimension, key) for key in keys]
        if not paths:
            raise LakeError(f"no partition of {stage} of {vendor} was asked for; name at least one {dimension}")
        try:
            frame = pl.scan_parquet(
                [f"{self.address}/{path}" for path in paths],
                storage_options=self._storage_options(),
                hive_partitioning=False,
                glob=False,
                extra_columns="raise" if columns is None else "ignore",
            )
            chosen = frame if where is None else frame.filter(where)
            return (chosen if columns is None else chosen.select(columns)).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            missing = next((path for path in paths if not self.exists(path)), None)
            if missing:
                raise LakeError(f"the lake {self.address} has no {missing}; materialise it first") from error
            raise LakeError(f"the lake {self.address} cannot give {stage} of {vendor} ({_short(error)})") from error

    def _storage_options(self) -> dict[str, str] | None:
        if not self.is_s3:
            return None
        options = {"aws_region": self._region}
        if self._endpoint_url:
            options |= {"aws_endpoint_url": self._endpoint_url, "aws_allow_http": "true", "aws_virtual_hosted_style_request": "false"}
        return options


def _partition(stage: str, vendor: str, dimension: str, key: str) -> str:
    return f"{stage}/vendor={vendor}/{dimension}={key}/{_PART}"


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
