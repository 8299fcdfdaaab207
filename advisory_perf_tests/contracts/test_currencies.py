from datetime import timedelta

import pytest

from advisory_perf.contracts.currencies import ACTIVE, MINOR_UNITS, SIGNS, WITHDRAWN, meant_by, why_none


def test_the_list_has_every_active_code_but_those_for_tests_and_for_nothing() -> None:
    assert len(ACTIVE) == 176
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in ACTIVE)
    assert {"USD", "EUR", "CHF", "INR", "KWD", "XAU", "XAG", "XPT", "XPD", "XDR", "ZWG", "XCG", "SLE", "VED"} <= ACTIVE
    assert ACTIVE.isdisjoint({"XTS", "XXX", "BGN", "HRK", "ANG", "SLL", "ZWL", "CUC", "CNH", *WITHDRAWN, *MINOR_UNITS})


def test_what_took_the_place_of_a_code_is_active_and_so_is_what_a_unit_is_part_of() -> None:
    assert {old.successor for old in WITHDRAWN.values()} <= ACTIVE
    assert {unit.major for unit in MINOR_UNITS.values()} <= ACTIVE
    assert {code for codes in SIGNS.values() for code in codes} <= ACTIVE


@pytest.mark.parametrize(
    ("text", "major", "scale"),
    [
        *((text, "GBP", "0.01") for text in ("GBX", "GBp", "GBPp", "pence")),
        *((text, "ZAR", "0.01") for text in ("ZAC", "ZAc", "ZAr")),
        *((text, "ILS", "0.01") for text in ("ILA", "ILa", "ILs", "agorot")),
        *((text, "USD", "0.01") for text in ("USX", "USc", "USd")),
        *((text, "EUR", "0.01") for text in ("EUX", "EUc", "EUr")),
        *((text, "KWD", "0.001") for text in ("KWF", "KWd")),
    ],
)
def test_a_minor_unit_names_its_major_unit_and_the_scale(text: str, major: str, scale: str) -> None:
    assert f"set `currency: {major}` and `scale: {scale}`" in why_none(text)


def test_a_withdrawn_code_names_its_successor_and_its_last_day() -> None:
    assert "DEM was withdrawn from ISO 4217 after 2002-02-28 and replaced by EUR" in why_none("DEM")
    assert why_none("XYZ") == "XYZ is no code of ISO 4217 as of 2026-01-01"


@pytest.mark.parametrize(
    ("sign", "codes", "digits"),
    [
        ("EUR", ("EUR",), 0),
        ("\u20ac", ("EUR",), 0),
        ("US$", ("USD",), 0),
        ("Fr.", ("CHF",), 0),
        ("kr.", ("SEK", "NOK", "DKK", "ISK"), 0),
        ("GBX", ("GBP",), 2),
        ("p", ("GBP",), 2),
        ("DEM", ("DEM",), 0),
    ],
)
def test_a_sign_or_code_means_one_or_several_currencies(sign: str, codes: tuple[str, ...], digits: int) -> None:
    meaning = meant_by(sign)
    assert meaning is not None
    assert (meaning.codes, meaning.digits) == (codes, digits)


def test_the_dollar_sign_is_that_of_every_dollar_and_an_unknown_sign_of_none() -> None:
    dollars = meant_by("$")
    assert dollars is not None
    assert {"USD", "CAD", "AUD", "NZD", "HKD", "SGD", "MXN"} <= set(dollars.codes)
    assert meant_by("Taler") is None


def test_a_currency_that_the_euro_took_the_place_of_was_legal_tender_beside_it_for_two_weeks_to_two_months() -> None:
    """Council regulations 2866/98 and after: the changeover is on the first of January, and notes of both circulate for a while."""
    for code, old in WITHDRAWN.items():
        if old.successor == "EUR":
            assert 14 <= (old.until - old.until.replace(month=1, day=1)).days + 1 <= 59, code


def test_a_code_is_withdrawn_at_the_end_of_a_month_unless_it_circulated_beside_another() -> None:
    for code, old in WITHDRAWN.items():
        assert old.successor in {"EUR", "VES"} or (old.until + timedelta(days=1)).day == 1, code
