"""What gates find, and which of it somebody has acknowledged, with the reason."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

ACKNOWLEDGED = Path(__file__).with_name("acknowledged.yaml")


class GateError(RuntimeError):
    """The gate could not look, so nobody knows what it would have found."""


@dataclass(frozen=True)
class Finding:
    rule: str
    resource: str
    """A logical id of the template."""
    text: str


@dataclass(frozen=True)
class Acknowledgement:
    """Why a finding is none."""

    rule: str
    resources: tuple[str, ...]
    """Logical ids; `*` stands for any part of one."""
    because: str

    def covers(self, finding: Finding) -> bool:
        return finding.rule == self.rule and any(
            fnmatchcase(finding.resource, resource) for resource in self.resources
        )


def acknowledgements(gate: str, file: Path = ACKNOWLEDGED) -> list[Acknowledgement]:
    """What has been acknowledged of one gate. Raises GateError where a reason is missing."""
    found = []
    for rule, entries in yaml.safe_load(file.read_text()).get(gate, {}).items():
        for entry in entries:
            if not (entry.keys() == {"where", "because"} and entry["where"] and entry["because"]):
                raise GateError(f"{file.name}: {rule} of {gate} needs `where` and `because`.")
            found.append(Acknowledgement(rule, tuple(entry["where"]), entry["because"]))
    return found


def complaints(
    findings: Sequence[Finding], acknowledged: Sequence[Acknowledgement]
) -> tuple[list[str], int]:
    """What somebody must mend, one line each, and how many findings are acknowledged.

    An acknowledgement that covers nothing any more is a complaint, too.
    """
    open_ones = [
        finding for finding in findings if not any(each.covers(finding) for each in acknowledged)
    ]
    lines = [f"{each.resource}: {each.rule}: {each.text}" for each in open_ones]
    lines += [
        f"{ACKNOWLEDGED.name}: nothing is acknowledged by {each.rule} on {resource} any more."
        for each in acknowledged
        for resource in each.resources
        if not any(
            fnmatchcase(finding.resource, resource)
            for finding in findings
            if finding.rule == each.rule
        )
    ]
    return lines, len(findings) - len(open_ones)


def report(
    gate: str, looked_at: str, findings: Sequence[Finding], canaries: Sequence[Finding], canary: str
) -> int:
    """Say what the gate has found, and return the exit code.

    *looked_at* is a phrase with the numbers; *canaries* is what it has found in the template of
    `gates.canary`, whose fault for it is the rule *canary*. Raises GateError where that is missing.
    """
    if canary not in {finding.rule for finding in canaries}:
        raise GateError(f"{gate} did not find {canary} where it was planted: it has not looked.")
    lines, known = complaints(findings, acknowledgements(gate))
    for line in lines:
        sys.stderr.write(f"{line}\n")
    sys.stdout.write(f"{gate}: {looked_at}, {known} acknowledged, {len(lines)} to mend\n")
    return 1 if lines else 0
