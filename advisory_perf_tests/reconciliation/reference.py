"""The life of a break worked out again, slowly and by itself: over dictionaries, a figure and a day after the other, everything read."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, localcontext
from hashlib import sha256
from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]
_TABLES = ("reconciliation_results", "performance_data", "performance_data_history", "delivery_factors", "break_sign_offs")
_LATEST = ("calculated_value", "vendor_value", "variance", "tolerance_threshold", "factor", "accounts", "likely_cause", "delivery_id")
OF_THE_WAREHOUSE = {"age_days", "created_at", "updated_at", "closed_at"}
"""Columns that follow from others, or say when."""
_A_DAY = timedelta(days=1)


@dataclass
class Run:
    """Valuations in a row that break, and the good one after them."""

    valuations: list[Row]
    end: Row | None = None
    begun_as: Row | None = None
    known: Row | None = None

    @property
    def first(self) -> date:
        """The first day, also where the run began before what is looked at."""
        day: date = self.valuations[0]["as_of_date"] if self.begun_as is None else self.begun_as["first_as_of_date"]
        return day

    @property
    def last(self) -> date:
        """The day of the latest valuation that breaks."""
        day: date = self.valuations[-1]["as_of_date"]
        return day

    def holds(self, day: date) -> bool:
        """Whether the day lies from the first to the last."""
        return self.first <= day <= self.last


@dataclass
class Reference:
    """A vendor's tables as they are now; ``breaks`` gives what its breaks have to be after the days have changed."""

    connection: psycopg.Connection
    vendor: str
    tables: dict[str, list[Row]] = field(default_factory=dict)

    def breaks(self, first: date, last: date) -> dict[str, Row]:
        """The rows of ``reconciliation_breaks`` by name, without age and times."""
        self.tables = {name: self._rows(name) for name in _TABLES}
        stored = {row["break_id"]: row for row in self._rows("reconciliation_breaks")}
        wanted = dict(stored)
        for account, name in self._touched(stored, first, last):
            own = [row for row in stored.values() if (row["account_id"], row["field_name"]) == (account, name)]
            self._follow(account, name, own, wanted, first, last)
        return wanted

    def _rows(self, table: str) -> list[Row]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(f"SELECT * FROM {table} WHERE data_source = %s".encode(), [self.vendor])
            return [{key: value for key, value in row.items() if key not in OF_THE_WAREHOUSE} for row in cursor]

    def _touched(self, stored: dict[str, Row], first: date, last: date) -> set[tuple[str | None, str]]:
        found = {
            (row["account_id"], row["field_name"])
            for row in self.tables["reconciliation_results"]
            if first <= row["as_of_date"] <= last and row["within_tolerance"] is False and row["likely_cause"] != "SYSTEMATIC"
        }
        found |= {(None, row["field_name"]) for row in self.tables["delivery_factors"] if first <= row["as_of_date"] <= last}
        return found | {(row["account_id"], row["field_name"]) for row in stored.values() if reaches(row, first, last)}

    def _follow(self, account: str | None, name: str, stored: list[Row], wanted: dict[str, Row], first: date, last: date) -> None:
        """The breaks of one figure."""
        valued = list(self._valued(account, name))
        begun = next((row for row in stored if row["last_as_of_date"] < first and reaches(row, first, last)), None)
        if begun is not None:
            after = begun["last_as_of_date"] - _A_DAY
        elif account is None:
            after = min([first, *(row["first_as_of_date"] for row in stored if reaches(row, first, last))]) - _A_DAY
        else:
            after = max((day for day in self._passing(account, name) if day < first), default=date.min)
        until = date.max if account is None else min((day for day in self._passing(account, name) if day > last), default=date.max)
        earliest = min(after, date.max if begun is None else begun["first_as_of_date"] - _A_DAY)
        stored = [row for row in stored if row["last_as_of_date"] <= until and row["first_as_of_date"] > earliest]
        runs = list(in_runs([row for row in valued if after < row["as_of_date"] <= until], begun))
        gone_on = matched(runs, stored)
        rows = [self._row(account, name, run, set(wanted)) for run in runs]
        for row in gone_on:
            if not any(row is run.known for run in runs):
                del wanted[row["break_id"]]
        for row in stored:
            if row not in gone_on:
                self._close(row, wanted)
        wanted.update({row["break_id"]: row for row in rows})

    def _valued(self, account: str | None, name: str) -> Iterator[Row]:
        """The compared valuations of a figure, or the days of a vendor, in the order of days."""
        if account is None:
            for day in sorted({row["as_of_date"] for row in self.tables["performance_data"]}):
                factors = [row for row in self.tables["delivery_factors"] if (row["as_of_date"], row["field_name"]) == (day, name)]
                best = min(factors, key=lambda row: (-row["accounts"], row["delivery_id"]), default=None)
                yield {
                    **dict.fromkeys(["calculated_value", "vendor_value", "variance", "factor"]),
                    "as_of_date": day,
                    "is_break": best is not None,
                    "tolerance_threshold": Decimal("0.00001"),
                    "likely_cause": "SYSTEMATIC",
                    "delivery_id": self._delivery(None, day) if best is None else best["delivery_id"],
                    "factor": None if best is None else best["factor"],
                    "accounts": sum(row["accounts"] for row in factors),
                }
            return
        for row in sorted(self.tables["reconciliation_results"], key=lambda row: row["as_of_date"]):
            is_own = (row["account_id"], row["field_name"]) == (account, name)
            if is_own and row["within_tolerance"] is not None and row["likely_cause"] != "SYSTEMATIC":
                delivery = self._delivery(account, row["as_of_date"])
                yield {**row, "is_break": not row["within_tolerance"], "factor": None, "accounts": None, "delivery_id": delivery}

    def _passing(self, account: str, name: str) -> list[date]:
        found = [row for row in self.tables["reconciliation_results"] if (row["account_id"], row["field_name"]) == (account, name)]
        return sorted(row["as_of_date"] for row in found if row["within_tolerance"])

    def _delivery(self, account: str | None, day: date) -> str | None:
        """The delivery that the account's valuation came in, or that of most accounts."""
        found = [
            row["delivery_id"]
            for row in self.tables["performance_data"]
            if row["as_of_date"] == day and account in {None, row["account_id"]}
        ]
        return min(found, key=lambda one: (-Counter(found)[one], one), default=None)

    def _row(self, account: str | None, name: str, run: Run, names: set[str]) -> Row:
        """The break that a run is; ``names`` are taken."""
        latest, known = run.valuations[-1], run.known
        break_id = self._free_name(account, name, run.first, names) if known is None else known["break_id"]
        row = {
            "break_id": break_id,
            "data_source": self.vendor,
            "account_id": account,
            "field_name": name,
            "first_as_of_date": run.first,
            "last_as_of_date": run.last,
            "valuations": len(run.valuations) + (0 if run.begun_as is None else run.begun_as["valuations"] - 1),
            "first_variance": (run.valuations[0]["variance"] if run.begun_as is None else run.begun_as["first_variance"]),
            "resolved_on": None if run.end is None else run.end["as_of_date"],
            "resolved_by_delivery_id": None if run.end is None else run.end["delivery_id"],
            "named_on": run.first if known is None else known["named_on"],
            **{column: latest[column] for column in _LATEST},
        }
        signed, is_held = self._signed(row)
        row |= {
            "signed_off_break_id": signed.get("break_id"),
            "signed_off_by": signed.get("signed_off_by"),
            "signed_off_at": signed.get("signed_off_at"),
            "signed_off_variance": signed.get("factor") if signed.get("variance") is None else signed["variance"],
            "signed_off_reason": signed.get("reason"),
        }
        if run.end is None:
            return {**row, "status": "SIGNED_OFF" if is_held else "OPEN"}
        if known is not None and (known["status"], known["resolved_on"]) == ("RESOLVED_BY_RESTATEMENT", row["resolved_on"]):
            return {**row, "status": known["status"], "resolved_by_delivery_id": known["resolved_by_delivery_id"]}
        is_restated = known is not None and self._is_restated(account, row, known)
        return {**row, "status": "RESOLVED_BY_RESTATEMENT" if is_restated else "RESOLVED"}

    def _free_name(self, account: str | None, name: str, day: date, names: set[str]) -> str:
        again = 0
        while True:
            text = json.dumps([self.vendor, account or "", name, str(day), again], ensure_ascii=False)
            found = f"B-{sha256(text.encode()).hexdigest()[:16]}"
            if found not in names:
                return found
            again += 1

    def _is_restated(self, account: str | None, row: Row, known: Row) -> bool:
        day, delivery = row["resolved_on"], row["resolved_by_delivery_id"]
        if day == known["last_as_of_date"]:
            return bool(delivery != known["delivery_id"])
        return day < known["last_as_of_date"] and any(
            one["as_of_date"] == day and delivery is not None and one["superseded_by_delivery_id"] == delivery
            for one in self.tables["performance_data_history"]
            if account in {None, one["account_id"]}
        )

    def _signed(self, row: Row) -> tuple[Row, bool]:
        """The sign-off that counts for the break, nothing if there is none, and whether it holds."""
        found = []
        for one in self.tables["break_sign_offs"]:
            if (one["account_id"], one["field_name"]) == (row["account_id"], row["field_name"]):
                is_same = are_equal(one, row)
                if one["break_id"] == row["break_id"] or (is_same and one["as_of_date"] <= row["last_as_of_date"]):
                    found.append((is_same, one["id"], one))
        is_same, _, signed = max(found, default=(False, 0, {}))
        return signed, is_same

    def _close(self, row: Row, wanted: dict[str, Row]) -> None:
        """A break that no run is left of."""
        if row["resolved_on"] is not None and row["resolved_on"] <= row["last_as_of_date"]:
            return
        key = (row["account_id"], row["field_name"], row["last_as_of_date"])
        results = self.tables["reconciliation_results"]
        if any((one["account_id"], one["field_name"], one["as_of_date"]) == key and one["within_tolerance"] is False for one in results):
            del wanted[row["break_id"]]
            return
        delivery = self._delivery(row["account_id"], row["last_as_of_date"])
        wanted[row["break_id"]] = {
            **row,
            "status": "RESOLVED" if delivery == row["delivery_id"] else "RESOLVED_BY_RESTATEMENT",
            "resolved_on": row["last_as_of_date"],
            "resolved_by_delivery_id": delivery,
        }


def reaches(row: Row, first: date, last: date) -> bool:
    """Whether a stored break reaches into the days."""
    return bool(row["first_as_of_date"] <= last and (row["resolved_on"] is None or row["resolved_on"] >= first))


def matched(runs: list[Run], stored: list[Row]) -> list[Row]:
    """The stored breaks that go on in a run; each run's ``known`` is the one whose name it keeps."""
    places: list[list[Row]] = [[] for _ in runs]
    for row in stored:
        choices = [
            (not shares, not run.holds(row["named_on"]), run.first, place)
            for place, run in enumerate(runs)
            for shares in [row["first_as_of_date"] <= run.last and row["last_as_of_date"] >= run.first]
            if shares or run.holds(row["named_on"])
        ]
        if choices:
            places[min(choices)[-1]].append(row)
    for run, some in zip(runs, places, strict=True):
        run.known = min(some, key=lambda row: (row["resolved_on"] is not None, row["named_on"], row["break_id"]), default=None)
    return [row for some in places for row in some]


def in_runs(valued: list[Row], begun: Row | None) -> Iterator[Run]:
    """The runs of valuations that break."""
    run: Run | None = None
    for row in valued:
        if row["is_break"] and run is None:
            is_begun = begun is not None and begun["last_as_of_date"] == row["as_of_date"]
            run = Run([row], begun_as=begun if is_begun else None)
        elif row["is_break"] and run is not None:
            run.valuations.append(row)
        elif run is not None:
            run.end = row
            yield run
            run = None
    if run is not None:
        yield run


def are_equal(signed: Row, row: Row) -> bool:
    """Whether the amount that was signed off is the break's, within its tolerance."""

    def amount(of: Row) -> Decimal | None:
        found: list[Decimal] = [of[name] for name in ("variance", "factor", "vendor_value") if of[name] is not None]
        return found[0] if found else None

    one, other = amount(signed), amount(row)
    if one is None or other is None or (signed["variance"] is None) != (row["variance"] is None):
        return False
    with localcontext(prec=100):
        return bool(abs(one - other) <= row["tolerance_threshold"] * (1 if row["factor"] is None else abs(row["factor"])))
