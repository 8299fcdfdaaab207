"""Reads of the warehouse for a person: what a delivery came to, where a vendor stands, what is open and what is in quarantine."""

import polars as pl

from advisory_perf.warehouse.conditions import Condition, queried_where
from advisory_perf.warehouse.connection import Warehouse

BREAKS = "break_work"
QUARANTINE = "quarantine"


def stored_breaks(warehouse: Warehouse, where: Condition) -> pl.DataFrame:
    """The rows of break_work for which the condition holds: whole deliveries first, then the oldest."""
    statement = "SELECT * FROM break_work WHERE {} ORDER BY account_id IS NOT NULL, age_days DESC, break_id"
    return queried_where(warehouse, BREAKS, statement, where)


def quarantined(warehouse: Warehouse, where: Condition) -> pl.DataFrame:
    """The rows in quarantine for which the condition holds: vendor, delivery_id, line_number, code, reason, raw_row, in this order."""
    statement = "SELECT vendor, delivery_id, line_number, code, reason, raw_row FROM quarantine WHERE {} ORDER BY 1, 2, 3, 4, 5, 6"
    return queried_where(warehouse, QUARANTINE, statement, where)


def pass_rates(warehouse: Warehouse, delivery_ids: list[str]) -> dict[str, float | None]:
    """Of each delivery's published figures that were compared with the vendor's, the share within tolerance (0 to 1).

    None where nothing was compared; deliveries without published figures are left out.
    """
    rates = warehouse.query(
        "SELECT delivery_id, pass_rate FROM delivery_pass_rates WHERE delivery_id = ANY(%s)",
        [delivery_ids],
    )
    return dict(rates.iter_rows())


def vendor_overview(warehouse: Warehouse) -> pl.DataFrame:
    """One row a vendor: data_source, accounts, rows, latest (as-of date), breaks."""
    return warehouse.query(
        "SELECT accounts.data_source, count(*) AS accounts, max(accounts.last_as_of_date) AS latest,"
        " (SELECT count(*) FROM performance_data AS p WHERE p.data_source = accounts.data_source) AS rows,"
        " (SELECT coalesce(sum(t.breaks), 0)::bigint FROM reconciliation_totals AS t"
        "  WHERE t.data_source = accounts.data_source) AS breaks"
        " FROM accounts GROUP BY accounts.data_source ORDER BY accounts.data_source"
    )


def composite_years(warehouse: Warehouse) -> pl.DataFrame:
    """The rows of composite_report by composite and year, without those of gross returns, which differ in dispersion and deviation only."""
    return warehouse.query("SELECT * FROM composite_report WHERE fee_basis = 'net' ORDER BY composite, year")


def largest_breaks(warehouse: Warehouse, vendor: str, count: int) -> pl.DataFrame:
    """The vendor's largest breaks: account_id, as_of_date, field_name, variance, likely_cause, explained_by, accounts and factor.

    Whole deliveries first, each in place of its accounts. Money and returns are not comparable, so each is measured in its own
    tolerance.
    """
    return warehouse.query(
        "(SELECT NULL AS account_id, as_of_date, field_name, NULL::numeric AS variance, 'SYSTEMATIC' AS likely_cause,"
        " NULL AS explained_by, accounts, factor"
        " FROM delivery_factors WHERE data_source = %(vendor)s ORDER BY accounts DESC, as_of_date, field_name LIMIT %(count)s)"
        " UNION ALL (SELECT account_id, as_of_date, field_name, variance, likely_cause, explained_by, NULL, NULL"
        " FROM reconciliation_results"
        " WHERE data_source = %(vendor)s AND within_tolerance IS FALSE AND likely_cause IS DISTINCT FROM 'SYSTEMATIC'"
        " ORDER BY abs(variance) / nullif(tolerance_threshold, 0) DESC NULLS FIRST, account_id, as_of_date LIMIT %(count)s)"
        " LIMIT %(count)s",
        {"vendor": vendor, "count": count},
    )
