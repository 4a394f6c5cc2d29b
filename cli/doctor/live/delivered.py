"""What AWS has counted lately: rules that did not reach their targets, sweeps that ran."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cli.doctor.finding import Finding, Level, different, fine, wrong
from cli.doctor.storage import DEPLOY
from cli.target import Target

LOOK_BACK = timedelta(days=1)

SWEEPS_LOOK_BACK = timedelta(hours=1)
"""In it there are four sweeps, and metrics are some minutes late."""


def deliveries(target: Target) -> Iterator[Finding]:
    """No rule has failed to reach its target in the last day."""
    about = "deliveries"
    if target.local:
        yield different(about, "Nobody counts events that rules could not deliver.")
        return
    failed = []
    for resource in target.all_resources:
        if resource.type == "AWS::Events::Rule":
            dimension = {"RuleName": resource.id}
            count = _sum(target, "AWS/Events", "FailedInvocations", dimension, LOOK_BACK)
            if count:
                failed.append(f"{resource.name} {count:g} times")
    if failed:
        yield wrong(
            about,
            f"In the last day these rules did not reach their targets: {', '.join(failed)}.",
            f"`avatars dead-letters list --stack {target.stack}` says what became of it. {DEPLOY}",
        )
    else:
        yield fine(about, "Every rule has reached its targets in the last day.")


def sweep(target: Target) -> Iterator[Finding]:
    """It has run in the last hour, and well."""
    about = "sweep"
    if target.local:
        yield different(about, "Nobody counts sweeps.")
        return
    dimension = {"FunctionName": target.resources["SweepJobsFunction"]}
    ran = _sum(target, "AWS/Lambda", "Invocations", dimension, SWEEPS_LOOK_BACK)
    failed = _sum(target, "AWS/Lambda", "Errors", dimension, SWEEPS_LOOK_BACK)
    if failed:
        yield wrong(
            about,
            f"{failed:g} of {ran:g} sweeps of the last hour failed.",
            f"`avatars dead-letters list --stack {target.stack}` says why.",
        )
    elif ran:
        yield fine(about, f"It has run {ran:g} times in the last hour.")
    else:
        yield Finding(
            about, Level.NOTE, "It has not run in the last hour: look again in half an hour."
        )


def _sum(
    target: Target, namespace: str, metric: str, dimension: dict[str, str], back: timedelta
) -> float:
    now = datetime.now(UTC)
    found = target.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimension.items()],
        StartTime=now - back,
        EndTime=now,
        Period=int(back.total_seconds()),
        Statistics=["Sum"],
    )
    return sum(float(point["Sum"]) for point in found["Datapoints"])
