"""The base file of ``vendor_file_cases.json``, its feed, and how a test says which of the cases it runs.

A case's expectation stands in the data file; its test says in its assertions what comes of it here, and in a docstring why, where
that differs.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf_tests.ingestion.scenarios import codes, validated

_Test = TypeVar("_Test", bound=Callable[..., None])

HEADER = "Account ID,As Of Date,Beginning Market Value,Contributions,Distributions,Income,Appreciation,Fees,Other,Ending Market Value,TWRR"
ROW = "A-1001,2024-05-31,1000000.00,50000.00,20000.00,3000.00,7500.00,500.00,0.00,1040000.00,0.0098"
BASE = f"{HEADER}\n{ROW}\n"
COLUMNS = tuple(HEADER.split(","))
FIELDS = {
    "account_id": "Account ID",
    "as_of_date": "As Of Date",
    "beginning_market_value": "Beginning Market Value",
    "contributions": "Contributions",
    "distributions": "Distributions",
    "income": "Income",
    "appreciation": "Appreciation",
    "fees": "Fees",
    "other_adjustments": "Other",
    "ending_market_value": "Ending Market Value",
    "vendor_twrr": "TWRR",
}


def case(*ids: str) -> Callable[[_Test], _Test]:
    """Says which cases of the data file a test runs."""

    def marked(test: _Test) -> _Test:
        test.case_ids = ids  # type: ignore[attr-defined]
        return test

    return marked


def cases_of(module: object) -> list[str]:
    """The cases that the tests of a module run."""
    return [one for test in vars(module).values() for one in getattr(test, "case_ids", ())]


def base_feed(columns: dict[str, Any] | None = None, **changes: Any) -> PositionsFeed:
    """The contract of the base file, with other columns or keys."""
    data: dict[str, Any] = {
        "vendor": "acme",
        "title": "Acme",
        "cadence": "monthly",
        "first_window": "2020-01-01",
        "files": {"patterns": ["acme_*"], "format": "csv"},
        "currency": "USD",
        "conventions": {"flow_timing": "mid_day", "fee_basis": "net"},
        **changes,
    }
    return PositionsFeed.model_validate({**data, "columns": {**FIELDS, **(columns or {})}})


def in_files(file_format: str = "csv", **files: Any) -> PositionsFeed:
    """The contract of the base file, with a word about how its files are laid out."""
    return base_feed(files={"patterns": ["acme_*"], "format": file_format, **files})


def base_with(**cells: str) -> str:
    """The base file with other cells, by field of a position; a cell that holds the delimiter is quoted."""
    return rows_with([cells])


def rows_with(rows: Iterable[dict[str, str]], columns: dict[str, str] | None = None) -> str:
    """A file like the base one with a row for each of ``rows``; columns may be renamed, by field."""
    names = {**FIELDS, **(columns or {})}
    base = dict(zip(FIELDS, ROW.split(","), strict=True))
    lines = [list(names.values()), *([{**base, **row}[field] for field in FIELDS] for row in rows)]
    return "\n".join(",".join(f'"{cell}"' if set(cell) & set(",\"'\n") else cell for cell in line) for line in lines) + "\n"


def the_row(content: str | bytes, feed: PositionsFeed | None = None) -> dict[str, Any]:
    """The only position of a file of one row."""
    result = validated(content, feed or base_feed())
    return result.accepted.row(0, named=True)


def the_code(content: str | bytes, feed: PositionsFeed | None = None) -> str:
    """The code with which the only row of a file is quarantined."""
    ((_, code),) = codes(validated(content, feed or base_feed())).items()
    return code
