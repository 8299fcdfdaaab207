"""Names in other languages, word by word, and what the name of a file tells."""

import pytest

from advisory_perf.feed_detection.file_names import file_names, vendor_of
from advisory_perf.feed_detection.translations import in_english, without_accents


@pytest.mark.parametrize(
    ("words", "english"),
    [
        ("konto", ("account",)),
        ("numero de compte", ("number account", "account number")),
        ("benchmark rendite", ("benchmark return", "return benchmark")),
        ("kontonummer", ("account number",)),
        ("bewertungsdatum", ("valuation date",)),
        ("kontoesdatum", ("account date",)),
        ("endbestand", ("ending value",)),
        ("kontoxdatum", ()),
        ("kontoschlussdatum", ()),
        ("jahreswert", ()),
        ("nrkonto", ()),
        ("konto xyz", ()),
        ("konto von gestern", ()),
        ("benchmark index", ()),
        ("zu abflusse", ("inflow outflow",)),
    ],
)
def test_a_name_is_known_where_each_of_its_words_or_both_their_parts_are(words: str, english: tuple[str, ...]) -> None:
    assert in_english(words) == english


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Währung", "Wahrung"),
        ("N° de compte", "number  de compte"),
        ("nº cuenta", "number  cuenta"),
        ("N ° x", "number  x"),
        ("No. x", "No. x"),
        ("Straße", "Strasse"),
    ],
)
def test_accents_are_left_out_and_the_signs_for_number_are_the_word(text: str, plain: str) -> None:
    assert without_accents(text) == plain


@pytest.mark.parametrize(
    ("name", "vendor"),
    [
        (f"{'a' * 41}.csv", "a" * 40),
        ("acme_returns_data_2025.csv", "acme"),
        ("performance_report.csv", "performance"),
        ("9acme.csv", "vendor_9acme"),
        (f"9{'a' * 40}.csv", f"vendor_9{'a' * 32}"),
        ("acme_123.csv", "acme_123"),
        ("x.y.csv", "x_y"),
        ("acme_V12.csv", "acme"),
    ],
)
def test_a_vendor_has_forty_characters_at_most_and_begins_with_a_letter(name: str, vendor: str) -> None:
    assert vendor_of(name) == vendor


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("acme_123.csv", "acme_123.csv"),
        ("acme_1234.csv", "acme_*.csv"),
        ("acme_12345678.csv", "acme_*.csv"),
        ("acme_123456789.csv", "acme_123456789.csv"),
        ("acme-31.3.2025.xlsx", "acme-*.xlsx"),
        ("acme_20250331_20250401.csv", "acme_*_*.csv"),
        ("acme?_*.csv", "acme[?]_[*].csv"),
        ("acme_V2.CSV", "acme*.CSV"),
    ],
)
def test_four_to_eight_digits_of_a_name_change_from_file_to_file(name: str, pattern: str) -> None:
    assert file_names(name)["patterns"] == [pattern]


def test_the_version_of_a_name_is_inferred_in_either_case() -> None:
    assert file_names("acme_V2.csv")["version"] == file_names("acme_v2.csv")["version"] == r"_v(\d+)$"
    assert "version" not in file_names("acmev2.csv")
