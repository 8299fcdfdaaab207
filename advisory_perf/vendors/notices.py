"""What a person should know of a delivery that is taken all the same."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """A code of ``contracts.codes`` that neither rejects nor quarantines, and a sentence about this delivery."""

    code: str
    sentence: str
