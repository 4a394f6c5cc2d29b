"""The main job, whole, on one machine: photos into the bucket, avatars out of it."""

import contextlib
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from avatars import keys
from avatars.manifest import write_manifest
from avatars.model import AvatarStatus, Manifest, PhotoStatus
from avatars.provider.catalog import CAPABILITIES
from avatars.settings import FIRST_PROVIDER
from cli.contact_sheet import contact_sheet
from cli.outcome import Outcome, Timings
from cli.photo_dir import photo_files
from cli.pictures_out import PicturesOut
from cli.progress import DOING, Progress
from cli.watching import Sight, Watch, facts_of, waits_of
from local import stack as local_stack
from local.engine import client
from local.simulator.styles import Style
from local.stack import Stack

OWNER = "demo"
JOB_SECONDS = 20 * 60
"""Longer than all scaled deadlines of a job together; past it something is broken."""


class DemoError(ValueError):
    """The demo cannot begin with what it was given."""


def run_demo(
    photo_dir: Path, manifest: Manifest, out: Path, state_dir: Path, *, keep: bool
) -> Outcome:
    """Make avatars of the photos in *photo_dir*; the pictures and a contact sheet go to *out*.

    Raises DemoError, NoPhotosError, StackError or TimeoutError.
    """
    files = photo_files(photo_dir)
    _require_possible(manifest)
    try:
        pictures = PicturesOut(out)
    except OSError as error:
        raise DemoError(f"The pictures cannot go to {out}: {error.strerror}.") from error
    started = time.monotonic()
    with Progress() as progress:
        progress.update("Starting the embedded AWS and deploying template.yaml")
        with _stack(state_dir, keep=keep) as stack:
            ready = time.monotonic()
            folder_name = photo_dir.resolve().name
            progress.update(f"Uploading {len(files)} files to uploads/{OWNER}/{folder_name}/")
            _drop(stack, folder_name, files, manifest)
            watch = Watch(stack, OWNER, folder_name, pictures)
            sight = watch.until_ended(JOB_SECONDS, partial(_show, progress, stack))
            avatars = [
                (avatar, watch.fetch_avatar(avatar))
                for avatar in sight.avatars
                if avatar.status is AvatarStatus.KEPT
            ]
            outcome = Outcome(
                sight=sight,
                avatars=avatars,
                prepared=watch.prepared,
                out=out,
                contact_sheet=pictures.file("contact-sheet.jpg"),
                avatar_bucket=stack.outputs["AvatarBucket"],
                timings=Timings.of(sight, stack.clock_scale, started, ready, time.monotonic()),
                kept=keep,
            )
    _write_contact_sheet(outcome)
    return outcome


def _require_possible(manifest: Manifest) -> None:
    """Before a stack is started for it. Raises DemoError."""
    name = manifest.provider or FIRST_PROVIDER
    can = CAPABILITIES.get(name)
    if can is None:
        raise DemoError(f"There is no provider {name!r}: take one of {', '.join(CAPABILITIES)}.")
    if manifest.subject not in can.subjects:
        whom = ", ".join(sorted(can.subjects))
        raise DemoError(f"{name} makes no avatars of a {manifest.subject}; it does of {whom}.")
    unknown = sorted({prompt.style for prompt in manifest.prompts} - set(Style))
    if unknown and not can.free_text:
        raise DemoError(f"{name} has no style {unknown[0]!r} here; it has {', '.join(Style)}.")


def _show(progress: Progress, stack: Stack, sight: Sight) -> None:
    if doing := DOING.get(sight.job.status):
        progress.update(doing, facts_of(sight), waits_of(sight, stack.clock))


@contextlib.contextmanager
def _stack(state_dir: Path, *, keep: bool) -> Iterator[Stack]:
    if keep:
        yield local_stack.start(state_dir)
        return
    # A name of its own: demos may run side by side, and beside a stack that is up.
    with local_stack.started(state_dir.with_name(f"demo-{uuid.uuid4().hex[:12]}")) as stack:
        yield stack


def _drop(stack: Stack, folder: str, files: list[Path], manifest: Manifest) -> None:
    s3 = client("s3", stack.endpoint_url)
    prefix = keys.upload_prefix(OWNER, folder)
    bucket = stack.outputs["UploadBucket"]
    wanted = write_manifest(manifest, len(files))
    s3.put_object(Bucket=bucket, Key=prefix + keys.MANIFEST, Body=wanted)
    for file in files:
        s3.put_object(Bucket=bucket, Key=prefix + file.name, Body=file.read_bytes())


def _write_contact_sheet(outcome: Outcome) -> None:
    outcome.contact_sheet.write_bytes(
        contact_sheet(
            photos=[
                (photo.file, outcome.prepared[photo.file])
                for photo in sorted(outcome.sight.photos, key=lambda photo: photo.file)
                if photo.status is PhotoStatus.ACCEPTED and photo.file in outcome.prepared
            ],
            avatars=[(avatar.style, file) for avatar, file in outcome.avatars],
            title="Avatars",
            subtitle=outcome.headline,
            rejected=[(p.file, p.reason or "") for p in outcome.sight.photos if p.reason],
            reason=outcome.sight.job.reason or "",
        )
    )
