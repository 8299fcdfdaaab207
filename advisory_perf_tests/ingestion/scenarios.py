"""A small feed, its files and its deliveries, from which the tests of this room are built."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.limits import Bounds
from advisory_perf.ingestion.raw_frame import CELL, LINE_NUMBER, MISFIT
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import Delivery, Validated, validate

HEADER = "id,day,bmv,in,out,emv"
DELIVERY = Delivery("d1", "acme_1.csv", datetime(2024, 6, 30, 23, tzinfo=UTC))


def feed_as_data(**changes: Any) -> dict[str, Any]:
    """What a feed file of the vendor acme says: six required columns of a CSV file, and a constant currency."""
    columns = {
        "account_id": "id",
        "as_of_date": "day",
        "beginning_market_value": "bmv",
        "contributions": "in",
        "distributions": "out",
        "ending_market_value": "emv",
    }
    return {
        "vendor": "acme",
        "title": "Acme",
        "cadence": "daily",
        "first_window": "2020-01-01",
        "files": {"patterns": ["acme_*"], "format": "csv"},
        "columns": columns,
        "currency": "USD",
        "conventions": {"flow_timing": "end_of_day", "fee_basis": "net"},
        **changes,
    }


def a_feed(columns: dict[str, Any] | None = None, **changes: Any) -> PositionsFeed:
    """The feed with further or other columns, and other keys."""
    data = feed_as_data(**changes)
    return PositionsFeed.model_validate({**data, "columns": {**data["columns"], **(columns or {})}})


def a_feed_of(file_format: str, columns: dict[str, Any] | None = None, **files: Any) -> PositionsFeed:
    """The feed for files of a format."""
    return a_feed(columns, files={"patterns": ["acme_*"], "format": file_format, **files})


def read(content: str | bytes, feed: PositionsFeed | None = None) -> pl.DataFrame:
    """The raw rows of a file."""
    return read_raw_rows(content.encode() if isinstance(content, str) else content, feed or a_feed(), "acme_1.csv")


def cells(raw: pl.DataFrame, column: str) -> list[str | None]:
    """One column of the file."""
    return raw[CELL + column].to_list()


def lines(raw: pl.DataFrame) -> list[int]:
    """The line numbers of the rows."""
    return raw[LINE_NUMBER].to_list()


def misfits(raw: pl.DataFrame) -> dict[int, str]:
    """The rows with too many or too few cells, by line."""
    return dict(raw.drop_nulls(MISFIT).select(LINE_NUMBER, MISFIT).rows())


def rejection(content: str | bytes, feed: PositionsFeed | None = None) -> DeliveryRejectedError:
    """The refusal of a file, which always names vendor and file."""
    with pytest.raises(DeliveryRejectedError) as caught:
        read(content, feed)
    assert "acme, acme_1.csv" in caught.value.sentence
    return caught.value


def rejection_within(bounds: Bounds, content: bytes, feed: PositionsFeed) -> DeliveryRejectedError:
    """The refusal of a file by an installation with other bounds."""
    with pytest.raises(DeliveryRejectedError) as caught:
        read_raw_rows(content, feed, "acme_1.csv", bounds=bounds)
    return caught.value


def validated(
    content: str | bytes, feed: PositionsFeed | None = None, delivery: Delivery = DELIVERY, *, accounts: Sequence[str] | None = None
) -> Validated:
    """What becomes of the rows of a file, for an installation that knows no accounts or these."""
    known = feed or a_feed()
    raw = read_raw_rows(content.encode() if isinstance(content, str) else content, known, delivery.file_name)
    master = None if accounts is None else pl.DataFrame({"account_id": accounts}, schema={"account_id": pl.String()})
    result = validate(raw, known, delivery, POSITION_RULES, master)
    assert result.is_conserved
    return result


def refusal(content: str | bytes, feed: PositionsFeed | None = None, delivery: Delivery = DELIVERY) -> DeliveryRejectedError:
    """Why a file is not taken, be it when it is read or when it is validated; always with vendor and file."""
    with pytest.raises(DeliveryRejectedError) as caught:
        validated(content, feed, delivery)
    assert f"acme, {delivery.file_name}" in caught.value.sentence
    return caught.value


def notices(result: Validated) -> list[str]:
    """The codes of what a person should know of a delivery that was taken."""
    return [notice.code for notice in result.notices]


def codes(result: Validated) -> dict[int, str]:
    """The code of each quarantined row, by line."""
    return dict(result.quarantined.select("line_number", "code").rows())
