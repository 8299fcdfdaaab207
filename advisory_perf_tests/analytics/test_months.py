from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from advisory_perf.analytics.months import account_months, month_values
from advisory_perf.contracts.enums import Cadence
from advisory_perf.performance.risk import begins_month
from advisory_perf_tests.analytics.scenarios import book, conventions, row
from advisory_perf_tests.performance.scenarios import a_schedule


def test_the_money_of_a_month_is_that_of_its_first_and_last_valuation() -> None:
    days = [("A", date(2024, 1, 30), 1, 2), ("A", date(2024, 1, 31), 2, 3), ("A", date(2024, 2, 1), 3, 4), ("B", date(2024, 2, 1), 5, 6)]
    rows = book(*({**row(account, 0, begin, end), "as_of_date": on} for account, on, begin, end in days))
    assert month_values(rows, begins_month(rows)).rows() == [
        (Decimal(1), Decimal(3), "EUR"),
        (Decimal(3), Decimal(4), "EUR"),
        (Decimal(5), Decimal(6), "EUR"),
    ]
    assert month_values(rows.clear(), begins_month(rows.clear())).is_empty()


def test_a_month_of_several_currencies_has_none_and_one_that_begins_with_another_has_it() -> None:
    start = date(2024, 1, 30)
    money = ["EUR", "USD", "USD", "USD", "EUR", "USD"]
    rows = book(
        *(
            {**row(account, 0, 1, 1), "as_of_date": start + timedelta(days=number), "currency": currency}
            for account in "AB"
            for number, currency in enumerate(money if account == "A" else money[2:] + money[3:])
        )
    )
    expected = [None, None, "USD", None]
    assert month_values(rows, begins_month(rows))["currency"].to_list() == expected
    by_months = account_months(rows.with_columns(fees=pl.lit(Decimal(0))), conventions=conventions(schedule=a_schedule(Cadence.DAILY)))
    assert by_months["currency"].to_list() == expected, "both say the same"
