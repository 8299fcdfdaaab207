"""A JSON document piece by piece: how deep, how long and how often, and where something stands that is none."""

import pytest

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.formats.json_scanner import Decimals, JsonText
from advisory_perf.ingestion.limits import Bounds
from advisory_perf.ingestion.raw_frame import Reading
from advisory_perf_tests.ingestion.scenarios import a_feed, a_feed_of

MEBIBYTE = 1 << 20


def text_of(content: str | bytes, nesting: int = 64, feed: PositionsFeed | None = None) -> JsonText:
    given = content.encode() if isinstance(content, str) else content
    return JsonText(given, Reading(feed or a_feed_of("json"), "acme_1.json", Bounds(nesting=nesting)))


def refused(content: str | bytes, nesting: int = 64, *, skip: bool = False) -> str:
    """Code and sentence of what keeps a document from being read or passed over; empty where nothing does."""
    try:
        text = text_of(content, nesting)
        if skip:
            text.skip()
        else:
            text.value()
        text.end()
    except DeliveryRejectedError as error:
        return f"{error.code}: {error.sentence}"
    return ""


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize(
    "content", ["[[[1]]]", '{"a": {"b": {"c": 1}}}', '[{"a": [1]}, 2]', '[[["[[[["]]]', "[[[1]], [[2]]]", "[[1], [2], [3], [4]]"]
)
def test_a_document_is_nested_in_as_many_levels_as_the_bound(content: str, *, skip: bool) -> None:
    assert refused(content, 3, skip=skip) == ""
    assert refused(f"[{content}]", 4, skip=skip) == ""
    if content != "[[1], [2], [3], [4]]":
        assert refused(f"[{content}]", 3, skip=skip).startswith("E_TOO_LARGE")


def test_levels_that_are_open_around_a_value_count() -> None:
    assert text_of("[[1]]", 3).value(1)[0] == [["1"]]
    with pytest.raises(DeliveryRejectedError, match="nested deeper than 3"):
        text_of("[[1]]", 3).value(2)


def test_a_value_ends_within_the_piece_in_which_it_has_grown_beyond_four_mebibytes() -> None:
    for further in (0, 1):
        content = f'"{"x" * (5 * MEBIBYTE - 2 + further)}"'
        assert refused(content).startswith("E_TOO_LARGE") is bool(further)


def test_a_number_that_ends_with_its_piece_goes_on_in_the_next_one() -> None:
    for further in ("", "7"):
        number = "1" * MEBIBYTE + further
        assert text_of(number).value()[0] == number


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'[1, "\xff"]', "E_ENCODING: acme, acme_1.json: is not UTF-8 text near byte 5;"),
        (b" " * MEBIBYTE + b'[1, "\xff"]', f"E_ENCODING: acme, acme_1.json: is not UTF-8 text near byte {MEBIBYTE + 5};"),
        (b" " * MEBIBYTE + b"[1, x]", f"E_FORMAT: acme, acme_1.json: is not JSON at character {MEBIBYTE + 4} "),
        (b" " * MEBIBYTE + b"[1, NaN]", f"E_FORMAT: acme, acme_1.json: is not JSON at character {MEBIBYTE + 4} "),
        (b"[1] 2", "E_FORMAT: acme, acme_1.json: is not JSON at character 4 "),
    ],
)
def test_what_is_no_json_is_refused_with_its_place_in_the_file(content: bytes, says: str) -> None:
    assert refused(content).startswith(says)


@pytest.mark.parametrize("rest", ["[1, ", '["a', '["a\\', "[1, -", "[1, 2.", "[1, 2e", "[tru", '["\\u00', '{"a": '])
def test_a_document_that_ends_within_a_value_was_cut(rest: str) -> None:
    assert refused(rest).startswith("E_TORN")


def test_marks_of_joined_files_and_of_an_end_are_no_content() -> None:
    assert refused("\ufeff[1]\ufeff") == ""
    assert refused("[1]\x1a") == refused("[1]\n\x1a\r\n") == ""
    assert refused("[1]\x1a[2]").startswith("E_FORMAT")


def test_a_name_that_stands_twice_is_reported_where_the_feed_reads_it_and_kept_where_not() -> None:
    value, twice, _ = text_of('{"id": 1, "note": 2, "note": 3}').value()
    assert isinstance(value, dict)
    assert (twice, list(value.values())) == (None, ["1", "2", "3"])
    assert text_of('{"ID": 1, "ID": 2}').value()[1] == "ID"
    assert text_of('[{"id": 1}, {"id": 2}]').value()[1] is None


def test_a_number_with_a_point_is_distinguished_from_a_text_where_the_feeds_texts_have_a_comma() -> None:
    content = '[1.5, "1.5", 1e3, 15]'
    with_comma = a_feed(files={"patterns": ["acme_*"], "format": "json"}, numbers={"decimal_mark": ","})
    for feed, are_numbers in ((with_comma, [True, False, True, False]), (None, [False] * 4)):
        values = text_of(content, feed=feed).value()[0]
        assert isinstance(values, list)
        assert values == ["1.5", "1.5", "1e3", "15"]
        assert [isinstance(one, Decimals) for one in values] == are_numbers
