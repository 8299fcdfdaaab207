import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf_tests.vendors.scenarios import a_feed_of, cells, lines, misfits, read, rejection

FEED = a_feed_of("json")


def a_row(**changes: Any) -> dict[str, Any]:
    return {"id": "A1", "day": "2024-06-28", "bmv": 100, "in": 0, "out": 0, "emv": 101, **changes}


def document(*rows: object) -> str:
    return json.dumps(rows)


def with_number(literal: str) -> str:
    return document(a_row(emv="?")).replace('"?"', literal)


@pytest.mark.parametrize("literal", ["12345678901234567890.12", "1.10", "-0.0", "1e3", "1E-7", "100", "123456789012345678901234567890"])
def test_a_number_keeps_the_digits_it_was_written_with(literal: str) -> None:
    assert cells(read(with_number(literal), FEED), "emv") == [literal]


@settings(deadline=None, max_examples=40)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_any_amount_is_read_as_it_stands(amount: Decimal) -> None:
    assert cells(read(with_number(f"{amount:f}"), FEED), "emv") == [f"{amount:f}"]


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_not_json(literal: str) -> None:
    error = rejection(with_number(literal), FEED)
    assert error.code == "E_FORMAT"
    assert f"{literal} is not JSON" in error.sentence


@pytest.mark.parametrize("content", ['[{"id": "A1"', "[1,]", "acme", '{"a": 1}{"a": 2}', "\n"])
def test_what_cannot_be_parsed_is_not_json(content: str) -> None:
    assert rejection(content, FEED).code == "E_FORMAT"


@pytest.mark.parametrize("depth", [1000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"x":', "}")])
def test_a_document_that_is_nested_too_deep_is_too_large(depth: int, opening: str, closing: str) -> None:
    error = rejection(with_number(opening * depth + "1" + closing * depth), FEED)
    assert error.code == "E_TOO_LARGE"
    assert "nested deeper" in error.sentence


def test_whatever_the_depth_the_answer_is_a_refusal_and_no_other_error() -> None:
    for depth in range(800, 1010, 3):
        nested = '{"x":' * depth + "[[1]]" + "}" * depth
        assert rejection(with_number(nested), FEED).code in {"E_TOO_LARGE", "E_MAPPING"}


def test_nested_objects_are_columns_with_points_and_lists_stay_json() -> None:
    raw = read(document(a_row(extra={"branch": {"city": "NY"}, "tags": [1.5, True, None]})), FEED)
    assert cells(raw, "extra.branch.city") == ["NY"]
    assert cells(raw, "extra.tags") == ['["1.5", true, null]']


def test_the_feed_maps_nested_keys() -> None:
    feed = a_feed_of("json", {"account_id": "account.number"})
    assert cells(read(document(a_row(account={"number": "00123"})), feed), "account.number") == ["00123"]


def test_a_row_that_is_no_object_is_a_misfit_at_its_place() -> None:
    raw = read(document(a_row(), "total", None, [a_row()["id"]], a_row()), FEED)
    assert lines(raw) == [1, 2, 3, 4, 5]
    assert misfits(raw) == {2: '"total"', 3: "null", 4: '["A1"]'}


def test_a_key_that_comes_late_is_a_column_and_one_that_lacks_is_blank() -> None:
    short = a_row()
    del short["emv"]
    raw = read(document(short, a_row(late="x")), FEED)
    assert cells(raw, "late") == [None, "x"]
    assert cells(raw, "emv") == [None, "101"]


def test_an_object_without_any_content_is_no_row() -> None:
    assert lines(read(document(a_row(), {}, {"id": None, "day": ""}, a_row()), FEED)) == [1, 4]


def test_the_feed_says_where_the_rows_are() -> None:
    feed = a_feed_of("json", json={"rows_at": "report.rows"})
    assert cells(read(json.dumps({"report": {"rows": [a_row()]}, "made": "today"}), feed), "id") == ["A1"]
    places: tuple[Any, ...] = ({"report": {"rows": {}}}, {"report": []}, [a_row()])
    for elsewhere in places:
        error = rejection(json.dumps(elsewhere), feed)
        assert error.code == "E_FORMAT"
        assert "no array of rows at 'report.rows'" in error.sentence


def test_a_document_that_is_no_array_is_refused_with_the_remedy() -> None:
    error = rejection(json.dumps({"rows": [a_row()]}), FEED)
    assert error.code == "E_FORMAT"
    assert "json: rows_at" in error.sentence


def test_a_column_that_no_row_has_is_refused_by_its_name() -> None:
    error = rejection(document({"id": "A1"}, {"day": "2024-06-28"}), FEED)
    assert error.code == "E_MAPPING"
    assert "every row lacks bmv, in, out, emv" in error.sentence


@pytest.mark.parametrize(
    "row", [document(a_row(emv="?")).replace('"?"', '1, "emv": 2'), document(a_row(**{"a.b": 1}, a={"b": 2}))], ids=["plain", "with points"]
)
def test_a_key_that_stands_twice_is_refused(row: str) -> None:
    error = rejection(row, FEED)
    assert error.code == "E_HEADER_DUPLICATE"
    assert "stands twice" in error.sentence


def test_an_empty_array_has_no_rows() -> None:
    raw = read("[]", FEED)
    assert raw.height == 0
    assert "cell:emv" in raw.columns


def test_a_byte_order_mark_is_passed_over() -> None:
    assert cells(read(b"\xef\xbb\xbf" + document(a_row()).encode(), FEED), "id") == ["A1"]


@pytest.mark.parametrize("text", ["M\u00fcller", "\ud800"])
def test_text_that_is_not_utf_8_is_refused(text: str) -> None:
    content = document(a_row(id=text)) if text == "\ud800" else json.dumps([a_row(id=text)], ensure_ascii=False).encode("latin-1")
    assert rejection(content, FEED).code == "E_ENCODING"


def test_an_escaped_nul_is_no_text() -> None:
    assert rejection(document(a_row(id="A\0")), FEED).code == "E_ENCODING"
