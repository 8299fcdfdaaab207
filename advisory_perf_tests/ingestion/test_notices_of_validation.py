"""What a person is inferred of rows that were taken: of which columns, how often, and of nothing that was not so."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest

from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, validated

FEE: dict[str, Any] = {"fees": {"from": "fee", "blank": "null"}}


def of_fees(*fees: str, **changes: Any) -> list[tuple[str, str]]:
    """The notices of documents with these fees as numbers, each without the name of the file."""
    feed = a_feed(changes.pop("columns", FEE), files={"patterns": ["acme_*"], "format": "json"}, **changes)
    rows = [
        f'{{"id": "A{place}", "day": "2024-06-28", "bmv": 100, "in": 0, "out": 0, "emv": 101, "fee": {fee}}}'
        for place, fee in enumerate(fees)
    ]
    return [(one.code, one.sentence.removeprefix("acme, acme_1.csv: ")) for one in validated(f"[{', '.join(rows)}]", feed).notices]


@pytest.mark.parametrize(
    ("fees", "round_to", "says"),
    [
        (["1.26", "1.3", "null"], 1, "rounded to 1 decimal, as numbers: round_to in the feed has it: 1 of fee"),
        (["1.256", "1.257", "1.25", "7"], 2, "rounded to 2 decimals, as numbers: round_to in the feed has it: 2 of fee"),
    ],
)
def test_the_notice_of_rounding_counts_the_amounts_that_it_changed(fees: list[str], round_to: int, says: str) -> None:
    for sign in (1, -1):
        columns = {"fees": {"from": "fee", "blank": "null", "sign": sign}}
        assert of_fees(*fees, columns=columns, numbers={"round_to": round_to}) == [("W_ROUNDED", f"amounts were {says}")]
    assert of_fees("1.3", "7", "null", numbers={"round_to": round_to}) == []


def test_an_amount_that_money_cannot_carry_or_a_float_does_not_keep_was_rounded_too() -> None:
    assert of_fees("1.23456", "1.2345", numbers={"round_to": 4})[0][1].endswith("1 of fee")
    content = io.BytesIO()
    row: dict[str, Any] = {"id": ["A1"], "day": ["2024-06-28"], "bmv": [100], "in": [0], "out": [0], "emv": [101]}
    arrow_parquet.write_table(pa.table({**row, "fee": [12345678901.123456]}), content)
    feed = a_feed(FEE, files={"patterns": ["acme_*"], "format": "parquet"}, numbers={"round_to": 4})
    (notice,) = validated(content.getvalue(), feed).notices
    assert notice.sentence.endswith("rounded to 4 decimals, as numbers: round_to in the feed has it: 1 of fee")


def test_an_amount_beside_a_rounded_one_is_not_counted_in_whatever_sign() -> None:
    feed = a_feed({"fees": {"from": "fee", "sign": -1}}, files={"patterns": ["acme_*"], "format": "json"}, numbers={"round_to": 2})
    content = '[{"id": "A1", "day": "2024-06-28", "bmv": 100.256, "in": 0, "out": 0, "emv": 101, "fee": 1.25}]'
    (notice,) = validated(content, feed).notices
    assert notice.sentence.endswith("has it: 1 of bmv")


def test_scientific_notation_is_inferred_in_either_case_and_of_its_columns_only() -> None:
    for text in ("1.04000000E+06", "1.04000000e+06"):
        assert of_fees(text, "1.5") == [("W_SCI_NOTATION", "fee in scientific notation")]
    assert of_fees("1.5", "-2") == []


def test_an_account_in_another_case_is_reported_of_feeds_that_know_their_accounts_only() -> None:
    content = f"{HEADER}\nab-1,2024-06-28,100,0,0,101\n"
    assert validated(content, a_feed(), accounts=["AB-1"]).notices == ()
    assert [one.code for one in validated(content, a_feed(accounts="known"), accounts=["AB-1"]).notices] == ["W_ID_CASE"]
