"""Functions, state machine, rules, queue, logs, API: there, switched on, and as deployed."""

from collections.abc import Iterator

import httpx

from cli.doctor.finding import Finding, Level, different, fine, wrong
from cli.doctor.storage import DEPLOY
from cli.target import Target

SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")

LEAST_CONCURRENCY = 100
"""New accounts have 10: thirty photos and a few jobs need more."""

API_SECONDS = 15


def stack(target: Target) -> Iterator[Finding]:
    """The last deployment went well."""
    described = target.client("cloudformation").describe_stacks(StackName=target.stack)
    status = described["Stacks"][0]["StackStatus"]
    if status in SETTLED:
        yield fine("stack", f"{target.stack} is {status}.")
    else:
        yield wrong(
            "stack",
            f"{target.stack} is {status}.",
            "Look at its events in CloudFormation, and deploy again.",
        )


def clock(target: Target) -> Iterator[Finding]:
    """The clock is the wall's, unless this is a simulation."""
    about = "clock"
    if (target.clock.epoch, target.clock.scale) == (0, 1):
        yield fine(about, "It is the clock on the wall.")
    elif target.local:
        yield different(about, f"It runs {1 / target.clock.scale:g} times as fast as the wall's.")
    else:
        yield wrong(
            about,
            f"ClockEpoch is {target.clock.epoch:g} and ClockScale {target.clock.scale:g}: Step "
            "Functions does not wait by such a clock.",
            "Deploy with ClockEpoch=0 and ClockScale=1.",
        )


def functions(target: Target) -> Iterator[Finding]:
    """All functions are ready, and none is throttled to nothing."""
    client = target.client("lambda")
    found = _of_type(target, "AWS::Lambda::Function")
    bad = []
    for name, function in found.items():
        state = client.get_function_configuration(FunctionName=function)
        if state.get("State", "Active") not in ("Active", "Inactive"):
            bad.append(f"{name} is {state['State']}")
        elif state.get("LastUpdateStatus") == "Failed":
            bad.append(f"the last update of {name} failed")
        reserved = client.get_function_concurrency(FunctionName=function)
        if reserved.get("ReservedConcurrentExecutions") == 0:
            bad.append(f"{name} may not run at all (reserved concurrency 0)")
    if bad:
        yield wrong("functions", f"{'; '.join(bad)}.", DEPLOY)
    else:
        yield fine("functions", f"All {len(found)} are ready.")
    limit = client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    said = f"{limit} may run at once on this account."
    if limit >= LEAST_CONCURRENCY:
        yield fine("functions", said)
    elif target.local:
        yield different("functions", said)
    else:
        yield wrong(
            "functions",
            f"{said} Thirty photos of one job alone want thirty.",
            "Ask for more in Service Quotas: Lambda, concurrent executions, 1000.",
        )


def state_machine(target: Target) -> Iterator[Finding]:
    """It is active, and its failures are logged."""
    about = "state machine"
    described = target.client("stepfunctions").describe_state_machine(
        stateMachineArn=target.outputs["StateMachine"]
    )
    if described["status"] != "ACTIVE":
        yield wrong(about, f"It is {described['status']}.", DEPLOY)
    elif described.get("loggingConfiguration", {}).get("level", "OFF") == "OFF":
        said = "It does not say that it logs."
        yield different(about, said) if target.local else wrong(about, said, DEPLOY)
    else:
        yield fine(about, "It is active, and logs.")


def rules(target: Target) -> Iterator[Finding]:
    """Every rule and schedule is switched on and leads somewhere."""
    events, scheduler = target.client("events"), target.client("scheduler")
    found = _of_type(target, "AWS::Events::Rule")
    bad = []
    for name, rule in found.items():
        if events.describe_rule(Name=rule)["State"] != "ENABLED":
            bad.append(f"{name} is switched off")
        elif not events.list_targets_by_rule(Rule=rule)["Targets"]:
            bad.append(f"{name} leads nowhere")
    schedules = _of_type(target, "AWS::Scheduler::Schedule")
    for name, schedule in schedules.items():
        if scheduler.get_schedule(Name=schedule)["State"] != "ENABLED":
            bad.append(f"{name} is switched off: nothing finds what events miss")
    if bad:
        yield wrong("rules", f"{'; '.join(bad)}.", f"Switch them on. {DEPLOY}")
    else:
        yield fine("rules", f"All {len(found)} are on, and {len(schedules)} schedule.")


def dead_letters(target: Target) -> Iterator[Finding]:
    """Nothing was left undone for good."""
    attributes = target.client("sqs").get_queue_attributes(
        QueueUrl=target.outputs["DeadLetterQueue"],
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    letters = sum(int(count) for count in attributes.values())
    if letters:
        yield wrong(
            "dead letters",
            f"There are {letters}.",
            f"`avatars dead-letters list{'' if target.local else f' --stack {target.stack}'}` "
            "says what they are about.",
        )
    else:
        yield fine("dead letters", "There are none.")


def alarms(target: Target) -> Iterator[Finding]:
    """Somebody hears of what needs a person."""
    about, topic = "alarms", target.outputs["AlarmTopic"]
    confirmed, waiting = _subscriptions(target, topic)
    if confirmed:
        yield fine(about, f"{confirmed} subscribed.")
        return
    said = "Nobody has confirmed a subscription." if waiting else "Nobody hears of them."
    if target.local:
        yield Finding(about, Level.NOTE, said)
    else:
        yield wrong(
            about,
            said,
            f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint "
            "YOU@EXAMPLE.COM, and confirm the mail that comes.",
        )


def notices(target: Target) -> Iterator[Finding]:
    """Whoever wants to hear of every job has confirmed it."""
    about = "notices"
    confirmed, waiting = _subscriptions(target, target.outputs["NoticeTopic"])
    if waiting:
        yield wrong(
            about,
            f"{waiting} subscribed and have not confirmed it: they hear nothing.",
            "Confirm the mail from AWS Notifications; it holds for three days.",
        )
    else:
        yield fine(about, f"Nobody waits to be confirmed; {confirmed} subscribed.")


def _subscriptions(target: Target, topic: str) -> tuple[int, int]:
    """How many have confirmed theirs, and how many have not."""
    pages = target.client("sns").get_paginator("list_subscriptions_by_topic")
    arns = [
        each["SubscriptionArn"]
        for page in pages.paginate(TopicArn=topic)
        for each in page["Subscriptions"]
    ]
    confirmed = sum(arn.startswith("arn:") for arn in arns)
    return confirmed, len(arns) - confirmed


def logs(target: Target) -> Iterator[Finding]:
    """No log is kept for ever."""
    client, bad = target.client("logs"), []
    found = _of_type(target, "AWS::Logs::LogGroup")
    for name, group in found.items():
        groups = client.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        kept = {each["logGroupName"]: each.get("retentionInDays") for each in groups}
        if kept.get(group) is None:
            bad.append(name)
    if bad:
        yield wrong("logs", f"{', '.join(bad)} is kept for ever, or gone.", DEPLOY)
    else:
        yield fine("logs", f"All {len(found)} groups end by themselves.")


def api(target: Target) -> Iterator[Finding]:
    """The API answers, and lets nobody in without a token."""
    about, url = "API", target.outputs["ApiUrl"]
    try:
        # The local one needs no proxy, and must not be looked for behind one.
        answer = httpx.get(f"{url}/styles", timeout=API_SECONDS, trust_env=not target.local)
    except httpx.HTTPError as error:
        yield wrong(
            about,
            f"{url} cannot be reached ({type(error).__name__}).",
            "Look at your connection, and at the API in the stack.",
        )
        return
    if answer.status_code == 401:
        yield fine(about, "It answers, and lets nobody in without a token.")
    else:
        yield wrong(
            about,
            f"Without a token it answers {answer.status_code} instead of 401.",
            f"Its authorizer is gone or refuses to work. {DEPLOY}",
        )


def _of_type(target: Target, kind: str) -> dict[str, str]:
    return {each.name: each.id for each in target.all_resources if each.type == kind}
