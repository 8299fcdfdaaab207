"""Which column of amounts is which field: proposed by name, then confirmed by arithmetic, or refused.

Market values are confirmed by the roll-forward, else by the returns; flows by the returns; fees as what else is subtracted
once distributions are known. Income, appreciation and other adjustments enter every equation as their sum: the identity
confirms that sum, names tell the three apart, and signs or empty columns that contradict the names refuse them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import polars as pl

from advisory_perf.feed_detection.column_names import Reading, Strength
from advisory_perf.feed_detection.findings import Status
from advisory_perf.feed_detection.identities import (
    BEGINNING,
    COEFFICIENT,
    DISTRIBUTIONS,
    ENDING,
    FEES,
    HOLDS,
    LEAST_ROWS,
    LEAST_WITNESSES,
    MOSTLY_ZERO,
    SPLIT,
    Figures,
    Identity,
    Rolled,
    Seen,
    best_identity,
    missing_terms,
    residual,
    roll_forward,
)
from advisory_perf.feed_detection.return_equation import Verdict
from advisory_perf.feed_detection.values import share
from advisory_perf.feeds.fields import FLOWS, NET_FLOW

_OWN_NET_FLOW = "vendor_net_flow"


@dataclass(frozen=True, slots=True)
class Assigned:
    """What became of one field: its column and sign, or the candidates."""

    status: Status
    evidence: str
    column: str | None = None
    sign: int = 1
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Amounts:
    """The columns of amounts, the fields that their names propose, and what the equations say of them."""

    figures: Figures
    named: Mapping[str, tuple[Reading, ...]]
    """The readings of every column of amounts that has any."""

    @cached_property
    def candidates(self) -> dict[str, dict[str, Strength]]:
        """By field the columns that may be it. A column with an exact name is no other field, a field with one no other column.

        Where one of the flows has no column that is surely named so, a net flow stands in the place of both.
        """
        found = self._by_field
        lacks_a_flow = any(max(found.get(field, {"": Strength.POSSIBLE}).values()) is Strength.POSSIBLE for field in FLOWS)
        if not lacks_a_flow or max(found.get(_OWN_NET_FLOW, {"": Strength.POSSIBLE}).values()) is Strength.POSSIBLE:
            return found
        others = {field: columns for field, columns in found.items() if field not in {*FLOWS, _OWN_NET_FLOW}}
        return {**others, NET_FLOW: found[_OWN_NET_FLOW]}

    @property
    def flows(self) -> tuple[str, ...]:
        """The fields that hold what crosses the account's boundary."""
        return (NET_FLOW,) if NET_FLOW in self.candidates else FLOWS

    def confirms_net_flow(self, verdicts: Iterable[Verdict]) -> bool:
        """Whether the identity, or any column of returns, holds on enough rows with a net flow."""
        by_identity = self.identity_holds and self._seen(NET_FLOW).confirms
        return by_identity or any(one.holds and one.seen[NET_FLOW].confirms for one in verdicts)

    def turned(self) -> Self:
        """The same with the net flow's sign turned."""
        return replace(self, figures=replace(self.figures, turned=frozenset(self.candidates[NET_FLOW])))

    @cached_property
    def _by_field(self) -> dict[str, dict[str, Strength]]:
        found: dict[str, dict[str, Strength]] = {}
        for column, readings in self.named.items():
            exact = [one for one in readings if one.strength is Strength.EXACT]
            for one in exact or readings:
                found.setdefault(one.field, {})[column] = one.strength
        return {
            field: {column: one for column, one in columns.items() if one is Strength.EXACT or Strength.EXACT not in columns.values()}
            for field, columns in found.items()
        }

    @cached_property
    def fitting(self) -> dict[str, dict[str, Strength]]:
        """The candidates whose amounts do not contradict the field: flows have one sign, most accounts begin and end with something."""
        return {
            field: {
                column: one
                for column, one in columns.items()
                if self.figures.orientation(column, field)
                and (field not in {BEGINNING, ENDING} or self.figures.zero_part[column] <= MOSTLY_ZERO)
            }
            for field, columns in self.candidates.items()
            if field in COEFFICIENT
        }

    @cached_property
    def rolled(self) -> dict[tuple[str, str], Rolled]:
        """The pairs (ending, beginning) whose roll-forward holds."""
        return {pair: rolled for pair, rolled in roll_forward(self.figures).items() if rolled.holds}

    @cached_property
    def identity(self) -> Identity | None:
        """The best assignment that the roll-forward allows."""
        return best_identity(self.figures, self.fitting, set(self.rolled))

    @cached_property
    def assignment(self) -> dict[str, str]:
        """Field to column, as far as names and identity propose."""
        return self.identity.assignment if self.identity is not None else {}

    @property
    def identity_holds(self) -> bool:
        """Whether the identity confirms the assignment."""
        return self.identity is not None and self.identity.holds

    def assigned(self, verdict: Verdict | None) -> dict[str, Assigned]:
        """What becomes of each field that any column is named for; ``verdict`` is what the vendor's returns say."""
        found = {field: self._assigned(field, verdict) for field in COEFFICIENT if self.candidates.get(field) and not self._is_idle(field)}
        self._refuse_contradicted_names(found)
        if not all(field in found and self._is_inferred(field, found[field]) for field in (BEGINNING, ENDING, *self.flows)):
            for field, one in found.items():
                found[field] = replace(one, status=Status.UNCONFIRMED) if one.status is Status.NAMED else one
        if self.candidates.get(_OWN_NET_FLOW):
            found[_OWN_NET_FLOW] = self._net_flow(found)
        return self._without_signs(found) if self.is_reversed else found

    @property
    def is_reversed(self) -> bool:
        """Whether the market values are mostly negative, as amounts are that are read with the wrong sign.

        Roll-forward, identity and returns hold just as well once the sign of every amount is turned, so that they confirm none.
        """
        values = (self.assignment.get(BEGINNING), self.assignment.get(ENDING))
        return any(column is not None and self.figures.is_mostly_negative(column) for column in values)

    @staticmethod
    def _without_signs(found: Mapping[str, Assigned]) -> dict[str, Assigned]:
        why = "market values are mostly negative, and every equation holds as well with the sign of all amounts turned"
        return {
            field: replace(one, status=Status.UNCONFIRMED, evidence=f"{one.evidence}; {why}") if one.column is not None else one
            for field, one in found.items()
        }

    def _assigned(self, field: str, verdict: Verdict | None) -> Assigned:
        refusal = self._refusal(field)
        if refusal is not None:
            return refusal
        column = self.assignment[field]
        is_confirmed, by_returns = self._by_returns(field, verdict)
        evidence = "; ".join(filter(None, [self._name_evidence(field, column), *self._equation_evidence(field, column), by_returns]))
        status = self._status(field, column, confirmed=is_confirmed)
        if self._is_distinguished_from_fees(field, verdict):
            status, evidence = Status.NAMED, f"{evidence}; inferred from the name, since fees are on nearly every row and flows are not"
        if self._contradicted(field, verdict):
            others = [other[field] for other in verdict.other_columns if field in other] if verdict is not None else []
            ranked = tuple(dict.fromkeys([*others, *self._ranked(field)]))
            return Assigned(Status.UNDECIDED, f"{evidence}; the returns follow from other columns", candidates=ranked)
        if status is Status.UNDECIDED:
            return Assigned(status, f"{evidence}; no equation confirms it", candidates=self._ranked(field))
        return Assigned(status, evidence, column, self.figures.orientation(column, field))

    @staticmethod
    def _is_inferred(field: str, one: Assigned) -> bool:
        return one.status is Status.CONFIRMED or (one.status is Status.NAMED and field == DISTRIBUTIONS)

    def _is_idle(self, field: str) -> bool:
        """Whether the field has only names that may mean something else, and the identity holds without any of them."""
        is_sure = max(self.candidates[field].values()) > Strength.POSSIBLE
        return not is_sure and self.identity_holds and (field not in self.assignment or self._seen(field).holding == 0)

    def _refusal(self, field: str) -> Assigned | None:
        """Why no column is taken for the field, before the returns are asked."""
        ranked = self._ranked(field)
        if not self.fitting.get(field):
            return Assigned(Status.UNDECIDED, "its amounts contradict the name", candidates=ranked)
        if self.identity is None:
            return self._without_values(field)
        if field not in self.assignment:
            return Assigned(Status.UNDECIDED, "the market value identity holds without it", candidates=ranked)
        if field in self.identity.rivals:
            return Assigned(Status.UNDECIDED, "the equations hold with either", candidates=self.identity.rivals[field])
        return None

    def _status(self, field: str, column: str, *, confirmed: bool) -> Status:
        is_exact = self.candidates[field][column] is Strength.EXACT
        if field in {BEGINNING, ENDING} and self.rolled:
            return Status.CONFIRMED
        if confirmed:
            return Status.CONFIRMED
        if not self.identity_holds:
            return Status.UNCONFIRMED if is_exact and not self._is_testable else Status.UNDECIDED
        if not self._seen(field).confirms:
            is_spoken_against = self._seen(field).holding < self._seen(field).rows
            may_be_rare = field in {*SPLIT, FEES} and not is_spoken_against
            return (Status.NAMED if may_be_rare else Status.UNCONFIRMED) if is_exact else Status.UNDECIDED
        return Status.NAMED if field in {*SPLIT, FEES} else Status.UNCONFIRMED

    @property
    def _is_testable(self) -> bool:
        """Whether the identity ought to hold: nothing else explains a change of value than appreciation."""
        return bool(self.candidates.get("appreciation"))

    def _by_returns(self, field: str, verdict: Verdict | None) -> tuple[bool, str]:
        """Whether the vendor's returns confirm the field's column, and how."""
        if verdict is None or not verdict.holds or field in SPLIT or (field in {BEGINNING, ENDING} and self.rolled):
            return False, ""
        column = self.assignment[field]
        moved = {other[field] for other in verdict.other_columns if other.get(field, column) != column}
        if moved:
            return False, f"the returns follow from {' or '.join(sorted(moved))} as well"
        if field == FEES and not self.identity_holds:
            return False, ""
        seen = self._seen(field) if field == FEES else verdict.seen[field]
        if not seen.confirms:
            why = "which are too few" if seen.mostly_holds else "which speaks against it"
            return False, f"the returns follow on {seen.holding} of {seen.rows} rows with an amount here, {why}"
        if field == FEES:
            return True, "what else is subtracted, distributions being known"
        return True, f"the returns follow from it {verdict.how_well}, and from no other column"

    def _is_distinguished_from_fees(self, field: str, verdict: Verdict | None) -> bool:
        """Whether distributions and fees stand under sure names, could change places, and only the one is the rule and the other rare.

        Before fees, what goes out at the end of the day and fees are added to the ending value alike.
        """
        pair = {DISTRIBUTIONS, FEES}
        if field not in pair or verdict is None or not verdict.holds or not pair <= self.assignment.keys() or not self.identity_holds:
            return False
        outflow, fee = self.assignment[DISTRIBUTIONS], self.assignment[FEES]
        moved = [one for one in verdict.other_columns if any(one.get(place) != self.assignment[place] for place in pair)]
        is_exchanged = bool(moved) and all(one[DISTRIBUTIONS] == fee and one[FEES] == outflow for one in moved)
        are_sure = all(self.candidates[place][self.assignment[place]] > Strength.POSSIBLE for place in pair)
        zeros = self.figures.zero_part
        is_usual = zeros[fee] <= 1 - HOLDS and zeros[outflow] >= MOSTLY_ZERO
        return is_exchanged and are_sure and is_usual and self._seen(field).confirms

    def _contradicted(self, field: str, verdict: Verdict | None) -> bool:
        """Whether the returns follow from other columns and not from these; what is left of the assignment is then in doubt too."""
        if verdict is None or verdict.holds or not verdict.other_columns:
            return False
        return field not in {BEGINNING, ENDING} or not self.rolled

    def _seen(self, field: str) -> Seen:
        return self.identity.seen[field] if self.identity is not None else Seen(0, 0)

    def _without_values(self, field: str) -> Assigned:
        """Where the names propose no pair of market values that the roll-forward allows."""
        pairs = [f"{ending} rolls into {beginning}" for ending, beginning in self.rolled]
        evidence = (
            f"the names propose other market values than the roll-forward: {', '.join(pairs)}" if pairs else "a market value is missing"
        )
        rolling = [pair[0 if field == ENDING else 1] for pair in self.rolled] if field in {BEGINNING, ENDING} else []
        return Assigned(Status.UNDECIDED, evidence, candidates=tuple(dict.fromkeys([*rolling, *self._ranked(field)])))

    def _ranked(self, field: str) -> tuple[str, ...]:
        columns = self.candidates[field]
        return tuple(sorted(columns, key=lambda column: -columns[column]))

    def _name_evidence(self, field: str, column: str) -> str:
        return f"{self.candidates[field][column].name.lower()} name"

    def _equation_evidence(self, field: str, column: str) -> list[str]:
        evidence = []
        if field in {BEGINNING, ENDING} and self.rolled:
            rolled = self.rolled[self.assignment[ENDING], self.assignment[BEGINNING]]
            evidence.append(f"roll-forward holds on {rolled.part:.1%} of {rolled.rows} rows")
        if self.identity is not None and (self.identity.holds or self._is_testable):
            seen = f", {self._seen(field).holding} with an amount here" if self.identity.holds else ""
            evidence.append(f"identity holds on {self.identity.part:.1%} of {self.identity.rows} rows{seen}")
            if not self.identity.holds:
                evidence += [
                    f"it would with {name} {'added' if sign > 0 else 'subtracted'}"
                    for name, sign in missing_terms(self.figures, self.assignment)
                ]
        if self.figures.zero_part[column] == 1:
            evidence.append("always zero")
        return evidence

    def _refuse_contradicted_names(self, found: dict[str, Assigned]) -> None:
        """What only names distinguish is refused together, where one of the names is contradicted.

        Income is hardly ever negative; appreciation is the rule and other adjustments are the exception.
        """
        refused = [field for field in SPLIT if self.candidates.get(field) and not self.fitting.get(field)]
        rule, exception = (found[field].column if field in found else None for field in ("appreciation", "other_adjustments"))
        zeros = self.figures.zero_part
        is_turned = exception is not None and (zeros[exception] < (zeros[rule] if rule is not None else MOSTLY_ZERO))
        if not refused and not is_turned:
            return
        reason = "other adjustments on too many rows" if is_turned else f"the amounts contradict the name of {refused[0]}"
        columns = tuple(column for field in SPLIT for column in self.candidates.get(field, ()))
        for field in SPLIT:
            if field in found:
                one = found[field]
                ranked = tuple(dict.fromkeys([*filter(None, [one.column]), *one.candidates, *columns]))
                found[field] = Assigned(Status.UNDECIDED, f"{one.evidence}; {reason}", candidates=ranked)

    def _net_flow(self, found: Mapping[str, Assigned]) -> Assigned:
        """The vendor's own net flow against the flows."""
        ranked = self._ranked(_OWN_NET_FLOW)
        flows = [found.get(field) for field in FLOWS]
        column = ranked[0]
        if len(ranked) > 1:
            return Assigned(Status.UNDECIDED, "several columns are named so", candidates=ranked)
        if not all(flow is not None and flow.column for flow in flows):
            return Assigned(Status.UNDECIDED, "the flows that it would be the net of are not inferred", candidates=ranked)
        inflow, outflow = (pl.col(str(flow.column)) * flow.sign for flow in flows if flow is not None)
        net, theirs = inflow - outflow, pl.col(column)
        for sign in (1, -1):
            agrees = self.figures.amounts.filter((net != 0) | (theirs != 0)).select((net == theirs * sign).alias("agrees"))["agrees"]
            if agrees.len() >= LEAST_WITNESSES and share(agrees) >= HOLDS:
                return Assigned(
                    Status.CONFIRMED, f"contributions - distributions on {share(agrees):.1%} of {agrees.len()} rows", column, sign
                )
        return Assigned(Status.UNDECIDED, "is not contributions - distributions", candidates=ranked)

    def blank_is_zero(self, blank: pl.Series) -> bool:
        """Whether the identity holds where a column is blank, with zero in its place."""
        if not self.identity_holds:
            return False
        holds = self.figures.amounts.select((residual(self.figures, self.assignment).abs() <= self.figures.slack).alias("holds"))["holds"]
        inferred = holds.filter(blank)
        return inferred.len() >= min(LEAST_ROWS, LEAST_WITNESSES) and share(inferred) >= HOLDS
