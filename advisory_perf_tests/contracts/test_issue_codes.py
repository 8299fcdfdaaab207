"""What each code is worth, what an alert is about, and from which severity on it is reported."""

from datetime import UTC, datetime

import pytest

from advisory_perf.alerts.model import ALERT_CODES, Alert, is_rejection, severities_from
from advisory_perf.contracts.enums import Severity
from advisory_perf.contracts.issue_codes import CODES, COMPLETENESS_CODES, NOTICE_CODES, PIPELINE_CODES, ROW_CODES

OF_SEVERITY = {
    Severity.CRITICAL: """
        E_EMPTY E_HEADER_MISSING E_HEADER_DUPLICATE E_HEADER_AMBIGUOUS E_FORMAT E_ENCODING E_TORN E_CONTROL_COUNT E_CONTROL_TOTAL
        E_FILE_DAY E_SUBTOTAL E_SHEET_AMBIGUOUS E_MULTI_TABLE E_ENCRYPTED E_TOO_LARGE E_RESOURCES E_MAPPING E_DRIFT E_TYPE E_POISONED
        E_UNKNOWN_VENDOR E_DATE_AMBIGUOUS E_SCALE_AMBIGUOUS STUCK_FILE LANE_FAILED SENSOR_RED
    """,
    Severity.HIGH: """
        E_FIELDS E_QUOTE E_FRAGMENT E_REQUIRED E_NUMBER E_NOT_FINITE E_NUMBER_AMBIGUOUS E_PRECISION E_CELL_ERROR E_DATE E_DATE_RANGE E_ID
        E_GROUP E_UNKNOWN_ACCOUNT E_SIGN E_VALUE_JUMP E_KEY_CONFLICT E_SEVERAL_VALUATIONS W_VALUE_JUMP DQ_CURRENCY_CHANGE DQ_VALUE_JUMP
        DQ_SYSTEMATIC_BREAK DQ_INCOMPLETE DQ_SHORT_RESTATEMENT DQ_RENUMBERED DQ_RATE_JUMP E_RATE
        MISSING_FILE TURN_HELD TRIED_FOR_LONG INCOMPLETE_DELIVERY RESTATED STATISTICS_FAILED
    """,
    Severity.MEDIUM: """
        E_CURRENCY W_GROUP_LABEL W_ID_CASE W_FILE_DAY W_CONTROL_COUNT W_CONTROL_TOTAL W_IDENTITY W_LARGE_FLOWS W_SUBTOTAL
        W_FOOTER_POSITION W_SCALE W_PROFILE_ROWS W_PROFILE_BLANKS W_PROFILE_SUM LOW_QUALITY
        DQ_STALE_VALUE DQ_LARGE_FLOW DQ_ACCOUNT_MISSING DQ_OLDER_VERSION DQ_TOTAL_BREAK DQ_TOTAL_MOVE
        DQ_PORTFOLIO_DAYS DQ_TRANSFER_APART DQ_RETURN_OUTLIER DQ_RATE_INVERSE LATE_FILE ODD_NAME
    """,
    Severity.LOW: """
        W_NEW_COLUMN W_MISSING_OPTIONAL W_EMPTY_FILE W_UNNAMED_COLUMN W_SCI_NOTATION W_FORMULA W_HIDDEN_SHEET W_ID_CLEANED W_FUTURE_TIME
        W_TWO_DIGIT_YEAR W_MIDNIGHT_UTC W_ROUNDED W_LAYOUT_CHANGED W_NEGATIVE_FLOW DQ_NEW_ACCOUNT DELIVERY_WITH_ISSUES
    """,
}


def test_each_code_has_the_severity_that_is_agreed_for_it() -> None:
    every = {**CODES, **ALERT_CODES}
    found = {severity: {name for name, code in every.items() if code.severity is severity} for severity in Severity}
    assert found == {severity: set(names.split()) for severity, names in OF_SEVERITY.items()}


def test_codes_are_of_files_rows_notices_or_pipelines() -> None:
    assert {name[:2] for name in NOTICE_CODES} == {"W_"}
    assert {name[:2] for name in ROW_CODES} == {"E_"}
    assert {name[:3] for name in PIPELINE_CODES} == {"DQ_"}
    assert not ROW_CODES & NOTICE_CODES
    assert {code.name for code in COMPLETENESS_CODES} == {"DQ_INCOMPLETE", "DQ_SHORT_RESTATEMENT", "DQ_OLDER_VERSION"}


@pytest.mark.parametrize(
    ("least", "reported"),
    [
        (Severity.LOW, ["LOW", "MEDIUM", "HIGH", "CRITICAL"]),
        (Severity.MEDIUM, ["MEDIUM", "HIGH", "CRITICAL"]),
        (Severity.HIGH, ["HIGH", "CRITICAL"]),
        (Severity.CRITICAL, ["CRITICAL"]),
    ],
)
def test_what_matters_as_much_or_more_is_reported(least: Severity, reported: list[str]) -> None:
    assert severities_from(least) == reported


def test_an_alert_of_a_files_code_is_about_a_rejection() -> None:
    assert is_rejection("E_TORN")
    assert not any(map(is_rejection, ALERT_CODES))


def test_subject_and_message_of_an_alert_are_one_visible_line() -> None:
    alert = Alert("k", "STUCK_FILE", Severity.CRITICAL, "acme", "acme", datetime(2025, 4, 1, tzinfo=UTC), "a\nb", "c\x1b[2Jd")
    assert "\n" not in alert.subject
    assert "\x1b" not in alert.message
    assert (alert.subject[0], alert.subject[-1], alert.message[0], alert.message[-1]) == ("a", "b", "c", "d")
    assert (alert.is_over, alert.window, alert.delivery_id) == (False, None, None)
