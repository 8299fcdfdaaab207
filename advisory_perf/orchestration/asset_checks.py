"""Asset checks: what is declared before a run, and what a run found.

Specs come from the rules, never from a run, so a clean run still reports a check with no failures. A *hard* rule blocks: its
asset yields no output when it fails, so a wrong row is never stored. A *soft* rule warns.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import polars as pl

from advisory_perf.contracts.schemas import schema_failures
from advisory_perf.contracts.tables import Table
from advisory_perf.orchestration.metadata import cases_table

_SHOWN_DAYS = 31


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule of one asset."""

    name: str
    meaning: str
    hard: bool

    def spec(self, asset_key: dg.AssetKey) -> dg.AssetCheckSpec:
        """The check as Dagster knows it before any run."""
        return dg.AssetCheckSpec(self.name, asset=asset_key, description=self.meaning, blocking=self.hard)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a run found for one rule: the failing rows out of how many; ``passed`` overrides "no failing row".

    ``failed`` is their number where one row of ``failures`` stands for many.
    """

    rule: Rule
    failures: pl.DataFrame
    checked: int
    passed: bool | None = None
    failed: int | None = None
    metadata: Mapping[str, float | int | str] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether the rule holds."""
        return self.failures.is_empty() if self.passed is None else self.passed

    def result(self, asset_key: dg.AssetKey) -> dg.AssetCheckResult:
        """The finding as a check result, with counts, the days that fail and the first failing rows."""
        failed = self.failures.height if self.failed is None else self.failed
        rate = {"pass_rate": 1 - failed / self.checked} if self.checked else {}  # 0 of 0 is no rate
        metadata: dict[str, Any] = {"failed": failed, "checked": self.checked, **rate, **self.metadata}
        if self.failures.height:
            metadata["failure_cases"] = cases_table(self.failures)
            if "as_of_date" in self.failures.columns:
                days = self.failures["as_of_date"].unique().drop_nulls().sort()
                metadata["failing_days"] = ", ".join(map(str, days.head(_SHOWN_DAYS))) + (" …" if len(days) > _SHOWN_DAYS else "")
        severity = dg.AssetCheckSeverity.ERROR if self.rule.hard else dg.AssetCheckSeverity.WARN
        return dg.AssetCheckResult(
            passed=self.is_good, asset_key=asset_key, check_name=self.rule.name, severity=severity, metadata=metadata
        )


def schema_rule(table: Table) -> Rule:
    """The rule that a frame is what the data dictionary says of its table."""
    return Rule(
        f"{table.name}_schema", f"types, nulls, allowed values and the key ({', '.join(table.key)}) as in the data dictionary", hard=True
    )


def schema_finding(frame: pl.DataFrame, table: Table) -> Finding:
    """What Pandera finds wrong with a frame."""
    return Finding(schema_rule(table), schema_failures(frame, table), frame.height)


def is_blocked(findings: Sequence[Finding]) -> bool:
    """Whether any hard rule fails."""
    return any(finding.rule.hard and not finding.is_good for finding in findings)


def audited(findings: Sequence[Finding], output: dg.Output[Any], asset_key: dg.AssetKey) -> Iterator[object]:
    """Check results first, and the output only if no hard rule fails: write, audit, publish."""
    for finding in findings:
        yield finding.result(asset_key)
    if not is_blocked(findings):
        yield output
