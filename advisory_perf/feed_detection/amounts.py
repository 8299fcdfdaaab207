"""The columns of numbers: amounts and returns as figures, and what names, identity and returns together say of each.

The equations are asked of the first ``SAMPLE_ROWS`` rows with one row an account and day, the last that the files give.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import polars as pl

from advisory_perf.contracts.enums import FeeBasis, FlowTiming
from advisory_perf.feed_detection.column_names import Name, Reading, Strength, candidates_for
from advisory_perf.feed_detection.field_assignment import Amounts, Assigned
from advisory_perf.feed_detection.findings import KeyFinding, Status
from advisory_perf.feed_detection.identities import BEGINNING, ENDING, FEES, Figures
from advisory_perf.feed_detection.return_equation import SubPeriodReturns, Verdict, Witness
from advisory_perf.feed_detection.row_keys import Keys
from advisory_perf.feed_detection.values import (
    Notation,
    blanks,
    money,
    printed_digits,
    returns,
    share,
)
from advisory_perf.feeds.fields import NET_FLOW, RETURN_FIELDS
from advisory_perf.feeds.sources import Numbers
from advisory_perf.feeds.units import PERCENT, RATES

SAMPLE_ROWS = 20_000
"""So many rows are enough for arithmetic, and keep a file of any length to seconds."""

_MOST_AMOUNTS = 24
_MOSTLY = 0.9
_FEE_BASIS = "conventions.fee_basis"
_TIMINGS = tuple(timing.value for timing in FlowTiming)
_LIKE_SIZED = 8
"""Returns of accounts and of their benchmark differ by less than this, scales by a hundred."""


def conventions(verdicts: Sequence[Verdict] | None, evidence: str) -> list[KeyFinding]:
    """Flow timing and fee basis, each where everything that fits the returns agrees in it."""
    tied = [convention for verdict in verdicts or () for convention in verdict.tied]
    found = []
    for key, options, candidates in (
        ("flow_timing", [one.timing.value for one in tied], _TIMINGS),
        ("fee_basis", [one.fee_basis.value for one in tied], tuple(basis.value for basis in FeeBasis)),
    ):
        ranked = tuple(dict.fromkeys(options))
        status = Status.CONFIRMED if len(ranked) == 1 else Status.UNDECIDED
        said = evidence if len(ranked) < 2 else f"{evidence}; these give the same returns"  # noqa: PLR2004 - one is inferred
        value = ranked[0] if len(ranked) == 1 else None
        found.append(KeyFinding(f"conventions.{key}", status, said, value, candidates=() if value else ranked or candidates))
    weights = tuple(dict.fromkeys(str(one.weight) for one in tied))
    if tied and all(one.weight is not None for one in tied):
        status = Status.CONFIRMED if len(weights) == 1 else Status.UNDECIDED
        value = weights[0] if len(weights) == 1 else None
        found.append(KeyFinding("conventions.weight", status, evidence, value, candidates=() if value else weights))
    return found


class FiguresOfFile:
    """The amounts and returns of a file, and what is found of them."""

    def __init__(
        self,
        keys: Keys,
        names: Mapping[str, Name],
        named: Mapping[str, tuple[Reading, ...]],
        marks: Notation,
        compute: SubPeriodReturns,
    ) -> None:
        self._names, self._named, self._compute = names, named, compute
        self._numbers: Numbers = marks.numbers
        self._return_columns = [name for name in named if any(one.field in RETURN_FIELDS for one in named[name])]
        self._rows = keys.rows
        self._returns: dict[str, pl.Series] = {}
        self.sample, self._figures = self._read(keys)
        self._amounts = Amounts(self._figures, {name: named[name] for name in self._figures.amounts.columns if named[name]})

    def _shift(self, name: str) -> int:
        unit = self._names[name].unit
        return Decimal(unit).adjusted() if unit is not None and unit not in RATES else 0

    def _read(self, keys: Keys) -> tuple[pl.DataFrame, Figures]:
        account = keys.account if keys.account is not None and keys.day is not None else None
        who = keys.rows.select(
            (account if account is not None else pl.int_range(pl.len()).cast(pl.String())).alias("account"),
            (keys.day if keys.day is not None else pl.lit(None, pl.Date())).alias("day"),
        )
        rows = pl.concat([who, keys.rows], how="horizontal").unique(["account", "day"], keep="last", maintain_order=True).head(SAMPLE_ROWS)
        amounts = {}
        by_need = sorted((name for name in self._named if not self._is_return(name)), key=lambda name: not self._named[name])
        for name in by_need[:_MOST_AMOUNTS]:
            amount = money(rows, name, self._numbers, self._shift(name))
            if share(amount.is_not_null()) >= _MOSTLY:
                amounts[name] = amount if self._named[name] else amount.fill_null(0)
        frame = pl.DataFrame(amounts)
        whole = pl.concat([rows, frame.select(pl.all().name.prefix("amount:"))], how="horizontal").drop_nulls(
            [f"amount:{n}" for n in amounts]
        )
        digits = (int(printed_digits(rows, n, self._numbers).max() or 0) - self._shift(n) for n in amounts if self._named[n])  # type: ignore[arg-type]
        figures = Figures(
            whole.select("account", "day"),
            whole.select(pl.col(f"amount:{name}").alias(name) for name in amounts),
            Decimal(1).scaleb(-max(digits, default=2)),
        )
        return whole.select(rows.columns), figures

    def _is_return(self, name: str) -> bool:
        return any(one.field in RETURN_FIELDS and one.strength > Strength.POSSIBLE for one in self._named[name])

    def findings(self) -> list[KeyFinding]:
        """Every column of amounts and returns, and the conventions."""
        verdicts = self._inferred_by_returns()
        holding = {name: verdict for name, verdict in verdicts.items() if verdict.holds}
        proposed = candidates_for("vendor_twrr", self._named)
        ours = {name: verdict for name, verdict in holding.items() if name in proposed}
        asked = next(iter(ours.values()), None) or next((verdicts[name] for name in proposed if name in verdicts), None)
        assigned = self._amounts.assigned(asked)
        required = (BEGINNING, *self._amounts.flows, ENDING)
        found = [self._amount_finding(field, one) for field, one in assigned.items()]
        found += [
            KeyFinding(f"columns.{field}", Status.UNDECIDED, "no column of amounts is named so")
            for field in required
            if field not in assigned
        ]
        found += self._return_findings(ours, holding, proposed)
        required_are_inferred = all(assigned[field].column for field in required if field in assigned)
        if ours and required_are_inferred and holding.keys() == ours.keys():
            evidence = "; ".join(f"the returns in {name} follow {verdict.how_well}" for name, verdict in ours.items())
            inferred = conventions(list(ours.values()), evidence)
            return [*found, *(self._doubted(one, [*ours], assigned) if one.key == _FEE_BASIS else one for one in inferred)]
        return [*found, *conventions(None, "no column of returns follows from the values and flows")]

    def _doubted(self, found: KeyFinding, returned: Sequence[str], assigned: Mapping[str, Assigned]) -> KeyFinding:
        """The fee basis, left open where a return's name says the other one, or where no column of fees is in the equation."""
        said = {word for name in returned for word in re.findall("gross|net", name.lower())}
        without_fees = FEES not in assigned or assigned[FEES].column is None
        if found.value is None or (said <= {found.value} and not without_fees):
            return found
        agree = said == {found.value}
        if without_fees and agree:
            return replace(found, status=Status.NAMED, evidence=f"the name of {', '.join(returned)}; no column of fees is in the equation")
        why = (
            "no column of fees is in the equation"
            if without_fees
            else f"the returns follow as {found.value}, and their name says otherwise"
        )
        return replace(found, status=Status.UNDECIDED, evidence=why, value=None, candidates=tuple(basis.value for basis in FeeBasis))

    def _inferred_by_returns(self) -> dict[str, Verdict]:
        """What each column of returns says; a net flow that nothing confirms is turned, if that makes anything hold."""
        verdicts = self._verdicts()
        if NET_FLOW in self._amounts.assignment and not self._amounts.confirms_net_flow(verdicts.values()):
            as_named, self._amounts = self._amounts, self._amounts.turned()
            turned = self._verdicts()
            if self._amounts.confirms_net_flow(turned.values()):
                return turned
            self._amounts = as_named
        return verdicts

    def _verdicts(self) -> dict[str, Verdict]:
        return {name: verdict for name in self._return_columns if (verdict := self._verdict(name)) is not None}

    def _printed(self, name: str) -> pl.Series:
        if name not in self._returns:
            self._returns[name] = returns(self.sample, name, self._numbers)
        return self._returns[name]

    def _verdict(self, name: str) -> Verdict | None:
        witness = Witness(self._amounts.figures, self._printed(name), printed_digits(self.sample, name, self._numbers), self._compute)
        return witness.verdict(self._amounts.assignment, sides=self._amounts.identity_holds, values=bool(self._amounts.rolled))

    def _amount_finding(self, field: str, one: Assigned) -> KeyFinding:
        if one.column is None:
            return KeyFinding(f"columns.{field}", one.status, one.evidence, candidates=one.candidates)
        options: dict[str, object] = {}
        evidence, status = one.evidence, one.status
        blank = blanks(self._rows, one.column, self._numbers)
        if blank.any():
            inferred = self._amounts.blank_is_zero(blanks(self.sample, one.column, self._numbers))
            options |= {"blank": "zero"} if inferred else {}
            evidence += f"; {blank.sum()} blank cells" + (
                ", and the identity holds with zero" if inferred else ", and nothing tells what they mean"
            )
            status = status if inferred else Status.UNCONFIRMED
        options |= {"sign": -1} if one.sign == -1 else {}
        if unit := self._names[one.column].unit:
            options["scale"] = Decimal(unit)
            evidence += "; the scale is the name's"
        return KeyFinding(f"columns.{field}", status, evidence, {"from": one.column, **options} if options else one.column)

    def _return_findings(
        self, ours: Mapping[str, Verdict], holding: Mapping[str, Verdict], proposed: Mapping[str, Strength]
    ) -> list[KeyFinding]:
        found = []
        scale = None
        if proposed:
            key = "columns.vendor_twrr"
            if len(ours) == 1 and holding.keys() == ours.keys():
                ((name, verdict),) = ours.items()
                scales, signs = {one.scale for one in verdict.tied}, {one.sign for one in verdict.tied}
                evidence = f"{proposed[name].name.lower()} name; the returns follow {verdict.how_well}"
                if len(scales) == len(signs) == 1:
                    scale = verdict.best.scale
                    value = self._scaled(name, scale, verdict.best.sign)
                    found.append(KeyFinding(key, Status.CONFIRMED, evidence, value))
                else:
                    ways = tuple(f"{{from: {name}, scale: {one}}}" for one in sorted(scales))
                    found.append(KeyFinding(key, Status.UNDECIDED, f"{evidence} under several scales", candidates=ways))
            else:
                others = ", ".join(name for name in holding if name not in proposed)
                reason = f"{others} holds the returns of these values" if others else "the returns of several columns follow"
                evidence = reason if holding else "its returns do not follow from values and flows under any convention"
                either = [*holding, *proposed] if holding else [_with_period(name) for name in proposed]
                found.append(KeyFinding(key, Status.UNDECIDED, evidence, candidates=tuple(dict.fromkeys(either))))
        return found + self._benchmark(holding, next(iter(ours), None), scale)

    def _benchmark(self, holding: Mapping[str, Verdict], beside: str | None, scale: str | None) -> list[KeyFinding]:
        """The benchmark's returns, in the scale of the vendor's own where they are of the same size."""
        proposed = candidates_for("benchmark_return", self._named)
        if not proposed:
            return []
        best = [name for name, strength in proposed.items() if strength == max(proposed.values())]
        key = "columns.benchmark_return"
        if len(best) != 1 or proposed[best[0]] is Strength.POSSIBLE or best[0] in holding:
            evidence = "it holds the accounts' own returns" if set(best) & set(holding) else "several columns may be it"
            return [KeyFinding(key, Status.UNDECIDED, evidence, candidates=tuple(best))]
        sizes = [self._printed(name).abs().median() for name in (best[0], beside) if name is not None]
        theirs, own = (*sizes, None)[:2]
        alike = isinstance(theirs, float) and isinstance(own, float) and own / _LIKE_SIZED <= theirs <= own * _LIKE_SIZED and own > 0
        if scale is None or not alike:
            ways = tuple(f"{{from: {best[0]}, scale: {one}}}" for one in ("fraction", PERCENT))
            return [KeyFinding(key, Status.UNDECIDED, "nothing tells its scale", candidates=ways)]
        evidence = f"{proposed[best[0]].name.lower()} name; of the size of {beside}, so in its scale"
        return [KeyFinding(key, Status.NAMED, evidence, self._scaled(best[0], scale, 1))]

    def _scaled(self, name: str, scale: str, sign: int) -> object:
        says = scale != "fraction" or self._names[name].unit is not None
        options = {**({"scale": scale} if says else {}), **({"sign": -1} if sign == -1 else {})}
        return {"from": name, **options} if options else name


def _with_period(name: str) -> str:
    """A return that no row gives, with the period that its name has, if any."""
    return f"{{from: {name}, period: month}}" if re.search(r"(?i)(?<![a-z])(mtd(?![a-z])|month[ _-]to[ _-]date)", name) else name
