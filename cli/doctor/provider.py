"""The provider's key, and what its account has left; asking costs nothing."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from avatars.clock import as_utc
from avatars.errors import NotSentError
from avatars.model import WaitReason
from avatars.pipeline.admission import capacity_of
from avatars.ports import Capacity
from avatars.settings import DAY
from cli.doctor.finding import Finding, Level, fine, wrong
from cli.target import Target

PUT = "Put it there: avatars key --stack {stack}, which asks for it."

REMEDIES = {
    WaitReason.CREDITS: "Add credits at the provider; jobs that wait go on by themselves.",
    WaitReason.KEY: "Put a valid key into the secret; jobs that wait go on by themselves.",
    WaitReason.OUTAGE: "Wait, or look at the provider's status page: jobs go on by themselves.",
    WaitReason.BUSY: "Wait a minute; if it stays so, lower MaxTrainings and MaxInferences.",
}


def key(target: Target) -> Iterator[Finding]:
    """The secret holds a key that somebody has put there."""
    about, secret = "provider key", target.outputs["ProviderKeySecret"]
    versions = target.client("secretsmanager").list_secret_version_ids(
        SecretId=secret, IncludeDeprecated=True
    )["Versions"]
    if len(versions) < 2:
        yield wrong(
            about,
            "The secret still holds the random value that it was made with, no key.",
            PUT.format(stack=target.stack),
        )
    else:
        yield fine(about, "Somebody has put a key into the secret.")


def account(target: Target) -> Iterator[Finding]:
    """The provider answers to the key, and its account has credits."""
    about, own = "provider", target.services.settings.provider
    try:
        provider = target.services.provider(own, fresh_key=True)
    except NotSentError as error:
        cause = error.__cause__
        why = f" ({cause})" if isinstance(cause, ClientError) else ""
        yield wrong(
            "provider key",
            f"{error}{why}",
            PUT.format(stack=target.stack),
        )
        return
    answer = provider.balance()
    reader = target.services.reader(own)
    trouble = reader.trouble(answer)
    if trouble is not None:
        said = f"{own} answers {answer.status_code}: {trouble}."
        yield wrong(about, said, REMEDIES.get(trouble, "Wait, and look again."))
        return
    left, credits = reader.requests_left(answer), reader.credits(answer)
    requests = f"; {left} requests are left for this minute" if left is not None else ""
    has = f", and {credits} credits are left" if credits is not None else ""
    yield fine(about, f"It takes our key{has}{requests}.")


def gate(target: Target) -> Iterator[Finding]:
    """Nothing keeps the pipeline from sending requests."""
    about, closed = "requests", _capacity(target).gate()
    if closed.closed is None:
        yield fine(about, "Nothing keeps the pipeline from sending them.")
        return
    since = as_utc(closed.since or 0)
    yield wrong(
        about,
        f"None is sent since {since} ({closed.closed}).",
        REMEDIES.get(closed.closed, "Wait: one of the jobs looks whether it is over."),
    )


def spending(target: Target) -> Iterator[Finding]:
    """What was spent today, and whether that keeps jobs from going on."""
    about, limits = "spending", target.services.settings.spending
    if not limits.is_priced:
        yield fine(about, "It is not counted: TrainingPrice and AvatarPrice are 0.")
        return
    known = _capacity(target).spending()
    committed = known.committed if known.day == target.clock.now() // DAY else 0
    spent = f"{committed} credits are spent or reserved today"
    if not limits.per_day:
        yield fine(about, f"{spent}; SpendPerDay is 0, so nothing caps it.")
    elif committed + limits.training_price > limits.per_day:
        said = f"{spent}, of {limits.per_day} at the most: another training waits for tomorrow."
        yield Finding(about, Level.NOTE, said)
    else:
        yield fine(about, f"{spent}, of {limits.per_day} at the most.")


def _capacity(target: Target) -> Capacity:
    """Of the stack's own provider."""
    return capacity_of(target.services, target.services.settings.provider)
