"""The life of a break: from what was compared to the rows of ``reconciliation_breaks``. Pure; reading and writing are ``break_store``'s.

A break is a run of compared valuations at which one figure of an account is outside its tolerance, or at which one factor puts the
figure of a whole delivery off. Its subject is the account, or the empty text for the whole delivery. Runs follow from the outcomes
alone; what outcomes do not hold is the break's name, what a person has accepted, and what a restatement took away, so that runs are
matched with the breaks that are stored. ``docs/adr/0018-reconciliation-and-breaks.md`` has the reasons.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from hashlib import sha256

import polars as pl

from advisory_perf.contracts.columns import FIGURE
from advisory_perf.contracts.enums import BreakStatus

FIGURES = ("subject", "field_name")
"""What one break is of."""

_LATEST = {
    "calculated_value": FIGURE,
    "vendor_value": FIGURE,
    "variance": FIGURE,
    "tolerance_threshold": FIGURE,
    "factor": FIGURE,
    "accounts": pl.Int64(),
    "likely_cause": pl.String(),
    "delivery_id": pl.String(),
}
OUTCOMES = pl.Schema(
    {
        "subject": pl.String(),
        "field_name": pl.String(),
        "as_of_date": pl.Date(),
        "is_break": pl.Boolean(),
        **_LATEST,
        "restates": pl.Boolean(),
    }
)
"""A compared valuation: whether it breaks, its amounts and the delivery that it came in; ``restates``, where it passes: whether that
delivery took the place of another's row. Of a whole delivery, the delivery of a day that passes is asked for after a break only."""

BREAKS = pl.Schema(
    {
        "break_id": pl.String(),
        "subject": pl.String(),
        "field_name": pl.String(),
        "status": pl.String(),
        "first_as_of_date": pl.Date(),
        "last_as_of_date": pl.Date(),
        "valuations": pl.Int64(),
        **_LATEST,
        "first_variance": FIGURE,
        "resolved_on": pl.Date(),
        "resolved_by_delivery_id": pl.String(),
        "signed_off_break_id": pl.String(),
        "signed_off_by": pl.String(),
        "signed_off_at": pl.Datetime("us", "UTC"),
        "signed_off_variance": FIGURE,
        "signed_off_reason": pl.String(),
        "named_on": pl.Date(),
    }
)
"""A row of ``reconciliation_breaks`` without vendor, age and times."""

GONE = pl.Schema({"break_id": pl.String(), "delivery_id": pl.String(), "is_told_elsewhere": pl.Boolean()})
"""A stored break that nothing has ended and whose last valuation breaks no more: the delivery that this valuation is in now, null where it
is withdrawn, and whether it is still outside its tolerance, with its whole delivery."""

SIGN_OFFS = pl.Schema(
    {
        "id": pl.Int64(),
        "break_id": pl.String(),
        "subject": pl.String(),
        "field_name": pl.String(),
        "as_of_date": pl.Date(),
        "variance": FIGURE,
        "vendor_value": FIGURE,
        "factor": FIGURE,
        "signed_off_by": pl.String(),
        "signed_off_at": pl.Datetime("us", "UTC"),
        "reason": pl.String(),
    }
)

_EXACT_DIGITS = 100
"""More than a product of two figures has."""

Taken = Callable[[Sequence[str]], Collection[str]]
"""Which of some names a break has already."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a vendor's figures after the results of some days have changed; ``first_day`` is the first of these days.

    ``outcomes`` reach from the last good valuation before the days to the first one after them; those of a break whose latest valuation
    lies before the days begin with that one. ``stored`` are the breaks that lie in this section.
    """

    first_day: date
    outcomes: pl.DataFrame
    stored: pl.DataFrame
    gone: pl.DataFrame
    sign_offs: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Difference:
    """What makes the stored breaks those that are wanted: names to delete, and rows of BREAKS to change and to insert."""

    deleted: list[str]
    changed: pl.DataFrame
    new: pl.DataFrame


def followed(known: Known, vendor: str, taken: Taken) -> Difference:
    """What the stored breaks lack of following the outcomes; nothing where they do.

    A run that a stored break goes on in keeps its name, and any other gets one that none of ``taken`` is.

    The status of a run without an end is SIGNED_OFF where a sign-off holds for its amount, else OPEN. One with an end is RESOLVED, or
    RESOLVED_BY_RESTATEMENT where the valuation that ended it came as a restatement: the break had its last valuation on that day in
    another delivery, or lasted beyond that day and the delivery took the place of another's row. Once said, that stays with the delivery
    that did it, as long as the end is on that day.
    """
    stored = known.stored
    found = runs(known.outcomes, continuing(stored, known.first_day))
    matched = matches(found, stored)
    kept = matched.filter("keeps_name").join(
        stored.select("break_id", "named_on", *(pl.col(name).alias(f"known_{name}") for name in _OF_THE_KNOWN)), on="break_id"
    )
    named = with_names(found.join(kept.drop("keeps_name"), on=[*FIGURES, "first_as_of_date"], how="left"), vendor, taken)
    wanted = with_statuses(named.join(sign_offs_of(named, known.sign_offs), on="break_id", how="left"))
    ended, told_elsewhere = ends(stored.join(matched, on="break_id", how="anti"), known.gone)
    is_new = ~pl.col("break_id").is_in(stored["break_id"].implode())
    return Difference(
        [*matched.filter(~pl.col("keeps_name"))["break_id"], *told_elsewhere],
        pl.concat([differing(wanted.filter(~is_new), stored), ended]),
        wanted.filter(is_new),
    )


_OF_THE_KNOWN = ("status", "last_as_of_date", "delivery_id", "resolved_on", "resolved_by_delivery_id")


def continuing(stored: pl.DataFrame, first_day: date) -> pl.DataFrame:
    """The breaks that go on as they are stored: their latest valuation lies before the days, and no end does."""
    ends_later = pl.col("resolved_on").is_null() | (pl.col("resolved_on") >= first_day)
    return stored.filter(pl.col("last_as_of_date") < first_day, ends_later)


def runs(outcomes: pl.DataFrame, begun: pl.DataFrame) -> pl.DataFrame:
    """The unbroken runs of valuations outside their tolerance, each with the good one that ended it.

    A run that begins with the latest valuation of a break of ``begun`` has begun with that one's first and counts its valuations.
    """
    passes = ~pl.col("is_break")
    counted = outcomes.sort(*FIGURES, "as_of_date").with_columns(run=passes.cum_sum() - passes)  # a good one counts to the run before it
    goods = counted.filter(passes).select(*FIGURES, "run", resolved_on="as_of_date", ended_by="delivery_id", restates="restates")
    seen = (
        counted.filter("is_break")
        .group_by(*FIGURES, "run", maintain_order=True)
        .agg(
            pl.col("as_of_date").first().alias("first_as_of_date"),
            pl.col("as_of_date").last().alias("last_as_of_date"),
            pl.len().cast(pl.Int64()).alias("valuations"),
            pl.col("variance").first().alias("first_variance"),
            pl.col(*_LATEST).last(),
        )
    )
    earlier = begun.select(
        *FIGURES,
        pl.col("last_as_of_date").alias("first_as_of_date"),
        began="first_as_of_date",
        before=pl.col("valuations") - 1,
        variance_then="first_variance",
        is_known=pl.lit(True),
    )
    return (
        seen.join(goods, on=[*FIGURES, "run"], how="left")
        .join(earlier, on=[*FIGURES, "first_as_of_date"], how="left")
        .with_columns(
            first_as_of_date=pl.coalesce("began", "first_as_of_date"),
            valuations=pl.col("valuations") + pl.col("before").fill_null(0),
            first_variance=pl.when("is_known").then("variance_then").otherwise("first_variance"),
        )
        .drop("run", "began", "before", "variance_then", "is_known")
    )


def matches(found: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """In which run each stored break goes on: break_id, its figure, the run's first day, and whether the run keeps its name.

    It goes on in a run that it shares a day with, best in the one that holds the day of its name, else in the first; one that shares none
    comes back where the day of its name breaks again. Of several that go on in one run, one that nothing has ended keeps its name, and
    of these the one that was named for the earliest day.
    """
    spans = found.select(*FIGURES, "first_as_of_date", "last_as_of_date")
    of_name = spans.select(*FIGURES, name_first="first_as_of_date", name_last="last_as_of_date").sort("name_first")
    earliest = spans.select(*FIGURES, run_first="first_as_of_date", run_last="last_as_of_date").sort("run_last")
    # Runs of a figure share no day, so that the nearest one is the only one to look at.
    beside = (
        stored.select("break_id", *FIGURES, "first_as_of_date", "last_as_of_date", "resolved_on", "named_on")
        .sort("named_on")
        .join_asof(
            of_name, left_on="named_on", right_on="name_first", by=FIGURES, strategy="backward", check_sortedness=False, coalesce=False
        )
        .sort("first_as_of_date")
        .join_asof(
            earliest,
            left_on="first_as_of_date",
            right_on="run_last",
            by=FIGURES,
            strategy="forward",
            check_sortedness=False,
            coalesce=False,
        )
    )
    its_name = pl.col("named_on") <= pl.col("name_last")
    a_day_with_it = (pl.col("first_as_of_date") <= pl.col("name_last")) & (pl.col("last_as_of_date") >= pl.col("name_first"))
    a_day = pl.col("run_first") <= pl.col("last_as_of_date")
    picked = beside.with_columns(
        first_as_of_date=pl.when(its_name & a_day_with_it)
        .then("name_first")
        .when(a_day)
        .then("run_first")
        .when(its_name)
        .then("name_first")
    ).filter(pl.col("first_as_of_date").is_not_null())
    is_first = pl.int_range(pl.len()).over(*FIGURES, "first_as_of_date") == 0
    return (
        picked.sort(pl.col("resolved_on").is_not_null(), "named_on", "break_id")
        .with_columns(keeps_name=is_first)
        .select("break_id", *FIGURES, "first_as_of_date", "keeps_name")
    )


def break_id_of(vendor: str, subject: str, field_name: str, day: date, again: int) -> str:
    """The name of a break that began on the day; ``again`` counts up where another break has the name."""
    made_from = json.dumps([vendor, subject, field_name, day.isoformat(), again], ensure_ascii=False)
    return "B-" + sha256(made_from.encode()).hexdigest()[:16]


def with_names(found: pl.DataFrame, vendor: str, taken: Taken) -> pl.DataFrame:
    """The runs, each with the break's name and the day that it is made from: its own first one where no stored break goes on in it."""
    is_new = pl.col("break_id").is_null()
    new = found.filter(is_new)
    made_from = list(new.select(*FIGURES, "first_as_of_date").iter_rows())
    names = [break_id_of(vendor, subject, field_name, day, 0) for subject, field_name, day in made_from]
    asked, again = list(range(len(names))), 0
    while asked:
        others = taken([names[place] for place in asked])
        asked, again = [place for place in asked if names[place] in others], again + 1
        for place in asked:
            subject, field_name, day = made_from[place]
            names[place] = break_id_of(vendor, subject, field_name, day, again)
    named = new.with_columns(pl.Series("break_id", names, pl.String()), named_on="first_as_of_date")
    return pl.concat([found.filter(~is_new), named])


def sign_offs_of(named: pl.DataFrame, sign_offs: pl.DataFrame) -> pl.DataFrame:
    """The sign-off that counts for each run, by its break_id, and whether it holds for the run's amount.

    It is one of the break's own or one of the same amount, from no later a valuation than the run's last, of any break of the figure:
    the latest that holds, else the latest. Equal is within the tolerance of the run's latest comparison, which for a whole delivery is a
    share of its factor. An amount is the variance, of a whole delivery the factor, and the vendor's figure where ours is null.
    """
    signed = sign_offs.select(*FIGURES, pl.exclude(*FIGURES).name.prefix("signed_"))
    pairs = named.select("break_id", *FIGURES, "last_as_of_date", "variance", "factor", "vendor_value", "tolerance_threshold").join(
        signed, on=FIGURES
    )
    amounts = pairs.select(
        (pl.col("signed_variance").is_null() == pl.col("variance").is_null()).alias("is_one_kind"),
        pl.coalesce("signed_variance", "signed_factor", "signed_vendor_value").alias("signed"),
        pl.coalesce("variance", "factor", "vendor_value").alias("amount"),
        "tolerance_threshold",
        "factor",
    )
    with localcontext(prec=_EXACT_DIGITS):  # by rows, since a product of decimals is rounded in a frame, and a large difference refused
        holds = [is_one_kind and _is_equal(*rest) for is_one_kind, *rest in amounts.iter_rows()]
    is_own = pl.col("signed_break_id") == pl.col("break_id")
    return (
        pairs.with_columns(pl.Series("holds", holds, pl.Boolean()))
        .filter(is_own | (pl.col("holds") & (pl.col("signed_as_of_date") <= pl.col("last_as_of_date"))))
        .sort("holds", "signed_id", descending=True)
        .unique("break_id", keep="first", maintain_order=True)
        .select(
            "break_id",
            "holds",
            signed_off_break_id="signed_break_id",
            signed_off_by="signed_signed_off_by",
            signed_off_at="signed_signed_off_at",
            signed_off_variance=pl.coalesce("signed_variance", "signed_factor"),
            signed_off_reason="signed_reason",
        )
    )


def _is_equal(signed: Decimal | None, amount: Decimal | None, threshold: Decimal, factor: Decimal | None) -> bool:
    if signed is None or amount is None:
        return False
    return abs(signed - amount) <= threshold * (1 if factor is None else abs(factor))


def with_statuses(named: pl.DataFrame) -> pl.DataFrame:
    """BREAKS of the runs; see ``followed``."""
    end, last = pl.col("resolved_on"), pl.col("known_last_as_of_date")
    was_restated = (pl.col("known_status") == BreakStatus.RESOLVED_BY_RESTATEMENT.value) & (pl.col("known_resolved_on") == end)
    is_restated = (
        pl.when(was_restated)
        .then(True)
        .when(end == last)
        .then(pl.col("ended_by").ne_missing(pl.col("known_delivery_id")))
        .otherwise((end < last) & pl.col("restates"))
    )
    status = (
        pl.when(is_restated)
        .then(pl.lit(BreakStatus.RESOLVED_BY_RESTATEMENT.value))
        .when(end.is_not_null())
        .then(pl.lit(BreakStatus.RESOLVED.value))
        .when("holds")
        .then(pl.lit(BreakStatus.SIGNED_OFF.value))
        .otherwise(pl.lit(BreakStatus.OPEN.value))
    )
    ended_by = pl.when(was_restated).then("known_resolved_by_delivery_id").otherwise("ended_by")
    return named.with_columns(status=status, resolved_by_delivery_id=ended_by).select(BREAKS.names())


def ends(unmatched: pl.DataFrame, gone: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Of the stored breaks that no run is left of, those to close, on their last valuation, and the names of those that another tells.

    RESOLVED where the delivery is the same, which was then read otherwise, else RESOLVED_BY_RESTATEMENT, also where the valuation is
    withdrawn. Where the valuation is put off with its whole delivery, that break tells it. One that has ended stays as it is.
    """
    now = unmatched.join(gone.select("break_id", "is_told_elsewhere", now_in="delivery_id"), on="break_id")
    is_same = pl.col("now_in").eq_missing(pl.col("delivery_id"))
    closed = now.filter(~pl.col("is_told_elsewhere")).with_columns(
        status=pl.when(is_same).then(pl.lit(BreakStatus.RESOLVED.value)).otherwise(pl.lit(BreakStatus.RESOLVED_BY_RESTATEMENT.value)),
        resolved_on="last_as_of_date",
        resolved_by_delivery_id="now_in",
    )
    return closed.select(BREAKS.names()), now.filter("is_told_elsewhere")["break_id"].to_list()


def differing(wanted: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """The wanted rows that are not as the stored ones of their names."""
    values = [name for name in BREAKS.names() if name != "break_id"]
    beside = wanted.join(stored, on="break_id", suffix="_stored")
    return beside.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_stored")) for name in values)).select(BREAKS.names())
