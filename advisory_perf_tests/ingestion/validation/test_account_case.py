"""Account numbers that differ by case only."""

from itertools import product

import pytest

from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, a_feed_of, codes, notices, validated

pytestmark = pytest.mark.table

ROW = ",2024-06-28,100,0,0,101"


def a_file(*accounts: str) -> str:
    return "\n".join([HEADER, *(account + ROW for account in accounts)]) + "\n"


@pytest.mark.parametrize("one", ["ab-1", "Ab-1", "aB-1"])
def test_accounts_that_differ_by_case_only_are_two_and_a_notice_says_so(one: str) -> None:
    result = validated(a_file("AB-1", one, "C-2"))
    assert (result.accepted.height, notices(result)) == (3, ["W_ID_CASE"])
    assert "'AB-1' and" in result.notices[0].sentence
    assert "set case: upper for account_id" in result.notices[0].sentence
    assert validated(a_file("AB-1", one), a_feed({"account_id": {"from": "id", "case": "keep"}})).notices == ()


@pytest.mark.parametrize(("one", "other"), list(product(["AB-1", "ab-1", "Ab-1", " ab-1 ", '="aB-1"'], repeat=2)))
@pytest.mark.parametrize("case", ["upper", "lower"])
def test_the_feed_makes_one_account_of_both_cases(one: str, other: str, case: str) -> None:
    feed = a_feed({"account_id": {"from": "id", "case": case}})
    result = validated(a_file(*(text.replace('"', '""').join('""') if "=" in text else text for text in (one, other))), feed)
    assert (result.accepted["account_id"].to_list(), result.duplicate) == (["AB-1" if case == "upper" else "ab-1"], 1)
    assert "W_ID_CASE" not in notices(result)


def test_different_rows_of_both_cases_are_a_conflict_of_one_account() -> None:
    content = a_file("AB-1") + "ab-1,2024-06-28,100,0,0,102\n"
    assert codes(validated(content, a_feed({"account_id": {"from": "id", "case": "upper"}}))) == {2: "E_KEY_CONFLICT", 3: "E_KEY_CONFLICT"}


def test_an_account_that_is_known_in_another_case_is_reported() -> None:
    result = validated(a_file("ab-1"), a_feed(accounts="known"), accounts=["AB-1"])
    assert (codes(result), notices(result)) == ({2: "E_UNKNOWN_ACCOUNT"}, ["W_ID_CASE"])
    upper = a_feed({"account_id": {"from": "id", "case": "upper"}}, accounts="known")
    assert validated(a_file("ab-1"), upper, accounts=["AB-1"]).accepted.height == 1
    assert validated(a_file("C"), a_feed(accounts="known"), accounts=["AB-1", "ab-1", "C"]).notices == ()


def test_case_is_for_identifiers() -> None:
    with pytest.raises(ValueError, match="account_name: case is for account_id, portfolio_id, client_id"):
        a_feed_of("csv", {"account_name": {"from": "name", "case": "upper"}})
