"""The keys of the providers, and what their accounts have left; asking costs nothing."""

from collections.abc import Iterator, Mapping

from botocore.exceptions import ClientError

from avatars.clock import as_utc
from avatars.errors import NotSentError
from avatars.model import WaitReason
from avatars.pipeline.admission import capacity_of, stack_capacity
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


def accounts(target: Target) -> Iterator[Finding]:
    """Each provider that a job may have answers to its key, and its account has credits."""
    for account, provider in _accounts(target).items():
        yield _account(target, account, provider)


def _account(target: Target, account: str, name: str) -> Finding:
    about = f"provider {account}"
    try:
        provider = target.services.provider(name, fresh_key=True)
    except NotSentError as error:
        cause = error.__cause__
        why = f" ({cause})" if isinstance(cause, ClientError) else ""
        remedy = PUT.format(stack=target.stack)
        if name != target.services.settings.provider:
            remedy += f" Or take {name} out of the parameter JobProviders."
        return wrong("provider key", f"{error}{why}", remedy)
    answer = provider.balance()
    reader = target.services.reader(name)
    trouble = reader.trouble(answer)
    if trouble is not None:
        said = f"It answers {answer.status_code}: {trouble}."
        return wrong(about, said, REMEDIES.get(trouble, "Wait, and look again."))
    left, credits = reader.requests_left(answer), reader.credits(answer)
    requests = f"; {left} requests are left for this minute" if left is not None else ""
    has = f", and {credits} credits are left" if credits is not None else ""
    return fine(about, f"It takes our key{has}{requests}.")


def gates(target: Target) -> Iterator[Finding]:
    """Nothing keeps the pipeline from sending requests."""
    for account, provider in _accounts(target).items():
        about, gate = f"requests to {account}", capacity_of(target.services, provider).gate()
        if gate.closed is None:
            yield fine(about, "Nothing keeps the pipeline from sending them.")
            continue
        yield wrong(
            about,
            f"None is sent since {as_utc(gate.since or 0)} ({gate.closed}).",
            REMEDIES.get(gate.closed, "Wait: one of the jobs looks whether it is over."),
        )


def spending(target: Target) -> Iterator[Finding]:
    """What was spent today, and whether that keeps jobs from going on."""
    about, limits = "spending", target.services.settings.spending
    if not limits.is_priced:
        yield fine(about, "It is not counted: TrainingPrice and AvatarPrice are 0.")
        return
    known = stack_capacity(target.services).spending()
    committed = known.committed if known.day == target.clock.now() // DAY else 0
    spent = f"{committed} credits are spent or reserved today"
    if not limits.per_day:
        yield fine(about, f"{spent}; SpendPerDay is 0, so nothing caps it.")
    elif committed + limits.training_price > limits.per_day:
        said = f"{spent}, of {limits.per_day} at the most: another training waits for tomorrow."
        yield Finding(about, Level.NOTE, said)
    else:
        yield fine(about, f"{spent}, of {limits.per_day} at the most.")


def _accounts(target: Target) -> Mapping[str, str]:
    """One provider of each account that jobs may need, the stack's own first."""
    services = target.services
    found: dict[str, str] = {}
    for name in (services.settings.provider, *services.settings.job_providers):
        found.setdefault(services.capabilities(name).account, name)
    return found
