import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import validate
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.ingestion.scenarios import DELIVERY, a_feed_of, cells, codes, lines, misfits, read, rejection

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


@settings(max_examples=40)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_any_amount_is_read_as_it_stands(amount: Decimal) -> None:
    assert cells(read(with_number(f"{amount:f}"), FEED), "emv") == [f"{amount:f}"]


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_not_json(literal: str) -> None:
    error = rejection(with_number(literal), FEED)
    assert error.code == "E_FORMAT"
    assert f"{literal} is not JSON" in error.sentence


@pytest.mark.parametrize("content", ["[1,]", '[{"id": bad}]', "[1 2]", "[1}", "acme", '{"a": 1}{"a": 2}', "\n"])
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
    "row",
    [
        document(a_row(emv="?")).replace('"?"', '1, "emv": 2'),
        document(a_row(**{"a.b": 1}, a={"b": 2})),
        document(a_row(x={"emv": "?"}, note="?")).replace('{"emv": "?"', '{"emv": 1, "emv": 2').replace('"?"', '1, "note": 2'),
    ],
    ids=["plain", "with points", "within an object, beside a name that nobody reads"],
)
def test_a_row_in_which_a_key_stands_twice_is_a_misfit_and_keeps_its_text(row: str) -> None:
    raw = read(row.replace("]", f", {json.dumps(a_row())}]"), FEED)
    assert misfits(raw) == {1: row.strip("[]")}
    assert raw["mark"].to_list() == ["E_KEY_CONFLICT", None]


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


LINES = a_feed_of("json", json={"lines": True})


def test_with_lines_every_line_is_a_row_and_the_line_number_is_its_own() -> None:
    content = f"\n{json.dumps(a_row())}\r\n\n{json.dumps(a_row(id='A2'))}\n[1]\n"
    raw = read(content, LINES)
    assert lines(raw) == [2, 4, 5]
    assert misfits(raw) == {5: "[1]"}
    assert read(content.rstrip(), LINES).equals(raw)
    over_lines = json.dumps(a_row(), indent=0)
    assert lines(read(f"{over_lines}\n{json.dumps(a_row(id='A2'))}\n", LINES)) == [1, 2 + over_lines.count("\n")]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (json.dumps(a_row()) * 2, "E_FORMAT"),
        (document(a_row(), a_row()), "E_MAPPING"),
        (json.dumps(a_row())[:-1] + "\n" + json.dumps(a_row()), "E_FORMAT"),
        (json.dumps(a_row()) + "\n" + json.dumps(a_row())[:-1], "E_TORN"),
        (json.dumps(a_row()) + "\nrubbish", "E_FORMAT"),
    ],
)
def test_what_is_not_one_value_a_line_is_refused(content: str, code: str) -> None:
    assert rejection(content, LINES).code == code


def test_rows_are_at_a_path_or_on_lines() -> None:
    with pytest.raises(ValueError, match="every line is a row"):
        a_feed_of("json", json={"lines": True, "rows_at": "rows"})


def test_a_number_that_is_none_is_refused_with_its_place() -> None:
    content = document(a_row(id="NaN"), a_row(emv="?")).replace('"?"', "NaN")
    assert f"at character {content.rindex('NaN')} (NaN is not JSON)" in rejection(content, FEED).sentence


@pytest.mark.parametrize("end", ["", ",", '{"id', '{"id": ', '{"id": "A', '{"id": tr', '{"id": 1.', '{"id": "\\u00', '{"id": [1'])
def test_a_document_that_ends_within_itself_is_torn(end: str) -> None:
    opened = document(a_row())[:-1] + (f", {end}" if end.startswith("{") else end)
    assert rejection(opened, FEED).code == "E_TORN"


def test_a_document_that_ends_beside_its_rows_is_torn_too() -> None:
    feed = a_feed_of("json", json={"rows_at": "rows"})
    whole = json.dumps({"rows": [a_row()], "made": {"by": ["acme"]}})
    assert read(whole, feed).height == 1
    for end in range(whole.index("made"), len(whole)):
        assert rejection(whole[:end], feed).code == "E_TORN"
    assert rejection(whole + "]", feed).code == "E_FORMAT"


def test_a_key_of_the_path_that_stands_twice_is_refused() -> None:
    feed = a_feed_of("json", json={"rows_at": "rows"})
    error = rejection(json.dumps({"rows": [a_row()], "x": [a_row()]}).replace('"x"', '"rows"'), feed)
    assert error.code == "E_FORMAT"
    assert "'rows' of its rows twice" in error.sentence


@pytest.mark.parametrize(("value", "text"), [(True, "true"), ({"amount": 1}, '{"amount": "1"}'), ([1], '["1"]')])
def test_what_is_no_number_in_a_money_column_is_text_that_no_one_takes_for_one(value: object, text: str) -> None:
    raw = read(document(a_row(emv=value)), FEED)
    assert cells(raw, "emv") == [text]
    result = validate(raw, FEED, DELIVERY, POSITION_RULES)
    assert codes(result) == {1: "E_NUMBER"}


def test_a_part_of_an_amount_is_read_where_the_feed_maps_it() -> None:
    feed = a_feed_of("json", {"ending_market_value": "emv.amount"})
    assert cells(read(document(a_row(emv={"amount": 1.50, "currency": "USD"})), feed), "emv.amount") == ["1.5"]


def test_a_row_may_lie_across_the_pieces_in_which_the_document_is_read() -> None:
    rows = [a_row(id=f"A{number}", note="\u00e9" * (number % 700)) for number in range(4000)]
    content = json.dumps(rows, ensure_ascii=False).encode()
    assert len(content) > 2 << 20
    for indent in (None, 1):
        raw = read(json.dumps(rows, ensure_ascii=False, indent=indent), FEED)
        assert cells(raw, "id") == [row["id"] for row in rows]
        assert cells(raw, "note") == [row["note"] for row in rows]


@accepts_at_least(0.3)
@settings(derandomize=True, max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner),
        max_leaves=12,
    ),
    st.booleans(),
)
def test_any_document_is_read_or_refused(value: object, as_row: bool) -> None:
    rows = [a_row(), *([value] if as_row else []), {**a_row(), "x": value}]
    try:
        raw = read(json.dumps(rows), FEED)
    except DeliveryRejectedError:
        counted("documents", 0)
        return
    found = cells(raw, "id")
    assert found[0] == found[-1] == "A1", "the rows around any value stay"
    assert len(rows) - 1 <= len(found) <= len(rows), "what holds nothing is no row"
    counted("documents", 1)


@pytest.mark.parametrize("end", ["\x1a", "\n\x1a", "\r\n\x1a\x1a\n", " \x1a "], ids=ascii)
@pytest.mark.parametrize("form", ["document", "lines"])
def test_the_end_of_file_mark_of_dos_is_no_text_behind_the_rows(form: str, end: str) -> None:
    feed = a_feed_of("json", json={"lines": form == "lines"})
    text = document(a_row()) if form == "document" else json.dumps(a_row())
    assert cells(read(text + end, feed), "id") == ["A1"]
    assert rejection(text[:-3] + end, feed).code == "E_TORN"
