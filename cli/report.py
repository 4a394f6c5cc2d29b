"""What commands say to people when they are done."""

from collections.abc import Iterator
from typing import TextIO

from cli.outcome import Outcome
from local.stack import RECEIVER, Stack


def print_outcome(outcome: Outcome) -> None:
    """The summary of a demo, on standard output."""
    for name, fact in _facts(outcome):
        print(f"{name:16} {fact}")
    print("\nstage          on the wall   provider time")
    for name, stage in outcome.timings.stages.items():
        provider = stage.provider_seconds
        minutes = "" if provider is None else f"{provider / 60:11.1f} min"
        print(f"{name:13} {stage.wall_seconds:10.1f} s {minutes}")
    if outcome.avatars:
        print("\nThe provider was simulated: these avatars are filters, not art.")


def print_endpoints(stack: Stack, file: TextIO) -> None:
    """How to reach a local stack from any shell."""
    bucket, gallery = stack.outputs["UploadBucket"], stack.outputs["AvatarBucket"]
    print(
        f"""The local stack is up; `.venv/bin/avatars down` ends it. The page, in any browser:

  {stack.page_url}
  sign in as {stack.page_user} with {stack.page_password}

The same from any shell, with `.venv/bin/avatars create PHOTO_DIR --subject woman --style anime:2
--watch`, or by hand:

  export AWS_ENDPOINT_URL={stack.endpoint_url} AWS_DEFAULT_REGION=us-east-1
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  aws s3 cp --recursive selfies/ s3://{bucket}/uploads/alice/summer/
  aws s3 ls --recursive s3://{gallery}/avatars/

  export API_URL='{stack.outputs["ApiUrl"]}'
  export STATE_MACHINE={stack.outputs["StateMachine"]}
  export JOBS_TABLE={stack.outputs["JobsTable"]}
  export OWNER_POOL={stack.outputs["OwnerPool"]}
  export OWNER_POOL_CLIENT={stack.outputs["OwnerPoolClient"]}

webhooks   may lead to {RECEIVER}, where you listen
simulator  {stack.simulator_admin_url}/journal
log        {stack.log}""",
        file=file,
    )


def _facts(outcome: Outcome) -> Iterator[tuple[str, str]]:
    job, run = outcome.sight.job, outcome.sight.run
    yield "job", f"{job.job_id}  {job.status}"
    if job.reason:
        yield job.code or "", job.reason
    yield "model_id", job.model_id or "none"
    yield "inference_id", ", ".join(run.inference_ids) or "none"
    for photo in outcome.sight.photos:
        if photo.reason:
            yield photo.status, f"{photo.file}: {photo.reason}"
    if outcome.avatars:
        folder = (outcome.avatars[0][0].key or "").rsplit("/", 1)[0]
        gone = "" if outcome.kept else "  (gone with the stack; --keep leaves it up)"
        yield "avatars", f"{len(outcome.avatars)} in s3://{outcome.avatar_bucket}/{folder}/{gone}"
    yield "pictures", f"{outcome.out}/  (look at {outcome.contact_sheet})"
