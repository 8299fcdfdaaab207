"""What vendors hand over during a soak, by chance: new, restated and late days, files again, copies, and wrong files. Pure.

Each new file has a name of its own, so that none takes another's place in incoming/ before it is read.
"""

import json
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from advisory_perf_tests.orchestration.scenarios import HEADER, acme_as_data

VENDORS = ("acme", "bolt", "corn")
_ACCOUNTS = tuple("ABCDEF")
_FIRST = date(2025, 3, 3)
_CENT, _RETURN = Decimal("0.01"), Decimal("0.00001")
_KINDS = {"new": 8, "restated": 4, "late": 3, "copy": 2, "again": 2, "unreadable": 2, "unknown": 1, "a bad row": 2}

_WHOLE = {"new", "restated", "late", "a bad row"}
_LEFT_OUT = 0.3


@dataclass(frozen=True)
class Delivery:
    """One file as it comes into a folder of incoming/."""

    kind: str
    folder: str
    name: str
    content: bytes

    @property
    def path(self) -> str:
        """Where it is put."""
        return f"incoming/{self.folder}/{self.name}"

    @property
    def is_known_to_a_vendor(self) -> bool:
        """Whether it lies in a vendor's folder."""
        return self.folder in VENDORS


@dataclass
class Deliveries:
    """The files, one after the other; ``sent`` has all of them in their order of arrival."""

    chance: random.Random
    sent: list[Delivery] = field(default_factory=list)
    _days: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VENDORS, 0))
    _left_out: dict[str, list[int]] = field(default_factory=lambda: {vendor: [] for vendor in VENDORS})
    _versions: dict[tuple[str, int], int] = field(default_factory=dict)
    _number: int = 0

    def next(self, ingested: Collection[str], ended: Collection[str]) -> Delivery:
        """Another file. Only what has ``ingested``, by name, is copied, and only what has ``ended`` comes again.

        Which of two equal files is the copy would depend on which is read first, and a file that takes its own place in incoming/ has
        come when it came the last time.
        """
        vendor = self.chance.choice(VENDORS)
        kind = self.chance.choices(list(_KINDS), list(_KINDS.values()))[0]
        if kind in {"copy", "again"}:
            return self._repeated(kind, ingested, ended) or self._of_new_days("new", vendor)
        if kind in {"unreadable", "unknown"}:
            return self._wrong(kind, vendor)
        known = [day for of_vendor, day in self._versions if of_vendor == vendor]
        if kind == "restated" and known:
            return self._of_days(kind, vendor, [self.chance.choice(known)])
        if kind == "late" and self._left_out[vendor]:
            return self._of_days(kind, vendor, [self._left_out[vendor].pop()])
        return self._of_new_days("a bad row" if kind == "a bad row" else "new", vendor)

    def _repeated(self, kind: str, ingested: Collection[str], ended: Collection[str]) -> Delivery | None:
        among = [
            one
            for one in self.sent
            if (one.kind in _WHOLE and one.name in ingested)
            or (kind == "again" and one.kind != "copy" and one.name in ended and one.is_known_to_a_vendor)
        ]
        if not among:
            return None
        chosen = self.chance.choice(among)
        return Delivery(kind, chosen.folder, self._name(chosen.folder) if kind == "copy" else chosen.name, chosen.content)

    def _wrong(self, kind: str, vendor: str) -> Delivery:
        folder = vendor if kind == "unreadable" else "nobody"
        name = self._name(folder)
        return Delivery(kind, folder, name, f"no,header\n{self._number},2\n".encode())

    def _of_new_days(self, kind: str, vendor: str) -> Delivery:
        if self.chance.random() < _LEFT_OUT:
            self._left_out[vendor].append(self._next_day(vendor))
        return self._of_days(kind, vendor, [self._next_day(vendor) for _ in range(self.chance.choice([1, 1, 1, 2]))])

    def _next_day(self, vendor: str) -> int:
        self._days[vendor] += 1
        return self._days[vendor] - 1

    def _name(self, vendor: str) -> str:
        self._number += 1
        return f"{vendor}_{self._number}.csv"

    def _of_days(self, kind: str, vendor: str, days: Sequence[int]) -> Delivery:
        lines = []
        for day in days:
            version = self._versions[vendor, day] = self._versions.get((vendor, day), -1) + 1
            lines += [_row(account, day, version) for account in _ACCOUNTS]
        if kind == "a bad row":
            lines[-1] = lines[-1].replace("-", "/", 1)
        return Delivery(kind, vendor, self._name(vendor), ("\n".join([HEADER, *lines]) + "\n").encode())


def _row(account: str, day: int, version: int) -> str:
    before, gain = _value(account, day - 1), _gain(account, day) + version
    flow = Decimal(50) if (day + ord(account)) % 7 == 0 else Decimal(0)
    after = before + gain + flow
    earned = ((after - flow) / before - 1).quantize(_RETURN)
    return f"{account},{_FIRST + timedelta(days=day)},{before},{flow.quantize(_CENT)},0.00,{gain},{after},{earned}"


def _value(account: str, day: int) -> Decimal:
    """Its value at the end of the day, as first reported; a restatement leaves the next day's beginning as it was."""
    value = Decimal(1000 * (1 + ord(account) - ord("A"))).quantize(_CENT)
    for past in range(day + 1):
        value += _gain(account, past) + (Decimal(50) if (past + ord(account)) % 7 == 0 else 0)
    return value


def _gain(account: str, day: int) -> Decimal:
    return Decimal((day * 37 + ord(account) * 11) % 90 - 30) / 10 + Decimal("0.00")


def write_feeds(folder: Path) -> Path:
    """A feed file of each vendor."""
    folder.mkdir(parents=True, exist_ok=True)
    for vendor in VENDORS:
        data = acme_as_data(vendor=vendor, title=vendor, files={"patterns": [f"{vendor}_*"], "format": "csv"})
        (folder / f"{vendor}.yaml").write_text(json.dumps(data), encoding="utf-8")
    return folder
