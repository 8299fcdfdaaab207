import pytest

from advisory_perf.ingestion.validation.rows import Validated
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, notices, refusal, validated

FEES = {"fees": {"from": "Fees", "absent": "zero"}}
ROW = "A1,2024-06-28,100,0,0,101"


def said(result: Validated) -> str:
    (notice,) = result.notices
    return notice.sentence


def test_a_new_column_is_noticed_with_what_to_write_in_the_feed() -> None:
    result = validated(f"{HEADER},Advisor Note\n{ROW},call back\n")
    assert notices(result) == ["W_NEW_COLUMN"]
    assert said(result) == (
        "acme, acme_1.csv: the column 'Advisor Note' is new and kept in the raw rows only; "
        "if 'Advisor Note' is not wanted, add it to ignored"
    )
    assert result.accepted.height == 1


def test_a_column_that_the_feed_ignores_is_nothing_new() -> None:
    assert validated(f"{HEADER},Advisor Note\n{ROW},x\n", a_feed(ignored=["Advisor Note"])).notices == ()


def test_a_missing_column_that_may_be_is_noticed_with_what_it_counts_as() -> None:
    result = validated(f"{HEADER}\n{ROW}\n", a_feed(FEES))
    assert notices(result) == ["W_MISSING_OPTIONAL"]
    assert "Fees is missing (fees as zero); if Fees comes no more, take fees out of columns" in said(result)
    assert result.accepted["fees"].item() == 0


def test_a_missing_column_counts_as_null_where_the_feed_says_so() -> None:
    result = validated(f"{HEADER}\n{ROW}\n", a_feed({"fees": {"from": "Fees", "absent": "null"}}))
    assert "(fees as null)" in said(result)
    assert result.accepted["fees"].item() is None


def test_a_renamed_column_is_proposed_as_a_change_of_the_feed() -> None:
    result = validated(f"{HEADER},Fee,Memo\n{ROW},1,x\n", a_feed(FEES))
    assert notices(result) == ["W_NEW_COLUMN", "W_MISSING_OPTIONAL"]
    for notice in result.notices:
        assert "if Fees was renamed to 'Fee', write fees: {from: 'Fee'} under columns" in notice.sentence
        assert "if 'Memo' is not wanted, add it to ignored" in notice.sentence
    assert result.accepted["fees"].item() == 0, "a proposal is never applied"


def test_a_feed_may_refuse_what_is_new() -> None:
    refused = refusal(f"{HEADER},Memo,Note\n{ROW},x,y\n", a_feed(drift={"new": "reject"}))
    assert refused.code == "E_DRIFT"
    assert refused.sentence.endswith("the column 'Memo', 'Note' is new; if 'Memo', 'Note' is not wanted, add them to ignored")


def test_a_feed_may_refuse_what_is_missing_and_proposes_the_new_name() -> None:
    refused = refusal(f"{HEADER},Fee\n{ROW},1\n", a_feed(FEES, drift={"missing": "reject"}))
    assert refused.code == "E_DRIFT"
    assert "the column 'Fee' is new; Fees is missing" in refused.sentence
    assert "write fees: {from: 'Fee'} under columns" in refused.sentence


def test_a_feed_that_refuses_the_missing_takes_the_new() -> None:
    assert notices(validated(f"{HEADER},Memo\n{ROW},x\n", a_feed(drift={"missing": "reject"}))) == ["W_NEW_COLUMN"]


@pytest.mark.parametrize(("cell", "expected"), [("x", ["W_UNNAMED_COLUMN"]), ("", [])])
def test_a_column_without_a_name_is_noticed_where_it_holds_values(cell: str, expected: list[str]) -> None:
    assert notices(validated(f"{HEADER},\n{ROW},{cell}\n")) == expected


def test_a_file_without_rows_is_noticed_and_taken() -> None:
    result = validated(f"{HEADER}\n")
    assert notices(result) == ["W_EMPTY_FILE"]
    assert (result.read, result.accepted.height) == (0, 0)


def test_a_required_column_that_was_renamed_is_refused_with_the_change_that_would_take_it() -> None:
    refused = refusal(f"id,day,bmv,in,out,emv_total\n{ROW}\n")
    assert refused.code == "E_MAPPING"
    assert "the header in line 1 lacks emv" in refused.sentence
    assert "if emv was renamed to 'emv_total', write ending_market_value: {from: 'emv_total'} under columns" in refused.sentence


def test_a_required_column_that_comes_no_more_beside_a_new_one_says_both() -> None:
    refused = refusal("id,day,bmv,in,Memo,Broker,emv\nA1,2024-06-28,100,0,x,y,101\n")
    assert "if out comes no more, say absent: zero for distributions" in refused.sentence
    assert "if 'Memo', 'Broker' is not wanted, add them to ignored" in refused.sentence


def test_a_unit_behind_the_name_of_a_required_column_changes_what_it_means() -> None:
    refused = refusal(f"id,day,bmv,in,out,EMV ($000)\n{ROW}\n")
    assert refused.code == "E_SCALE_AMBIGUOUS"
    assert "write ending_market_value: {from: 'EMV ($000)'}" in refused.sentence
