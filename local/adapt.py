"""What the engine lacks, made up for in the CloudFormation it is given.

template.yaml stays as it is: these functions see only what the SAM translator made of it.
Each takes a template and returns a new one; its docstring names the gap.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any

Template = dict[str, Any]


def adapt(template: Template) -> Template:
    """Apply every adaptation but `leave_out`, which needs the engine's answer."""
    return refer_to_secrets_by_arn(write_out_http_apis(run_runtime_client(template)))


def run_runtime_client(template: Template) -> Template:
    """Start Python functions by the bootstrap in their zip, which runs AWS's runtime client.

    The gap: the engine's own Python worker names every exception Runtime.HandlerError, so that
    no Retry or Catch of the state machine would match.
    """
    functions = {
        name: {**resource, "Properties": resource["Properties"] | {"Runtime": "provided.al2023"}}
        for name, resource in of_type(template, "AWS::Lambda::Function")
        if str(resource["Properties"].get("Runtime")).startswith("python")
    }
    return {**template, "Resources": template["Resources"] | functions}


def write_out_http_apis(template: Template) -> Template:
    """Make resources of what an HTTP API's OpenAPI `Body` says: CORS, authorizers and routes.

    The gap: the engine ignores `Body`, the only place where the SAM translator says it.
    """
    written_out: Template = {}
    for name, api in of_type(template, "AWS::ApiGatewayV2::Api"):
        if body := api["Properties"].get("Body"):
            written_out |= _http_api(name, api, body)
            written_out |= _authorizers(name, body)
            written_out |= _routes(name, body)
    return {**template, "Resources": template["Resources"] | written_out}


def refer_to_secrets_by_arn(template: Template) -> Template:
    """Replace the Ref of a secret by its `Id`: an ARN, as on AWS the Ref is.

    The gap: the engine's Ref of a secret is its name.
    """
    secrets = {name for name, _ in of_type(template, "AWS::SecretsManager::Secret")}

    def refer(node: Any) -> Any:
        match node:
            case {"Ref": name} if name in secrets:
                return {"Fn::GetAtt": [name, "Id"]}
            case {"Fn::Sub": str(text)}:
                return {"Fn::Sub": in_text(text)}
            case {"Fn::Sub": [text, values]}:
                return {"Fn::Sub": [in_text(text), refer(values)]}
            case dict():
                return {key: refer(value) for key, value in node.items()}
            case list():
                return [refer(value) for value in node]
        return node

    def in_text(text: str) -> str:
        return re.sub(
            r"\$\{(\w+)\}", lambda ref: f"${{{ref[1]}.Id}}" if ref[1] in secrets else ref[0], text
        )

    adapted: Template = refer(template)
    return adapted


def leave_out(template: Template, types: Collection[str]) -> Template:
    """Leave out the resources of these types, with the outputs and dependencies that name them,
    and alarms on more than one metric.

    The gap: a single type that the engine does not know, or an alarm on a query or an expression,
    makes it refuse the whole stack.
    """
    queries = {
        name
        for name, alarm in of_type(template, "AWS::CloudWatch::Alarm")
        if "Metrics" in alarm["Properties"]
    }
    gone = queries | {
        name for name, resource in template["Resources"].items() if resource["Type"] in types
    }

    def kept(resource: Template) -> Template:
        depends_on = resource.get("DependsOn", [])
        needed = [depends_on] if isinstance(depends_on, str) else depends_on
        return {**resource, "DependsOn": [name for name in needed if name not in gone]}

    return {
        **template,
        "Resources": {
            name: kept(resource)
            for name, resource in template["Resources"].items()
            if name not in gone
        },
        "Outputs": {
            name: output
            for name, output in template.get("Outputs", {}).items()
            if gone.isdisjoint(_references(output))
        },
    }


def of_type(template: Template, kind: str) -> Iterator[tuple[str, Template]]:
    """Yield the resources of one type, with their logical ids."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource


def _http_api(name: str, api: Template, body: Template) -> Template:
    properties = {key: value for key, value in api["Properties"].items() if key != "Body"}
    properties |= {"Name": body["info"].get("title", name), "ProtocolType": "HTTP"}
    if cors := body.get("x-amazon-apigateway-cors"):
        # In OpenAPI's camelCase: the engine's API reads CORS as it was given.
        properties["CorsConfiguration"] = cors
    return {name: {**api, "Properties": properties}}


def _authorizers(name: str, body: Template) -> Template:
    schemes = body.get("components", {}).get("securitySchemes", {})
    return {
        f"{name}{scheme}Authorizer": {
            "Type": "AWS::ApiGatewayV2::Authorizer",
            "Properties": {
                "ApiId": {"Ref": name},
                "Name": scheme,
                "AuthorizerType": "JWT",
                "IdentitySource": [declared["identitySource"]],
                "JwtConfiguration": {
                    "Issuer": declared["jwtConfiguration"]["issuer"],
                    "Audience": declared["jwtConfiguration"]["audience"],
                },
            },
        }
        for scheme, definition in schemes.items()
        # Of another kind of authorizer there is no `jwtConfiguration`: better loud than open.
        for declared in [definition["x-amazon-apigateway-authorizer"]]
    }


def _routes(name: str, body: Template) -> Template:
    operations = [
        (method, path, operation)
        for path, methods in body["paths"].items()
        for method, operation in methods.items()
    ]
    resources = {}
    for number, (method, path, operation) in enumerate(operations):
        integration = operation["x-amazon-apigateway-integration"]
        resources[f"{name}Integration{number}"] = {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": name},
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": integration["uri"],
                "PayloadFormatVersion": integration["payloadFormatVersion"],
            },
        }
        resources[f"{name}Route{number}"] = {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": name},
                "RouteKey": _route_key(method, path),
                "Target": {"Fn::Sub": f"integrations/${{{name}Integration{number}}}"},
                **_authorization(name, operation.get("security", [])),
            },
        }
    return resources


def _route_key(method: str, path: str) -> str:
    if path == "$default":
        return path
    return f"{'ANY' if method == 'x-amazon-apigateway-any-method' else method.upper()} {path}"


def _authorization(name: str, security: list[dict[str, list[str]]]) -> Template:
    for scheme, scopes in (pair for requirement in security for pair in requirement.items()):
        if scheme != "NONE":
            return {
                "AuthorizationType": "JWT",
                "AuthorizerId": {"Ref": f"{name}{scheme}Authorizer"},
                "AuthorizationScopes": scopes,
            }
    return {"AuthorizationType": "NONE"}


def _references(node: Any) -> Iterator[str]:
    match node:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), _]}:
            yield from re.findall(r"\$\{(\w+)", text)
        case dict():
            for value in node.values():
                yield from _references(value)
        case list():
            for value in node:
                yield from _references(value)
