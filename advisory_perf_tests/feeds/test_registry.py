from pathlib import Path
from typing import Any

import pytest
import yaml

from advisory_perf.errors import DeliveryRejectedError, FeedError
from advisory_perf.feeds.registry import feed_for, load_feeds, read_feed, vendor_of
from advisory_perf_tests.ingestion.scenarios import feed_as_data

WEIGHTED = {"flow_timing": "weighted", "fee_basis": "net", "weight": 0.25}


def write_feed(folder: Path, file_name: str = "acme.yaml", /, **changes: Any) -> Path:
    path = folder / file_name
    path.write_text(yaml.safe_dump(feed_as_data(**changes)))
    return path


def columns(**changes: Any) -> dict[str, Any]:
    return {**feed_as_data()["columns"], **changes}


def files(**changes: Any) -> dict[str, Any]:
    return {**feed_as_data()["files"], **changes}


def test_the_feeds_of_the_package_load_sorted_by_name() -> None:
    feeds = load_feeds()
    assert {"vendor_a", "vendor_b", "vendor_c", "vendor_d"} <= set(feeds)
    assert list(feeds) == sorted(feeds)
    assert all((feed.name, feed.vendor) == (name, name) for name, feed in feeds.items())


def test_the_feeds_of_the_package_claim_no_file_twice() -> None:
    feeds = load_feeds()
    assert feed_for(feeds, "vendor_a_performance_2024_06.csv").vendor == "vendor_a"
    assert feed_for(feeds, "vendor_d_20240628.parquet").vendor == "vendor_d"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"files": files(encoding="utf-8")}, "files.encoding: Extra inputs are not permitted"),
        ({"columns": columns(fees={"from": "fee", "scael": "percent"})}, "columns.fees.scael: Extra inputs are not permitted"),
        ({"columns": columns(fee="charged")}, "columns: fee is no field of a position; the fields are account_id, "),
        ({"columns": {"account_id": "id"}}, "columns: as_of_date, beginning_market_value, contributions, distributions, ending_market"),
        ({"columns": columns(fees="bmv")}, "columns: bmv is mapped to more than one field"),
        ({"conventions": {**WEIGHTED, "flow_timing": "mid_day"}}, "conventions: weight goes with flow_timing: weighted"),
        ({"conventions": {"flow_timing": "weighted", "fee_basis": "net"}}, "conventions: weight goes with flow_timing: weighted"),
        ({"conventions": {**WEIGHTED, "weight": 1.5}}, "conventions.weight: Input should be less than or equal to 1"),
        ({"conventions": {"flow_timing": "end_of_day"}}, "conventions.fee_basis: Field required"),
        ({"conventions": {"flow_timing": "noon", "fee_basis": "net"}}, "conventions.flow_timing: Input should be 'start_of_day'"),
        ({"numbers": {"decimal_mark": ",", "grouping": ","}}, "numbers: decimal_mark and grouping must differ"),
        ({"numbers": {"decimal_mark": "auto", "grouping": ","}}, "numbers: decimal_mark: auto tells the grouping"),
        ({"numbers": {"currency_signs": ["-"]}}, "numbers: currency_signs: a sign is text without digits"),
        ({"numbers": {"blanks": ["0.00"]}}, "numbers: blanks: a text with digits is a value"),
        (
            {"columns": columns(fees={"from": "fee", "scale": 12})},
            "must be fraction, percent, basis_points or a power of ten (1000, 0.01), found 12",
        ),
        ({"columns": columns(fees={"from": "fee", "scale": "percent"})}, "columns: fees: scale is a power of ten for money"),
        ({"columns": columns(vendor_twrr={"from": "twr", "scale": 100})}, "columns: vendor_twrr: scale is a power of ten for money"),
        ({"columns": columns(account_name={"from": "name", "scale": "percent"})}, "columns: account_name: scale is for money and returns"),
        ({"columns": columns(distributions={"from": "out", "absent": "null"})}, "columns: distributions is required; absent: null"),
        ({"currency": None, "columns": columns(currency={"from": "ccy", "absent": "null"})}, "columns: currency is required; absent: null"),
        ({"columns": columns(as_of_date={"from": "day", "absent": "zero"})}, "columns: as_of_date is required; absent: zero"),
        ({"columns": columns(as_of_date={"from": "day", "formats": []})}, "columns.as_of_date.formats: Tuple should have at least 1 item"),
        (
            {"columns": columns(as_of_date={"from": "day", "formats": ["%Y-%m-%dT%H:%M%z"]})},
            "formats with %z are instants; say files: time_zone",
        ),
        ({"columns": columns(as_of_date={"from": "day", "formats": ["%Y-%Q"]})}, "columns.as_of_date: '%Y-%Q' is no format of dates"),
        ({"columns": columns(as_of_date={"from": "day", "formats": ["%m/%Y"]})}, "columns.as_of_date: '%m/%Y' tells months, which are for"),
        ({"controls": {"count": "TRAILER"}}, "controls: count and totals are regular expressions with exactly one group"),
        ({"controls": {"totals": {"emv": "(x)"}}}, "controls: totals: emv is no amount of a position"),
        ({"currency": None}, "currency: say it once"),
        ({"columns": columns(currency="ccy")}, "currency: say it once"),
        ({"currency": "usd"}, "currency: usd is no code of ISO 4217 as of 2026-01-01"),
        ({"files": files(version=r"_v\d+$")}, "files.version: must be a regular expression with exactly one group"),
        ({"files": files(version=r"_v(\d+$")}, "files.version: '_v(\\\\d+$' is no regular expression"),
        ({"columns": columns(account_id={"from": "id", "pattern": "["})}, "columns.account_id.pattern: '[' is no regular expression"),
        ({"files": files(patterns=[])}, "files.patterns: Tuple should have at least 1 item"),
        ({"files": files(format="xml")}, "files.format: Input should be 'csv', 'excel', 'json' or 'parquet'"),
        ({"first_window": "2020-01-15"}, "first_window: must be the first day of a month"),
        ({"vendor": "Acme Inc."}, "vendor: String should match pattern"),
        ({"vendor": "unknown"}, "vendor: the name unknown is kept for files that no feed claims"),
        ({"tolerances": {"twrr": {"absolute": -1}}}, "tolerances.twrr.absolute: Input should be greater than or equal to 0"),
    ],
)
def test_a_feed_that_is_no_contract_is_refused_with_file_key_and_reason(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    path = write_feed(tmp_path, **changes)
    with pytest.raises(FeedError) as caught:
        read_feed(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)


def test_every_problem_of_a_feed_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"cadence: .*; colour: "):
        read_feed(write_feed(tmp_path, cadence="hourly", colour="red"))


@pytest.mark.parametrize("text", ["vendor: [", "vendor: a: b", "\tvendor: acme"])
def test_broken_yaml_is_refused_with_the_file_and_the_place(tmp_path: Path, text: str) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(text)
    with pytest.raises(FeedError, match=r"acme\.yaml: cannot be read as YAML: .*line 1"):
        read_feed(path)


@pytest.mark.parametrize("text", ["", "- vendor", "vendor"])
def test_yaml_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(text)
    with pytest.raises(FeedError, match=r"acme\.yaml: must be a mapping that starts with 'vendor"):
        read_feed(path)


def test_a_key_that_stands_twice_is_refused_since_yaml_would_keep_the_last(tmp_path: Path) -> None:
    path = write_feed(tmp_path)
    path.write_text(path.read_text() + "currency: EUR\n")
    with pytest.raises(FeedError, match=r"cannot be read as YAML: the key currency stands twice"):
        read_feed(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"none\.yaml: cannot be read"):
        read_feed(tmp_path / "none.yaml")


def test_a_further_folder_adds_feeds_and_takes_the_place_of_the_packages_own(tmp_path: Path) -> None:
    write_feed(tmp_path)
    write_feed(tmp_path, "fixed.yml", vendor="vendor_a", title="fixed")
    feeds = load_feeds(tmp_path)
    assert feeds["acme"].title == "Acme"
    assert feeds["vendor_a"].title == "fixed"
    assert set(feeds) == {"acme", *load_feeds()}


def refusal(folder: Path) -> str:
    with pytest.raises(FeedError) as refused:
        load_feeds(folder)
    return str(refused.value)


def test_a_feed_is_called_as_its_vendor_unless_it_has_a_name(tmp_path: Path) -> None:
    assert read_feed(write_feed(tmp_path)).name == "acme"
    named = read_feed(write_feed(tmp_path, name="acme_daily"))
    assert (named.name, named.vendor) == ("acme_daily", "acme")
    assert load_feeds(tmp_path)["acme_daily"] == named
    assert "acme" not in load_feeds(tmp_path)


@pytest.mark.parametrize("key", ["name", "vendor"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("unknown", "{}: the name unknown is kept for files that no feed claims"),
        ("Acme", "{}: String should match pattern '^[a-z][a-z0-9_]{{0,39}}$'"),
        ("acme/daily", "{}: String should match pattern '^[a-z][a-z0-9_]{{0,39}}$'"),
        ("a" * 41, "{}: String should match pattern '^[a-z][a-z0-9_]{{0,39}}$'"),
        ("", "{}: String should match pattern '^[a-z][a-z0-9_]{{0,39}}$'"),
    ],
)
def test_a_name_is_a_word_that_a_folder_and_an_asset_may_have_and_none_that_is_kept(
    tmp_path: Path, key: str, value: str, expected: str
) -> None:
    with pytest.raises(FeedError) as refused:
        read_feed(write_feed(tmp_path, **{"name": "acme", key: value}))
    assert expected.format(key) in str(refused.value)


def test_two_files_of_one_feed_in_a_folder_are_refused(tmp_path: Path) -> None:
    write_feed(tmp_path)
    write_feed(tmp_path, "acme_too.yaml")
    assert refusal(tmp_path) == (
        f"{tmp_path}/acme_too.yaml: acme.yaml in this folder already is the feed acme; set another name, or keep one of them"
    )
    write_feed(tmp_path, "acme_too.yaml", vendor="bravo", name="acme")
    assert "acme.yaml in this folder already is the feed acme" in refusal(tmp_path)


def test_two_feeds_of_the_same_rows_of_a_vendor_are_refused_whatever_they_are_called(tmp_path: Path) -> None:
    write_feed(tmp_path)
    write_feed(tmp_path, "daily.yaml", name="acme_daily")
    assert refusal(tmp_path) == (
        f"{tmp_path}/daily.yaml: acme already has the positions of acme, and each would replace the days that the other publishes; "
        "set name: acme to take its place, or vendor to a name of its own"
    )


def test_a_feed_that_rivals_one_of_the_package_is_refused_unless_it_takes_its_place(tmp_path: Path) -> None:
    write_feed(tmp_path, "daily.yaml", vendor="vendor_a", name="alpha_daily")
    assert refusal(tmp_path) == (
        f"{tmp_path}/daily.yaml: vendor_a already has the positions of vendor_a, and each would replace the days that the other publishes; "
        "set name: vendor_a to take its place, or vendor to a name of its own"
    )
    write_feed(tmp_path, "daily.yaml", vendor="vendor_a", name="vendor_a")
    assert load_feeds(tmp_path)["vendor_a"].title == "Acme"
    write_feed(tmp_path, "daily.yaml", vendor="alpha", name="vendor_a")
    assert {feed.vendor for feed in load_feeds(tmp_path).values()} == {"alpha", "vendor_b", "vendor_c", "vendor_d"}


def test_whose_data_a_feed_is(tmp_path: Path) -> None:
    write_feed(tmp_path, name="acme_daily")
    feeds = load_feeds(tmp_path)
    assert [vendor_of(feeds, name) for name in ("acme_daily", "vendor_a", "unknown")] == ["acme", "vendor_a", "unknown"]


def test_a_further_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="the folder of further feeds does not exist"):
        load_feeds(tmp_path / "nowhere")


def test_a_file_that_no_feed_claims_is_of_an_unknown_vendor_and_hears_what_is_known() -> None:
    with pytest.raises(DeliveryRejectedError, match=r"E_UNKNOWN_VENDOR: other\.csv: no feed claims .*vendor_a_performance_\*\.csv"):
        feed_for(load_feeds(), "other.csv")


def test_a_file_that_two_feeds_claim_is_refused_and_both_are_named(tmp_path: Path) -> None:
    write_feed(tmp_path)
    write_feed(tmp_path, "bravo.yaml", vendor="bravo")
    with pytest.raises(DeliveryRejectedError, match="E_UNKNOWN_VENDOR: acme_1: the patterns of acme and bravo both match"):
        feed_for(load_feeds(tmp_path), "acme_1")
