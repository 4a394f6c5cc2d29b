"""docs/benchmarks.md: what was measured, a section for each benchmark, its promises first.

A benchmark makes a Section and puts it: `put` prints it, writes it in place of the page's section
of that title, and makes the table at the head of the page anew from the promises of all sections.
"""

import os
import platform
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs/benchmarks.md"

HEAD = """# Benchmarks

    make bench                  # all of them
    make bench BENCH=copying    # one, which writes its section anew

Times belong to the machine that a section names; what counts are the ratios to what ran beside ours, in turns, in the same run. Whatever misses its promise ends with exit code 1.
"""  # noqa: E501 - a paragraph is one line

_COLUMNS = ("promise", "at most", "measured", "held")


@dataclass(frozen=True)
class Promise:
    """A figure that is to stay at or below its limit."""

    what: str
    limit: float
    measured: float
    unit: str = ""
    """`s`, `MB`; empty for ratios."""

    @property
    def held(self) -> bool:
        return self.measured <= self.limit

    @property
    def row(self) -> Sequence[str]:
        figures = (f"{figure:.3g} {self.unit}".strip() for figure in (self.limit, self.measured))
        return (self.what, *figures, "yes" if self.held else "**no**")


@dataclass(frozen=True)
class Section:
    """What one benchmark has to say, in Markdown. *name* is what BENCH says."""

    name: str
    title: str
    text: str
    promises: Sequence[Promise] = ()
    packages: Sequence[str] = ()
    """Those whose versions matter."""

    @property
    def held(self) -> bool:
        return all(promise.held for promise in self.promises)

    @property
    def markdown(self) -> str:
        options = shlex.join(sys.argv[1:])
        arguments = f' ARGS="{options}"' if options else ""
        command = f"    make bench BENCH={self.name}{arguments}"
        promises = [table(_COLUMNS, [one.row for one in self.promises])] if self.promises else []
        parts = (f"## {self.title}", command, machine(self.packages), *promises, self.text.strip())
        return "\n\n".join(parts) + "\n"


def put(section: Section, page: Path = PAGE) -> None:
    """Print the section, and write it into the page. A broken promise raises SystemExit."""
    print(section.markdown)
    sections = dict(sections_of(page.read_text())) if page.exists() else {}
    sections[section.title] = section.markdown
    page.write_text(written(sections.values()))
    if not section.held:
        broken = "; ".join(promise.what for promise in section.promises if not promise.held)
        raise SystemExit(f"A promise of {section.title} is broken: {broken}")


def written(sections: Iterable[str]) -> str:
    """The whole page."""
    body = "\n".join(sections)
    return "\n".join((HEAD, summary(body), "", body))


def summary(page: str) -> str:
    """The promises of all sections."""
    rows = [row for _, section in sections_of(page) for row in promises_in(section)]
    return table(_COLUMNS, rows)


def sections_of(page: str) -> Iterator[tuple[str, str]]:
    """Titles and sections, whoever wrote them."""
    for part in f"\n{page}".split("\n## ")[1:]:
        yield part.split("\n", 1)[0], f"## {part.strip()}\n"


def promises_in(section: str) -> Iterator[Sequence[str]]:
    """The rows of a section's promises."""
    head = table(_COLUMNS, [])
    if head in section:
        for line in section.split(head, 1)[1].strip("\n").split("\n\n", 1)[0].splitlines():
            yield [cell.strip() for cell in line.strip("|").split("|")]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = (columns, ["---"] * len(columns), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(packages: Sequence[str]) -> str:
    """What it was measured on."""
    cpu = next(
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith(("model name", "CPU part"))
    )
    versions = (f"{name} {version(name)}" for name in packages)
    with_what = ", ".join((f"Python {platform.python_version()}", *versions))
    return f"{len(os.sched_getaffinity(0))} x {cpu}; {with_what}."
