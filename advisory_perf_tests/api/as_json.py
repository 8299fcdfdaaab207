"""What SQL gives, as JSON has it: written here once more, without the API's models."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any


def as_json(value: Any) -> Any:
    """Rows, or one value of them."""
    if isinstance(value, dict):
        return {name: as_json(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_json(one) for one in value]
    if isinstance(value, Decimal):
        whole, _, decimals = format(value, "f").partition(".")
        while len(decimals) > 4 and decimals.endswith("0"):
            decimals = decimals[:-1]
        return f"{whole}.{decimals:0<4}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value
