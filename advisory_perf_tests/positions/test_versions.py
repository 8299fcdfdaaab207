"""What a higher version of a file withdraws, and what its quarantined rows keep."""

from datetime import date

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.positions.versions import without_replaced

DAYS = (date(2025, 3, 29), date(2025, 3, 31), date(2025, 4, 30))
MONTH = pl.col("as_of_date").dt.month_start()
VERSIONS = pl.DataFrame(
    {
        "delivery_id": ["d0", "d2", "d3", "m0", "m2"],
        "file": ["dated", "dated", "dated", "monthly", "monthly"],
        "version": [0, 2, 3, 0, 2],
        "names_its_day": [True, True, True, False, False],
    }
)
NAMES = tuple(VERSIONS["delivery_id"])

Row = tuple[str, str | None, date | None]


def frame(rows: list[Row]) -> pl.DataFrame:
    schema = {"delivery_id": pl.String(), "account_id": pl.String(), "as_of_date": pl.Date()}
    return pl.DataFrame(rows, schema=schema, orient="row")


rows_of = st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from("AB"), st.sampled_from(DAYS)), min_size=1)
doubts = st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(("A", "B", None)), st.sampled_from((*DAYS, None))), max_size=3)


@settings(max_examples=80)
@given(rows_of, doubts, st.booleans())
def test_it_is_what_it_says_row_by_row(delivered: set[Row], quarantined: set[Row], by_month: bool) -> None:
    of = {row[0]: row[1:] for row in VERSIONS.rows()}

    def slot(day: date | None) -> date | None:
        return day.replace(day=1) if by_month and day is not None else day

    def is_withdrawn(delivery: str, account: str | None, day: date | None) -> bool:
        file, version, names_its_day = of[delivery]
        for later in (name for name, (other, number, _) in of.items() if other == file and number > version):
            kept = [row for row in quarantined if row[0] == later]
            if names_its_day:
                if not any(row[1] in {account, None} for row in kept):
                    return True
            elif any(row[0] == later and slot(row[2]) == slot(day) for row in delivered) and not any(
                row[1] in {account, None} and slot(row[2]) in {slot(day), None} for row in kept
            ):
                return True
        return False

    found = without_replaced(
        frame(sorted(delivered, key=str)), frame(list(quarantined)), VERSIONS, slot=MONTH if by_month else pl.col("as_of_date")
    )
    assert found.columns == ["delivery_id", "account_id", "as_of_date"]
    assert set(found.rows()) == {row for row in delivered if not is_withdrawn(*row)}
