"""`avatars dead-letters`: list, explain, redrive, drop."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from avatars.clock import as_utc
from cli.dead_letters.explaining import explain
from cli.dead_letters.letters import ALARM, NOTICE, WEBHOOK, Letter, PhotoUploaded
from cli.dead_letters.queue import DeadLetterQueue
from cli.saying import USAGE, RefusedError, fail, printable, problems_told
from cli.target import StackOption, Target, find_target

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LetterArgument = Annotated[
    str, typer.Argument(metavar="ID", help="A letter's id, or how it begins.")
]

app = typer.Typer(no_args_is_help=True)


@app.callback()
def main() -> None:
    """What no function could take in the end, with its original event.

    SQS shows letters only by handing them out: for the moment of a command nobody else sees them.

    A command that is killed gives them back after a minute.
    """


@app.command("list")
def list_letters(stack: StackOption = None, as_json: JsonOption = False) -> None:
    """List the letters: since when, for which function, how often tried, why, about what."""
    with problems_told(), _held(stack) as (_, _, letters):
        if as_json:
            print(json.dumps([_facts(letter) for letter in letters], indent=2))
        else:
            _print_table(letters)


@app.command("explain")
def explain_letter(
    letter_id: LetterArgument, stack: StackOption = None, as_json: JsonOption = False
) -> None:
    """Say what was to happen, why it did not, how things stand now, and what a redrive does."""
    with problems_told(), _held(stack) as (target, _, letters):
        letter = _chosen(letters, letter_id)
        explanation = explain(letter, target.jobs)
        if as_json:
            more = {"sentences": explanation.sentences, "mended": explanation.mended}
            print(json.dumps(_facts(letter) | more, indent=2))
        else:
            for sentence in explanation.sentences:
                print(printable(sentence))


@app.command("redrive")
def redrive_letters(
    letter_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="A letter's id, or how it begins.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Redrive every letter.")] = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hand the original event to its function again, and delete the letter.

    Remove the cause first; repeating is harmless. What fails again comes back as another letter.
    """
    if (letter_id is None) is not everything:
        fail(RefusedError("Give a letter's ID, or --all."), USAGE)
    with problems_told(), _held(stack) as (target, queue, letters):
        chosen = letters if letter_id is None else [_chosen(letters, letter_id)]
        redriven = [letter for letter in chosen if letter.function]
        for letter in redriven:
            _hand_over(target, letter)
            queue.delete(letter)
            if not as_json:
                print(f"{letter.id}: handed to {letter.function} again")
        if as_json:
            print(json.dumps([_facts(letter) for letter in redriven], indent=2))
        if left := [letter.id for letter in chosen if not letter.function]:
            raise RefusedError(
                f"These letters are for no function of ours and stay where they are: "
                f"{', '.join(left)}. `explain` says more, `drop` deletes one."
            )


@app.command("drop")
def drop_letter(
    letter_id: LetterArgument, stack: StackOption = None, as_json: JsonOption = False
) -> None:
    """Delete a letter for good, without redriving it."""
    with problems_told(), _held(stack) as (_, queue, letters):
        letter = _chosen(letters, letter_id)
        queue.delete(letter)
        print(json.dumps(_facts(letter), indent=2) if as_json else f"{letter.id}: dropped")


@contextmanager
def _held(stack: str | None) -> Iterator[tuple[Target, DeadLetterQueue, list[Letter]]]:
    target = find_target(stack)
    queue = DeadLetterQueue(target.client("sqs"), target.outputs["DeadLetterQueue"])
    with queue.held() as letters:
        yield target, queue, letters


def _chosen(letters: Sequence[Letter], letter_id: str) -> Letter:
    """The one letter whose id begins so. Raises RefusedError."""
    found = [letter for letter in letters if letter.id.startswith(letter_id)]
    if len(found) != 1:
        many = (
            f"{len(found)} letters have ids that begin"
            if found
            else "No letter has an id that begins"
        )
        raise RefusedError(f"{many} with {printable(letter_id)}: `list` shows them all.")
    return found[0]


def _hand_over(target: Target, letter: Letter) -> None:
    """Returns once AWS has accepted it. What goes wrong later comes back as another letter."""
    if letter.function in (ALARM, NOTICE):
        topic = "AlarmTopic" if letter.function == ALARM else "NoticeTopic"
        target.client("sns").publish(
            TopicArn=target.outputs[topic],
            Message=f"{letter.event['detail-type']}: {json.dumps(letter.event['detail'])}",
        )
        return
    if letter.function == WEBHOOK:
        target.client("sqs").send_message(
            QueueUrl=target.resources["WebhookQueue"], MessageBody=json.dumps(letter.event)
        )
        return
    name = "".join(word.title() for word in (letter.function or "").split("_"))
    target.client("lambda").invoke(
        FunctionName=target.resources[f"{name}Function"],
        InvocationType="Event",
        Payload=json.dumps(letter.event).encode(),
    )


def _facts(letter: Letter) -> dict[str, Any]:
    matter = letter.matter
    upload = matter.upload if isinstance(matter, PhotoUploaded) else None
    first = letter.failures[0] if letter.failures else None
    return {
        "id": letter.id,
        "sent_at": datetime.fromtimestamp(letter.sent_at, UTC).isoformat(),
        "function": letter.function,
        "about": matter.about,
        "job_id": upload.job_id if upload else getattr(matter, "job_id", None),
        "owner": upload.owner if upload else None,
        "folder": upload.folder if upload else None,
        "file": upload.file if upload else None,
        "tries": first.tries if first else None,
        "error": first.error if first else None,
        "message": first.message if first else None,
    }


def _print_table(letters: Sequence[Letter]) -> None:
    if not letters:
        print("There are no dead letters.")
        return
    rows = [["id", "since", "function", "tries", "error", "about"]]
    for letter in letters:
        facts = _facts(letter)
        cells = [facts[name] for name in ("function", "tries", "error", "about")]
        since = as_utc(letter.sent_at)
        rows.append([letter.id[:8], since, *(printable(str(cell or "?")) for cell in cells)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(map(str.ljust, row, widths)).rstrip())
