"""The template: who may touch what, and no loose ends. What it must never say, `rules.py` says."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from avatars.api.routes import app
from avatars.errors import BadManifestError
from avatars.manifest import require_possible
from avatars.model import MAX_PHOTOS, Stage
from avatars.pipeline.erasing import STRAGGLERS
from avatars.pipeline.finishing import FIRST_KEEP_WAIT, MOST_KEEP_ROUNDS
from avatars.pipeline.inference import SENDS_SECONDS
from avatars.pipeline.spending import BALANCE_AGE
from avatars.provider.calls import BALANCE_TIMEOUT, CONNECT_TIMEOUT, READ_TIMEOUT
from avatars.provider.catalog import CAPABILITIES
from avatars.settings import (
    FIRST_PROVIDER,
    LEAST_SECONDS_BETWEEN_LOOKS,
    LINK_SECONDS,
    SUBMIT_TIMEOUT,
    Settings,
)
from avatars.webhooks.sender import MAX_SECONDS
from tests.fakes import ENVIRONMENT
from tests.template.expanded import source

ROOT = Path(__file__).parents[2]
TEMPLATE = source()
GLOBALS = TEMPLATE["Globals"]["Function"]

A_MINUTE_TO_SAVE = 60
A_NAME_SERVERS_PATIENCE = 30
REQUESTS_A_MINUTE = 500
"""What the provider takes (vendor's page on quotas and limits)."""

Properties = dict[str, Any]
Statement = dict[str, Any]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource
        for name, resource in TEMPLATE["Resources"].items()
        if resource["Type"] == f"AWS::{kind}"
    }


FUNCTIONS: dict[str, Properties] = {
    name: resource["Properties"] for name, resource in of_type("Serverless::Function").items()
}
MACHINE: Properties = TEMPLATE["Resources"]["MakeAvatars"]["Properties"]


def statements(properties: Properties) -> list[Statement]:
    return [statement for policy in properties["Policies"] for statement in policy["Statement"]]


def snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def rules(properties: Properties) -> list[Properties]:
    """The EventBridge rules that call a function."""
    return [
        event["Properties"]
        for event in properties.get("Events", {}).values()
        if event["Type"] == "EventBridgeRule"
    ]


ERASERS = {"ApiFunction", "SweepJobsFunction", "PackAvatarsFunction"}
"""Functions that delete more than selfies: what an owner wants erased, and archives of it."""

SELFIES = {"${UploadBucket.Arn}/uploads/*", "${UploadBucket.Arn}/photos/*"}
FREE = {
    "SendWebhookFunction": {"WebhookQueue"},  # what it holds has been told, or is a dead letter
    "PublishPageFunction": {"${PageBucket.Arn}/page/*"},
}
"""What was never paid for, by the function that may delete it."""
ARCHIVES = {"${AvatarBucket.Arn}/archives/*"}


def deletable(properties: Properties) -> set[str]:
    """What a function may delete: objects by prefix, rows by table."""
    return {
        resource["Fn::Sub"] if "Fn::Sub" in resource else resource["Fn::GetAtt"][0]
        for statement in statements(properties)
        for resource in listed(statement["Resource"])
        if any("Delete" in action for action in listed(statement["Action"]))
    }


def routes() -> dict[str, Properties]:
    """The routes of the HTTP API, by the names of their events."""
    return {
        name: event["Properties"]
        for properties in FUNCTIONS.values()
        for name, event in properties.get("Events", {}).items()
        if event["Type"] == "HttpApi"
    }


def route_keys() -> dict[str, str]:
    """What API Gateway calls them: `GET /jobs`."""
    return {name: f"{route['Method']} {route['Path']}" for name, route in routes().items()}


class Asked(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return ENVIRONMENT[name]

    def __iter__(self) -> Iterator[str]:
        return iter(ENVIRONMENT)

    def __len__(self) -> int:
        return len(ENVIRONMENT)


class TestPrivileges:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_a_function_has_a_role_of_its_own(self, name: str) -> None:
        assert "Role" not in FUNCTIONS[name]
        assert statements(FUNCTIONS[name])
        assert "Policies" not in GLOBALS

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_objects_are_reached_by_prefix_only(self, name: str) -> None:
        for statement in statements(FUNCTIONS[name]):
            for action in listed(statement["Action"]):
                if action.startswith("s3:List"):
                    prefixes = statement["Condition"]["StringLike"]["s3:prefix"]
                    assert all(re.fullmatch(r"\w+/\*", prefix) for prefix in prefixes)
                elif action.startswith("s3:"):
                    for resource in listed(statement["Resource"]):
                        assert re.fullmatch(
                            r"\$\{(Upload|Avatar|Page)Bucket\.Arn\}/"
                            r"(uploads|photos|avatars|archives|answers|page)/.+",
                            resource["Fn::Sub"],
                        )

    @pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - ERASERS))
    def test_nothing_that_was_paid_for_can_be_deleted(self, name: str) -> None:
        assert deletable(FUNCTIONS[name]) <= FREE.get(name, SELFIES)

    def test_but_by_those_who_erase_a_job_when_its_owner_asks(self) -> None:
        everything = {
            *SELFIES, *ARCHIVES,
            "${AvatarBucket.Arn}/avatars/*", "${AvatarBucket.Arn}/answers/*", "JobsTable",
        }  # fmt: skip

        assert {name: deletable(FUNCTIONS[name]) for name in ERASERS} == {
            "ApiFunction": everything | {"IdempotencyTable"},
            "SweepJobsFunction": everything,
            "PackAvatarsFunction": ARCHIVES,
        }

    def test_who_erases_knows_what_else_lies_there_by_prefix_only(self) -> None:
        for name in ERASERS:
            for statement in statements(FUNCTIONS[name]):
                if "s3:ListBucketVersions" in listed(statement["Action"]):
                    assert "Condition" in statement, (name, statement["Sid"])

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_nobody_can_delete_a_bucket_or_a_table(self, name: str) -> None:
        actions = {a for s in statements(FUNCTIONS[name]) for a in listed(s["Action"])}

        assert {action for action in actions if "Delete" in action} <= {
            "s3:DeleteObject", "s3:DeleteObjectVersion", "dynamodb:DeleteItem", "sqs:DeleteMessage",
        }  # fmt: skip

    def test_who_packs_reads_avatars_and_writes_nothing_but_archives(self) -> None:
        writes = {
            (action, resource["Fn::Sub"])
            for statement in statements(FUNCTIONS["PackAvatarsFunction"])
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
            if action == "s3:PutObject"
        }
        rows = {
            action
            for statement in statements(FUNCTIONS["PackAvatarsFunction"])
            for action in listed(statement["Action"])
            if action.startswith("dynamodb:")
        }

        assert writes == {("s3:PutObject", "${AvatarBucket.Arn}/archives/*")}
        assert rows == {"dynamodb:GetItem", "dynamodb:Query"}

    def test_who_decodes_reads_uploads_and_writes_prepared_photos(self) -> None:
        allowed = {
            (action, str(listed(statement["Resource"])[0]))
            for statement in statements(FUNCTIONS["PreparePhotoFunction"])
            for action in listed(statement["Action"])
        }

        uploads, photos = (
            str({"Fn::Sub": f"${{UploadBucket.Arn}}/{prefix}/*"})
            for prefix in ("uploads", "photos")
        )
        assert allowed == {
            ("s3:GetObjectVersion", uploads),
            ("s3:ListBucket", str({"Fn::GetAtt": ["UploadBucket", "Arn"]})),
            ("s3:PutObject", photos),
        }

    @staticmethod
    def readers_of(secret: str) -> set[str]:
        return {
            name
            for name, properties in FUNCTIONS.items()
            for statement in statements(properties)
            if "secretsmanager" in str(statement["Action"]) and secret in str(statement["Resource"])
        }

    def test_the_key_is_read_only_by_those_who_ask_the_provider(self) -> None:
        assert self.readers_of("ProviderKeySecret") == {
            "StartTrainingFunction", "RecoverTrainingFunction", "CheckTrainingFunction",
            "StartInferenceFunction", "RecoverInferenceFunction", "CheckInferenceFunction",
        }  # fmt: skip

    def test_who_keeps_avatars_reads_the_certificate_where_there_is_one(self) -> None:
        policy = TEMPLATE["Resources"]["SignAvatarsPolicy"]
        [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
        holders = {
            name
            for name, properties in FUNCTIONS.items()
            if "CONTENT_CREDENTIALS_SECRET"
            in properties.get("Environment", {}).get("Variables", {})
        }

        assert policy["Condition"] == "SignsAvatars"
        assert policy["Properties"]["Roles"] == [{"Ref": "KeepAvatarsFunctionRole"}]
        assert statement["Resource"] == {"Ref": "ContentCredentialsSecret"}
        assert holders == {"KeepAvatarsFunction"}

    def test_who_signs_webhooks_reads_the_secret_of_webhooks(self) -> None:
        assert "SendWebhookFunction" in self.readers_of("WebhookSecret")
        assert self.readers_of("WebhookSecret") <= {"SendWebhookFunction", "ApiFunction"}

    def test_nobody_else_takes_messages_from_a_queue_of_ours(self) -> None:
        receivers = {
            name: statement["Resource"]
            for name, properties in FUNCTIONS.items()
            for statement in statements(properties)
            if "sqs:ReceiveMessage" in listed(statement["Action"])
        }

        assert receivers == {"SendWebhookFunction": {"Fn::GetAtt": ["WebhookQueue", "Arn"]}}

    def test_the_signer_reads_prepared_photos_and_serves_those_who_send_links_to_them(self) -> None:
        role = TEMPLATE["Resources"]["SignerRole"]["Properties"]
        [policy] = role["Policies"]
        [statement] = policy["PolicyDocument"]["Statement"]
        [trust] = role["AssumeRolePolicyDocument"]["Statement"]

        assert statement["Action"] == "s3:GetObjectVersion"
        assert statement["Resource"] == {"Fn::Sub": "${UploadBucket.Arn}/photos/*"}
        assert trust["Principal"]["AWS"] == [
            {"Fn::GetAtt": [f"{name}Role", "Arn"]}
            for name, properties in FUNCTIONS.items()
            if "SIGNER_ROLE" in properties.get("Environment", {}).get("Variables", {})
        ]

    def test_the_sharer_reads_avatars_and_serves_one_function(self) -> None:
        role = TEMPLATE["Resources"]["SharerRole"]["Properties"]
        [policy] = role["Policies"]
        [statement] = policy["PolicyDocument"]["Statement"]
        [trust] = role["AssumeRolePolicyDocument"]["Statement"]

        assert statement["Action"] == "s3:GetObject"
        assert statement["Resource"] == {"Fn::Sub": "${AvatarBucket.Arn}/avatars/*"}
        assert trust["Principal"] == {"AWS": {"Fn::GetAtt": ["ApiFunctionRole", "Arn"]}}
        assert role["MaxSessionDuration"] >= LINK_SECONDS


class TestTriggers:
    def test_the_rule_on_executions_hears_every_end_but_success(self) -> None:
        [rule] = rules(FUNCTIONS["CloseJobFunction"])

        assert rule["Pattern"]["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
        assert rule["Pattern"]["detail"]["stateMachineArn"] == [{"Ref": "MakeAvatars"}]

    def test_every_route_is_answered_and_every_answer_has_a_route(self) -> None:
        paths = app.get_openapi_schema(title="The API", version="1").paths or {}
        answered = {
            f"{method.upper()} {path}"
            for path, item in paths.items()
            for method in item.model_dump(exclude_none=True)
            if method in ("get", "put", "post", "delete", "patch", "head", "options")
        }

        assert set(route_keys().values()) == answered

    def test_every_route_has_an_example_and_every_example_a_route(self) -> None:
        examples = {
            path.stem: json.loads(path.read_text()) for path in ROOT.glob("events/api_*.json")
        }

        assert {name: example["routeKey"] for name, example in examples.items()} == {
            f"api_{snake_case(name)}": key for name, key in route_keys().items()
        }

    @pytest.mark.parametrize("file", sorted(ROOT.glob("events/api_*.json")), ids=lambda f: f.stem)
    def test_an_example_agrees_with_itself(self, file: Path) -> None:
        example = json.loads(file.read_text())
        method, _, path = example["routeKey"].partition(" ")
        http = example["requestContext"]["http"]

        assert example["requestContext"]["routeKey"] == example["routeKey"]
        assert (http["method"], http["path"]) == (method, example["rawPath"])
        assert path.format(**example.get("pathParameters", {})) == example["rawPath"]
        body = example.get("body", "")
        assert example["headers"].get("content-length", "0") == str(len(body.encode()))


class TestStorage:
    def test_what_expires_is_remembered_writes_and_nothing_else(self) -> None:
        expiring = {
            name: table["Properties"]["TimeToLiveSpecification"]
            for name, table in of_type("DynamoDB::Table").items()
            if "TimeToLiveSpecification" in table["Properties"]
        }

        # The attribute that Powertools writes by default.
        assert expiring == {"IdempotencyTable": {"AttributeName": "expiration", "Enabled": True}}

    @pytest.mark.parametrize("name", of_type("DynamoDB::Table"))
    def test_a_table_is_encrypted_and_paid_by_use(self, name: str) -> None:
        table = TEMPLATE["Resources"][name]["Properties"]

        assert table["SSESpecification"]["SSEEnabled"] is True
        assert table["BillingMode"] == "PAY_PER_REQUEST"

    def test_photos_are_deleted_in_the_end_whatever_happens(self) -> None:
        bucket = TEMPLATE["Resources"]["UploadBucket"]["Properties"]
        lifecycle = bucket["LifecycleConfiguration"]["Rules"]

        [days] = [rule["ExpirationInDays"] for rule in lifecycle if "ExpirationInDays" in rule]
        assert days == {"Fn::FindInMap": ["PhotoRules", {"Ref": "UploadRetentionDays"}, "Days"]}
        assert TEMPLATE["Mappings"]["PhotoRules"]["0"]["Days"] == 7
        assert any("NoncurrentVersionExpiration" in rule for rule in lifecycle)
        assert all("Prefix" not in rule for rule in lifecycle)

    def test_the_rule_that_deletes_photos_outlasts_the_longest_job_and_its_retention(self) -> None:
        parameters, rules = TEMPLATE["Parameters"], TEMPLATE["Mappings"]["PhotoRules"]
        waits = ["CollectSeconds", "ProviderPatienceSeconds", "ProviderPatienceSeconds"]
        stages = ["TrainingDeadlineSeconds", "InferenceDeadlineSeconds"]
        keeping = sum(FIRST_KEEP_WAIT * 2**round for round in range(MOST_KEEP_ROUNDS))
        longest = sum(parameters[name]["MaxValue"] for name in waits + stages) + keeping

        kept = parameters["UploadRetentionDays"]["AllowedValues"]
        assert sorted(map(int, rules)) == kept
        for days in kept[1:]:
            assert rules[str(days)]["Days"] * 86_400 >= days * 86_400 + longest

    def test_a_photo_that_is_prepared_again_outlives_the_longest_wait_for_its_training(
        self,
    ) -> None:
        bucket = TEMPLATE["Resources"]["UploadBucket"]["Properties"]
        [days] = [
            rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
            for rule in bucket["LifecycleConfiguration"]["Rules"]
            if "NoncurrentVersionExpiration" in rule
        ]
        longest = [
            TEMPLATE["Parameters"][name]["MaxValue"]
            for name in ("CollectSeconds", "ProviderPatienceSeconds")
        ]

        assert days * 86_400 >= sum(longest)

    @pytest.mark.parametrize("name", of_type("S3::Bucket"))
    def test_a_bucket_is_private_encrypted_and_versioned(self, name: str) -> None:
        bucket = TEMPLATE["Resources"][name]["Properties"]

        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        assert bucket["VersioningConfiguration"]["Status"] == "Enabled"
        assert "BucketEncryption" in bucket


class TestOperations:
    @pytest.mark.parametrize("name", of_type("Logs::LogGroup"))
    def test_a_log_group_has_a_retention(self, name: str) -> None:
        assert "RetentionInDays" in TEMPLATE["Resources"][name]["Properties"]

    def test_every_function_logs_into_one_of_them(self) -> None:
        assert GLOBALS["LoggingConfig"]["LogGroup"] == {"Ref": "LogGroup"}
        assert not any("LoggingConfig" in properties for properties in FUNCTIONS.values())

    @pytest.mark.parametrize("section", ["Parameters", "Outputs"])
    def test_every_parameter_and_output_says_what_it_is(self, section: str) -> None:
        assert all(item["Description"].endswith(".") for item in TEMPLATE[section].values())

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_a_function_is_called_like_its_folder_and_says_what_it_does(self, name: str) -> None:
        folder = snake_case(name.removesuffix("Function"))

        assert FUNCTIONS[name]["CodeUri"] == f"functions/{folder}/"
        assert FUNCTIONS[name]["Description"]

    def test_every_folder_of_a_function_is_deployed(self) -> None:
        folders = {f"functions/{path.parent.name}/" for path in ROOT.glob("functions/*/app.py")}

        assert folders == {properties["CodeUri"] for properties in FUNCTIONS.values()}


class TestEnvironment:
    def test_what_the_code_asks_for_is_what_the_template_gives(self) -> None:
        asked = Asked()
        Settings.from_environment(asked)
        given = set(GLOBALS["Environment"]["Variables"])
        of_some = {
            name
            for properties in FUNCTIONS.values()
            for name in properties.get("Environment", {}).get("Variables", {})
        }

        # What others read: Powertools, the lines of logs, NumPy.
        theirs = {"POWERTOOLS_SERVICE_NAME", "LOG_KEY", "OPENBLAS_NUM_THREADS"}
        assert asked.names == (given | of_some) - theirs
        assert of_some - given - theirs == {
            "STATE_MACHINE", "SIGNER_ROLE", "PREPARE_FUNCTION",
            "SHARER_ROLE", "PACK_FUNCTION", "IDEMPOTENCY_TABLE",
            "WEBHOOK_URL", "WEBHOOK_SECRET", "WEBHOOK_QUEUE", "DEAD_LETTER_QUEUE",
            "CONTENT_CREDENTIALS_SECRET",
        }  # fmt: skip

    def test_who_decodes_knows_of_the_upload_bucket_only(self) -> None:
        function = TEMPLATE["Resources"]["PreparePhotoFunction"]

        assert function["IgnoreGlobals"] == ["Environment"]
        assert function["Properties"]["Environment"]["Variables"] == {
            "POWERTOOLS_SERVICE_NAME": {"Ref": "AWS::StackName"},
            "LOG_KEY": GLOBALS["Environment"]["Variables"]["LOG_KEY"],
            "UPLOAD_BUCKET": {"Ref": "UploadBucket"},
            "OPENBLAS_NUM_THREADS": "1",
        }

    @staticmethod
    def having(variable: str) -> set[str]:
        return {
            name
            for name, properties in FUNCTIONS.items()
            if variable in properties.get("Environment", {}).get("Variables", {})
        }

    @pytest.mark.parametrize(
        ("variable", "action", "resource"),
        [
            ("STATE_MACHINE", "states:StartExecution", {"Ref": "MakeAvatars"}),
            (
                "PREPARE_FUNCTION",
                "lambda:InvokeFunction",
                {"Fn::GetAtt": ["PreparePhotoFunction", "Arn"]},
            ),
            (
                "PACK_FUNCTION",
                "lambda:InvokeFunction",
                {"Fn::GetAtt": ["PackAvatarsFunction", "Arn"]},
            ),
            (
                "IDEMPOTENCY_TABLE",
                "dynamodb:UpdateItem",
                {"Fn::GetAtt": ["IdempotencyTable", "Arn"]},
            ),
        ],
    )
    def test_what_only_some_functions_have_is_what_they_may_use(
        self, variable: str, action: str, resource: dict[str, Any]
    ) -> None:
        allowed = {
            name
            for name, properties in FUNCTIONS.items()
            for statement in statements(properties)
            if action in listed(statement["Action"]) and statement["Resource"] == resource
        }

        assert self.having(variable) == allowed

    @pytest.mark.parametrize(
        ("variable", "role"), [("SIGNER_ROLE", "SignerRole"), ("SHARER_ROLE", "SharerRole")]
    )
    def test_so_are_the_roles_that_they_assume(self, variable: str, role: str) -> None:
        assumed = [
            policy["Properties"]
            for policy in of_type("IAM::Policy").values()
            if policy["Properties"]["PolicyDocument"]["Statement"][0]["Resource"]
            == {"Fn::GetAtt": [role, "Arn"]}
        ]

        [policy] = assumed
        assert policy["PolicyDocument"]["Statement"][0]["Action"] == "sts:AssumeRole"
        assert self.having(variable) == {one["Ref"].removesuffix("Role") for one in policy["Roles"]}

    @staticmethod
    def defaults() -> dict[str, str]:
        return {
            name: str(TEMPLATE["Parameters"][value["Ref"]]["Default"])
            for name, value in GLOBALS["Environment"]["Variables"].items()
            if isinstance(value, dict) and value.get("Ref") in TEMPLATE["Parameters"]
        }

    def test_the_defaults_of_the_parameters_are_settings(self) -> None:
        settings = Settings.from_environment(ENVIRONMENT | self.defaults())

        assert settings.connection.url.startswith("https://")
        assert settings.clock.scale == 1

    def test_as_many_as_may_be_under_way_never_ask_more_than_the_provider_takes(self) -> None:
        settings = Settings.from_environment(ENVIRONMENT | self.defaults())
        # In its worst minute a training ends and the next one starts; an inference is ordered and
        # looked at after 20 seconds and then every 10; the balance is asked once, at the most.
        inference = settings.schedule(CAPABILITIES[settings.provider], Stage.INFERENCE)
        looks = 1 + (60 - inference.first) // inference.every

        worst = (
            2 * settings.most_at_once[Stage.TRAINING]
            + (2 + looks) * settings.most_at_once[Stage.INFERENCE]
            + 60 // BALANCE_AGE
        )

        training = settings.schedule(CAPABILITIES[settings.provider], Stage.TRAINING)
        assert training.every >= 60
        assert 2 + looks == 7
        # Learned looks come no closer.
        assert LEAST_SECONDS_BETWEEN_LOOKS == {Stage.TRAINING: 60, Stage.INFERENCE: 10}
        assert inference.every == 10
        assert worst <= REQUESTS_A_MINUTE

    def test_every_parameter_is_used(self) -> None:
        text = (ROOT / "template.yaml").read_text()

        unused = [
            name
            for name in TEMPLATE["Parameters"]
            if f"!Ref {name}" not in text and f"${{{name}}}" not in text
        ]

        assert unused == []

    def test_what_is_drawn_by_default_is_among_what_the_provider_draws(self) -> None:
        given = GLOBALS["Environment"]["Variables"]["PROVIDER_STYLES"]
        styles = TEMPLATE["Parameters"]["ProviderStyles"]
        settings = Settings.from_environment(
            ENVIRONMENT | self.defaults() | {"PROVIDER_STYLES": styles["Default"]}
        )

        assert styles["Type"] == "CommaDelimitedList"
        assert given == {"Fn::Join": [",", {"Ref": "ProviderStyles"}]}
        wanted, can = settings.default, CAPABILITIES[settings.provider]
        require_possible(settings, can, wanted.subject, wanted.prompts)

    def test_a_stack_may_have_each_provider_and_nobody_else(self) -> None:
        own, others = TEMPLATE["Parameters"]["Provider"], TEMPLATE["Parameters"]["JobProviders"]

        assert own["AllowedValues"] == list(CAPABILITIES)
        assert own["Default"] == FIRST_PROVIDER
        assert f"({'|'.join(CAPABILITIES)})" in others["AllowedPattern"]
        for names in ("", others["Default"], ",".join(CAPABILITIES)):
            assert re.fullmatch(others["AllowedPattern"], names)
        assert not re.fullmatch(others["AllowedPattern"], "picsart-trained,picsart-instnat")

    @pytest.mark.parametrize("stage", Stage)
    def test_looks_that_the_template_takes_are_looks_that_the_settings_take(
        self, stage: Stage
    ) -> None:
        pattern = TEMPLATE["Parameters"][f"{stage.title()}LookSeconds"]["AllowedPattern"]
        least = LEAST_SECONDS_BETWEEN_LOOKS[stage]

        for seconds in (0, least, 3 * least, 3600):
            assert re.fullmatch(pattern, str(seconds))
            Settings.from_environment(ENVIRONMENT | {f"{stage.name}_LOOK_SECONDS": str(seconds)})
        for seconds in (-1, 1, least // 2, least - 1):
            assert not re.fullmatch(pattern, str(seconds))

    def test_an_owner_may_order_at_least_one_whole_set(self) -> None:
        parameters = TEMPLATE["Parameters"]

        assert parameters["OwnerPhotosPerDay"]["MinValue"] == max(
            one.least_photos for one in CAPABILITIES.values()
        )
        assert parameters["OwnerPhotosPerDay"]["Default"] >= MAX_PHOTOS
        assert parameters["OwnerJobsPerDay"]["MinValue"] == 1
        assert parameters["OwnerOpenJobs"]["MinValue"] == 1

    def test_no_secret_is_given_to_a_function_by_value(self) -> None:
        secret = GLOBALS["Environment"]["Variables"]["PROVIDER_KEY_SECRET"]

        assert secret == {"Fn::GetAtt": ["ProviderKeySecret", "Id"]}
        assert "resolve:secretsmanager" not in (ROOT / "template.yaml").read_text()


class TestSpending:
    """What CloudFormation refuses before it changes anything."""

    @pytest.mark.parametrize(
        ("given", "is_taken"),
        [
            ({}, True),
            ({"TrainingPrice": "50"}, True),
            ({"SpendPerDay": "100"}, False),
            ({"OwnerSpendPerDay": "100"}, False),
            ({"SpendPerDay": "100", "TrainingPrice": "50"}, True),
            ({"OwnerSpendPerDay": "100", "AvatarPrice": "5"}, True),
        ],
    )
    def test_a_cap_needs_a_price(self, given: dict[str, str], is_taken: bool) -> None:
        rule = TEMPLATE["Rules"]["CapAndPrice"]
        names = ("TrainingPrice", "AvatarPrice", "SpendPerDay", "OwnerSpendPerDay")
        values = {name: str(TEMPLATE["Parameters"][name]["Default"]) for name in names} | given

        def holds(condition: dict[str, Any]) -> bool:
            [(function, arguments)] = condition.items()
            match function:
                case "Fn::Not":
                    return not holds(arguments[0])
                case "Fn::And":
                    return all(map(holds, arguments))
                case "Fn::Equals":
                    return values[arguments[0]["Ref"]] == str(arguments[1])
            raise AssertionError(function)

        [assertion] = rule["Assertions"]
        assert (not holds(rule["RuleCondition"]) or holds(assertion["Assert"])) == is_taken


class TestTimeouts:
    @pytest.mark.parametrize("name", ["StartTrainingFunction", "StartInferenceFunction"])
    def test_a_submission_sees_the_end_of_its_request(self, name: str) -> None:
        assert FUNCTIONS[name]["Timeout"] == SUBMIT_TIMEOUT
        balance = (BALANCE_TIMEOUT.connect or 0) + (BALANCE_TIMEOUT.read or 0)
        before = SENDS_SECONDS if name == "StartInferenceFunction" else 0
        one = balance + CONNECT_TIMEOUT + READ_TIMEOUT + A_MINUTE_TO_SAVE
        assert before + one <= SUBMIT_TIMEOUT

    @pytest.mark.parametrize("name", ["CheckTrainingFunction", "CheckInferenceFunction"])
    def test_so_does_a_look(self, name: str) -> None:
        assert FUNCTIONS[name]["Timeout"] > CONNECT_TIMEOUT + READ_TIMEOUT

    def test_a_webhook_sees_the_end_of_its_request_and_of_its_wait_for_a_name(self) -> None:
        assert FUNCTIONS["SendWebhookFunction"]["Timeout"] >= MAX_SECONDS + A_NAME_SERVERS_PATIENCE

    def test_the_api_answers_before_the_gateway_gives_up(self) -> None:
        assert FUNCTIONS["ApiFunction"]["Timeout"] < 30

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_what_is_at_work_when_a_job_is_erased_has_ended_before_it_is_forgotten(
        self, name: str
    ) -> None:
        assert FUNCTIONS[name].get("Timeout", GLOBALS["Timeout"]) < STRAGGLERS


class TestBuild:
    @pytest.mark.parametrize("name", [*FUNCTIONS, "CoreLayer", "SigningLayer", "PageLayer"])
    def test_what_makes_bytecode_builds_everything(self, name: str) -> None:
        metadata = TEMPLATE["Resources"][name]["Metadata"]

        assert metadata["BuildMethod"] == "makefile"
        assert metadata["ContextPath"] == "requirements"

    def test_no_lock_is_without_a_function(self) -> None:
        locked = {
            f"functions/{lock.parent.name}/" for lock in ROOT.glob("functions/*/requirements.txt")
        }

        assert locked
        assert locked <= {properties["CodeUri"] for properties in FUNCTIONS.values()}

    def test_pillow_is_the_same_everywhere(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        [pinned] = project["dependency-groups"]["pictures"]
        locks = {
            path.parent.name: lock[0]
            for path in ROOT.glob("functions/*/requirements.txt")
            if (lock := re.search(r"^pillow==\S+", path.read_text(), re.MULTILINE))
        }

        assert locks == {"prepare_photo": pinned, "keep_avatars": pinned}

    @pytest.mark.parametrize("name", ["CoreLayer", "SigningLayer"])
    def test_a_layer_is_built_for_the_processor_of_the_functions(self, name: str) -> None:
        layer = TEMPLATE["Resources"][name]

        assert [layer["Metadata"]["BuildArchitecture"]] == GLOBALS["Architectures"]
        assert layer["Properties"]["CompatibleArchitectures"] == GLOBALS["Architectures"]
        assert layer["Properties"]["CompatibleRuntimes"] == [GLOBALS["Runtime"]]

    def test_the_definition_that_is_deployed_is_the_one_that_is_tested(self) -> None:
        definition = yaml.safe_load((ROOT / MACHINE["DefinitionUri"]).read_text())

        assert definition["StartAt"] == "Begin run"


@pytest.mark.parametrize(
    ("parameter", "variable", "value"),
    [
        ("DefaultStyles", "DEFAULT_STYLES", "realistic:4"),
        ("DefaultStyles", "DEFAULT_STYLES", "pop art,anime:10,Öl & Acryl:2"),
        ("RejectedAdvice", "REJECTED_ADVICE", ""),
        ("RejectedAdvice", "REJECTED_ADVICE", "blurred,no_face"),
        ("ProviderFields", "PROVIDER_FIELDS", "photos=a,prompts=b,style=c,count=d,prompt=e"),
        ("WebhookUrl", "WEBHOOK_URL", ""),
        ("WebhookUrl", "WEBHOOK_URL", "https://example.com/hooks?of=avatars"),
    ],
)
def test_what_a_parameter_takes_the_code_takes_too(
    parameter: str, variable: str, value: str
) -> None:
    assert re.fullmatch(TEMPLATE["Parameters"][parameter]["AllowedPattern"], value)
    Settings.from_environment(ENVIRONMENT | {variable: value})


@pytest.mark.parametrize(
    ("parameter", "variable", "value"),
    [
        ("DefaultStyles", "DEFAULT_STYLES", ""),
        ("DefaultStyles", "DEFAULT_STYLES", "anime,"),
        ("DefaultStyles", "DEFAULT_STYLES", "anime:0"),
        ("DefaultStyles", "DEFAULT_STYLES", "anime:x"),
        ("DefaultStyles", "DEFAULT_STYLES", "anime:4:5"),
        ("RejectedAdvice", "REJECTED_ADVICE", "blured"),
        ("ProviderFields", "PROVIDER_FIELDS", "photos=a,prompts=b"),
    ],
)
def test_what_the_code_refuses_cannot_be_deployed(
    parameter: str, variable: str, value: str
) -> None:
    assert not re.fullmatch(TEMPLATE["Parameters"][parameter]["AllowedPattern"], value)
    with pytest.raises((ValueError, BadManifestError)):
        Settings.from_environment(ENVIRONMENT | {variable: value})
