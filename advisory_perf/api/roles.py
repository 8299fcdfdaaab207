"""Who asks, and what that allows: readers read, analysts work on breaks besides, operators may do everything."""

from dataclasses import dataclass
from enum import StrEnum


class ApiRole(StrEnum):
    """In order: each may what those before it may."""

    READER = "reader"
    ANALYST = "analyst"
    OPERATOR = "operator"

    def may(self, needed: "ApiRole") -> bool:
        """Whether this role is enough for what needs that one."""
        ranks = list(ApiRole)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a name for the log of who did what, a role, how that is known, and from which address."""

    name: str
    role: ApiRole
    how: str
    address: str
