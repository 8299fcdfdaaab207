"""From file to warehouse, on deliveries whose truth is known."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from advisory_perf.runtime.installation import Installation
from advisory_perf.samples.deliveries import Samples, make_samples
from advisory_perf.samples.truth import SampleFile
from advisory_perf_tests.runtime.world import PROVENANCE, assert_equals_truth, content, every_row, installed, passing, run

pytestmark = pytest.mark.slow

SAMPLES = make_samples(seed=7, accounts=12, last_month=date(2025, 3, 31), months=12, days=4)


@pytest.fixture(scope="module")
def samples() -> Samples:
    return SAMPLES


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, samples: Samples) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("loaded")
    with installed(home) as installation:
        run(installation, home / "handed", samples.files)
        yield installation


def test_every_count_break_and_figure_is_the_known_one(loaded: Installation, samples: Samples) -> None:
    assert_equals_truth(loaded.platform().warehouse, samples.truth)


def test_months_that_the_vendor_leaves_out_are_reported_but_for_the_one_an_unreadable_row_may_be(loaded: Installation) -> None:
    """Vendor A leaves months of some accounts out, and has one row in which neither account nor day can be read."""
    warehouse = loaded.platform().warehouse
    valued = warehouse.query("SELECT account_id, as_of_date, ending_market_value FROM performance_data WHERE data_source = 'vendor_a'")
    held = {(account, day): value for account, day, value in valued.rows()}
    unread = "SELECT account_id, as_of_date FROM data_quality_issues WHERE line_number IS NOT NULL AND account_id IS NOT NULL"
    quarantined = set(warehouse.query(unread).rows())
    days = sorted({day for _, day in held})
    gone = [
        (account, day)
        for before, last, day in zip([None, *days], days, days[1:], strict=False)
        for account in sorted({account for account, _ in held})
        if held.get((account, last)) and (before is None or (account, before) in held) and (account, day) not in held.keys() | quarantined
    ]
    several = {day for _, day in gone if [other for _, other in gone].count(day) > 1}
    reported = warehouse.query("SELECT account_id, as_of_date FROM data_quality_issues WHERE issue_type = 'DQ_ACCOUNT_MISSING'")
    assert sorted(reported.rows()) == sorted((account, day) for account, day in gone if day in several)
    assert reported.height > 0


def test_running_everything_again_changes_no_row_and_no_count(loaded: Installation, samples: Samples, tmp_path: Path) -> None:
    warehouse = loaded.platform().warehouse
    before = every_row(warehouse)
    handed = run(loaded, tmp_path / "handed", samples.files)
    assert {one.status for one in handed} == {"DUPLICATE"}
    assert every_row(warehouse) == before


def test_deliveries_of_days_in_reverse_order_end_in_the_same_warehouse(
    loaded: Installation, samples: Samples, tmp_path: Path, warehouse_url: str
) -> None:
    daily = [file for file in samples.files if file.vendor == "vendor_d"]
    other = passing(tmp_path, warehouse_url)
    for file in reversed(daily):
        run(other, tmp_path / "handed", [file])
    theirs = content(other.platform().warehouse, without=PROVENANCE)
    assert other.platform().warehouse.query("SELECT count(*) AS n FROM performance_data_history").item() > 0
    ours = content(loaded.platform().warehouse, without=PROVENANCE)
    for name, rows in ours.items():
        assert rows.filter(data_source="vendor_d").equals(theirs[name]), name


def test_delivered_files_lie_in_the_archive_and_incoming_is_empty(loaded: Installation, samples: Samples) -> None:
    lake = loaded.platform().lake
    assert lake.files("incoming/") == []
    assert sorted(file.name for file in lake.files("archive/")) == sorted(file.name for file in samples.files)


def test_wrong_files_go_to_error_with_a_reason_and_the_others_go_on(tmp_path: Path, warehouse_url: str, samples: Samples) -> None:
    by_vendor = {file.vendor: file for file in reversed(samples.files)}
    text = by_vendor["vendor_a"].content.decode()
    without_ending = "\r\n".join(",".join(line.split(",")[:-3]) for line in text.split("\r\n"))
    wrong = [
        SampleFile("vendor_b", "vendor_b_performance_20250131.xlsx", b"<html><table></table></html>"),
        SampleFile("vendor_a", "vendor_a_performance_20250131.csv", without_ending.encode()),
        SampleFile("", "who_am_i.csv", b"a,b\n1,2\n"),
        SampleFile("vendor_c", "vendor_c_performance_20250131.json", by_vendor["vendor_c"].content[:-20]),
        SampleFile("vendor_d", "vendor_d_20250131.parquet", by_vendor["vendor_d"].content[:-10]),
        SampleFile("vendor_a", "vendor_a_performance_20250228.csv", b""),
    ]
    good = by_vendor["vendor_c"]
    installation = passing(tmp_path / "home", warehouse_url)
    handed = run(installation, tmp_path / "handed", [*wrong, good])
    platform = installation.platform()
    reasons = {
        file.name.removesuffix(".reason.json"): json.loads(platform.lake.read(file.path))
        for file in platform.lake.files("error/")
        if file.name.endswith(".reason.json")
    }
    kept = {file.name for file in platform.lake.files("error/")}
    assert platform.lake.files("incoming/") == []
    counts = platform.warehouse.query("SELECT data_source, count(*) AS n FROM performance_data GROUP BY 1")
    issues = platform.warehouse.query("SELECT count(*) AS n FROM data_quality_issues").item()
    codes = {one.name: (one.status, one.entry.error_code) for one in handed}
    assert codes == {
        "vendor_b_performance_20250131.xlsx": ("FAILED", "E_FORMAT"),
        "vendor_a_performance_20250131.csv": ("FAILED", "E_MAPPING"),
        "who_am_i.csv": ("FAILED", "E_UNKNOWN_VENDOR"),
        "vendor_c_performance_20250131.json": ("FAILED", "E_TORN"),
        "vendor_d_20250131.parquet": ("FAILED", "E_TORN"),
        "vendor_a_performance_20250228.csv": ("FAILED", "E_EMPTY"),
        good.name: (handed[-1].status, None),
    }
    assert dict(counts.iter_rows()) == {"vendor_c": samples.truth["vendor_c"].files[good.name].accepted}
    assert issues == 0
    for one in handed[:-1]:
        assert one.name in kept
        assert reasons[one.name]["error_code"] == one.entry.error_code
        assert reasons[one.name]["error_message"] == one.entry.error_message
    assert "ending_mv" in str(codes and handed[1].entry.error_message)


def test_a_failed_file_that_comes_again_is_tried_again(tmp_path: Path, warehouse_url: str, samples: Samples) -> None:
    content_of_a = next(file for file in samples.files if file.vendor == "vendor_a").content
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    own = Path(__file__).parents[2] / "advisory_perf" / "feeds" / "definitions" / "vendor_a.yaml"
    broken = own.read_text(encoding="utf-8").replace("ending_market_value: ending_mv", "ending_market_value: closing_mv")
    (feeds / "vendor_a.yaml").write_text(broken, encoding="utf-8")
    name = "vendor_a_performance_20250331.csv"
    installation = passing(tmp_path / "home", warehouse_url, feeds_dir=feeds)
    (first,) = run(installation, tmp_path / "handed", [SampleFile("vendor_a", name, content_of_a)])
    (feeds / "vendor_a.yaml").unlink()
    (second,) = run(installation, tmp_path / "handed", [SampleFile("vendor_a", name, content_of_a)])
    files = [file.path.split("/")[0] for zone in ("error/", "archive/") for file in installation.platform().lake.files(zone)]
    assert (first.status, first.entry.error_code) == ("FAILED", "E_MAPPING")
    assert (second.status, second.entry.error_code) == ("COMPLETED_WITH_ISSUES", None)
    assert first.entry.id == second.entry.id
    assert "archive" in files


def test_closing_states_make_pieces_equal_to_the_whole(loaded: Installation, samples: Samples, tmp_path: Path, warehouse_url: str) -> None:
    """Month by month through the pipeline, each from the closing cross-section before, gives the bits of one pass."""
    monthly = next(file for file in samples.files if file.vendor == "vendor_c")
    rows = json.loads(monthly.content)
    months = sorted({row["reporting"]["period_end"] for row in rows})[:4]
    other = passing(tmp_path / "home", warehouse_url)
    for month in months:
        part = [row for row in rows if row["reporting"]["period_end"] == month]
        name = f"vendor_c_performance_{month.replace('-', '')}.json"
        run(other, tmp_path / "handed", [SampleFile("vendor_c", name, json.dumps(part).encode())])
    theirs = content(other.platform().warehouse, without=[*PROVENANCE, "line_number"])["performance_data"]
    ours = content(loaded.platform().warehouse, without=[*PROVENANCE, "line_number"])["performance_data"].filter(
        pl.col("data_source") == "vendor_c", pl.col("as_of_date") <= date.fromisoformat(months[-1])
    )
    assert ours.equals(theirs)
    assert ours.select(pl.len()).item() > len(months)
