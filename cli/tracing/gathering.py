"""Puts the story of a job together; a source that says nothing is a gap, not the end."""

from collections.abc import Callable, Iterator

from botocore.exceptions import BotoCoreError, ClientError

from avatars.errors import JobNotFoundError
from avatars.model import Job, Run
from cli.target import Target
from cli.tracing.answers import facts_of_answers
from cli.tracing.fact import Fact, Gap, Source, Story
from cli.tracing.histories import Histories
from cli.tracing.logs import facts_of_logs
from cli.tracing.rows import facts_of_rows


def tell_story(
    target: Target, job: Job, looking: Callable[[Source], None] = lambda _: None
) -> Story:
    """All that can be known of a job now; *looking* hears which source is being looked at."""
    facts: list[Fact] = []
    gaps: list[Gap] = []
    runs = _runs(target, job, gaps)
    histories = Histories(target, job, runs)
    sources: dict[Source, Callable[[], Iterator[Fact]]] = {
        Source.TABLE: lambda: facts_of_rows(target, job, runs),
        Source.HISTORY: histories.facts,
        Source.LOGS: lambda: facts_of_logs(target, job, runs, histories.failures, gaps),
        Source.PROVIDER: lambda: facts_of_answers(target, job),
    }
    for source, ask in sources.items():
        looking(source)
        try:
            facts.extend(ask())
        except (BotoCoreError, ClientError) as error:
            gaps.append(Gap(source, f"It cannot be looked at: {error}", _code(error)))
    gaps.extend(histories.gaps)
    # Stable: what has the same second stays in the order of its source.
    facts.sort(key=lambda fact: fact.at)
    return Story(job, runs, target.clock, facts, gaps)


def _runs(target: Target, job: Job, gaps: list[Gap]) -> list[Run]:
    runs = []
    for number in range(1, job.run + 1):
        try:
            runs.append(target.jobs.run(job.job_id, number))
        except JobNotFoundError:
            gaps.append(Gap(Source.TABLE, f"Run {number} was erased.", "ERASED"))
    return runs


def _code(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return type(error).__name__
