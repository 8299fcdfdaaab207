"""Tokens for programs: a file with digests, so that whoever reads it has none of them; several may be good at once, for rotation."""

import hashlib
import json
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from advisory_perf.api.roles import ApiRole
from advisory_perf.errors import SettingsError
from advisory_perf.showing import shown

_BYTES = 32
_PREFIX = "apt_"
"""By which scanners for secrets know one."""
LONGEST_NAME = 100


class Token(BaseModel):
    """What is kept of a token: whose it is and until when, and the SHA-256 of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    sha256: str
    role: ApiRole
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether it may be used at that time."""
        return self.revoked_at is None and self.created_at <= now < self.expires_at

    def state(self, now: datetime) -> str:
        """good, revoked or expired."""
        if self.revoked_at is not None:
            return "revoked"
        return "good" if self.is_good(now) else "expired"


_TOKENS = TypeAdapter(list[Token])


def digest_of(token: str) -> str:
    """The SHA-256 of a token, which has 256 random bits and needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def read_tokens(path: Path) -> list[Token]:
    """All tokens, also those that are over; none where there is no file. SettingsError for a file that is not one of tokens."""
    try:
        return _TOKENS.validate_json(path.read_bytes())
    except FileNotFoundError:
        return []
    except (ValidationError, OSError) as error:
        raise SettingsError(f"{path} cannot be read as tokens; restore it, or remove it and make tokens anew") from error


def name_refusal(name: str) -> str | None:
    """Why nobody's token may go by the name; None where it may."""
    if name != name.strip() or not 1 <= len(name) <= LONGEST_NAME or shown(name) != name:
        return f"a name has 1 to {LONGEST_NAME} characters that can be seen, and no blank at its ends"
    return None


def new_token(path: Path, name: str, role: ApiRole, *, days: int, now: datetime) -> str:
    """Makes a token, keeps its digest and gives it: nobody can read it again."""
    token = _PREFIX + secrets.token_urlsafe(_BYTES)
    made = Token(name=name, sha256=digest_of(token), role=role, created_at=now, expires_at=now + timedelta(days=days))
    with _alone(path):
        _write(path, [*read_tokens(path), made])
    return token


def revoke_tokens(path: Path, name: str, *, now: datetime) -> int:
    """Ends all tokens of the name that are good; how many these were."""
    with _alone(path):
        tokens = read_tokens(path)
        ended = [token.name == name and token.is_good(now) for token in tokens]
        if any(ended):
            changed = [token.model_copy(update={"revoked_at": now}) if ends else token for token, ends in zip(tokens, ended, strict=True)]
            _write(path, changed)
        return sum(ended)


class KnownTokens:
    """The tokens of a file as they are now: a token that is made or revoked counts from the next request on."""

    def __init__(self, path: Path) -> None:
        """Read nothing yet."""
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._by_digest: dict[str, Token] = {}

    def find(self, token: str, now: datetime) -> Token | None:
        """What is known of the token, if it is good. The digest is looked up: no comparison takes longer the more of it is right."""
        self._look()
        found = self._by_digest.get(digest_of(token))
        return found if found is not None and found.is_good(now) else None

    def _look(self) -> None:
        try:
            state = self._path.stat()
            seen = (state.st_mtime_ns, state.st_ino)
        except FileNotFoundError:
            seen = (0, 0)
        if seen != self._seen:
            self._by_digest = {token.sha256: token for token in read_tokens(self._path)}
            self._seen = seen


def _alone(path: Path) -> FileLock:
    """Of two who change the file one waits, so that no token is lost."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(f".{path.name}.lock"), mode=0o600)


def _write(path: Path, tokens: Iterable[Token]) -> None:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(_TOKENS.dump_python(list(tokens), mode="json"), indent=1), encoding="utf-8")
    fresh.replace(path)
