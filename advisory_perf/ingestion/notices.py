"""What a person should know of a delivery that is taken all the same."""

from dataclasses import dataclass

from advisory_perf.showing import shown


@dataclass(frozen=True, slots=True)
class Notice:
    """A code of ``contracts.issue_codes`` that neither rejects nor quarantines, and a sentence about this delivery."""

    code: str
    sentence: str

    def __post_init__(self) -> None:
        """The sentence as it is shown."""
        object.__setattr__(self, "sentence", shown(self.sentence))
