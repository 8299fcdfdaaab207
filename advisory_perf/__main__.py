"""``python -m advisory_perf``: the command, for processes that start it without knowing where its script lies."""

from advisory_perf.cli.main import main

main()
