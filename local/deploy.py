"""Deploy a SAM template onto the engine: `python -m local.deploy TEMPLATE STACK Key=Value ...`."""

import hashlib
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.exceptions import ClientError, WaiterError
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from local.adapt import Template, adapt, leave_out, of_type
from local.bundle import function_zip, layer_zip
from local.engine import REGION, client

ARTIFACT_BUCKET = "local-artifacts"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

# Puts bytes into the artifact bucket and says where: {"Bucket": ..., "Key": ...}.
Upload = Callable[[bytes], dict[str, str]]


class DeployError(RuntimeError):
    """The engine could not make the stack; the text names what failed, and why."""


@dataclass(frozen=True)
class Deployment:
    """A stack on the engine, as `deploy` left it."""

    outputs: dict[str, str]
    resources: dict[str, str]  # physical ids, by logical id
    skipped: dict[str, str]  # types that the engine does not know, by logical id


def deploy(
    template: Path, stack: str, parameters: Mapping[str, str], endpoint_url: str
) -> Deployment:
    """Create or update *stack* from a SAM template: the repository's own, or a built one.

    Only AWS's public APIs are used, so that another engine could take this one's place. An API's
    URL among the outputs becomes the one it has here. Raises DeployError.
    """
    aws = partial(client, endpoint_url=endpoint_url)
    upload = _uploader(aws("s3"))
    source = package(template, upload)
    wanted = adapt(translate(source, parameters, _managed_policies(aws("iam"))))
    accepted = leave_out(wanted, _unknown_types(aws("cloudformation"), wanted, upload))
    resources = _apply(aws("cloudformation"), stack, accepted, parameters, upload)
    _expire_items(aws("dynamodb"), accepted, resources)
    return Deployment(
        outputs={
            name: local_url(value, endpoint_url)
            for name, value in _outputs(aws("cloudformation"), stack).items()
        },
        resources=resources,
        skipped={
            name: resource["Type"]
            for name, resource in wanted["Resources"].items()
            if name not in accepted["Resources"]
        },
    )


def package(template: Path, upload: Upload) -> Template:
    """Read a SAM template and upload what it names by path: code, layers, state machines."""
    source: Template = yaml_parse(template.read_text())
    folder, built = template.parent, _is_built(source)
    defaults = source.get("Globals", {}).get("Function", {})
    layers = {
        name: folder / layer["Properties"]["ContentUri"]
        for name, layer in of_type(source, "AWS::Serverless::LayerVersion")
    }
    for name, layer in of_type(source, "AWS::Serverless::LayerVersion"):
        layer["Properties"]["ContentUri"] = upload(layer_zip(layers[name], built=built))
    for _, function in of_type(source, "AWS::Serverless::Function"):
        properties = function["Properties"]
        mounted = [*defaults.get("Layers", []), *properties.get("Layers", [])]
        properties["CodeUri"] = upload(
            function_zip(
                folder / (properties.get("CodeUri") or defaults["CodeUri"]),
                [layers[_ref(layer)] for layer in mounted],
                built=built,
            )
        )
    for _, machine in of_type(source, "AWS::Serverless::StateMachine"):
        properties = machine["Properties"]
        definition = (folder / properties["DefinitionUri"]).read_text()
        properties["DefinitionUri"] = upload(as_json(definition))
    return source


def _ref(layer: Mapping[str, Any]) -> str:
    """The name of a layer that a function has, always or under a condition: it does no harm here,
    where packages are the environment's."""
    _, mounted, *_ = layer.get("Fn::If", (None, layer))
    return str(mounted["Ref"])


def _is_built(source: Template) -> bool:
    """Whether `sam build` wrote the template: it marks whatever it has built."""
    resources = source["Resources"].values()
    return any("SamResourceId" in resource.get("Metadata", {}) for resource in resources)


def as_json(definition: str) -> bytes:
    """A state machine in JSON: the engine does not read YAML, and JSON is YAML, too."""
    return json.dumps(yaml.safe_load(definition)).encode()


def translate(
    source: Template, parameters: Mapping[str, str], managed_policies: Mapping[str, str]
) -> Template:
    """What AWS makes of a SAM template before it deploys it, by AWS's own translator.

    *managed_policies* are the ARNs of AWS's policies by name.
    """
    # It warns, at the very end, that nobody collected its timings.
    logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)
    session = boto3.Session(region_name=REGION)
    translator = Translator(dict(managed_policies), Parser(), boto_session=session)
    translated: Template = translator.translate(source, dict(parameters))
    return translated


def _managed_policies(iam: Any) -> dict[str, str]:
    return {
        policy["PolicyName"]: policy["Arn"]
        for page in iam.get_paginator("list_policies").paginate(Scope="AWS")
        for policy in page["Policies"]
    }


def local_url(text: str, endpoint_url: str) -> str:
    """Replace the address that an HTTP API has on AWS by the one on the engine."""
    return re.sub(
        r"https://(\w+)\.execute-api\.[\w.-]+\.amazonaws\.com",
        rf"{endpoint_url}/_aws/execute-api/\1/$default",
        text,
    )


def _uploader(s3: Any) -> Upload:
    s3.create_bucket(Bucket=ARTIFACT_BUCKET)

    def upload(content: bytes) -> dict[str, str]:
        where = {"Bucket": ARTIFACT_BUCKET, "Key": hashlib.sha256(content).hexdigest()}
        s3.put_object(**where, Body=content)
        return where

    return upload


def _located(cloudformation: Any, template: Template, upload: Upload) -> dict[str, str]:
    """The template as an argument of the API, which takes long ones by URL only."""
    where = upload(json.dumps(template).encode())
    return {"TemplateURL": "/".join([cloudformation.meta.endpoint_url, *where.values()])}


def _unknown_types(cloudformation: Any, template: Template, upload: Upload) -> list[str]:
    try:
        cloudformation.validate_template(**_located(cloudformation, template, upload))
    except ClientError as error:
        # CloudFormation says which types it does not know in this sentence and nowhere else.
        unknown = re.search(r"Unrecognized resource types: \[(.+)]", str(error))
        if not unknown:
            raise DeployError(str(error)) from error
        return unknown[1].split(", ")
    return []


def _apply(
    cloudformation: Any,
    stack: str,
    template: Template,
    parameters: Mapping[str, str],
    upload: Upload,
) -> dict[str, str]:
    """Create or update the stack, and return its resources' physical ids by logical id."""
    exists = any(
        summary["StackName"] == stack and summary["StackStatus"] != "DELETE_COMPLETE"
        for page in cloudformation.get_paginator("list_stacks").paginate()
        for summary in page["StackSummaries"]
    )
    change = cloudformation.update_stack if exists else cloudformation.create_stack
    waiter = "stack_update_complete" if exists else "stack_create_complete"
    try:
        change(
            StackName=stack,
            Capabilities=CAPABILITIES,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
            **_located(cloudformation, template, upload),
        )
        cloudformation.get_waiter(waiter).wait(
            StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
    except ClientError as error:
        # The only word that CloudFormation has for it.
        if "No updates are to be performed" not in str(error):
            raise DeployError(str(error)) from error
    except WaiterError as error:
        raise DeployError(_failures(cloudformation, stack)) from error
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        for resource in page["StackResourceSummaries"]
    }


def _failures(cloudformation: Any, stack: str) -> str:
    return "\n".join(
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatusReason']}"
        for event in cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        if event["ResourceStatus"].endswith("_FAILED") and "ResourceStatusReason" in event
    )


def _outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    description = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}


def _expire_items(dynamodb: Any, template: Template, resources: dict[str, str]) -> None:
    """Switch on the tables' time to live.

    The gap: the engine's CloudFormation leaves it off.
    """
    for name, table in of_type(template, "AWS::DynamoDB::Table"):
        expiry = table["Properties"].get("TimeToLiveSpecification")
        if not expiry:
            continue
        described = dynamodb.describe_time_to_live(TableName=resources[name])
        if described["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED":
            dynamodb.update_time_to_live(TableName=resources[name], TimeToLiveSpecification=expiry)


def main() -> None:
    """Deploy what the command line says onto the engine at AWS_ENDPOINT_URL, and print it."""
    template, stack, *parameters = sys.argv[1:]
    deployment = deploy(
        Path(template),
        stack,
        dict(parameter.split("=", 1) for parameter in parameters),
        os.environ["AWS_ENDPOINT_URL"],
    )
    sys.stdout.write(json.dumps(asdict(deployment), indent=2) + "\n")


if __name__ == "__main__":
    main()
