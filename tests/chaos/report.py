"""What a campaign has found, as a table for a terminal and as Markdown."""

import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain

from rich.table import Table

from tests.chaos.auditor import INVARIANTS
from tests.chaos.campaign import Result
from tests.chaos.faults import FAULTS, NOT_INJECTED
from tests.chaos.trial import COMPLETED

PARTS = ("python", "ministack", "boto3", "httpx", "starlette", "pillow")

JUDGED = ("false failure", "wrong end", "crash")
"""What only the campaign can judge: it knows what it has done to a job."""


@dataclass(frozen=True)
class Report:
    """The outcome of a whole campaign."""

    title: str
    command: str
    replay: str
    """The command that replays a job, without its number."""
    seconds: float
    results: Sequence[Result]

    @property
    def found(self) -> list[tuple[Result, str, str]]:
        """Every violation: whose, which, and in words."""
        return [
            (result, violation.invariant, violation.words)
            for result in self.results
            for violation in result.violations
        ]

    @property
    def counts(self) -> dict[str, int]:
        """How often each invariant was violated; all of them."""
        counted = Counter(invariant for _, invariant, _ in self.found)
        return {name: counted[name] for name in (*INVARIANTS, *JUDGED)}

    def terminal(self) -> Table:
        """Faults and ends."""
        table = Table(title=self.title, title_justify="left")
        for column in ("fault", "struck", "ends", "what it is"):
            table.add_column(column, justify="right" if column == "struck" else "left")
        for fault_id, ends in self._ends().items():
            told = "\n".join(f"{end} {count}" for end, count in ends.most_common())
            table.add_row(fault_id, str(ends.total()), told, FAULTS[fault_id].says)
        return table

    def summary(self) -> list[str]:
        """The figures, a sentence each."""
        recoverable = [result for result in self.results if result.recoverable]
        completed = sum(result.end == COMPLETED for result in recoverable)
        others = [result for result in self.results if not result.recoverable]
        right = sum(result.end in result.expected for result in others)
        share = completed / len(recoverable) if recoverable else 1
        return [
            f"{len(self.results)} jobs in {self.seconds / 60:.1f} minutes, "
            f"{sum(result.wave for result in self.results)} of them in waves.",
            f"{len(recoverable)} could be completed without a person; {completed} were "
            f"({share:.2%}).",
            f"{len(others)} had to end otherwise; {right} did so with the right status and code.",
            f"{len(self.found)} violations of {len(self.counts)} invariants.",
        ]

    def markdown(self) -> str:
        """The whole report."""
        return "\n".join(chain.from_iterable(self._parts())) + "\n"

    def _ends(self) -> dict[str, Counter[str]]:
        """By fault, how the jobs that it struck ended."""
        ends: dict[str, Counter[str]] = {fault_id: Counter() for fault_id in FAULTS}
        for result in self.results:
            for fault_id in result.struck:
                ends[fault_id][result.end] += 1
        return ends

    def _parts(self) -> Iterator[Sequence[str]]:
        yield [f"# {self.title}", "", f"    {self.command}", ""]
        parts = [
            f"{name} {platform.python_version() if name == 'python' else version(name)}"
            for name in PARTS
        ]
        yield [f"With {', '.join(parts)}.", ""]
        yield [*(f"- {sentence}" for sentence in self.summary()), ""]
        yield ["| Must never happen | Times |", "|---|---:|"]
        yield [f"| {name} | {count} |" for name, count in self.counts.items()]
        yield ["", "| Fault | What was done | Struck | Ends |", "|---|---|---:|---|"]
        for fault_id, ends in self._ends().items():
            told = ", ".join(f"{end} {count}" for end, count in ends.most_common())
            yield [f"| {fault_id} | {FAULTS[fault_id].says} | {ends.total()} | {told} |"]
        yield ["", "Rows of the matrix that were not injected:", ""]
        yield [f"- {fault_id}: {why}" for fault_id, why in NOT_INJECTED.items()]
        if self.found:
            yield ["", "Violations:", ""]
            yield [
                f"- `{self.replay} {result.number}`: {invariant}: {words}"
                for result, invariant, words in self.found
            ]
