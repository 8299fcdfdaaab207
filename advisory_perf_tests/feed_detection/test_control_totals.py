"""Counts and sums below the rows become control figures where they are exactly that, and are ingested with the file they are from."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import yaml

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feed_detection.proposal import Proposal, propose
from advisory_perf.feed_detection.yaml import as_yaml
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import Delivery, Validated, validate
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf_tests.feed_detection.scenarios import FILE_NAME, a_file, cells, inferred, positions, proposed

pytestmark = pytest.mark.slow

ROWS = [cells(row) for row in positions(accounts=6)]
COUNT = len(ROWS)
BEGIN, IN, END = (sum(Decimal(row[field]) for row in ROWS) for field in ("beginning_market_value", "contributions", "ending_market_value"))


def with_lines(*below: str) -> bytes:
    return a_file(ROWS) + "".join(f"{line}\n" for line in below).encode()


def controls(*below: str) -> Any:
    return inferred(proposed(with_lines(*below))).get("controls")


def ingested(content: bytes, proposal: Proposal) -> Validated:
    feed = PositionsFeed.model_validate(yaml.safe_load(as_yaml(proposal)))
    delivery = Delivery("d1", FILE_NAME, datetime(2025, 4, 2, tzinfo=UTC))
    return validate(read_raw_rows(content, feed, FILE_NAME), feed, delivery, POSITION_RULES)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((f"TRAILER,{COUNT}",), {"count": r"^TRAILER,(\d+)$"}),
        ((f"Records: {COUNT}", "Generated 2025-04-01"), {"count": r"^Records: (\d+)$"}),
        (
            (f"TRL|{COUNT}|{END}",),
            {"count": r"^TRL\|(\d+)\|-?\d[\d.']*$", "totals": {"ending_market_value": r"^TRL\|-?\d[\d.']*\|(-?\d[\d.']*)$"}},
        ),
        ((f"Total contributions {IN}",), {"totals": {"contributions": r"^Total contributions (-?\d[\d.']*)$"}}),
    ],
)
def test_a_count_and_sums_are_inferred_and_hold_for_the_file(lines: tuple[str, ...], found: dict[str, Any]) -> None:
    content = with_lines(*lines)
    proposal = proposed(content)
    assert inferred(proposal)["controls"] == found
    result = ingested(content, proposal)
    assert (result.accepted.height, result.footer, result.notices) == (COUNT, len(lines), ())


def test_a_file_with_a_row_less_than_it_announces_is_then_refused() -> None:
    proposal = proposed(with_lines(f"TRAILER,{COUNT}"))
    with pytest.raises(DeliveryRejectedError) as caught:
        ingested(a_file(ROWS[:-1]) + f"TRAILER,{COUNT}\n".encode(), proposal)
    assert caught.value.code == "E_CONTROL_COUNT"


@pytest.mark.parametrize("line", [f"TRAILER,{COUNT + 1}", f"Total {END + 1}", "Page 1 of 2", f"{COUNT}00"])
def test_a_number_that_is_no_count_or_sum_is_none(line: str) -> None:
    assert controls(line) is None


def test_a_row_of_totals_is_held_against_the_rows() -> None:
    content = with_lines(f"Total,,{BEGIN},{IN},,,,,,{END},,,")
    proposal = proposed(content)
    assert inferred(proposal)["footer"] == [{"column": "Account Number", "starts_with": ["Total"], "totals": True}]
    assert "controls" not in inferred(proposal)
    assert ingested(content, proposal).footer == 1


def test_a_row_of_totals_with_one_other_figure_is_a_footer_only() -> None:
    assert inferred(proposed(with_lines(f"Total,,{BEGIN},1.00,,,,,,{END},,,")))["footer"] == [
        {"column": "Account Number", "starts_with": ["Total"]}
    ]


def test_every_file_of_a_kind_has_to_announce_its_own_count() -> None:
    halves = (ROWS[: COUNT // 2], ROWS[COUNT // 2 + 3 :])

    def of(*counts: int) -> Any:
        sent = enumerate(zip(halves, counts, strict=True))
        files = [(f"acme_{place}.csv", a_file(rows) + f"T {count}\n".encode()) for place, (rows, count) in sent]
        return inferred(propose(files, compute=sub_period_returns)).get("controls")

    assert of(*map(len, halves)) == {"count": r"^T (\d+)$"}
    assert of(len(halves[0]), 1) is None


def test_a_count_is_found_below_any_number_of_remarks() -> None:
    remarks = [f"Remark {number} {COUNT} {number + 1}" for number in range(30)]
    assert controls(*remarks, f"TRAILER,{COUNT}") == {"count": r"^TRAILER,(\d+)$"}


def test_lines_full_of_numbers_announce_nothing() -> None:
    assert controls(*(f"{COUNT} " * 40 for _ in range(300))) is None


def test_lines_that_begin_in_too_many_ways_are_no_footers_by_rule() -> None:
    words = [f"{chr(97 + number % 26)}{chr(97 + number // 26 % 26)}{chr(97 + number // 676)} says" for number in range(300)]
    many = a_file([cells(row) for row in positions(accounts=60)]) + "".join(f"{line}\n" for line in words).encode()
    rules: Any = inferred(proposed(many))["footer"]
    assert len([start for rule in rules for start in rule["starts_with"]]) == 50
