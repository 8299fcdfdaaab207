from decimal import Decimal

import polars as pl
import pytest

from advisory_perf.contracts.columns import COLUMNS, MONEY, Kind
from advisory_perf.contracts.firm_tables import FIRM_TABLES
from advisory_perf.contracts.issue_codes import CODES, NOTICE_CODES, PIPELINE_CODES, ROW_CODES
from advisory_perf.contracts.tables import QUARANTINED_ROWS, RATE_TABLES, TABLES, Table

EVERY = {**TABLES, **RATE_TABLES, **{table.name: table for table in FIRM_TABLES}}

every_table = pytest.mark.parametrize("table", EVERY.values(), ids=EVERY.keys())


@every_table
def test_every_column_of_a_table_is_in_the_data_dictionary_and_stands_once(table: Table) -> None:
    assert set(table.column_names) <= set(table.dictionary)
    assert len(set(table.column_names)) == len(table.column_names)


@every_table
def test_a_key_is_made_of_columns_of_the_table_and_is_never_nullable(table: Table) -> None:
    assert table.key
    assert set(table.key) <= set(table.column_names)
    assert not [name for name in table.key if table.is_nullable(table.dictionary[name])]


@every_table
def test_an_empty_frame_of_a_table_has_its_columns_in_order_with_their_types(table: Table) -> None:
    empty = table.empty()
    assert empty.height == 0
    assert empty.columns == list(table.column_names)
    assert list(empty.schema.values()) == [table.dictionary[name].kind.polars for name in table.column_names]


def test_a_table_may_leave_empty_what_its_entry_forbids_only_if_it_says_so() -> None:
    assert QUARANTINED_ROWS.is_nullable(COLUMNS["account_id"])
    assert not QUARANTINED_ROWS.is_nullable(COLUMNS["reason"])


def test_every_entry_of_the_data_dictionary_has_a_meaning_and_known_sources() -> None:
    for dictionary in (COLUMNS, *(table.dictionary for table in FIRM_TABLES)):
        for name, column in dictionary.items():
            assert column.name == name
            assert column.meaning
            assert set(column.derived_from) <= set(dictionary), name


def test_money_has_the_same_scale_in_a_frame_and_in_the_warehouse() -> None:
    assert Kind.MONEY.polars == MONEY == pl.Decimal(38, 4)
    assert Kind.MONEY.sql == "numeric(24,4)"
    largest = Decimal("99999999999999999999.9999")
    assert pl.Series([largest], dtype=MONEY).item() == largest


def test_every_code_has_a_name_and_a_sentence_and_rows_have_codes_of_their_own() -> None:
    prefixes = {name: "W_" if name in NOTICE_CODES else "DQ_" if name in PIPELINE_CODES else "E_" for name in CODES}
    assert all(name.startswith(prefixes[name]) and code.sentence for name, code in CODES.items())
    assert {"E_FIELDS", "E_KEY_CONFLICT", "E_PRECISION"} <= ROW_CODES
    assert not {"E_EMPTY", "E_TORN"} & ROW_CODES
