"""What is made of a template before the engine gets it, gap by gap."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local.adapt import (
    leave_out,
    refer_to_secrets_by_arn,
    run_runtime_client,
    write_out_http_apis,
)
from local.deploy import as_json, local_url, package


def template(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources}


class TestRuntimeClient:
    def test_a_python_function_is_started_by_its_own_bootstrap(self) -> None:
        function = {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Runtime": "python3.13", "Handler": "app.handler"},
        }

        adapted = run_runtime_client(template(Prepare=function))

        assert adapted["Resources"]["Prepare"]["Properties"] == {
            "Runtime": "provided.al2023",
            "Handler": "app.handler",
        }

    def test_any_other_runtime_is_left_alone(self) -> None:
        function = {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "nodejs22.x"}}

        adapted = run_runtime_client(template(Prepare=function))

        assert adapted == template(Prepare=function)

    def test_the_template_given_is_not_changed(self) -> None:
        given = template(
            Prepare={"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "python3.13"}}
        )

        run_runtime_client(given)

        assert given["Resources"]["Prepare"]["Properties"]["Runtime"] == "python3.13"


class TestHttpApis:
    def operation(self, **more: Any) -> dict[str, Any]:
        integration = {"uri": "the function", "type": "aws_proxy", "payloadFormatVersion": "2.0"}
        return {"x-amazon-apigateway-integration": integration, **more}

    def api(self, **body: Any) -> dict[str, Any]:
        body = {"info": {"title": "avatars"}, "paths": {}, **body}
        return template(Api={"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": body}})

    def of_kind(self, adapted: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        return [
            resource["Properties"]
            for resource in adapted["Resources"].values()
            if resource["Type"] == f"AWS::ApiGatewayV2::{kind}"
        ]

    def test_each_operation_becomes_a_route_to_its_own_integration(self) -> None:
        api = self.api(
            paths={"/jobs": {"post": self.operation()}, "/jobs/{id}": {"get": self.operation()}}
        )

        adapted = write_out_http_apis(api)

        routes = self.of_kind(adapted, "Route")
        assert [route["RouteKey"] for route in routes] == ["POST /jobs", "GET /jobs/{id}"]
        assert routes[0]["Target"] == {"Fn::Sub": "integrations/${ApiIntegration0}"}
        assert adapted["Resources"]["ApiIntegration0"]["Properties"] == {
            "ApiId": {"Ref": "Api"},
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": "the function",
            "PayloadFormatVersion": "2.0",
        }

    def test_a_protected_operation_asks_the_authorizer_and_an_open_one_does_not(self) -> None:
        token = {
            "identitySource": "$request.header.Authorization",
            "type": "jwt",
            "jwtConfiguration": {"issuer": "https://issuer", "audience": ["client"]},
        }
        api = self.api(
            paths={
                "/jobs": {
                    "post": self.operation(security=[{"Token": ["write"]}]),
                    "get": self.operation(security=[{"NONE": []}]),
                }
            },
            components={"securitySchemes": {"Token": {"x-amazon-apigateway-authorizer": token}}},
        )

        adapted = write_out_http_apis(api)

        protected, open_to_all = self.of_kind(adapted, "Route")
        assert protected["AuthorizationType"] == "JWT"
        assert protected["AuthorizerId"] == {"Ref": "ApiTokenAuthorizer"}
        assert protected["AuthorizationScopes"] == ["write"]
        assert open_to_all["AuthorizationType"] == "NONE"
        [authorizer] = self.of_kind(adapted, "Authorizer")
        assert authorizer["JwtConfiguration"] == {
            "Issuer": "https://issuer",
            "Audience": ["client"],
        }

    def test_an_authorizer_that_is_no_jwt_is_refused_rather_than_left_open(self) -> None:
        scheme = {"x-amazon-apigateway-authorizer": {"type": "request", "identitySource": "x"}}
        api = self.api(components={"securitySchemes": {"Custom": scheme}})

        with pytest.raises(KeyError, match="jwtConfiguration"):
            write_out_http_apis(api)

    def test_cors_moves_from_the_body_to_the_api(self) -> None:
        api = self.api(**{"x-amazon-apigateway-cors": {"allowOrigins": ["https://here"]}})

        adapted = write_out_http_apis(api)

        assert adapted["Resources"]["Api"]["Properties"] == {
            "Name": "avatars",
            "ProtocolType": "HTTP",
            "CorsConfiguration": {"allowOrigins": ["https://here"]},
        }


class TestSecrets:
    def test_every_way_to_refer_to_a_secret_gives_its_arn(self) -> None:
        given = template(
            Key={"Type": "AWS::SecretsManager::Secret", "Properties": {}},
            Reader={
                "Type": "AWS::IAM::Policy",
                "Properties": {
                    "ByRef": [{"Ref": "Key"}],
                    "BySub": {"Fn::Sub": "${Key}/${AWS::Region}/${Bucket}"},
                    "ByLongSub": {"Fn::Sub": ["${Key}-${of}", {"of": {"Ref": "Key"}}]},
                },
            },
        )

        adapted = refer_to_secrets_by_arn(given)

        arn = {"Fn::GetAtt": ["Key", "Id"]}
        assert adapted["Resources"]["Reader"]["Properties"] == {
            "ByRef": [arn],
            "BySub": {"Fn::Sub": "${Key.Id}/${AWS::Region}/${Bucket}"},
            "ByLongSub": {"Fn::Sub": ["${Key.Id}-${of}", {"of": arn}]},
        }

    def test_references_to_anything_else_stay(self) -> None:
        given = template(
            Bucket={"Type": "AWS::S3::Bucket", "Properties": {}},
            Reader={"Type": "AWS::IAM::Policy", "Properties": {"Of": {"Ref": "Bucket"}}},
        )

        assert refer_to_secrets_by_arn(given) == given


class TestLeavingOut:
    def test_a_type_goes_with_the_outputs_and_dependencies_that_name_it(self) -> None:
        given = {
            "Resources": {
                "Budget": {"Type": "AWS::Budgets::Budget"},
                "Table": {"Type": "AWS::DynamoDB::Table", "DependsOn": ["Budget", "Role"]},
                "Queue": {"Type": "AWS::SQS::Queue", "DependsOn": "Budget"},
                "Role": {"Type": "AWS::IAM::Role"},
            },
            "Outputs": {
                "Budget": {"Value": {"Ref": "Budget"}},
                "Text": {"Value": {"Fn::Sub": "of ${Budget.Arn}"}},
                "Table": {"Value": {"Fn::GetAtt": ["Table", "Arn"]}},
            },
        }

        kept = leave_out(given, ["AWS::Budgets::Budget"])

        assert list(kept["Resources"]) == ["Table", "Queue", "Role"]
        assert kept["Resources"]["Table"]["DependsOn"] == ["Role"]
        assert kept["Resources"]["Queue"]["DependsOn"] == []
        assert list(kept["Outputs"]) == ["Table"]

    def test_so_do_alarms_on_more_than_one_metric(self) -> None:
        alarm = "AWS::CloudWatch::Alarm"
        given = {
            "Resources": {
                "OnOne": {"Type": alarm, "Properties": {"MetricName": "Errors"}},
                "OnMany": {"Type": alarm, "Properties": {"Metrics": [{"Expression": "SELECT"}]}},
            }
        }

        assert list(leave_out(given, [])["Resources"]) == ["OnOne"]


class TestSourcesAndOutputs:
    @pytest.mark.parametrize(
        ("metadata", "mounted"),
        [("", "opt/python/python/"), ("Metadata: {SamResourceId: X}", "opt/python/")],
    )
    def test_a_layer_is_packed_as_what_it_is_a_source_or_a_build(
        self, metadata: str, mounted: str, tmp_path: Path
    ) -> None:
        (tmp_path / "core/python").mkdir(parents=True)
        (tmp_path / "core/python/words.py").touch()
        (tmp_path / "greet").mkdir()
        (tmp_path / "template.yaml").write_text(f"""
Globals: {{Function: {{CodeUri: greet, Layers: [!Ref Core]}}}}
Resources:
  Core: {{Type: AWS::Serverless::LayerVersion, Properties: {{ContentUri: core}}, {metadata}}}
  Greet: {{Type: AWS::Serverless::Function, Properties: {{}}}}
""")
        uploads: list[bytes] = []

        def upload(content: bytes) -> dict[str, str]:
            uploads.append(content)
            return {"Bucket": "here", "Key": str(len(uploads))}

        packed = package(tmp_path / "template.yaml", upload)

        assert packed["Resources"]["Greet"]["Properties"]["CodeUri"] == {
            "Bucket": "here",
            "Key": "2",
        }
        names = zipfile.ZipFile(io.BytesIO(uploads[1])).namelist()
        assert names == ["bootstrap", f"{mounted}words.py"]

    def test_a_state_machine_in_yaml_becomes_json_with_its_placeholders(self) -> None:
        definition = 'QueryLanguage: JSONata\nStates: {Begin: {Arguments: "${StartFunction}"}}\n'

        assert json.loads(as_json(definition)) == {
            "QueryLanguage": "JSONata",
            "States": {"Begin": {"Arguments": "${StartFunction}"}},
        }

    def test_the_address_of_an_api_becomes_the_engines(self) -> None:
        address = "https://a1b2c3.execute-api.us-east-1.amazonaws.com/jobs"

        here = local_url(address, "http://127.0.0.1:4000")

        assert here == "http://127.0.0.1:4000/_aws/execute-api/a1b2c3/$default/jobs"

    def test_an_output_that_is_no_api_address_stays(self) -> None:
        assert local_url("s3://bucket/avatars", "http://127.0.0.1:4000") == "s3://bucket/avatars"
