"""How GitHub deploys: with no stored key, and under roles that reach no further than the stack."""

import json
import re
import shutil
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from local.deploy import package

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".venv-workflows/bin"
SOURCE = (ROOT / ".github/workflows/deliver.yml").read_text()
WORKFLOW: dict[str, Any] = yaml.safe_load(SOURCE)
JOBS: dict[str, Any] = WORKFLOW["jobs"]
AWS: dict[str, Any] = yaml_parse((ROOT / ".github/aws.yaml").read_text())
STATEMENTS: dict[str, Any] = {
    statement["Sid"]: statement
    for resource in AWS["Resources"].values()
    if resource["Type"] == "AWS::IAM::ManagedPolicy"
    for statement in resource["Properties"]["PolicyDocument"]["Statement"]
}

MOST_OF_A_POLICY = 6144
"""Characters of a managed policy but blanks (IAM and STS quotas)."""

MANAGED = {
    name.rpartition("/")[2]: f"arn:aws:iam::aws:policy/{name}"
    for name in ("service-role/AWSLambdaBasicExecutionRole", "AWSXrayWriteOnlyAccess")
}
"""Policies of AWS's that SAM gives functions, for logs and traces; the boundary holds them."""

SECRET_READS = ("GetSecretValue", "GetItem", "Query", "Scan", "GetObject", "ReceiveMessage")


class TestWorkflow:
    def test_actions_are_pinned_by_commit_and_say_which_version_that_is(self) -> None:
        used = re.findall(r"uses: *(.*)", SOURCE)

        assert used
        assert [
            each for each in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\S+", each)
        ] == []

    def test_only_the_deployment_gets_a_token_and_nobody_may_write_to_the_repository(self) -> None:
        assert WORKFLOW["permissions"] == {}
        assert {name: job["permissions"] for name, job in JOBS.items()} == {
            "check": {"contents": "read"},
            "test": {"contents": "read"},
            "build": {"contents": "read"},
            "deploy": {"contents": "read", "id-token": "write"},
        }

    def test_a_pull_request_is_never_deployed_and_main_only_after_all_else_and_an_approval(
        self,
    ) -> None:
        deploy = JOBS["deploy"]

        assert set(deploy["needs"]) == JOBS.keys() - {"deploy"}
        assert "github.event_name != 'pull_request'" in deploy["if"]
        assert "github.ref == 'refs/heads/main'" in deploy["if"]
        assert "||" not in deploy["if"]
        assert deploy["environment"] == AWS["Parameters"]["Environment"]["Default"]

    def test_nothing_is_stored_that_opens_the_account(self) -> None:
        assert "secrets." not in SOURCE
        assert "aws-access-key-id" not in SOURCE

    def test_no_job_leaves_the_token_of_its_checkout_on_disk(self) -> None:
        checkouts = [
            step
            for job in JOBS.values()
            for step in job["steps"]
            if step.get("uses", "").startswith("actions/checkout@")
        ]

        assert len(checkouts) == len(JOBS)
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)

    def test_no_job_runs_for_ever_and_no_deployment_is_cut_short(self) -> None:
        assert all(job["timeout-minutes"] <= 60 for job in JOBS.values())
        assert JOBS["deploy"]["concurrency"]["cancel-in-progress"] is False

    def test_what_the_roles_are_called_is_an_output_of_their_template(self) -> None:
        given = set(re.findall(r"vars\.(\w+)", SOURCE)) - {"AWS_REGION", "STACK"}

        assert given == {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper() for name in AWS["Outputs"]}


class TestGates:
    """That `make workflows` finds what it is there for."""

    @pytest.fixture
    def planted(self, tmp_path: Path) -> Path:
        if not TOOLS.exists():
            pytest.skip("what checks workflows is not installed (make check)")
        shutil.copytree(ROOT / ".github", tmp_path / ".github")
        return tmp_path / ".github/workflows/deliver.yml"

    def finds(self, tool: str, workflow: Path) -> bool:
        schema = [TOOLS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows"]
        audit = [TOOLS / "zizmor", "--offline", "--strict-collection", "--persona", "pedantic"]
        commands = {"schema": [*schema, workflow], "audit": [*audit, workflow.parents[1]]}
        return subprocess.run(commands[tool], capture_output=True, check=False).returncode != 0

    @pytest.mark.parametrize("tool", ["schema", "audit"])
    def test_as_it_is_nothing_is_found(self, planted: Path, tool: str) -> None:
        assert not self.finds(tool, planted)

    @pytest.mark.parametrize(
        ("was", "is_now", "tool"),
        [
            ("timeout-minutes: 15", "timeout-minute: 15", "schema"),
            (r"(actions/checkout)@\w+ # v[\d.]+", r"\1@v7", "audit"),
            ("pull_request:", "pull_request_target:", "audit"),
            ("run: make check", "run: echo ${{ github.event.pull_request.title }}", "audit"),
            ("^permissions: {}", "permissions: write-all", "audit"),
        ],
        ids=["a misspelt key", "a movable version", "secrets for forks", "injection", "all rights"],
    )
    def test_a_planted_fault_is_found(
        self, planted: Path, was: str, is_now: str, tool: str
    ) -> None:
        faulty = re.sub(was, is_now, SOURCE, flags=re.MULTILINE)
        assert faulty != SOURCE
        planted.write_text(faulty)

        assert self.finds(tool, planted)


class TestRoles:
    def test_github_is_trusted_for_one_repository_and_one_environment(self) -> None:
        trust = AWS["Resources"]["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]

        (statement,) = trust["Statement"]
        claims = statement["Condition"]["StringEquals"]  # not StringLike: no wildcards
        assert claims["token.actions.githubusercontent.com:sub"] == {
            "Fn::Sub": "repo:${Repository}:environment:${Environment}"
        }
        assert claims["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"

    def test_github_hands_changes_over_under_one_role_and_touches_nothing_itself(self) -> None:
        role = AWS["Resources"]["DeployRole"]["Properties"]
        (policy,) = role["Policies"]
        statements = policy["PolicyDocument"]["Statement"]

        services = {
            action.partition(":")[0] for each in statements for action in listed(each["Action"])
        }

        assert services == {"cloudformation", "s3", "iam"}
        assert "ManagedPolicyArns" not in role
        change = statements[0]
        assert change["Condition"] == {
            "StringEquals": {"cloudformation:RoleArn": {"Fn::GetAtt": ["ExecutionRole", "Arn"]}}
        }

    @pytest.mark.parametrize("policy", ["MakeStorageAndRoles", "MakeMachinery"])
    def test_cloudformation_makes_resources_and_reads_none_of_their_contents(
        self, policy: str
    ) -> None:
        document = AWS["Resources"][policy]["Properties"]["PolicyDocument"]

        reads = {
            (statement["Sid"], action)
            for statement in document["Statement"]
            for action in listed(statement["Action"])
            for read in SECRET_READS
            if fnmatchcase(read, action.partition(":")[2])
        }

        assert reads <= {("ReadArtifacts", "s3:GetObject")}

    def test_cloudformation_makes_no_role_beyond_the_boundary(self) -> None:
        granting = ("iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy")

        allowed = [
            statement
            for statement in STATEMENTS.values()
            if any(fnmatchcase(right, a) for a in listed(statement["Action"]) for right in granting)
        ]

        assert [statement["Condition"] for statement in allowed] == [
            {"StringEquals": {"iam:PermissionsBoundary": {"Ref": "Boundary"}}}
        ]
        assert not any(
            fnmatchcase("iam:DeleteRolePermissionsBoundary", action)
            for statement in STATEMENTS.values()
            for action in listed(statement["Action"])
        )

    @pytest.mark.parametrize("policy", ["MakeStorageAndRoles", "MakeMachinery", "Boundary"])
    def test_a_policy_is_not_longer_than_iam_takes(self, policy: str) -> None:
        document = json.dumps(AWS["Resources"][policy]["Properties"]["PolicyDocument"])

        for name, longest in {
            "AWS::Partition": "aws",
            "AWS::Region": "ap-southeast-2",
            "AWS::AccountId": "123456789012",
            "StackName": "a" * 32,
        }.items():
            document = document.replace(f"${{{name}}}", longest)

        assert len(re.sub(r"\s", "", document)) < MOST_OF_A_POLICY

    def test_every_role_of_the_stack_has_the_boundary_and_needs_no_more(self) -> None:
        resources = expanded()
        roles = of_type(resources, "IAM::Role")

        assert len(roles) > 10
        for name, role in roles.items():
            boundary = role["PermissionsBoundary"]
            assert boundary["Fn::If"][:2] == ["HasBoundary", {"Ref": "PermissionsBoundary"}], name
            assert set(role.get("ManagedPolicyArns", [])) <= set(MANAGED.values()), name
        granted = {
            action
            for policy in [
                *(policy for role in roles.values() for policy in role.get("Policies", [])),
                *of_type(resources, "IAM::Policy").values(),
            ]
            for statement in policy["PolicyDocument"]["Statement"]
            for action in listed(statement["Action"])
        }
        most = [
            action
            for statement in AWS["Resources"]["Boundary"]["Properties"]["PolicyDocument"][
                "Statement"
            ]
            for action in listed(statement["Action"])
        ]
        assert granted
        assert {action for action in granted if action not in most} == set()


def expanded() -> dict[str, Any]:
    """The template's resources after AWS's own translator."""
    source = package(ROOT / "template.yaml", lambda content: {"Bucket": "b", "Key": "k"})
    session = boto3.Session(region_name="eu-west-1")
    translated = Translator(MANAGED, Parser(), boto_session=session).translate(source, {})
    resources: dict[str, Any] = translated["Resources"]
    return resources


def of_type(resources: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == f"AWS::{kind}"
    }


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
