"""The template as CloudFormation gets it, and with made-up names for whatever it makes."""

import copy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from local.deploy import translate
from local.engine import ACCOUNT_ID, REGION
from local.ministack import fill_in

ROOT = Path(__file__).parents[2]
STACK = "avatars"

Template = dict[str, Any]

ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{here}:table/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{here}:function:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{here}:{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{here}:{name}",
    "AWS::Events::Rule": "arn:aws:events:{here}:rule/{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{here}:stateMachine:{name}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:{here}:secret:{name}",
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:{here}:alarm:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{here}:log-group:{name}:*",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{here}:key/{name}",
}
"""What ARNs look like, of the types whose ARNs matter to a policy."""

KNOWN_BY_ARN = {
    "AWS::SNS::Topic",
    "AWS::StepFunctions::StateMachine",
    "AWS::SecretsManager::Secret",
}
"""Types whose Ref is their ARN."""


@cache
def _source() -> Template:
    return yaml_parse((ROOT / "template.yaml").read_text())  # type: ignore[no-any-return]


@cache
def _definition() -> Template:
    text = (ROOT / "statemachine/make_avatars.asl.yaml").read_text()
    return yaml.safe_load(text)  # type: ignore[no-any-return]


def source() -> Template:
    """The template as it is written; everybody has a copy of their own."""
    return copy.deepcopy(_source())


def definition() -> Template:
    """The state machine as it is written; everybody has a copy of their own."""
    return copy.deepcopy(_definition())


def expand(template: Template) -> Template:
    """What AWS's own translator makes of a SAM template, whatever its functions are."""
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        for uri in {"CodeUri", "ContentUri", "DefinitionUri"} & resource.get(
            "Properties", {}
        ).keys():
            resource["Properties"][uri] = "s3://bucket/key"
    return translate(template, {}, {})


def named(template: Template, conditions: Mapping[str, bool] | None = None) -> Template:
    """The resources of an expanded template, with names in the place of references.

    A resource is called after the stack and its logical id. Parameters have their defaults;
    *conditions* take the place of what those make of them.
    """
    made = {
        name: (reference(name, resource["Type"]), _Attributes(name, resource["Type"]))
        for name, resource in template["Resources"].items()
    }
    return fill_in(template, STACK, ACCOUNT_ID, REGION, made, conditions)


def everything(template: Template) -> Template:
    """The resources as `named` has them, none left out: as if every condition held."""
    return named(template, dict.fromkeys(template.get("Conditions", {}), True))


def of_type(resources: Template, kind: str) -> dict[str, Template]:
    """The resources of one type (without `AWS::`), whole, by their logical ids."""
    return {
        name: resource for name, resource in resources.items() if resource["Type"] == f"AWS::{kind}"
    }


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def name_of(logical_id: str) -> str:
    return f"{STACK}-{logical_id}"


def arn(logical_id: str, kind: str) -> str:
    service = kind.split("::")[1].lower()
    pattern = ARNS.get(kind, f"arn:aws:{service}:{{here}}:{{name}}")
    return pattern.format(
        name=name_of(logical_id), account=ACCOUNT_ID, here=f"{REGION}:{ACCOUNT_ID}"
    )


def reference(logical_id: str, kind: str) -> str:
    """What Ref returns."""
    if kind in KNOWN_BY_ARN:
        return arn(logical_id, kind)
    if kind == "AWS::SQS::Queue":
        return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/{name_of(logical_id)}"
    return name_of(logical_id)


class _Attributes(dict[str, str]):
    """Whatever attribute is asked for: the ARN where it is one, else a name."""

    def __init__(self, logical_id: str, kind: str) -> None:
        self._name, self._arn = name_of(logical_id), arn(logical_id, kind)
        self._kind = kind

    def __contains__(self, attribute: object) -> bool:
        return True

    def __missing__(self, attribute: str) -> str:
        if attribute.endswith("Arn") or self._kind in KNOWN_BY_ARN:
            return self._arn
        is_name = attribute in ("QueueName", "TopicName")
        return self._name if is_name else f"{self._name}.{attribute}"
