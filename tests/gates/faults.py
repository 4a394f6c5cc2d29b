"""Every gate fails when a fault is planted, and when it cannot look: `make check-gates`.

Not among the tests of `make test`: the tools take seconds each, and lie in an environment that only
`make check` makes. In every run, too, each gate must find the fault of gates/canary.py first.
"""

import copy
import json
import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from local.expand import expand

ROOT = Path(__file__).parents[2]
TEMPLATE = expand(ROOT / "template.yaml")
SCANNERS = ROOT / ".venv-scanners/bin/python"

Resources = dict[str, Any]
Plant = Callable[[Resources], object]

pytestmark = pytest.mark.timeout(300)


def run(gate: str, template: Path) -> subprocess.CompletedProcess[str]:
    command = [SCANNERS, "-m", f"gates.{gate}", template]
    if gate == "cfn-lint":
        command = [ROOT / ".venv-gates/bin/cfn-lint", template]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture
def planted(tmp_path: Path) -> Callable[[Plant], Path]:
    """The template with a fault, as a file."""

    def plant(fault: Plant) -> Path:
        template = copy.deepcopy(TEMPLATE)
        fault(template["Resources"])
        file = tmp_path / "planted.json"
        file.write_text(json.dumps(template))
        return file

    return plant


def open_the_upload_bucket(resources: Resources) -> None:
    blocked = resources["UploadBucket"]["Properties"]["PublicAccessBlockConfiguration"]
    blocked["BlockPublicPolicy"] = False


def let_anybody_in_without_tls(resources: Resources) -> None:
    del resources["AvatarBucketPolicy"]


def let_a_function_do_everything(resources: Resources) -> None:
    [policy, *_] = resources["BeginRunFunctionRole"]["Properties"]["Policies"]
    policy["PolicyDocument"]["Statement"][0]["Action"] = "dynamodb:*"


def misspell_an_action(resources: Resources) -> None:
    [policy, *_] = resources["BeginRunFunctionRole"]["Properties"]["Policies"]
    policy["PolicyDocument"]["Statement"][0]["Action"] = "dynamodb:GetItems"


def read_objects_of_a_table(resources: Resources) -> None:
    [policy, *_] = resources["BeginRunFunctionRole"]["Properties"]["Policies"]
    policy["PolicyDocument"]["Statement"][0]["Action"] = "s3:GetObject"


def misspell_a_property(resources: Resources) -> None:
    resources["JobsTable"]["Properties"]["PointInTimeRecoverySpecifications"] = {}


def in_definition(change: Callable[[dict[str, Any]], object]) -> Plant:
    def plant(resources: Resources) -> None:
        properties = resources["MakeAvatars"]["Properties"]
        definition = json.loads(properties["DefinitionString"])
        change(definition["States"])
        properties["DefinitionString"] = json.dumps(definition)

    return plant


@pytest.mark.parametrize(
    ("gate", "fault", "told"),
    [
        ("checkov", open_the_upload_bucket, "UploadBucket: CKV_AWS_54"),
        ("cdk_nag", let_anybody_in_without_tls, "AvatarBucket: AwsSolutions-S10"),
        ("cdk_nag", let_a_function_do_everything, "AwsSolutions-IAM5[Action::dynamodb:*]"),
        ("parliament", misspell_an_action, "BeginRunFunctionRole: UNKNOWN_ACTION"),
        ("parliament", read_objects_of_a_table, "BeginRunFunctionRole: RESOURCE_MISMATCH"),
        ("cfn-lint", misspell_a_property, "E3002"),
    ],
)
def test_a_fault_fails_its_gate(
    planted: Callable[[Plant], Path], gate: str, fault: Plant, told: str
) -> None:
    done = run(gate, planted(fault))

    assert done.returncode not in (0, None)
    assert told in done.stdout + done.stderr


BROKEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "next leads nowhere": lambda s: s["Start training"].update(Next="Nowhere"),
    "catch leads nowhere": lambda s: s["Start training"]["Catch"][0].update(Next="Nowhere"),
    "default leads nowhere": lambda s: s["Collected?"].update(Default="Nowhere"),
    "never reached": lambda s: s.update(Lonely={"Type": "Succeed"}),
    "no way on": lambda s: s["Start training"].pop("Next"),
    "no such type": lambda s: s["Start training"].update(Type="Tusk"),
    "a field of JSONPath": lambda s: s["Start training"].update(ResultPath="$.trained"),
    "no such field": lambda s: s["Start training"].update(Retires=[]),
    "time runs back": lambda s: s["Start training"].update(TimeoutSeconds=-1),
    "States.ALL first": lambda s: s["Start training"]["Catch"].reverse(),
    "back-off below 1": lambda s: s["Start training"]["Retry"][0].update(BackoffRate=0.5),
    "no such jitter": lambda s: s["Start training"]["Retry"][0].update(JitterStrategy="SOME"),
    "choice without condition": lambda s: s["Collected?"]["Choices"][0].pop("Condition"),
    "JSONata": lambda s: s["Collected?"]["Choices"][0].update(Condition="{% $a = %}"),
    "JSONata in seconds": lambda s: s["Wait for photos"].update(Seconds="{% $a + %}"),
    "words for seconds": lambda s: s["Wait for photos"].update(Seconds="soon"),
    "map of nothing": lambda s: s["Keep avatars"].pop("ItemProcessor"),
}
"""What is done to the states of the definition."""


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_definition_fails_statelint(planted: Callable[[Plant], Path], broken: str) -> None:
    done = run("statelint", planted(in_definition(BROKEN[broken])))

    assert done.returncode == 1
    assert "MakeAvatars: ASL: " in done.stderr


@pytest.mark.parametrize(
    ("gate", "content"),
    [
        *product(("checkov", "cdk_nag", "parliament", "statelint", "cfn-lint"), ("", "{")),
        # To cfn-lint this is a good template; `local.expand` writes none like it.
        *product(("checkov", "cdk_nag", "parliament", "statelint"), ('{"Resources": {}}',)),
    ],
)
def test_a_gate_that_cannot_look_fails(tmp_path: Path, gate: str, content: str) -> None:
    file = tmp_path / "template.json"
    file.write_text(content)

    assert run(gate, file).returncode != 0


def test_a_key_of_the_provider_is_found_by_what_it_stands_beside() -> None:
    beside = [
        "curl -H 'X-Picsart-API-Key: {}' https://example.com",
        'PICSART_API_KEY = "{}"',
        '{{"provider_key": "{}"}}',
        "aws secretsmanager put-secret-value --secret-id s --secret-string {}",
    ]
    lines = [line.format(f"a{number}b2c3d4" * 4) for number, line in enumerate(beside)]

    planted = ROOT / "planted.txt"
    planted.write_text("\n".join(lines))
    try:
        done = run("secrets", planted)
    finally:
        planted.unlink()

    assert done.returncode == 1
    for number in range(1, len(lines) + 1):
        assert f"planted.txt:{number}: Provider key" in done.stderr
