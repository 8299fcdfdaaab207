"""What each table of the warehouse has of a vendor after each of two files, as ``test_publications`` compares it."""

from typing import Any


def quality(day: str, **of_dimensions: tuple[int, int]) -> list[tuple[Any, ...]]:
    """The scores of a day without deadline, which have a whole day's rows of two accounts unless said otherwise."""
    shares = {"completeness": (2, 2), "validity": (2, 2), "uniqueness": (2, 2), "timeliness": (0, 0), **of_dimensions}
    return sorted([(day, name.upper(), *share) for name, share in shares.items()] + [(day, "TOTAL", None, None)], key=str)


def of_a_delivery(delivery: str, **of_dimensions: tuple[int, int]) -> list[tuple[Any, ...]]:
    """The scores of a delivery of a feed without deadline."""
    shares = {"timeliness": (0, 0), **of_dimensions}
    return sorted([(delivery, name.upper(), *share) for name, share in shares.items()] + [(delivery, "TOTAL", None, None)], key=str)


def after_the_first(delivery: str, *, quarantined: int = 0, signed: str | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """What a vendor has whose file of two breaks is published."""
    third, fifth = "2025-03-03", "2025-03-05"
    of_b = (None, None, "-0.275000000000", signed)
    accepted = {"break_sign_offs": [("B", "twrr", "-0.275000000000", signed)]}
    unreadable = [(delivery, "C", third, "E_NUMBER", 5)]
    rows = (2, 2 + quarantined)
    return {
        "accounts": [("A", "USD", third, fifth, True), ("B", "USD", third, third, True)],
        "alerts": [("DELIVERY_WITH_ISSUES", "LOW", delivery, False, None), ("LOW_QUALITY", "MEDIUM", None, False, None)],
        "daily_vendor_totals": [
            (third, "USD", 2, 2, "300.0000", "315.0000", "0.0000"),
            (fifth, "USD", 1, 0, "110.0000", "211.0000", "90.0000"),
        ],
        "data_quality_issues": [
            (delivery, "A", fifth, "DQ_LARGE_FLOW", None),
            (delivery, "B", fifth, "DQ_ACCOUNT_MISSING", None),
            *unreadable[:quarantined],
        ],
        "delivered_days": [(delivery, third), (delivery, fifth)],
        "delivery_profiles": [(delivery,)],
        "delivery_day_counts": [(delivery, third, 2, quarantined, 0, 0), (delivery, fifth, 1, 0, 0, 0)],
        "data_quality_scores": [
            *quality(third, validity=rows, uniqueness=(rows[1], rows[1]), consistency=(2, 2), accuracy=(2, 4)),
            *quality(fifth, completeness=(1, 2), validity=(1, 1), uniqueness=(1, 1), consistency=(2, 2), accuracy=(2, 2)),
        ],
        "delivery_quality_shares": sorted(
            [
                (third, delivery, "VALIDITY", *rows),
                (third, delivery, "UNIQUENESS", rows[1], rows[1]),
                *((third, delivery, name, 2, 2) for name in ("COMPLETENESS", "CONSISTENCY")),
                (third, delivery, "ACCURACY", 2, 4),
                *((fifth, delivery, name, 1, 1) for name in ("VALIDITY", "UNIQUENESS")),
                *((fifth, delivery, name, 2, 2) for name in ("CONSISTENCY", "ACCURACY")),
                (fifth, delivery, "COMPLETENESS", 1, 2),
            ],
            key=str,
        ),
        "delivery_quality_scores": of_a_delivery(
            delivery,
            completeness=(3, 4),
            validity=(3, 3 + quarantined),
            uniqueness=(3 + quarantined,) * 2,
            consistency=(4, 4),
            accuracy=(4, 6),
        ),
        "etl_processing_log": [(delivery, "COMPLETED_WITH_ISSUES", 3 + quarantined, 3, quarantined, 3, 0, 0, None, None)],
        "performance_data": [
            ("A", third, delivery, "COMPLETED_WITH_ISSUES"),
            ("A", fifth, delivery, "COMPLETED"),
            ("B", third, delivery, "COMPLETED_WITH_ISSUES"),
        ],
        "reconciliation_breaks": [
            ("A", "twrr", third, third, "RESOLVED", fifth, delivery, "-0.100000000000", None),
            ("B", "twrr", third, third, "SIGNED_OFF" if signed else "OPEN", *of_b),
        ],
        "reconciliation_results": [
            ("A", third, "ending_market_value", True),
            ("A", third, "twrr", False),
            ("A", fifth, "ending_market_value", True),
            ("A", fifth, "twrr", True),
            ("B", third, "ending_market_value", True),
            ("B", third, "twrr", False),
        ],
        "reconciliation_totals": [
            (third, "ending_market_value", delivery, 2, 2, 0),
            (third, "twrr", delivery, 2, 2, 2),
            *((fifth, name, delivery, 1, 1, 0) for name in ("ending_market_value", "twrr")),
        ],
        "statistics_pending": [("A", third), ("B", third)],
        **(accepted if signed else {}),
    }


def after_the_second(status: str, *counts: Any) -> dict[str, list[tuple[Any, ...]]]:
    """What acme has once its second file is published; status, counts and pending days of that one."""
    third, fifth = "2025-03-03", "2025-03-05"
    return {
        "accounts": [("A", "USD", third, fifth, True), ("B", "USD", third, fifth, True)],
        "alerts": [
            ("DELIVERY_WITH_ISSUES", "LOW", "a1", True, None),
            ("LOW_QUALITY", "MEDIUM", None, True, None),
        ],
        "daily_vendor_totals": [
            (third, "USD", 2, 0, "300.0000", "315.0000", "0.0000"),
            (fifth, "USD", 2, 0, "315.0000", "416.0000", "90.0000"),
        ],
        "data_quality_issues": [("a1", "A", fifth, "DQ_LARGE_FLOW", None)],
        "delivered_days": [("a1", third), ("a1", fifth), ("a2", third), ("a2", fifth)],
        "delivery_profiles": [("a1",), ("a2",)],
        "delivery_day_counts": [("a1", third, 2, 0, 0, 0), ("a1", fifth, 1, 0, 0, 0), ("a2", third, 2, 0, 0, 0), ("a2", fifth, 1, 0, 0, 0)],
        "data_quality_scores": [
            *quality(third, validity=(4, 4), uniqueness=(4, 4), consistency=(2, 2), accuracy=(4, 4)),
            *quality(fifth, consistency=(4, 4), accuracy=(4, 4)),
        ],
        "delivery_quality_shares": sorted(
            [
                *((third, delivery, name, 2, 2) for delivery in ("a1", "a2") for name in ("VALIDITY", "UNIQUENESS")),
                *((third, "a2", name, 2, 2) for name in ("COMPLETENESS", "CONSISTENCY")),
                (third, "a2", "ACCURACY", 4, 4),
                *((fifth, delivery, name, 1, 1) for delivery in ("a1", "a2") for name in ("COMPLETENESS", "VALIDITY", "UNIQUENESS")),
                *((fifth, delivery, name, 2, 2) for delivery in ("a1", "a2") for name in ("CONSISTENCY", "ACCURACY")),
            ],
            key=str,
        ),
        "delivery_quality_scores": [
            *of_a_delivery("a1", completeness=(1, 1), validity=(3, 3), uniqueness=(3, 3), consistency=(2, 2), accuracy=(2, 2)),
            *of_a_delivery("a2", completeness=(3, 3), validity=(3, 3), uniqueness=(3, 3), consistency=(4, 4), accuracy=(6, 6)),
        ],
        "etl_processing_log": [("a1", "COMPLETED", 3, 3, 0, 3, 0, 0, None, None), ("a2", status, 3, 3, 0, *counts)],
        "performance_data": [
            ("A", third, "a2", "COMPLETED"),
            ("A", fifth, "a1", "COMPLETED"),
            ("B", third, "a2", "COMPLETED"),
            ("B", fifth, "a2", "COMPLETED"),
        ],
        "performance_data_history": [
            ("A", third, "a1", "a2", "COMPLETED_WITH_ISSUES"),
            ("B", third, "a1", "a2", "COMPLETED_WITH_ISSUES"),
        ],
        "reconciliation_breaks": [
            ("A", "twrr", third, third, "RESOLVED_BY_RESTATEMENT", third, "a2", "-0.100000000000", None),
            ("B", "twrr", third, third, "RESOLVED_BY_RESTATEMENT", third, "a2", "-0.275000000000", None),
        ],
        "reconciliation_results": [
            (account, day, name, True) for account in "AB" for day in (third, fifth) for name in ("ending_market_value", "twrr")
        ],
        "reconciliation_totals": [
            *((third, name, "a2", 2, 2, 0) for name in ("ending_market_value", "twrr")),
            *((fifth, name, delivery, 1, 1, 0) for name in ("ending_market_value", "twrr") for delivery in ("a1", "a2")),
        ],
        "restatements": [("a2", "vendor_twrr", third, third, 2, 2, "-0.275000000000")],
        "statistics_pending": [("A", third), ("B", third)],
    }
