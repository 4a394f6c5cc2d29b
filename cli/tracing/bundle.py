"""A story to be sent to whoever helps, without faces, names, prompts, links or secrets."""

import json
import platform
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cli.doctor.finding import Finding
from cli.target import Target
from cli.tracing.fact import Gap, Story
from cli.tracing.letting_in import Pseudonyms, doctors_word, our_words
from cli.tracing.telling import COLUMNS, document, rows

READ_ME = """A trace of one job, for support.

trace.txt    what happened, in the order of time; "!" marks trouble
trace.json   the same
rows.json    the rows of the job, its runs, photos and avatars
stack.json   the stack: its parameters, how old it is, and what wrote this
doctor.json  what `avatars doctor` says of the stack now

Owner, folder and files go by numbers. "…" stands for what was not let in: only numbers, ids and
words that stand in the sources of Avatars are. There are no pictures, prompts, links or secrets.
"""


def write_bundle(file: Path, target: Target, story: Story, findings: Sequence[Finding]) -> None:
    """The bundle of a story, as a ZIP file, with the doctor's *findings*."""
    names = Pseudonyms.of(target.jobs.photos(story.job.job_id))
    told = sanitized(story, names)
    contents = {
        "README.txt": READ_ME,
        "trace.txt": as_text(told),
        "trace.json": _json(_story_document(told)),
        "rows.json": _json([names.clean(row) for row in _rows(target, story)]),
        "stack.json": _json(_stack(target)),
        "doctor.json": _json([_finding(finding) for finding in findings]),
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in contents.items():
            bundle.writestr(name, content)


def sanitized(story: Story, names: Pseudonyms) -> Story:
    """The story without what is not let in."""
    return replace(
        story,
        facts=[replace(fact, details=names.clean(fact.details)) for fact in story.facts],
        gaps=[Gap(gap.source, gap.code, gap.code) for gap in story.gaps],
    )


def as_text(story: Story) -> str:
    """The facts as lines for people, as the command prints them."""
    lines = ["\t".join(COLUMNS), *("\t".join(map(str, cells)) for cells in rows(story))]
    return "\n".join(lines) + "\n"


def _story_document(story: Story) -> dict[str, Any]:
    whole = document(story)
    return {
        "job_id": story.job.job_id,
        "owner": "owner-1",
        "folder": "folder-1",
        "status": story.job.status,
        "code": story.job.code if story.job.code in our_words() else None,
        "clock": whole["clock"],
        "facts": whole["facts"],
        "gaps": whole["gaps"],
    }


def _rows(target: Target, story: Story) -> Iterator[dict[str, Any]]:
    job_id = story.job.job_id
    yield asdict(story.job)
    for run in story.runs:
        yield asdict(run)
    for photo in target.jobs.photos(job_id):
        yield asdict(photo)
    for run in story.runs:
        for avatar in target.jobs.avatars(job_id, run.run):
            yield asdict(avatar)


def _stack(target: Target) -> dict[str, Any]:
    """What the stack is like: of its parameters the numbers, and of all others, which may hold
    addresses and secrets, whether they are set."""
    described = target.client("cloudformation").describe_stacks(StackName=target.stack)
    stack = described["Stacks"][0]
    return {
        "local": target.local,
        "status": stack["StackStatus"],
        "created": str(stack.get("CreationTime")),
        "updated": str(stack.get("LastUpdatedTime")),
        "parameters": {
            each["ParameterKey"]: _parameter(each["ParameterValue"])
            for each in stack.get("Parameters", [])
        },
        "versions": {
            "avatars": version("avatars"),
            "boto3": version("boto3"),
            "python": platform.python_version(),
        },
    }


def _parameter(value: str) -> str:
    if re.fullmatch(r"-?\d{1,12}(\.\d{1,6})?|true|false", value):
        return value
    return "(set)" if value else "(empty)"


def _finding(finding: Finding) -> dict[str, Any]:
    """What the doctor says, in its own words only."""
    return {
        "about": " ".join(map(doctors_word, finding.about.split())),
        "level": finding.level,
        "said": " ".join(map(doctors_word, finding.said.split())),
    }


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
