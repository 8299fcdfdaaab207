from collections import Counter, defaultdict
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, codes, validated

pytestmark = pytest.mark.slow

FEED = a_feed({"account_name": "name"}, footer=[{"column": "id", "starts_with": ["Total"]}])


@dataclass(frozen=True)
class Line:
    """One line of a file, and what is to become of it on its own."""

    text: str
    code: str = ""
    key: tuple[str, str] = ("", "")
    is_footer: bool = False


def a_position(account: int, day: int, value: int) -> Line:
    key = (f"A{account}", f"2024-06-{day:02}")
    return Line(f"{key[0]},{key[1]},100,0,0,{value}.5,x", key=key)


def a_position_at_second_look(account: int, day: int, value: int) -> Line:
    key = (f"B{account}", f"2024-06-{day:02}")
    return Line(f"{key[0]},{key[1]},1'000,0,0,({value}.5),x", key=key)


def a_bad_line(account: int, kind: int) -> Line:
    start, key = f"A{account},2024-06-01", (f"A{account}", "2024-06-01")
    return (
        Line(f"{start},1", "E_FIELDS"),
        Line(f"{start},1,0,0,1,x,y,z", "E_FIELDS"),
        Line(f"{start},1,000,0,0,1,x", "E_FIELDS"),
        Line(f'{start},"1,000",0,0,1,x', "E_NUMBER", key),
        Line(f"{start},1,0,0,1.23456,x", "E_PRECISION", key),
        Line(f"{start},1,0,-1,1,x", "E_SIGN", key),
        Line(f"{start},1,0,0,,x", "E_REQUIRED", key),
        Line(f"{start},1,0,0,inf,x", "E_NOT_FINITE", key),
        Line(f"{start},#REF!,0,0,1,x", "E_CELL_ERROR", key),
        Line(f"A{account},2024-13-01,1,0,0,1,x", "E_DATE"),
        Line(f"A{account},2031-01-01,1,0,0,1,x", "E_DATE_RANGE"),
        Line(f"**{account},2024-06-01,1,0,0,1,x", "E_ID"),
    )[kind]


few = st.integers(1, 3)
file_lines = st.lists(
    st.one_of(
        st.builds(a_position, few, few, few),
        st.builds(a_position_at_second_look, few, few, few),
        st.builds(a_bad_line, few, st.integers(0, 11)),
        st.sampled_from([Line("Total,,1,0,0,1,", is_footer=True), Line("Total of all", is_footer=True)]),
    ),
    max_size=25,
)


@accepts_at_least(0.1)
@settings(derandomize=True, max_examples=50)
@given(file_lines)
def test_every_row_ends_in_exactly_one_place_with_the_right_code(lines: list[Line]) -> None:
    result = validated("\n".join([f"{HEADER},name", *(line.text for line in lines)]) + "\n", FEED)

    claims: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for line in lines:
        if line.key != ("", ""):
            claims[line.key][line.text] += 1
    expected = {}
    for number, line in enumerate(lines, start=2):
        if line.code:
            expected[number] = line.code
        elif len(claims.get(line.key, ())) > 1:
            expected[number] = "E_KEY_CONFLICT"
    unread = {line.key for line in lines if line.code}
    agreed = [texts for key, texts in claims.items() if len(texts) == 1 and key not in unread]

    counted("positions", result.accepted.height, len(lines))
    assert codes(result) == expected
    assert result.read == len(lines)
    assert result.footer == sum(line.is_footer for line in lines)
    assert result.duplicate == sum(texts.total() - 1 for texts in agreed)
    assert result.accepted.height == len(agreed)
    assert result.read == result.accepted.height + result.quarantined.height + result.duplicate + result.footer
    assert {*result.accepted["line_number"], *result.quarantined["line_number"]} <= set(range(2, len(lines) + 2))


@settings(max_examples=25)
@given(file_lines, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_no_position(lines: list[Line], random: object) -> None:
    def positions(ordered: list[Line]) -> list[tuple[object, ...]]:
        result = validated("\n".join([f"{HEADER},name", *(line.text for line in ordered)]) + "\n", FEED)
        return sorted(result.accepted.drop("line_number").rows())

    shuffled = list(lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert positions(shuffled) == positions(lines)
