"""Names that a vendor may give to files, columns and accounts to mislead a reader, a terminal, a browser or a spreadsheet."""

HOSTILE_NAMES = (
    "[/nosuch]",
    "[bold red]fine[/]",
    "[link=https://example.com]here[/link]",
    "two\nlines",
    "carriage\rreturn",
    "tab\there",
    "\x1b[2J\x1b[31mred",
    "\x1b]0;a title\x07",
    "\x1b]8;;https://example.com\x1b\\here\x1b]8;;\x1b\\",
    "\x9b31mC1",
    "delete\x7f",
    "statement\u202evsc.exe",
    "\u2066left\u2069right",
    "zero\u200bwidth\ufeff",
    "line\u2028separator",
    "![](https://example.com/x.png)",
    "<img src=https://example.com/x.png>",
    "| a | table |",
    '=HYPERLINK("https://example.com";"here")',
    "x" * 300,
)
