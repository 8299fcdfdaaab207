"""Columns that several tables have in the same order; ``columns`` says what each of them is."""

from advisory_perf.contracts.columns import PERIODS

POSITION = (
    "account_id",
    "account_name",
    "account_type",
    "portfolio_id",
    "client_id",
    "as_of_date",
    "beginning_market_value",
    "contributions",
    "distributions",
    "income",
    "appreciation",
    "fees",
    "other_adjustments",
    "ending_market_value",
    "vendor_net_flow",
    "vendor_twrr",
    "benchmark_return",
    "currency",
    "vendor_value_half_unit",
    "vendor_twrr_half_unit",
    "data_source",
    "file_name",
    "delivery_id",
    "line_number",
)
"""What is known of an account-date as a file delivered it."""

PERIOD_RETURNS = (
    *(f"twrr_{period}" for period in PERIODS),
    *(f"twrr_{period}_over_gap" for period in PERIODS),
    *(f"twrr_{period}_over_missing" for period in PERIODS),
    *(f"twrr_{period}_from" for period in PERIODS),
)
"""Returns of periods, and what is to be known of each."""

LINKED = (
    "calculated_twrr",
    "return_status",
    "growth_index",
    "cumulative_net_flow",
    "cumulative_twrr",
    *PERIOD_RETURNS,
    "linked_over_gap",
    "last_gap_date",
    "windows_missing",
    "linked_over_missing",
    "last_missing_date",
    "inception_date",
    "performance_start_date",
    "starts_within_window",
    "mtd_base",
    "qtd_base",
    "ytd_base",
    "mtd_base_date",
    "qtd_base_date",
    "ytd_base_date",
    "is_closed",
    "emptied_by",
)
"""A return linked on, and what linking on from it has to know."""
