"""Tables for a terminal, whose cells hold just what they say: no markup, and nothing that the terminal obeys."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from advisory_perf.showing import shown


def titled(title: str, texts: Sequence[str] = (), *, numbers: Sequence[str] = (), lines: bool = False) -> Table:
    """A table with columns of texts, which fold, and then of numbers."""
    table = Table(title=Text(shown(title)), title_justify="left", show_lines=lines)
    for heading in texts:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def add_row(table: Table, *cells: object, styles: Sequence[str] = ()) -> None:
    """A row of the cells as texts, the first ones in the styles; of a list each element is a line."""
    padded = [*styles, *[""] * (len(cells) - len(styles))]
    lines = [map(str, cell) if isinstance(cell, list) else [str(cell)] for cell in cells]
    table.add_row(*(Text("\n".join(map(shown, of_cell)), style) for of_cell, style in zip(lines, padded, strict=True)))
