"""The lake of a soak: a bucket behind a proxy whose faults are switched on and off, or a small file system of its own."""

import errno
import logging
import os
import subprocess
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

from advisory_perf.lake.store import Lake
from advisory_perf_tests.proxies import Faults, S3Proxy, an_s3_proxy
from advisory_perf_tests.soaking.deliveries import Delivery

Heal = Callable[[], object]
_BUCKET = "s3://lake/soak"
_BALLAST = ".ballast.part"
_TMPFS_BYTES = "64m"
FAINT = Faults(internal_errors=0.01, slow_downs=0.01, resets=0.01, lost_answers=0.01, short_bodies=0.01, stale_listings=0.05)
"""What the network does all the time."""

SPELLS = {
    "the store answers 500 and 503": Faults(internal_errors=0.3, slow_downs=0.2),
    "connections to the store are reset": Faults(resets=0.3, lost_answers=0.2),
    "bodies come short": Faults(short_bodies=0.5),
    "listings are stale and doubled": Faults(stale_listings=0.5, doubled_listings=0.5),
    "the lake is full": Faults(full=1),
    "the lake is read-only": Faults(read_only=1),
}


class SoakedLake(ABC):
    """What a soak does with its lake."""

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """What tells the platform where it is."""

    @property
    @abstractmethod
    def direct(self) -> Lake:
        """The lake without what is between."""

    @property
    @abstractmethod
    def incidents(self) -> dict[str, Callable[[], Heal]]:
        """What may befall it; each begins when it is called, and gives what ends it."""

    @abstractmethod
    def deliver(self, delivery: Delivery) -> bool:
        """Puts a file into incoming, as a vendor's transfer would; false where there is no room or right for it now."""

    @abstractmethod
    def calm(self) -> None:
        """Nothing befalls it any more."""

    def met(self) -> dict[str, int]:
        """What befell how often, where it is counted."""
        return {}


@dataclass
class SoakedBucket(SoakedLake):
    """A bucket."""

    server: str
    proxy: S3Proxy

    @property
    def environment(self) -> dict[str, str]:
        return {"ADVISORY_PERF_LAKE_URL": _BUCKET, "ADVISORY_PERF_S3_ENDPOINT_URL": self.proxy.url}

    @property
    def direct(self) -> Lake:
        return Lake(_BUCKET, endpoint_url=self.server)

    @property
    def incidents(self) -> dict[str, Callable[[], Heal]]:
        def spell(faults: Faults) -> Callable[[], Heal]:
            def begin() -> Heal:
                self.proxy.faults = faults
                return self._faintly

            return begin

        return {name: spell(faults) for name, faults in SPELLS.items()}

    def _faintly(self) -> None:
        self.proxy.faults = FAINT

    def deliver(self, delivery: Delivery) -> bool:
        self.direct.write(delivery.path, delivery.content)
        return True

    def calm(self) -> None:
        self.proxy.faults = Faults()

    def met(self) -> dict[str, int]:
        return dict(self.proxy.met)


@dataclass
class SoakedFolder(SoakedLake):
    """A folder; of a file system of its own, which can be full and read-only, where this process may mount one."""

    root: Path
    is_mounted: bool

    @property
    def environment(self) -> dict[str, str]:
        return {"ADVISORY_PERF_LAKE_URL": str(self.root)}

    @property
    def direct(self) -> Lake:
        return Lake(str(self.root))

    @property
    def incidents(self) -> dict[str, Callable[[], Heal]]:
        return {"the lake is full": self._fill, "the lake is read-only": self._bar} if self.is_mounted else {}

    def _fill(self) -> Heal:
        ballast = self.root / _BALLAST
        with suppress(OSError), ballast.open("ab", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
        return lambda: ballast.unlink(missing_ok=True)

    def _bar(self) -> Heal:
        for _ in range(50):  # busy while anybody writes
            if _mount("-o", "remount,ro", str(self.root)):
                break
        return lambda: _mount("-o", "remount,rw", str(self.root))

    def deliver(self, delivery: Delivery) -> bool:
        folder = self.root / "incoming" / delivery.folder
        own = folder / f".{uuid.uuid4().hex}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            own.write_bytes(delivery.content)
            own.replace(folder / delivery.name)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EROFS}:
                raise
            with suppress(OSError):
                own.unlink()
            return False
        return True

    def calm(self) -> None:
        if self.is_mounted:
            (self.root / _BALLAST).unlink(missing_ok=True)


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0  # noqa: S607 - the system's own


@contextmanager
def a_bucket(seed: int) -> Iterator[SoakedBucket]:
    """A bucket of a server in this process."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        os.environ.update({"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"})
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="lake")
        with an_s3_proxy(url, seed=seed) as proxy:
            proxy.faults = FAINT
            yield SoakedBucket(url, proxy)
    finally:
        server.stop()


@contextmanager
def a_folder(place: Path) -> Iterator[SoakedFolder]:
    """A folder there."""
    root = place / "lake"
    root.mkdir()
    is_mounted = _mount("-t", "tmpfs", "-o", f"size={_TMPFS_BYTES},mode=0700", "tmpfs", str(root))
    try:
        yield SoakedFolder(root, is_mounted)
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(root)], check=False)  # noqa: S607
