"""What a library says of a file or feed that it cannot read never reaches an operator: one sentence of ours names the file and where."""

import io
import json
from pathlib import Path

import pytest
import xlsxwriter
import yaml

from advisory_perf.errors import DeliveryRejectedError, FeedError
from advisory_perf.feed_detection.structure import read_unknown
from advisory_perf.feeds.registry import read_feed
from advisory_perf_tests.ingestion.scenarios import feed_as_data
from advisory_perf_tests.ingestion.test_own_sentences import PARSERS_WORDS, damaged
from advisory_perf_tests.ingestion.whole_files import whole_files

pytestmark = pytest.mark.table

LIBRARIES_WORDS = (
    *(word for word in PARSERS_WORDS if word not in {"delimiter", "block"}),
    "straddling", "Extra data", "Unterminated", "char ", "ComputeError", "ParserError", "PanicException", "zipfile", "BadZip", "openpyxl",
    "while parsing", "while scanning", "expected <", "mapping values", "constructor", "unacceptable character", "position", "Traceback",
    "Errno", "UnicodeDecode", "can't decode", "RecursionError", "recursion", "magic bytes", "fastexcel", "csv.field",
)  # fmt: skip
ROW = {"Account Number": "A1", "As Of Date": "2025-01-31", "Beginning Market Value": "1.00", "Ending Market Value": "2.00", "Net Flow": "0"}


def a_workbook() -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, list(ROW))
        sheet.write_row(1, 0, list(ROW.values()))
    return buffer.getvalue()


BROKEN = {
    "cut json": json.dumps([ROW] * 3)[:-40].encode(),
    "json with something behind": json.dumps([ROW]).encode() + b" []",
    "json without quotes": b"[{Account Number: 1}]",
    "json with a bare word": b'[{"Account Number": nan}]',
    "json that is nested too deep": b"[" * 100_000,
    "json of a long number": b"[" + b"9" * 5_000 + b"]",
    "json that is not UTF-8": json.dumps([ROW]).encode().replace(b"A1", b"\xff\xfe"),
    "ndjson with a broken line": (json.dumps(ROW) + "\n" + json.dumps(ROW)[:-3] + "}}\n").encode(),
    "half a character of two bytes": b"\xff\xfe" + "Account Number,As Of Date".encode("utf-16-le")[:-1],
    "a cell without an end": b'Account Number,As Of Date\n"' + b"x" * 200_000,
    "half a workbook": a_workbook()[:2000],
    "a workbook of nothing": b"PK\x05\x06" + b"\0" * 18,
    "an old workbook of nothing": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
    "parquet of nothing": b"PAR1" + b"\xff" * 100 + b"PAR1",
    "gzip of nothing": b"\x1f\x8b\x08\x00" + b"\xff" * 40,
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "a page": b"<!doctype html><html><body>Log in</body></html>",
    "a document": b"%PDF-1.7 and no more",
}


def sentence(content: bytes, name: str) -> str | None:
    """Why detection refuses the file, where it does."""
    try:
        read_unknown([(name, content)])
    except DeliveryRejectedError as error:
        return error.sentence
    return None


def is_ours(said: str, name: str) -> bool:
    return name in said and "\n" not in said and ";" in said and not any(word in said for word in LIBRARIES_WORDS)


@pytest.mark.parametrize("kind", BROKEN)
def test_detection_refuses_a_broken_file_in_our_own_words(kind: str) -> None:
    said = sentence(BROKEN[kind], "acme_20250131.dat")
    assert said is not None
    assert is_ours(said, "acme_20250131.dat"), said


@pytest.mark.parametrize("name", sorted(whole_files()))
def test_detection_refuses_a_damaged_file_in_our_own_words(name: str) -> None:
    said = [one for content in damaged(name) if (one := sentence(content, f"acme.{name}")) is not None]
    assert said
    assert [one for one in said if not is_ours(one, f"acme.{name}")] == []


def test_broken_json_is_refused_with_its_place() -> None:
    assert "line 2, column 3" in str(sentence(b'[{"Account Number": 1},\n{ oops', "acme.json"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text + "title: [\n", "line"),
        (lambda text: text + 'title: "Acme\n', "line"),
        (lambda text: text.replace("title: ", "title: a: "), "line"),
        (lambda text: text.replace("title: ", "title: @"), "line"),
        (lambda text: "\t" + text, "line 1"),
        (lambda text: text + "owners: !!python/object:os.system {}\n", "kind that no feed has"),
        (lambda text: text + "owners: *nobody\n", "line"),
        (lambda text: text + "title: again\n", "stands twice"),
        (lambda text: text + "owners: [\x07]\n", "control character"),
    ],
)
def test_a_feed_that_is_no_yaml_is_refused_in_our_own_words(change: object, said: str, tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(change(yaml.safe_dump(feed_as_data())), encoding="utf-8")  # type: ignore[operator]
    with pytest.raises(FeedError) as caught:
        read_feed(path)
    assert said in str(caught.value)
    assert is_ours(str(caught.value).replace(str(tmp_path), ""), "acme.yaml"), str(caught.value)


def test_a_feed_that_is_no_text_or_not_there_says_so(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    for content, said in ((None, "cannot be read"), (b"title: \xff", "not UTF-8 at byte 8")):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(FeedError, match=said) as caught:
            read_feed(path)
        assert is_ours(str(caught.value).replace(str(tmp_path), ""), "acme.yaml")
