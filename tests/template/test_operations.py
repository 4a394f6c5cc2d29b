"""Nothing is lost in silence: the dead-letter paths and the alarm, in what CloudFormation gets."""

import json
import re
from typing import Any

import pytest

from avatars.pipeline.notifying import TYPES, WAITS
from cli.dead_letters.letters import (
    ALARM,
    FUNCTIONS,
    JUDGE,
    NOTICE_RULES,
    WEBHOOK_RECEIVES,
    WEBHOOK_RULES,
)
from tests.template.expanded import expand, source

QUEUE = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
TOPIC = {"Ref": "Alarms"}
NOTICES = {"Ref": "Notices"}
WEBHOOKS = {"Fn::GetAtt": ["WebhookQueue", "Arn"]}

Properties = dict[str, Any]


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """The template's resources after AWS's own translator."""
    found: dict[str, Any] = expand(source())["Resources"]
    return found


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Properties]:
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == f"AWS::{kind}"
    }


def allowing(policy: dict[str, Any]) -> list[dict[str, Any]]:
    """What a policy allows; what it denies, test_hardening.py looks at."""
    return [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]


def asynchronous(resources: dict[str, Any]) -> set[str]:
    """Functions that nobody waits for: of rules, schedules, failures, and asked by others."""
    targets = [
        *(
            t["Arn"]
            for rule in of_type(resources, "Events::Rule").values()
            for t in rule["Targets"]
        ),
        *(s["Target"]["Arn"] for s in of_type(resources, "Scheduler::Schedule").values()),
        *destinations(resources).values(),
        {"Fn::GetAtt": ["PreparePhotoFunction", "Arn"]},
        {"Fn::GetAtt": ["PackAvatarsFunction", "Arn"]},
    ]
    names = {target["Fn::GetAtt"][0] for target in targets if "Fn::GetAtt" in target}
    return names & of_type(resources, "Lambda::Function").keys()


def destinations(resources: dict[str, Any]) -> dict[str, Any]:
    """Where goes what a function could not take, by the function."""
    return {
        config["FunctionName"]["Ref"]: config["DestinationConfig"]["OnFailure"]["Destination"]
        for config in of_type(resources, "Lambda::EventInvokeConfig").values()
    }


def may(role: Properties, action: str, resource: Any) -> bool:
    """Whether a role allows an action on exactly this resource."""
    return any(
        action in statement["Action"] and statement["Resource"] == resource
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    )


def transformers(resources: dict[str, Any]) -> list[Properties]:
    """How notices become sentences."""
    rules = of_type(resources, "Events::Rule").values()
    return [
        t["InputTransformer"] for r in rules for t in r["Targets"] if t["Arn"] in (TOPIC, NOTICES)
    ]


def rules_to(resources: dict[str, Any], target: Any) -> dict[str, Properties]:
    return {
        name: rule
        for name, rule in of_type(resources, "Events::Rule").items()
        if [t["Arn"] for t in rule["Targets"]] == [target]
    }


def sources(policy: Properties) -> list[str]:
    """The rules that a queue's policy lets in."""
    arns = policy["Condition"]["ArnEquals"]["aws:SourceArn"]
    # A rule that there may not be is let in where there is one.
    arns = [arn["Fn::If"][1] if "Fn::If" in arn else arn for arn in arns]
    return sorted(arn["Fn::GetAtt"][0] for arn in arns)


class TestDeadLetters:
    def test_every_function_that_nobody_waits_for_says_where_its_failures_go(
        self, resources: dict[str, Any]
    ) -> None:
        assert asynchronous(resources) == destinations(resources).keys()

    def test_in_the_end_everything_goes_to_the_one_queue(self, resources: dict[str, Any]) -> None:
        goes_to = destinations(resources)

        for name in asynchronous(resources):
            way = [name]
            while goes_to[way[-1]] != QUEUE:
                way.append(goes_to[way[-1]]["Fn::GetAtt"][0])
                assert len(way) == len(set(way))

    def test_whatever_becomes_of_a_preparation_is_judged(self, resources: dict[str, Any]) -> None:
        [config] = [
            config
            for config in of_type(resources, "Lambda::EventInvokeConfig").values()
            if config["FunctionName"] == {"Ref": "PreparePhotoFunction"}
        ]

        judge = {"Destination": {"Fn::GetAtt": ["JudgePhotoFunction", "Arn"]}}
        assert config["DestinationConfig"] == {"OnSuccess": judge, "OnFailure": judge}

    def test_a_function_may_send_its_failures_there(self, resources: dict[str, Any]) -> None:
        roles = of_type(resources, "IAM::Role")

        for name, destination in destinations(resources).items():
            action = "sqs:SendMessage" if destination == QUEUE else "lambda:InvokeFunction"
            assert may(roles[f"{name}Role"], action, destination), name

    def test_what_a_rule_or_schedule_cannot_deliver_goes_to_the_queue(
        self, resources: dict[str, Any]
    ) -> None:
        targets = [
            *(
                target
                for r in of_type(resources, "Events::Rule").values()
                for target in r["Targets"]
            ),
            *(
                schedule["Target"]
                for schedule in of_type(resources, "Scheduler::Schedule").values()
            ),
        ]

        assert len(targets) == 10
        assert all(target["DeadLetterConfig"] == {"Arn": QUEUE} for target in targets)

    def test_the_queue_takes_letters_from_every_rule_and_from_no_other(
        self, resources: dict[str, Any]
    ) -> None:
        policy = of_type(resources, "SQS::QueuePolicy")["DeadLetterQueuePolicy"]["PolicyDocument"]
        [statement] = allowing(policy)

        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert sources(statement) == sorted(of_type(resources, "Events::Rule"))

    def test_a_schedule_writes_its_letters_by_its_own_role(self, resources: dict[str, Any]) -> None:
        roles = of_type(resources, "IAM::Role")

        for schedule in of_type(resources, "Scheduler::Schedule").values():
            role = roles[schedule["Target"]["RoleArn"]["Fn::GetAtt"][0]]
            assert may(role, "sqs:SendMessage", QUEUE)

    def test_the_command_understands_the_letters_of_all_of_them(
        self, resources: dict[str, Any]
    ) -> None:
        understood = {*FUNCTIONS.values(), "sweep_jobs", "pack_avatars", JUDGE} - {ALARM}

        names = {"".join(map(str.title, name.split("_"))) + "Function" for name in understood}

        assert names == asynchronous(resources)
        assert {*WEBHOOK_RULES, *NOTICE_RULES} == {
            *rules_to(resources, WEBHOOKS),
            *rules_to(resources, NOTICES),
        }

    def test_a_letter_is_kept_for_as_long_as_a_queue_can(self, resources: dict[str, Any]) -> None:
        queue = of_type(resources, "SQS::Queue")["DeadLetterQueue"]

        assert queue["MessageRetentionPeriod"] == 14 * 86_400


class TestWebhooks:
    @pytest.fixture
    def queue(self, resources: dict[str, Any]) -> Properties:
        return of_type(resources, "SQS::Queue")["WebhookQueue"]

    @pytest.fixture
    def mapping(self, resources: dict[str, Any]) -> Properties:
        [mapping] = of_type(resources, "Lambda::EventSourceMapping").values()
        return mapping

    def test_the_function_is_given_what_the_queue_holds_and_may_leave_some_of_it(
        self, mapping: Properties
    ) -> None:
        assert mapping["EventSourceArn"] == WEBHOOKS
        assert mapping["FunctionName"] == {"Ref": "SendWebhookFunction"}
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]

    def test_a_message_is_hidden_for_six_times_as_long_as_the_function_may_take(
        self, resources: dict[str, Any], queue: Properties
    ) -> None:
        timeout = of_type(resources, "Lambda::Function")["SendWebhookFunction"]["Timeout"]

        assert queue["VisibilityTimeout"] >= 6 * timeout

    def test_a_message_is_kept_for_longer_than_it_is_tried(self, queue: Properties) -> None:
        assert queue["MessageRetentionPeriod"] > 2 * sum(WAITS)

    def test_what_crashes_the_function_is_a_dead_letter_but_not_before_the_function_gives_up(
        self, queue: Properties
    ) -> None:
        policy = queue["RedrivePolicy"]

        assert policy == {"deadLetterTargetArn": QUEUE, "maxReceiveCount": WEBHOOK_RECEIVES}
        assert policy["maxReceiveCount"] > len(WAITS) + 1

    def test_only_the_rules_for_webhooks_send_there(self, resources: dict[str, Any]) -> None:
        policy = of_type(resources, "SQS::QueuePolicy")["WebhookQueuePolicy"]["PolicyDocument"]
        [statement] = allowing(policy)

        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Action"] == "sqs:SendMessage"
        assert sources(statement) == sorted(rules_to(resources, WEBHOOKS))

    def test_each_receiver_has_a_message_of_its_own_about_every_end(
        self, resources: dict[str, Any]
    ) -> None:
        rules = rules_to(resources, WEBHOOKS)

        assert resources["TellReceiverOfStackRule"]["Condition"] == "HasWebhookUrl"
        for name, rule in rules.items():
            pattern, [target] = rule["EventPattern"], rule["Targets"]
            template = target["InputTransformer"]["InputTemplate"]
            written = json.loads(template.replace("<aws.events.event.json>", '"the event"'))
            assert pattern["detail-type"] == list(TYPES)
            assert pattern["detail"]["table"] == [{"Ref": "JobsTable"}]
            assert written == {"receiver": WEBHOOK_RULES[name], "notice": "the event"}

    def test_the_function_has_no_more_than_its_own_statements(
        self, resources: dict[str, Any]
    ) -> None:
        # SAM adds a policy for all queues of the account to whoever has a queue for an event.
        role = of_type(resources, "IAM::Role")["SendWebhookFunctionRole"]

        assert not any("SQS" in str(arn) for arn in role["ManagedPolicyArns"])


class TestNotices:
    def test_people_hear_of_every_end(self, resources: dict[str, Any]) -> None:
        rules = rules_to(resources, NOTICES).values()

        assert sorted(kind for r in rules for kind in r["EventPattern"]["detail-type"]) == sorted(
            TYPES
        )
        assert all(r["EventPattern"]["detail"]["table"] == [{"Ref": "JobsTable"}] for r in rules)

    def test_only_eventbridge_may_tell(self, resources: dict[str, Any]) -> None:
        policy = of_type(resources, "SNS::TopicPolicy")["NoticesPolicy"]["PolicyDocument"]
        [statement] = allowing(policy)

        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert (statement["Action"], statement["Resource"]) == ("sns:Publish", NOTICES)

    def test_a_mail_is_sent_only_to_who_is_named(self, resources: dict[str, Any]) -> None:
        assert resources["NoticeEmailSubscription"]["Condition"] == "HasNoticeEmail"


class TestTraces:
    # That they may say so, test_calls.py shows.
    def test_every_function_and_the_state_machine_are_traced(
        self, resources: dict[str, Any]
    ) -> None:
        functions = of_type(resources, "Lambda::Function").values()
        [machine] = of_type(resources, "StepFunctions::StateMachine").values()

        assert all(function["TracingConfig"] == {"Mode": "Active"} for function in functions)
        assert machine["TracingConfiguration"] == {"Enabled": True}


class TestAlarm:
    def test_people_hear_of_every_notice_that_needs_one(self, resources: dict[str, Any]) -> None:
        rules = [
            rule
            for rule in of_type(resources, "Events::Rule").values()
            if rule["Targets"][0]["Arn"] == TOPIC
        ]

        assert all(rule["EventPattern"]["source"] == ["avatars"] for rule in rules)
        assert [kind for rule in rules for kind in rule["EventPattern"]["detail-type"]] == [
            "AvatarJobNeedsAttention", "ProviderPaused", "ProviderResumed",
        ]  # fmt: skip

    def test_what_they_hear_is_one_quoted_sentence_of_codes_and_ids(
        self, resources: dict[str, Any]
    ) -> None:
        for transformer in transformers(resources):
            template, paths = transformer["InputTemplate"], transformer["InputPathsMap"]
            sentence = json.loads(template["Fn::Sub"] if isinstance(template, dict) else template)

            assert set(re.findall(r"<(\w+)>", sentence)) == paths.keys()
            assert {path.removeprefix("$.detail.") for path in paths.values()} <= {
                "job_id", "run", "status", "code", "reason", "$.time",
            }  # fmt: skip

    def test_only_eventbridge_and_our_alarms_may_tell(self, resources: dict[str, Any]) -> None:
        policy = of_type(resources, "SNS::TopicPolicy")["AlarmsPolicy"]["PolicyDocument"]
        rules, alarms = allowing(policy)

        assert rules["Principal"] == {"Service": "events.amazonaws.com"}
        assert "Condition" not in rules  # with one, EventBridge could publish nothing
        assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert sources(alarms) == sorted(of_type(resources, "CloudWatch::Alarm"))
        assert rules["Action"] == alarms["Action"] == "sns:Publish"
        assert rules["Resource"] == alarms["Resource"] == TOPIC

    def test_one_dead_letter_is_enough(self, resources: dict[str, Any]) -> None:
        alarm = of_type(resources, "CloudWatch::Alarm")["DeadLetterAlarm"]

        assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
        assert alarm["Dimensions"][0]["Value"] == {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
        assert alarm["AlarmActions"] == [TOPIC]

    def test_a_mail_is_sent_only_to_who_is_named(self, resources: dict[str, Any]) -> None:
        assert resources["AlarmEmailSubscription"]["Condition"] == "HasAlarmEmail"
