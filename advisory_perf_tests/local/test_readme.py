"""What the README shows has to work."""

from pathlib import Path

from advisory_perf.vendors.registry import read_feed

ROOT = Path(__file__).parents[2]


def test_the_example_feed_is_valid_and_shorter_than_forty_lines(tmp_path: Path) -> None:
    example = (ROOT / "README.md").read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    assert len(example.splitlines()) < 40
    feed = tmp_path / "acme.yaml"
    feed.write_text(example, encoding="utf-8")
    assert read_feed(feed).vendor == "acme"


def test_every_command_that_the_readme_names_exists() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "dev", "setup", "test-fast", "check", "bench", "contracts"):
        assert f"make {target}" in readme
        assert f"\n{target}:" in makefile
