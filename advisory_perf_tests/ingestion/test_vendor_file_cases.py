"""Every case of ``vendor_file_cases.json`` is run by a test, which says in its docstring where its outcome differs, and why."""

import json
from collections import Counter
from pathlib import Path

from advisory_perf_tests.ingestion import test_cases_of_files, test_cases_of_formats
from advisory_perf_tests.ingestion.cases import cases_of
from advisory_perf_tests.ingestion.validation import test_cases_of_cells
from advisory_perf_tests.orchestration import test_cases_of_arrivals, test_cases_of_breaks
from advisory_perf_tests.reconciliation import test_cases_of_reconciliation
from advisory_perf_tests.runtime import test_faults

CASES = json.loads((Path(__file__).parent / "vendor_file_cases.json").read_text(encoding="utf-8"))["cases"]
MODULES = (
    test_faults,
    test_cases_of_cells,
    test_cases_of_files,
    test_cases_of_formats,
    test_cases_of_reconciliation,
    test_cases_of_arrivals,
    test_cases_of_breaks,
)


def test_every_case_is_run_by_one_test() -> None:
    run = [one for module in MODULES for one in cases_of(module)]
    assert len(CASES) == 114
    assert [one for one, times in Counter(run).items() if times > 1] == []
    assert sorted(run) == sorted(one["id"] for one in CASES)
