from dataclasses import dataclass
@dataclass(frozen=True)
class Finding:
    subject: str
    is_good: bool
    says: str
