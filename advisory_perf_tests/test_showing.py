"""What is shown to a person is what stands there, whatever it would do to a terminal, a browser or a reader's eyes."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.contracts.alerts import STUCK_FILE, Alert
from advisory_perf.errors import AdvisoryPerfError, DeliveryRejectedError, LakeError
from advisory_perf.showing import LONGEST_NAME, cut, inert, quoted, shown
from advisory_perf.vendors.notices import Notice
from advisory_perf_tests.hostile_names import HOSTILE_NAMES

DRAWN_AS_NOTHING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


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
    ],
)
def test_what_cannot_be_seen_is_shown_as_an_escape(text: str, expected: str) -> None:
    assert shown(text) == expected


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_that_is_shown_is_invisible_or_ends_a_line(text: str) -> None:
    seen = shown(text)
    assert not [character for character in seen if unicodedata.category(character) in DRAWN_AS_NOTHING]
    assert shown(seen) == seen
    assert len(seen.splitlines()) <= 1


@given(st.text(st.characters(exclude_categories=())))
def test_a_name_in_a_sentence_is_short_and_cannot_end_its_quotes(text: str) -> None:
    within = quoted(text)
    assert len(cut(text)) <= LONGEST_NAME
    mark = within[0]
    assert within[-1] == mark
    assert mark not in within[1:-1].replace(f"\\{mark}", "")


@given(st.text(st.characters(exclude_categories=())))
def test_markdown_of_a_text_has_no_sign_that_is_not_escaped(text: str) -> None:
    bare = inert(text).replace("\\\\", "")
    signs = set("!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~")
    assert all(before == "\\" for before, sign in zip(" " + bare, bare, strict=False) if sign in signs)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_sentences_of_errors_notices_and_alerts_are_one_visible_line(name: str) -> None:
    now = datetime(2025, 4, 1, tzinfo=UTC)
    sentences = [
        str(AdvisoryPerfError(f"{name}: is wrong")),
        str(LakeError(f"{name}: is wrong")),
        DeliveryRejectedError("E_FORMAT", f"acme, {name}: is wrong").sentence,
        Notice("W_NEW_COLUMN", f"acme, {name}: is new").sentence,
        Alert("k", STUCK_FILE.name, STUCK_FILE.severity, "acme", now, f"stuck {name}", f"{name} is stuck").message,
    ]
    for sentence in sentences:
        assert shown(sentence) == sentence
