"""What commands say to people when they are done."""

from typing import TextIO

from rich.console import Console
from rich.table import Table

from cli.outcome import Outcome
from local.stack import Stack


def print_outcome(outcome: Outcome) -> None:
    """The summary of a demo, on standard output."""
    console = Console(highlight=False)
    job, run = outcome.sight.job, outcome.sight.run
    facts = Table.grid(padding=(0, 2))
    facts.add_row("job", f"{job.job_id}  {job.status}")
    if job.reason:
        facts.add_row(job.code or "", job.reason)
    facts.add_row("model_id", job.model_id or "none")
    facts.add_row("inference_id", run.inference_id or "none")
    for photo in outcome.sight.photos:
        if photo.status != "accepted":
            facts.add_row(photo.status, f"{photo.file}: {photo.reason}")
    if outcome.avatars:
        folder = (outcome.avatars[0][0].key or "").rsplit("/", 1)[0]
        facts.add_row(
            "avatars", f"{len(outcome.avatars)} in s3://{outcome.avatar_bucket}/{folder}/"
        )
    facts.add_row("pictures", f"{outcome.out}/  (look at {outcome.contact_sheet})")
    console.print(facts, soft_wrap=True)
    console.print()
    times = Table("stage", "on the wall", "provider time", box=None, pad_edge=False)
    for name, stage in outcome.timings.stages.items():
        provider = stage.provider_seconds
        times.add_row(
            name,
            f"{stage.wall_seconds:.1f} s",
            "" if provider is None else f"{provider / 60:.1f} min",
        )
    console.print(times)
    console.print("The provider was simulated: these avatars are filters, not art.", style="dim")


def print_endpoints(stack: Stack, file: TextIO) -> None:
    """How to reach a local stack from any shell."""
    bucket, gallery = stack.outputs["UploadBucket"], stack.outputs["AvatarBucket"]
    print(
        f"""The local stack is up; `avatars down` ends it. From any shell:

  export AWS_ENDPOINT_URL={stack.endpoint_url} AWS_DEFAULT_REGION=us-east-1
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  aws s3 cp --recursive selfies/ s3://{bucket}/uploads/alice/summer/
  aws s3 ls --recursive s3://{gallery}/avatars/

API        {stack.outputs["ApiUrl"]}
simulator  {stack.simulator_admin_url}/journal
log        {stack.log}""",
        file=file,
    )
