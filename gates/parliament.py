"""Parliament on every policy document of an expanded template: `python -m gates.parliament`."""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

from gates import canary
from gates.documents import ARNS, documents
from gates.finding import Finding, GateError, report

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it still loads its data by pkg_resources
    from parliament import analyze_policy_string, enhance_finding


def look(template: dict[str, Any]) -> tuple[list[Finding], int]:
    """What parliament has against the policies of a template, and how many it has read."""
    found: set[Finding] = set()
    read = 0
    for resource, label, document in documents(template):
        read += 1
        if label == "AssumeRolePolicyDocument":
            document = _about_a_role(document)
        policy = analyze_policy_string(json.dumps(document))
        for finding in map(enhance_finding, policy.findings):
            text = f"{label}: {finding.title} {finding.detail}"
            found |= {Finding(rule, resource, text) for rule in rules(finding)}
    if not read:
        raise GateError("parliament has found no policy to read.")
    return sorted(found, key=str), read


def rules(finding: Any) -> list[str]:
    """The name of a finding; of one about actions, with each: `RESOURCE_MISMATCH[s3:GetObject]`."""
    actions = [
        about["action"] if isinstance(about, dict) else about
        for about in (finding.detail if isinstance(finding.detail, list) else [])
    ]
    return [f"{finding.issue}[{action}]" for action in actions] or [finding.issue]


def _about_a_role(document: dict[str, Any]) -> dict[str, Any]:
    """A trust policy with the Resource that parliament asks for, and that its place says."""
    role = {"Resource": ARNS["AWS::IAM::Role"].format("this")}
    return document | {"Statement": [statement | role for statement in document["Statement"]]}


def main() -> int:
    found, read = look(json.loads(Path(sys.argv[1]).read_text()))
    canaries, _ = look(canary.TEMPLATE)
    return report(
        "parliament",
        f"{read} policies, {len(found)} findings",
        found,
        canaries,
        "RESOURCE_MISMATCH[s3:GetObject]",
    )


if __name__ == "__main__":
    sys.exit(main())
