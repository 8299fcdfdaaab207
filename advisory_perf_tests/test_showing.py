"""What is shown to a person is what stands there, whatever it would do to a terminal, a browser or a reader's eyes."""

import sys
import unicodedata
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.alerts.model import STUCK_FILE, Alert
from advisory_perf.errors import AdvisoryPerfError, DeliveryRejectedError, LakeError
from advisory_perf.feeds.names import visible
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.raw_frame import bare
from advisory_perf.lake.objects import oddity_of
from advisory_perf.showing import LONGEST_NAME, cut, inert, is_unseen, quoted, shown
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.hostile_names import HOSTILE_NAMES

DRAWN_AS_NOTHING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
ANY = st.characters(exclude_categories=())
SIGNS_OF_MARKDOWN = "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a plain text, 12.50 €", "a plain text, 12.50 €"),
        ("Zürich עברית 東京", "Zürich עברית 東京"),
        ("two\nlines\r\n\ttab", r"two\nlines\r\n\ttab"),
        ("\x1b]0;title\x07\x1b[31mred", r"\x1b]0;title\x07\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("invoice\u202efdp.exe", r"invoice\u202efdp.exe"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("half \udcff", r"half \udcff"),
        ("tag \U000e0041", r"tag \U000e0041"),
        ("filled \u3164\u115f\u1160\uffa0", r"filled \u3164\u115f\u1160\uffa0"),
        ("blanks \u00a0\u2003\u3000\u2800", r"blanks \xa0\u2003\u3000\u2800"),
        ("a number \u0600 \u06dd", r"a number \u0600 \u06dd"),
        ("q\u0301\u0302\u0303\u0304 \u05e0\u05bc\u05b4", "q\u0301\u0302\u0303\u0304 \u05e0\u05bc\u05b4"),
        ("a" + "\u0301" * 6, "a" + "\u0301" * 4 + r"\u0301\u0301"),
        ("\u0338on no letter\n\u0338", r"\u0338on no letter\n\u0338"),
        ("\u20dd", r"\u20dd"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_an_escape(text: str, expected: str) -> None:
    assert shown(text) == expected


@accepts_at_least(0.5)
@settings(derandomize=True)
@given(st.text(ANY | st.sampled_from("\n\x1b\u200b\u202e\u2028\u0301\u0600\u3164\udcff")))
def test_nothing_that_is_shown_is_invisible_or_ends_a_line(text: str) -> None:
    seen = shown(text)
    counted("texts with something to escape", seen != text)
    assert not [character for character in seen if is_unseen(character) or unicodedata.category(character) in DRAWN_AS_NOTHING]
    assert shown(seen) == seen
    assert len(seen.splitlines()) <= 1


@pytest.mark.slow
def test_of_all_characters_those_that_cannot_be_seen_are_reported_as_one() -> None:
    """By what is shown, by the names of files, and by what names and values do not differ by, in Python and in Polars.

    Of planes in which nothing is assigned, and of private ones, the ends stand for all.
    """
    fillers = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)}
    fillers |= {*range(0xE0000, 0xE1000), 0x2065, 0x1D159, *range(0xFFF0, 0xFFF9)}
    planes = [range(place << 16, place + 1 << 16) for place in range(sys.maxunicode + 1 >> 16)]
    every = [chr(code) for place, plane in enumerate(planes) for code in (plane if place in {0, 1, 2, 3, 14} else (plane[0], *plane[-2:]))]
    by_category = {name: {one for one in every if unicodedata.category(one) == name} for name in [*DRAWN_AS_NOTHING, "Zs"]}
    ignored = by_category["Cf"] | set(map(chr, fillers))
    unseen = ignored.union(*(by_category[name] for name in DRAWN_AS_NOTHING))
    blanks = by_category["Zs"] - {" "}
    marks = {one for one in every if unicodedata.category(one) in {"Mn", "Me"}}
    assert {one for one in every if shown(f"a{one}a") != f"a{one}a"} == unseen | blanks
    assert {one for one in every if shown(one) != one} == unseen | blanks | marks
    assert {one for one in every if one not in "/." and oddity_of(f"incoming/acme/a{one}a") is not None} == unseen
    assert {one for one in every if visible(f"a{one}a") == "aa"} == ignored
    texts = [one for one in every if unicodedata.category(one) != "Cs"]
    stripped = pl.Series("text", [f"a{one}" for one in texts]).to_frame().select(bare(pl.col("text"))).to_series()
    around = {one for one, text in zip(texts, stripped, strict=True) if text == "a"}
    assert around == (ignored - {"\u00ad"}) | blanks | {" ", "\u2028", "\u2029", "\x85", *"\t\n\v\f\r"}


@accepts_at_least(0.25)
@settings(derandomize=True)
@given(st.text(ANY), st.text("'\"\\", min_size=1), st.sampled_from([1, 1, LONGEST_NAME]))
def test_a_name_in_a_sentence_is_short_and_cannot_end_its_quotes(text: str, signs: str, times: int) -> None:
    text = (signs + text + signs[::-1]) * times
    counted("names with both quote signs", "'" in cut(text) and '"' in cut(text))
    counted("names that are cut", len(text) > LONGEST_NAME)
    within = quoted(text)
    assert len(cut(text)) <= LONGEST_NAME
    mark = within[0]
    assert within[-1] == mark
    assert mark not in within[1:-1].replace(f"\\{mark}", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 80, "a" * 80),
        ("a" * 81, "a" * 79 + "…"),
        ("a" * 78 + "\n", "a" * 78 + r"\n"),
        ("a" * 79 + "\n", "a" * 79 + "…"),
    ],
)
def test_a_name_of_eighty_characters_as_they_are_shown_is_not_cut(text: str, expected: str) -> None:
    assert cut(text) == expected


@accepts_at_least(0.5)
@settings(derandomize=True)
@given(st.lists(st.text(ANY) | st.text(SIGNS_OF_MARKDOWN, min_size=1), min_size=1).map("".join))
def test_markdown_of_a_text_has_no_sign_that_is_not_escaped(text: str) -> None:
    bare = inert(text).replace("\\\\", "")
    signs = set(SIGNS_OF_MARKDOWN)
    counted("texts with a sign", bool(signs & set(text)))
    assert all(before == "\\" for before, sign in zip(" " + bare, bare, strict=False) if sign in signs)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_sentences_of_errors_notices_and_alerts_are_one_visible_line(name: str) -> None:
    now = datetime(2025, 4, 1, tzinfo=UTC)
    sentences = [
        str(AdvisoryPerfError(f"{name}: is wrong")),
        str(LakeError(f"{name}: is wrong")),
        DeliveryRejectedError("E_FORMAT", f"acme, {name}: is wrong").sentence,
        Notice("W_NEW_COLUMN", f"acme, {name}: is new").sentence,
        Alert("k", STUCK_FILE.name, STUCK_FILE.severity, "acme", "acme", now, f"stuck {name}", f"{name} is stuck").message,
    ]
    for sentence in sentences:
        assert shown(sentence) == sentence
