"""The whole examination of a stack."""

from collections.abc import Callable, Iterator, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from cli.doctor import machinery, provider, storage
from cli.doctor.finding import Finding, wrong
from cli.target import Target

Check = Callable[[Target], Iterator[Finding]]

CHECKS: Mapping[str, Check] = {
    "stack": machinery.stack,
    "clock": machinery.clock,
    "provider key": provider.key,
    "provider": provider.accounts,
    "requests": provider.gates,
    "spending": provider.spending,
    "buckets": storage.buckets,
    "uploads": storage.uploads,
    "table": storage.table,
    "functions": machinery.functions,
    "state machine": machinery.state_machine,
    "rules": machinery.rules,
    "dead letters": machinery.dead_letters,
    "alarms": machinery.alarms,
    "notices": machinery.notices,
    "logs": machinery.logs,
    "API": machinery.api,
}


def examine(
    target: Target,
    looking: Callable[[str], None] = lambda _: None,
    checks: Mapping[str, Check] = CHECKS,
) -> list[Finding]:
    """All findings, good ones too; *looking* hears what is being looked at. Changes nothing."""
    findings: list[Finding] = []
    for about, check in checks.items():
        looking(about)
        try:
            findings.extend(check(target))
        except (BotoCoreError, ClientError) as error:
            findings.append(
                wrong(
                    about,
                    f"It cannot be looked at: {error}",
                    "Look with credentials that may read it, of the stack's account and region.",
                )
            )
    return findings
