"""Feeds' regular expressions take time linear in the text, or are refused with a sentence."""

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.feeds.expressions import all_found, compiled, first_found, matches, without
from advisory_perf.feeds.file_layout import Stated
from advisory_perf.feeds.names import matched
from advisory_perf.feeds.reshaping import Unpivot
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.ingestion.scenarios import a_feed_of

SLOW_ELSEWHERE = [r"(a+)+$", r"(a|aa)+$", r"(a|a)*$", r"(.*)*x", r"(a*)*b", r"(\w+\s?)+$", r"(.*?,){11}P", r"^(([a-z])+.)+[A-Z]([a-z])+$"]


@pytest.mark.parametrize("pattern", SLOW_ELSEWHERE)
@pytest.mark.parametrize(
    "run",
    [
        lambda pattern, text: matches(f"({pattern})", [text]),
        lambda pattern, text: matched(f"(?P<day>{pattern})", [text]),
        lambda pattern, text: first_found(f"({pattern})", text),
        without,
        lambda pattern, text: all_found(f"({pattern})", text),
    ],
    ids=["whole", "header", "version", "unversioned", "stated"],
)
def test_an_expression_that_takes_for_ever_elsewhere_takes_time_by_the_text(pattern: str, run: Callable[[str, str], object]) -> None:
    """Sixteen times the text takes about sixteen times as long; forty letters would not end elsewhere."""
    small, large = (_work(lambda count=count: run(pattern, "a" * count + "!")) for count in (40_000, 640_000))  # type: ignore[misc]
    assert large < 60 * small + 0.05


def _work(run: Callable[[], object]) -> float:
    tries = []
    for _ in range(2):
        first_found.cache_clear()
        without.cache_clear()
        begin = time.process_time()
        run()
        tries.append(time.process_time() - begin)
    return min(tries)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        (r"(?=a)(b)", "looks ahead or behind"),
        (r"(?<!a)(b)", "looks ahead or behind"),
        (r"(a)\1", "names what a group found before"),
        (r"(?>a)(b)", "bracket"),
        (r"(?P<x>a)(?P=x)", "bracket"),
        (r"(a{1000}){1000}", "repeats too often"),
        (r"(a)\Z", "the end of the text"),
        ("ab(c", "no regular expression from character 3 on"),
        ("a[", "no regular expression from character 2 on"),
        (f"({'a' * 3000})", "3,002 characters"),
    ],
)
def test_what_only_an_engine_without_bounds_can_do_is_refused_with_a_sentence(pattern: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        compiled(pattern)
    for made in (
        lambda: a_feed_of("csv", version=pattern),
        lambda: a_feed_of("csv", group_header=f"(?P<id>.)|{pattern}"),
        lambda: Stated.model_validate({"in": "file_name", "pattern": pattern}),
        lambda: Unpivot(header=f"(?P<day>.)|{pattern}", values=("twr",)),
    ):
        with pytest.raises(ValueError, match="regular expression"):
            made()


KNOWN = [
    r"_v(\d+)$",
    r"(?P<id>\S+) - (?P<name>.+)",
    r"(?P<day>\d{4}-\d\d)(?: (?P<column>flow|value))?",
    r"Konto: (?P<id>\w+)",
    r"(a)|(b)",
    r"(?i)as of ([0-9/]+)",
]
TEXTS = st.text(st.sampled_from("aAbB_v1290-/ \u00e4\u00df:Konto"), max_size=20)
PRINTED = st.sampled_from([chr(code) for code in range(0x20, 0x7F)] + ["\u00e4", "\u00df"])


def texts_of(pattern: str) -> st.SearchStrategy[tuple[str, str]]:
    """A pattern with texts that match it, alone or among others, and with any text."""
    whole = st.from_regex(pattern, fullmatch=True, alphabet=PRINTED)
    return st.tuples(st.just(pattern), st.one_of(whole, st.tuples(TEXTS, whole, TEXTS).map("".join), TEXTS))


@accepts_at_least(0.15)
@settings(derandomize=True)
@given(st.sampled_from(KNOWN).flatmap(texts_of))
def test_the_engine_finds_what_pythons_finds(drawn: tuple[str, str]) -> None:
    pattern, text = drawn
    (found,), whole = matches(pattern, [text]), re.fullmatch(pattern, text)
    assert (found is None) == (whole is None)
    counted("whole matches", found is not None)
    if found is not None and whole is not None:
        assert list(found.values()) == list(whole.groups())
        assert {name: found[name] for name in compiled(pattern).names} == whole.groupdict()
    assert all_found(pattern, text) == [match[1] or "" for match in re.finditer(pattern, text)]
    first = re.search(pattern, text, re.IGNORECASE)
    assert first_found(pattern, text) == (first[1] if first else None)
    assert without(pattern, text, " ") == re.sub(pattern, " ", text, flags=re.IGNORECASE)
