"""Returns of whatever a key names, linked by the one function that links."""

from collections.abc import Sequence

import polars as pl

from advisory_perf.performance.growth import linked_by_account


def linked_over(rows: pl.DataFrame, key: Sequence[str], *names: str) -> pl.DataFrame:
    """One row for each value of the ``key``, by it: (1 + r1) · (1 + r2) · … - 1 of each column of ``names``, under its name.

    Rows are linked in their order, so that the same rows in the same order give the same bits. Null where any of the returns is.
    Source: GIPS Standards 2020, section 2.A (geometric linking).
    """
    numbers = rows.select(key).unique().sort(key).with_row_index("_number")
    numbered = rows.select(*key, *names).join(numbers, on=key, how="left", maintain_order="left")
    found = numbers
    for name in names:
        linked = linked_by_account(numbered.select(account_id="_number", calculated_twrr=name))
        found = found.join(linked.rename({"account_id": "_number", "linked_return": name}), on="_number", how="left")
    return found.drop("_number").sort(key)
