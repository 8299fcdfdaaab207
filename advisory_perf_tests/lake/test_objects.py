"""The one validation of names, for folders and S3."""

import pytest

from advisory_perf.lake.objects import is_unfinished, oddity_of


@pytest.mark.parametrize(
    "name",
    [
        "a\nb",
        "a\tb",
        "\x1b[2Ja",
        "a\x7f",
        "a\x9bb",
        "a\x00b",
        "a\udcff",
        "a\u2028b",
        "a\u202eb",
        "a//b",
        "../a",
        "a/..",
        "./a",
        "",
        "/a",
        "a/",
        "a" * 241,
        "ü" * 121,
        f"{'a' * 241}/b",
    ],
)
def test_a_name_that_misleads_a_reader_or_a_path_is_odd(name: str) -> None:
    assert oddity_of(f"incoming/acme/{name}") is not None


@pytest.mark.parametrize(
    "name", ["a.csv", "ü ß 東京.csv", "a#1", "a b.csv", "a..b", "...", "-a", "a\u00a0b", "a\\b", "%2e%2e", "${x}", "'a'", "ü" * 120]
)
def test_any_other_name_is_a_name(name: str) -> None:
    assert oddity_of(f"incoming/acme/{name}") is None


@pytest.mark.parametrize(
    "name",
    [".x.csv.Xy12Zq", "x.csv.filepart", "x.csv.part", "X.CSV.PART", "x.tmp", "x.csv.crdownload", "~x.xlsx", "~$x.xlsx", "x.csv~", ".x"],
)
def test_names_of_transfers_under_way_are_known(name: str) -> None:
    assert is_unfinished(name)


@pytest.mark.parametrize("name", ["x.csv", "part.csv", "x.part.csv", "tmp.csv", "x~y.csv", "x.csv.gz"])
def test_other_names_are_finished(name: str) -> None:
    assert not is_unfinished(name)
