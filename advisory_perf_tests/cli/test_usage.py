from pathlib import Path

import pytest

from advisory_perf_tests.alerts.receivers import a_mail_server, a_webhook
from advisory_perf_tests.cli.commands import command, started

pytestmark = pytest.mark.slow


OF_DAYS = ("demo", "run", "export", "feeds", "quarantine", "breaks", "alerts", "tokens")


OF_OPERATORS = ("dev", "platform", "page", "serve", "openapi", "health", "migrate", "doctor", "upkeep")


COMMANDS = (*OF_DAYS, *OF_OPERATORS)


def test_help_names_every_command() -> None:
    outcome = command("--help")
    assert (outcome.code, outcome.err) == (0, "")
    for name in (*COMMANDS, "--home"):
        assert name in outcome.out


def test_the_script_does_what_its_function_does_in_a_fork(tmp_path: Path) -> None:
    for arguments, code in ((["feeds", "check"], 0), (["nonsense"], 2), (["feeds", "check", tmp_path / "missing.yaml"], 2)):
        by_script = started(*arguments, home=tmp_path / "home")
        assert (by_script, by_script.code) == (command(*arguments, home=tmp_path / "home"), code)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    outcome = command(name, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"Usage: advisory-perf {name}" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["run"], "Missing argument"),
        (["run", "no-such-file.csv"], "'no-such-file.csv' does not exist"),
        (["run", "."], "'.' is a directory"),
        (["export"], "Missing argument"),
        (["export", "performance_data", "--format", "xml"], "xml is not one of csv, ndjson, parquet"),
        (["quarantine", "list", "--format", "xml"], "xml is not one of table, csv, ndjson, parquet"),
        (["breaks", "list", "--status", "shut"], "shut is not one of open, signed_off, resolved, resolved_by_restatement, all"),
        (["breaks", "sign-off", "B-1", "--by", "Ann"], "Missing option '--reason'"),
        (["quarantine", "replay", "--vendor", "vendor_a", "--delivery", "x"], "give one of --feed and --delivery"),
        (["quarantine", "replay", "--vendor", "nobody"], "nobody is no feed; the feeds are"),
        (["alerts", "resolve"], "Missing argument"),
        (["feeds", "check", "no-such-file.yaml"], "'no-such-file.yaml' does not exist"),
        (["doctor", "--nonsense"], "No such option: --nonsense"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(arguments: list[str], says: str, tmp_path: Path) -> None:
    outcome = command(*arguments, home=tmp_path / "home")
    assert (outcome.code, outcome.out) == (2, "")
    assert says in " ".join(outcome.err.split())
    assert not (tmp_path / "home").exists()


def test_the_channel_is_tried_without_an_installation(tmp_path: Path) -> None:
    home = tmp_path / "home"
    unset = command("alerts", "test", home=home)
    assert (unset.code, unset.sentence[:17]) == (1, "no channel is set")
    with a_webhook(200, 500) as webhook:
        place = f"http://127.0.0.1:{webhook.port}"
        assert command("alerts", "test", home=home, ADVISORY_PERF_ALERTS_URL=webhook.url()).out == f"{place} took a test message\n"
        refused = command("alerts", "test", home=home, ADVISORY_PERF_ALERTS_URL=webhook.url())
    assert (refused.code, refused.sentence) == (1, f"the webhook at {place} answered 500")
    assert (webhook.bodies[0]["text"], webhook.bodies[0]["alerts"]) == (
        "*a test*\nadvisory_perf: this is a test of the channel for alerts; nothing broke",
        [],
    )
    assert not home.exists()


def test_a_channel_that_refuses_one_of_two_recipients_fails_its_test(tmp_path: Path) -> None:
    with a_mail_server(refused=["boss@example.com"]) as server:
        place = f"smtp://127.0.0.1:{server.port}"
        url = f"{place}/?from=perf@example.com&to=desk@example.com,boss@example.com"
        refused = command("alerts", "test", home=tmp_path / "home", ADVISORY_PERF_ALERTS_URL=url)
    assert (refused.code, refused.sentence) == (
        1,
        (
            f"the mail server at {place} refused boss@example.com and took it for the others; take those who cannot be reached out of "
            "ADVISORY_PERF_ALERTS_URL, or have them let in"
        ),
    )
