"""The embedded AWS, with a stack of its own: what it is trusted with, and what `local/` adds."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from local.deploy import DeployError, Deployment, deploy
from local.engine import Engine, EngineError, client

Found = TypeVar("Found")

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String}
Globals:
  Function: {Runtime: python3.13, Handler: app.handler, Layers: [!Ref WordsLayer], Timeout: 20}
Resources:
  WordsLayer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: words}}
  Budget: {Type: AWS::Budgets::Budget, Properties: {}}
  Key: {Type: AWS::SecretsManager::Secret, Properties: {SecretString: hush}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      VersioningConfiguration: {Status: Enabled}
      NotificationConfiguration: {EventBridgeConfiguration: {EventBridgeEnabled: true}}
  GreetFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: greet
      Environment: {Variables: {GREETING: !Ref Greeting, KEY: !Ref Key, BUCKET: !Ref Bucket}}
      EventInvokeConfig:
        DestinationConfig: {OnSuccess: {Type: Lambda, Destination: !GetAtt FailFunction.Arn}}
      Events:
        Hello: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/hello/{name}"}}
  FailFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: fail
      Environment: {Variables: {TABLE: !Ref Table}}
      Policies: [{DynamoDBWritePolicy: {TableName: !Ref Table}}]
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig: {OnFailure: {Type: Lambda, Destination: !GetAtt NoteFunction.Arn}}
      Events:
        Dropped:
          Type: EventBridgeRule
          Properties:
            Pattern:
              source: [aws.s3]
              detail-type: [Object Created]
              detail: {bucket: {name: [!Ref Bucket]}, object: {key: [{prefix: drop/}]}}
  NoteFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: note
      Environment: {Variables: {TABLE: !Ref Table}}
      Policies: [{DynamoDBWritePolicy: {TableName: !Ref Table}}]
      Events:
        Ended:
          Type: EventBridgeRule
          Properties:
            Pattern:
              source: [aws.states]
              detail-type: [Step Functions Execution Status Change]
              detail: {status: [FAILED, TIMED_OUT, ABORTED], stateMachineArn: [!Ref Machine]}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.yaml
      DefinitionSubstitutions: {FailFunction: !GetAtt FailFunction.Arn}
      Policies: [{LambdaInvokePolicy: {FunctionName: !Ref FailFunction}}]
  Pool: {Type: AWS::Cognito::UserPool, Properties: {}}
  Client:
    Type: AWS::Cognito::UserPoolClient
    Properties: {UserPoolId: !Ref Pool, ExplicitAuthFlows: [ALLOW_USER_PASSWORD_AUTH]}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Token
        Authorizers:
          Token:
            IdentitySource: $request.header.Authorization
            JwtConfiguration:
              issuer: !Sub https://cognito-idp.${AWS::Region}.amazonaws.com/${Pool}
              audience: [!Ref Client]
Outputs:
  Url: {Value: !Sub "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
"""

MACHINE = """
QueryLanguage: JSONata
StartAt: Wait
States:
  Wait: {Type: Wait, Seconds: "{% $states.input.seconds %}", Next: Fail}
  Fail:
    Type: Task
    Resource: arn:aws:states:::lambda:invoke
    Arguments: {FunctionName: "${FailFunction}", Payload: "{% $states.input %}"}
    TimeoutSeconds: 20
    Catch:
      - ErrorEquals: [NoPhotosError]
        Next: Known
      - ErrorEquals: [States.TaskFailed]
        Next: Killed
    End: true
  Known: {Type: Fail, Error: Known}
  Killed: {Type: Fail, Error: Killed}
"""

FILES = {
    "template.yaml": TEMPLATE,
    "machine.asl.yaml": MACHINE,
    "words/words.py": "def greet(greeting, name): return f'{greeting} {name}'",
    "greet/app.py": """
import importlib.util, os, boto3, words

def handler(event, context):
    if event.get("do") == "read": boto3.client("s3").list_objects_v2(Bucket=os.environ["BUCKET"])
    name = event["pathParameters"]["name"] if "routeKey" in event else event["name"]
    return {
        "text": words.greet(os.environ["GREETING"], name),
        "key": os.environ["KEY"],
        "sees_the_repository": importlib.util.find_spec("local") is not None,
    }
""",
    "fail/app.py": """
import os, signal, boto3

class NoPhotosError(Exception): pass

def handler(event, context):
    name = event.get("name") or ("record" if "requestPayload" in event else "drop")
    boto3.client("dynamodb").update_item(
        TableName=os.environ["TABLE"], Key={"id": {"S": name}}, UpdateExpression="ADD calls :one",
        ExpressionAttributeValues={":one": {"N": "1"}})
    if event.get("do") == "die": os.kill(os.getpid(), signal.SIGKILL)
    raise NoPhotosError(name)
""",
    "note/app.py": """
import json, os, boto3

def handler(event, context):
    source = event.get("source")
    source = source or "failure over " + event["requestPayload"].get("source", "record")
    boto3.client("dynamodb").put_item(
        TableName=os.environ["TABLE"],
        Item={"id": {"S": "noted " + source},
              "event": {"S": json.dumps(event)}})
""",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stack")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("engine"), wait_scale=0.001) as engine:
        yield engine


@pytest.fixture(scope="module")
def stack(engine: Engine, folder: Path) -> Deployment:
    return deploy(folder / "template.yaml", "try", {"Greeting": "Hello"}, engine.endpoint_url)


@pytest.fixture(scope="module")
def call(engine: Engine, stack: Deployment) -> Callable[..., dict[str, Any]]:
    functions = client("lambda", engine.endpoint_url)

    def call(function: str, **event: Any) -> dict[str, Any]:
        reply = functions.invoke(FunctionName=stack.resources[function], Payload=json.dumps(event))
        answer: dict[str, Any] = json.load(reply["Payload"])
        return answer

    return call


@pytest.fixture(scope="module")
def noted(engine: Engine, stack: Deployment) -> Callable[[str], dict[str, Any]]:
    """The event that `note` wrote down; waits until there is one."""
    table = client("dynamodb", engine.endpoint_url)

    def noted(name: str) -> dict[str, Any]:
        key = {"id": {"S": f"noted {name}"}}
        item = eventually(
            lambda: table.get_item(TableName=stack.resources["Table"], Key=key).get("Item")
        )
        event: dict[str, Any] = json.loads(item["event"]["S"])
        return event

    return noted


@pytest.fixture(scope="module")
def run(engine: Engine, stack: Deployment) -> Callable[..., dict[str, Any]]:
    """Execute the state machine and wait for its end."""
    machines = client("stepfunctions", engine.endpoint_url)

    def run(**given: Any) -> dict[str, Any]:
        started = machines.start_execution(
            stateMachineArn=stack.resources["Machine"], input=json.dumps(given)
        )
        return ended(machines, started["executionArn"])

    return run


def ended(machines: Any, execution_arn: str) -> dict[str, Any]:
    """An execution, once it is over."""

    def look() -> dict[str, Any] | None:
        execution: dict[str, Any] = machines.describe_execution(executionArn=execution_arn)
        return None if execution["status"] == "RUNNING" else execution

    return eventually(look)


def eventually(look: Callable[[], Found | None]) -> Found:
    """What *look* finds as soon as it finds something."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("nothing came of it in 20 seconds")


def read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def calls_of(engine: Engine, stack: Deployment, name: str) -> int:
    item = client("dynamodb", engine.endpoint_url).get_item(
        TableName=stack.resources["Table"], Key={"id": {"S": name}}
    )
    return int(item["Item"]["calls"]["N"])


class TestFunctions:
    def test_a_function_has_its_layer_and_parameters_but_not_this_repository(
        self, call: Callable[..., dict[str, Any]]
    ) -> None:
        reply = call("GreetFunction", name="Ada")

        assert reply["text"] == "Hello Ada"
        assert not reply["sees_the_repository"]

    def test_the_ref_of_a_secret_is_its_arn(self, call: Callable[..., dict[str, Any]]) -> None:
        assert call("GreetFunction", name="Ada")["key"].startswith("arn:aws:secretsmanager:")

    def test_a_function_may_do_only_what_its_role_allows(
        self, call: Callable[..., dict[str, Any]]
    ) -> None:
        reply = call("GreetFunction", name="Ada", do="read")

        assert "is not authorized to perform: s3:ListBucket" in reply["errorMessage"]

    def test_more_calls_than_slots_wait_for_their_turn(
        self, call: Callable[..., dict[str, Any]]
    ) -> None:
        with ThreadPoolExecutor(20) as callers:
            replies = callers.map(lambda n: call("GreetFunction", name=str(n)), range(20))

        assert [reply.get("text") for reply in replies] == [f"Hello {n}" for n in range(20)]


class TestStateMachines:
    def test_an_exception_is_caught_by_its_own_name(
        self, run: Callable[..., dict[str, Any]]
    ) -> None:
        assert run(seconds=60, name="known")["error"] == "Known"

    def test_a_killed_function_is_noticed_and_not_called_again(
        self, run: Callable[..., dict[str, Any]], engine: Engine, stack: Deployment
    ) -> None:
        execution = run(seconds=0, name="killed", do="die")

        assert execution["error"] == "Killed"
        assert calls_of(engine, stack, "killed") == 1

    def test_the_end_of_an_execution_is_an_event(
        self, run: Callable[..., dict[str, Any]], noted: Callable[[str], dict[str, Any]]
    ) -> None:
        run(seconds=0, name="known")

        assert noted("aws.states")["detail"]["status"] == "FAILED"


class TestEvents:
    def test_an_event_that_its_function_fails_on_reaches_the_failure_destination(
        self, engine: Engine, stack: Deployment, noted: Callable[[str], dict[str, Any]]
    ) -> None:
        put = client("s3", engine.endpoint_url).put_object(
            Bucket=stack.resources["Bucket"], Key="drop/50% of é+.JPG", Body=b"photo"
        )

        failure = noted("failure over aws.s3")

        dropped = failure["requestPayload"]["detail"]["object"]
        assert dropped["key"] == "drop/50% of é+.JPG"
        assert dropped["version-id"] == put["VersionId"]
        assert failure["responsePayload"]["errorType"] == "NoPhotosError"
        assert calls_of(engine, stack, "drop") == 2

    def test_the_record_of_a_success_goes_to_a_function_as_any_asynchronous_call(
        self, engine: Engine, stack: Deployment, noted: Callable[[str], dict[str, Any]]
    ) -> None:
        client("lambda", engine.endpoint_url).invoke(
            FunctionName=stack.resources["GreetFunction"],
            InvocationType="Event",
            Payload=json.dumps({"name": "Ada"}),
        )

        failure = noted("failure over record")

        record = failure["requestPayload"]
        assert record["requestPayload"] == {"name": "Ada"}
        assert record["requestContext"]["condition"] == "Success"
        assert record["responsePayload"]["text"] == "Hello Ada"
        assert failure["requestContext"]["condition"] == "RetriesExhausted"
        assert calls_of(engine, stack, "record") == 2


class TestApi:
    @pytest.fixture
    def token(self, engine: Engine, stack: Deployment) -> str:
        users = client("cognito-idp", engine.endpoint_url)
        pool, password = stack.resources["Pool"], "Correct-horse-1"
        users.admin_create_user(UserPoolId=pool, Username="ada", MessageAction="SUPPRESS")
        users.admin_set_user_password(
            UserPoolId=pool, Username="ada", Password=password, Permanent=True
        )
        signed_in = users.initiate_auth(
            ClientId=stack.resources["Client"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ada", "PASSWORD": password},
        )
        token: str = signed_in["AuthenticationResult"]["IdToken"]
        return token

    def test_a_request_needs_a_token_of_the_user_pool(self, stack: Deployment, token: str) -> None:
        address = f"{stack.outputs['Url']}/hello/Ada"

        with httpx.Client(trust_env=False) as browser:
            stranger = browser.get(address)
            forged = browser.get(address, headers={"Authorization": f"{token[:-8]}AAAAAAAA"})
            ada = browser.get(address, headers={"Authorization": f"Bearer {token}"})

        assert (stranger.status_code, forged.status_code) == (401, 401)
        assert ada.json()["text"] == "Hello Ada"


class TestDeployment:
    def test_a_type_that_the_engine_does_not_know_is_left_out_by_name(
        self, stack: Deployment
    ) -> None:
        assert stack.skipped == {"Budget": "AWS::Budgets::Budget"}

    def test_items_expire_where_the_template_says_so(
        self, engine: Engine, stack: Deployment
    ) -> None:
        described = client("dynamodb", engine.endpoint_url).describe_time_to_live(
            TableName=stack.resources["Table"]
        )

        assert described["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"

    def test_what_is_deployed_again_is_what_runs(
        self, engine: Engine, folder: Path, call: Callable[..., dict[str, Any]]
    ) -> None:
        deploy(folder / "template.yaml", "try", {"Greeting": "Good day"}, engine.endpoint_url)

        assert call("GreetFunction", name="Ada")["text"] == "Good day Ada"

    def test_a_stack_that_cannot_be_made_says_which_resource_and_why(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        machine = {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"DefinitionS3Location": {"Bucket": "gone", "Key": "gone"}},
        }
        (tmp_path / "template.yaml").write_text(json.dumps({"Resources": {"Machine": machine}}))

        with pytest.raises(DeployError, match=r"Machine .*: .*not found: s3://gone/gone"):
            deploy(tmp_path / "template.yaml", "broken", {}, engine.endpoint_url)

    def test_a_parameter_without_a_value_is_asked_for(self, engine: Engine, folder: Path) -> None:
        with pytest.raises(DeployError, match="Greeting"):
            deploy(folder / "template.yaml", "incomplete", {}, engine.endpoint_url)


class TestProcess:
    def test_the_engine_ends_even_with_a_starter_that_is_killed(self, tmp_path: Path) -> None:
        program = """
import os, pathlib, sys
from local.engine import Engine
engine = Engine(pathlib.Path(sys.argv[1]))
engine.start()
print(engine.port, flush=True)
os.kill(os.getpid(), 9)
"""
        starter = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            check=False,
            stdout=subprocess.PIPE,
        )
        orphan = Engine(tmp_path, port=int(starter.stdout))

        assert eventually(lambda: not orphan.is_healthy)

    def test_a_port_that_is_taken_is_refused(self, engine: Engine, tmp_path: Path) -> None:
        with pytest.raises(EngineError, match=f"port {engine.port} is taken"):
            Engine(tmp_path, port=engine.port).start()

    def test_an_engine_that_does_not_start_shows_its_last_words(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        python = tmp_path / "python"
        python.write_text("#!/bin/sh\necho no such thing\nexit 1\n")
        python.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(python))

        with pytest.raises(EngineError, match="no such thing"):
            Engine(tmp_path / "state").start()
