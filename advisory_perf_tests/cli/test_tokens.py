"""The commands that make, list and revoke tokens."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from advisory_perf.api.roles import ApiRole
from advisory_perf.api.tokens import LONGEST_NAME, digest_of, new_token, read_tokens
from advisory_perf.platform import right_now
from advisory_perf_tests.cli.in_process import in_process
from advisory_perf_tests.orchestration.scenarios import World, a_world

DEAD = "postgresql://someone@127.0.0.1:1/nowhere"


@pytest.fixture
def world(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    with a_world(tmp_path, warehouse_url) as made:
        yield made


@pytest.mark.slow
def test_a_token_is_printed_once_and_only_its_digest_is_kept(world: World) -> None:
    file = world.platform.settings.tokens_file
    made = in_process("tokens", "new", "nightly job", "--role", "analyst", "--days", "7", world=world)
    assert (made.code, made.err) == (0, "")
    token = made.out.strip()
    assert token.startswith("apt_")
    (kept,) = read_tokens(file)
    assert (kept.name, kept.role, kept.sha256) == ("nightly job", ApiRole.ANALYST, digest_of(token))
    assert kept.expires_at - kept.created_at == timedelta(days=7)
    assert file.stat().st_mode & 0o077 == 0
    assert in_process("tokens", "new", "nightly job", world=world).code == 0, "two at once, to put one in place of the other"
    other, one = sorted(read_tokens(file), key=lambda known: known.role.value, reverse=True)
    assert (other.role, other.expires_at - other.created_at, one) == (ApiRole.READER, timedelta(days=90), kept)
    listed = in_process("tokens", "list", world=world).out
    assert "Tokens: 2" in listed
    assert listed.count("nightly job") == 2
    for secret in (token, token.removeprefix("apt_"), kept.sha256, kept.sha256[:12]):
        assert secret not in listed
    revoked = in_process("tokens", "revoke", "nightly job", world=world)
    assert (revoked.code, revoked.out) == (0, "2 tokens of nightly job revoked\n")
    assert in_process("tokens", "list", world=world).out.count("revoked") == 2
    again = in_process("tokens", "revoke", "nightly job", world=world)
    assert (again.code, again.sentence) == (1, "no token of nightly job is good; `advisory-perf tokens list` names those that are")
    logged = world.platform.warehouse.query("SELECT action, subject, origin, after::text AS after FROM audit_log ORDER BY id")
    assert logged.select("action", "subject", "origin").rows() == [
        *[("TOKEN_MADE", "token of nightly job", "cli")] * 2,
        ("TOKEN_REVOKED", "token of nightly job", "cli"),
    ]
    assert logged["after"][0] == '{"days": 7, "role": "analyst"}'


def test_a_token_that_is_over_is_listed_as_such(tmp_path: Path) -> None:
    file, now = tmp_path / "tokens.json", right_now()
    new_token(file, "old", ApiRole.READER, days=1, now=now - timedelta(days=1))
    new_token(file, "new", ApiRole.OPERATOR, days=1, now=now)
    outcome = in_process("tokens", "list", ADVISORY_PERF_HOME=tmp_path, ADVISORY_PERF_API_TOKENS_FILE=file)
    lines = outcome.out.splitlines()
    assert [line.split()[-2:-1] for line in lines if "old" in line or "new" in line] == [["good"], ["expired"]]


@pytest.mark.parametrize("days", ["0", "-1", "401", "100000000", "x"])
def test_days_that_are_past_or_absurd_are_refused(tmp_path: Path, days: str) -> None:
    outcome = in_process("tokens", "new", "job", "--days", days, ADVISORY_PERF_HOME=tmp_path)
    assert outcome.code == 2
    assert "--days" in outcome.err
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize("name", ["", " ", " job", "job ", "a\nb", "\u202ejob", "nul\x00", "x" * (LONGEST_NAME + 1)])
def test_a_name_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    outcome = in_process("tokens", "new", name, ADVISORY_PERF_HOME=tmp_path)
    assert outcome.code == 2
    assert "characters that can be seen" in outcome.err.replace("\n", " ")


def test_a_role_that_there_is_not_is_refused(tmp_path: Path) -> None:
    assert in_process("tokens", "new", "job", "--role", "owner", ADVISORY_PERF_HOME=tmp_path).code == 2


def test_without_a_warehouse_no_token_is_made_and_one_is_revoked_all_the_same(tmp_path: Path) -> None:
    dagster = DEAD.replace("postgresql", "postgresql+psycopg2")
    away = {"ADVISORY_PERF_WAREHOUSE_URL": DEAD, "ADVISORY_PERF_DAGSTER_URL": dagster, "ADVISORY_PERF_HOME": str(tmp_path)}
    file = tmp_path / "api_tokens.json"
    outcome = in_process("tokens", "new", "job", world=None, **away)
    assert (outcome.code, outcome.out, read_tokens(file)) == (1, "", [])
    new_token(file, "job", ApiRole.READER, days=1, now=right_now())
    outcome = in_process("tokens", "revoke", "job", world=None, **away)
    assert outcome.code == 1
    assert outcome.sentence.startswith("1 token of job revoked, but the audit log lacks it (the warehouse at 127.0.0.1/nowhere")
    assert [token.revoked_at is None for token in read_tokens(file)] == [False]


def test_of_tokens_that_are_made_at_once_none_is_lost(tmp_path: Path) -> None:
    file, now = tmp_path / "tokens.json", right_now()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: new_token(file, f"job {number}", ApiRole.READER, days=1, now=now), range(40)))
    assert {token.sha256 for token in read_tokens(file)} == {digest_of(token) for token in made}
