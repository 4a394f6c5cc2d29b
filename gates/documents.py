"""Every policy document of an expanded template, with plain ARNs in place of references."""

import re
from collections.abc import Iterator
from typing import Any

Node = Any
"""Anything that JSON can say."""

PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": "avatars",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/avatars/1a-2b",
}
PARAMETERS = {
    "EncryptionKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd",
    "ContentCredentialsSecret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cert-a1b2c3",
}
"""What is given for parameters that a policy names."""

ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:eu-west-1:123456789012:table/{}",
    "AWS::SQS::Queue": "arn:aws:sqs:eu-west-1:123456789012:{}",
    "AWS::SNS::Topic": "arn:aws:sns:eu-west-1:123456789012:{}",
    "AWS::Lambda::Function": "arn:aws:lambda:eu-west-1:123456789012:function:{}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:{}-a1b2c3",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:eu-west-1:123456789012:stateMachine:{}",
    "AWS::Events::Rule": "arn:aws:events:eu-west-1:123456789012:rule/{}",
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{}",
    "AWS::Logs::LogGroup": "arn:aws:logs:eu-west-1:123456789012:log-group:{}:*",
    "AWS::IAM::Role": "arn:aws:iam::123456789012:role/{}",
    "AWS::KMS::Key": "arn:aws:kms:eu-west-1:123456789012:key/{}",
}
REF_IS_ARN = {
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
    "AWS::StepFunctions::StateMachine",
}

_NOTHING = object()


class UnknownReferenceError(LookupError):
    """A policy names something whose ARN this module cannot write: teach it in ARNS."""


def documents(template: Node) -> Iterator[tuple[str, str, Node]]:
    """Every policy document: the resource that has it, its name, and itself.

    Twice, where conditions make a difference: as if all of them were met, and none.
    """
    for name, resource in template["Resources"].items():
        for label, document in _found_in(resource.get("Properties", {})):
            first, second = (_resolve(template, document, met=met) for met in (True, False))
            yield name, label, first
            if second != first:
                yield name, label, second


def _found_in(properties: Node) -> Iterator[tuple[str, Node]]:
    for key, value in properties.items():
        if key.endswith("PolicyDocument"):
            yield key, value
        elif key == "Policies" and isinstance(value, list):
            for policy in value:
                yield policy["PolicyName"], policy["PolicyDocument"]


def _resolve(template: Node, node: Node, *, met: bool) -> Node:
    """*node* without references and conditions. Raises UnknownReferenceError."""

    def plain(node: Node) -> Node:
        match node:
            case {"Fn::If": [_, yes, no]}:
                return plain(yes if met else no)
            case {"Ref": "AWS::NoValue"}:
                return _NOTHING
            case {"Ref": str(name)}:
                return _ref(template, name)
            case {"Fn::GetAtt": [name, attribute]}:
                return _attribute(template, name, attribute)
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([\w:.]+)\}", lambda found: named(found[1]), text)
            case {"Fn::Sub": [str(text), dict(values)]}:
                known = {key: plain(value) for key, value in values.items()}
                return re.sub(
                    r"\$\{([\w:.]+)\}",
                    lambda found: known.get(found[1]) or named(found[1]),
                    text,
                )
            case {"Fn::Join": [separator, parts]}:
                return separator.join(plain(part) for part in parts)
            case dict() if any(key.startswith("Fn::") for key in node):
                raise UnknownReferenceError(f"Cannot resolve {node}")
            case dict():
                made = {key: plain(value) for key, value in node.items()}
                return {key: value for key, value in made.items() if value is not _NOTHING}
            case list():
                return [value for each in node if (value := plain(each)) is not _NOTHING]
        return node

    def named(name: str) -> str:
        logical, _, attribute = name.partition(".")
        if attribute:
            return _attribute(template, logical, attribute)
        return _ref(template, name)

    return plain(node)


def _ref(template: Node, name: str) -> str:
    if name in PSEUDO:
        return PSEUDO[name]
    if name in template["Resources"]:
        if template["Resources"][name]["Type"] in REF_IS_ARN:
            return _arn(template, name)
        return name.lower()
    if name in PARAMETERS:
        return PARAMETERS[name]
    raise UnknownReferenceError(f"Cannot resolve a Ref of {name}")


def _attribute(template: Node, name: str, attribute: str) -> str:
    if attribute in ("Arn", "Id", "TopicArn"):
        return _arn(template, name)
    raise UnknownReferenceError(f"Cannot resolve {name}.{attribute}")


def _arn(template: Node, name: str) -> str:
    kind = template["Resources"][name]["Type"]
    if kind not in ARNS:
        raise UnknownReferenceError(f"Cannot write the ARN of {name}, a {kind}")
    return ARNS[kind].format(name.lower())
