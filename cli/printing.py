"""Results for people: tables and facts on standard output, plain where nobody sees colours."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.saying import printable

WIDTH_OF_PIPES = 240
"""Nothing is wrapped or cut where a program reads."""

COLOURS = {
    "COMPLETED": "green",
    "FAILED": "red",
    "NEEDS_ATTENTION": "yellow",
    "accepted": "green",
    "rejected": "red",
    "kept": "green",
    "missing": "red",
    "ok": "green",
    "finding": "red",
    "note": "yellow",
}


def print_json(document: object) -> None:
    """One document, in ASCII: names of files need not be text."""
    print(json.dumps(document, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A line for each row, under the names of the columns."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        last = number == len(columns) - 1
        table.add_column(column, overflow="fold", no_wrap=not last)
    for row in rows:
        table.add_row(*map(_cell, row))
    _print(table)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """A line for each fact, behind its name."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts:
        table.add_row(name, _cell(fact))
    _print(table)


def print_line(text: str) -> None:
    _console().print(Text(printable(text)), soft_wrap=not sys.stdout.isatty())


def tell(text: str) -> None:
    """Something that is not the result, on standard error."""
    console = Console(stderr=True, highlight=False)
    console.print(Text(printable(text)), soft_wrap=not console.is_terminal)


def size_of(count: int | None) -> str:
    """Bytes as people read them."""
    if count is None:
        return ""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _print(table: Table) -> None:
    """Without the blanks that fill up the last column."""
    console = _console()
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        print(line.rstrip())


def in_red(text: str) -> Text:
    """A cell that must not be overlooked."""
    return Text(printable(text), style="red")


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    text = "" if value is None else printable(str(value))
    return Text(text, style=COLOURS.get(text, ""))


def _console() -> Console:
    seen = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if seen else WIDTH_OF_PIPES
    return Console(highlight=False, width=width)
