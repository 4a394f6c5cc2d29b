"""Template and definition break none of our rules, and each rule sees the faults it is for."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.template import rules
from tests.template.rules import RULES, Draft, Rule, ours

OURS = ours()

Plant = Callable[[Draft], Any]

FAULTS: list[tuple[Rule, Plant]] = []


def breaks(rule: Rule) -> Callable[[Plant], Plant]:
    """Notes that a draft, once this was done to it, breaks a rule, and no other."""

    def note(plant: Plant) -> Plant:
        FAULTS.append((rule, plant))
        return plant

    return note


def resource(draft: Draft, name: str) -> dict[str, Any]:
    whole: dict[str, Any] = draft.template["Resources"][name]
    return whole


def properties(draft: Draft, name: str) -> dict[str, Any]:
    return resource(draft, name)["Properties"]  # type: ignore[no-any-return]


def state(draft: Draft, name: str) -> dict[str, Any]:
    found: dict[str, Any] = draft.machine["States"][name]
    return found


def statements(draft: Draft, name: str) -> list[dict[str, Any]]:
    return properties(draft, name)["Policies"][0]["Statement"]  # type: ignore[no-any-return]


def retried(error: str, at: str, **more: Any) -> Plant:
    def a_submission_is_retried_after(draft: Draft) -> None:
        state(draft, at)["Retry"].append({"ErrorEquals": [error], **more})

    a_submission_is_retried_after.__name__ += f"_{error}_{at}".replace(" ", "_")
    return a_submission_is_retried_after


for error in (
    "States.ALL", "States.TaskFailed", "States.Timeout", "Lambda.Unknown",
    "Lambda.ServiceException", "Lambda.SdkClientException", "ProviderUnavailableError",
):  # fmt: skip
    breaks(rules.a_submission_is_retried_only_on_proof_that_nothing_was_sent)(
        retried(error, "Start training", MaxAttempts=1)
    )
    breaks(rules.a_submission_is_retried_only_on_proof_that_nothing_was_sent)(
        retried(error, "Start inference")
    )


@breaks(rules.a_submission_is_retried_only_on_proof_that_nothing_was_sent)
def what_is_around_a_submission_is_retried(draft: Draft) -> None:
    again = {**state(draft, "Start training"), "Retry": [], "End": True}
    again["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": "Forget it"}]
    del again["Next"]
    draft.machine["States"]["Train twice"] = {
        "Type": "Parallel",
        "Branches": [
            {
                "StartAt": "Start it",
                "States": {"Start it": again, "Forget it": {"Type": "Pass", "End": True}},
            }
        ],
        "Retry": [{"ErrorEquals": ["States.ALL"]}],
        "Next": "Job failed",
    }


@breaks(rules.what_is_caught_of_a_submission_leads_back_to_it_only_after_a_look)
def an_unknown_outcome_waits_and_is_sent_again(draft: Draft) -> None:
    draft.machine["States"]["Wait to start training"] = {
        "Type": "Wait",
        "Seconds": 60,
        "Next": "Start training",
    }
    state(draft, "Start training")["Catch"][-1]["Next"] = "Wait to start training"


@breaks(rules.only_the_state_machine_submits)
def an_event_calls_a_submitting_function(draft: Draft) -> None:
    events = {"Hourly": {"Type": "Schedule", "Properties": {"Schedule": "rate(1 hour)"}}}
    properties(draft, "StartTrainingFunction")["Events"] = events


@breaks(rules.only_the_state_machine_submits)
def another_function_may_call_a_submitting_one(draft: Draft) -> None:
    statement = {
        "Sid": "TrainAtOnce",
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Resource": {"Fn::GetAtt": ["StartTrainingFunction", "Arn"]},
    }
    statements(draft, "SweepJobsFunction").append(statement)


@breaks(rules.a_run_is_never_run_twice)
def the_machine_is_an_express_one(draft: Draft) -> None:
    properties(draft, "MakeAvatars")["Type"] = "EXPRESS"


@breaks(rules.what_cannot_be_made_again_outlives_the_stack)
def the_table_of_ids_goes_with_the_stack(draft: Draft) -> None:
    del resource(draft, "JobsTable")["DeletionPolicy"]


@breaks(rules.what_cannot_be_made_again_outlives_the_stack)
def avatars_go_with_a_replaced_bucket(draft: Draft) -> None:
    del resource(draft, "AvatarBucket")["UpdateReplacePolicy"]


@breaks(rules.what_cannot_be_made_again_outlives_the_stack)
def owners_are_deleted(draft: Draft) -> None:
    resource(draft, "OwnerPool")["DeletionPolicy"] = "Delete"


@breaks(rules.what_cannot_be_made_again_outlives_the_stack)
def nobody_has_thought_of_a_new_table(draft: Draft) -> None:
    table = {**resource(draft, "IdempotencyTable"), "DeletionPolicy": "Retain"}
    table["UpdateReplacePolicy"] = "Retain"
    table["Properties"] = {
        **table["Properties"],
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    }
    del table["Properties"]["TimeToLiveSpecification"]
    draft.template["Resources"]["ReceiptsTable"] = table


@breaks(rules.what_cannot_be_made_again_outlives_the_stack)
def the_key_of_everything_goes_with_the_stack(draft: Draft) -> None:
    draft.template["Resources"]["Key"] = {"Type": "AWS::KMS::Key", "Properties": {}}


@breaks(rules.no_row_that_was_paid_for_expires)
def ids_have_a_time_to_live(draft: Draft) -> None:
    expiry = {"AttributeName": "expires_at", "Enabled": True}
    properties(draft, "JobsTable")["TimeToLiveSpecification"] = expiry


@breaks(rules.any_of_those_rows_can_be_restored)
def ids_have_no_point_in_time_recovery(draft: Draft) -> None:
    del properties(draft, "JobsTable")["PointInTimeRecoverySpecification"]


@breaks(rules.any_of_those_rows_can_be_restored)
def their_point_in_time_recovery_is_off(draft: Draft) -> None:
    recovery = properties(draft, "JobsTable")["PointInTimeRecoverySpecification"]
    recovery["PointInTimeRecoveryEnabled"] = False


@breaks(rules.every_bucket_keeps_versions)
def versions_of_avatars_are_suspended(draft: Draft) -> None:
    properties(draft, "AvatarBucket")["VersioningConfiguration"]["Status"] = "Suspended"


@breaks(rules.every_bucket_keeps_versions)
def uploads_have_no_versions(draft: Draft) -> None:
    del properties(draft, "UploadBucket")["VersioningConfiguration"]


def expiring(prefix: str | None, **action: Any) -> Plant:
    def avatars_expire(draft: Draft) -> None:
        rule = {"Id": "tidy-up", "Status": "Enabled", **action}
        if prefix is not None:
            rule["Prefix"] = prefix
        properties(draft, "AvatarBucket")["LifecycleConfiguration"]["Rules"].append(rule)

    avatars_expire.__name__ += f"_{prefix}_{'_'.join(action)}".replace("/", "")
    return avatars_expire


for plant in (
    expiring(None, ExpirationInDays=365),
    expiring("a", ExpirationInDays=365),
    expiring("avatars/", ExpirationDate="2030-01-01"),
    expiring("avatars/alice/", NoncurrentVersionExpirationInDays=1),
    expiring("answers/", Transitions=[{"StorageClass": "GLACIER", "TransitionInDays": 30}]),
):
    breaks(rules.no_avatar_and_no_answer_ever_expires)(plant)


@breaks(rules.no_avatar_and_no_answer_ever_expires)
def the_rule_for_archives_has_lost_its_prefix(draft: Draft) -> None:
    [rule] = [
        rule
        for rule in properties(draft, "AvatarBucket")["LifecycleConfiguration"]["Rules"]
        if rule.get("Prefix") == "archives/"
    ]
    del rule["Prefix"]


@breaks(rules.what_happens_is_heard)
def uploads_are_told_to_nobody(draft: Draft) -> None:
    del properties(draft, "UploadBucket")["NotificationConfiguration"]


@breaks(rules.what_happens_is_heard)
def executions_that_are_stopped_are_not_heard(draft: Draft) -> None:
    rule = properties(draft, "CloseJobFunction")["Events"]["ExecutionEnded"]["Properties"]
    rule["Pattern"]["detail"]["status"].remove("ABORTED")


@breaks(rules.nothing_is_switched_off)
def the_sweep_is_switched_off(draft: Draft) -> None:
    sweep = properties(draft, "SweepJobsFunction")["Events"]["Regularly"]["Properties"]
    sweep["State"] = "DISABLED"


@breaks(rules.nothing_is_switched_off)
def a_rule_is_switched_off(draft: Draft) -> None:
    properties(draft, "TellOfJobsRule")["State"] = "DISABLED"


@breaks(rules.nothing_is_switched_off)
def webhooks_are_switched_off(draft: Draft) -> None:
    properties(draft, "WebhookQueueMapping")["Enabled"] = False


@breaks(rules.nothing_is_switched_off)
def a_function_may_not_run_at_all(draft: Draft) -> None:
    properties(draft, "CloseJobFunction")["ReservedConcurrentExecutions"] = 0


@breaks(rules.nothing_is_switched_off)
def an_alarm_is_muted(draft: Draft) -> None:
    properties(draft, "DeadLetterAlarm")["ActionsEnabled"] = False


@breaks(rules.every_dead_letter_rings)
def dead_letters_have_no_alarm(draft: Draft) -> None:
    del draft.template["Resources"]["DeadLetterAlarm"]
    statements = properties(draft, "AlarmsPolicy")["PolicyDocument"]["Statement"]
    statements[:] = [s for s in statements if "DeadLetterAlarm" not in str(s)]


@breaks(rules.every_dead_letter_rings)
def one_dead_letter_is_not_enough(draft: Draft) -> None:
    properties(draft, "DeadLetterAlarm")["Threshold"] = 100


@breaks(rules.every_dead_letter_rings)
def letters_go_to_a_queue_that_nobody_looks_at(draft: Draft) -> None:
    draft.template["Resources"]["OtherLetters"] = {"Type": "AWS::SQS::Queue", "Properties": {}}
    redrive = properties(draft, "WebhookQueue")["RedrivePolicy"]
    redrive["deadLetterTargetArn"] = {"Fn::GetAtt": ["OtherLetters", "Arn"]}


@breaks(rules.every_alarm_tells_somebody)
def an_alarm_tells_nobody(draft: Draft) -> None:
    alarm = {**properties(draft, "DeadLetterAlarm"), "MetricName": "NumberOfMessagesSent"}
    del alarm["AlarmActions"]
    draft.template["Resources"]["Quiet"] = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": alarm,
    }


def listening_to(*keys: Any) -> Plant:
    def a_prepared_photo_is_prepared_again(draft: Draft) -> None:
        event = properties(draft, "PreparePhotoFunction")["Events"]["Uploaded"]["Properties"]
        if keys:
            event["Pattern"]["detail"]["object"] = {"key": list(keys)}
        else:
            del event["Pattern"]["detail"]["object"]

    a_prepared_photo_is_prepared_again.__name__ += "_".join(map(str, ("", *keys)))
    return a_prepared_photo_is_prepared_again


for plant in (
    listening_to(),
    listening_to({"wildcard": "*"}),
    listening_to({"wildcard": "uploads/*/*/*"}, {"prefix": "photos/"}),
    listening_to({"prefix": ""}),
    listening_to({"suffix": ".jpg"}),
    listening_to({"anything-but": {"prefix": "uploads/"}}),
):
    breaks(rules.a_function_that_writes_into_a_bucket_is_not_called_for_what_it_wrote)(plant)


@breaks(rules.a_function_that_writes_into_a_bucket_is_not_called_for_what_it_wrote)
def who_prepares_photos_writes_among_uploads(draft: Draft) -> None:
    [write] = [
        s for s in statements(draft, "PreparePhotoFunction") if s["Sid"] == "WritePreparedPhotos"
    ]
    write["Resource"] = {"Fn::Sub": "${UploadBucket.Arn}/*"}


@breaks(rules.a_function_that_writes_into_a_bucket_is_not_called_for_what_it_wrote)
def every_bucket_of_the_account_is_listened_to(draft: Draft) -> None:
    event = properties(draft, "PreparePhotoFunction")["Events"]["Uploaded"]["Properties"]
    del event["Pattern"]["detail"]["bucket"]


@breaks(rules.every_route_asks_who_is_there)
def one_route_is_open(draft: Draft) -> None:
    route = properties(draft, "ApiFunction")["Events"]["GetJob"]["Properties"]
    route["Auth"] = {"Authorizer": "NONE"}


@breaks(rules.every_route_asks_who_is_there)
def no_route_asks_by_default(draft: Draft) -> None:
    del properties(draft, "Api")["Auth"]["DefaultAuthorizer"]


@breaks(rules.every_route_asks_who_is_there)
def a_function_has_an_address_of_its_own(draft: Draft) -> None:
    properties(draft, "ApiFunction")["FunctionUrlConfig"] = {"AuthType": "AWS_IAM"}


@breaks(rules.only_our_page_may_ask_from_a_browser)
def every_page_may_read_avatars(draft: Draft) -> None:
    [cors] = properties(draft, "AvatarBucket")["CorsConfiguration"]["CorsRules"]
    cors["AllowedOrigins"] = ["*"]


@breaks(rules.only_our_page_may_ask_from_a_browser)
def every_page_may_ask_the_api(draft: Draft) -> None:
    properties(draft, "Api")["CorsConfiguration"]["AllowOrigins"] = ["https://*"]


@breaks(rules.nobody_signs_up_by_themselves)
def everybody_can_sign_up(draft: Draft) -> None:
    properties(draft, "OwnerPool")["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] = False


@breaks(rules.an_api_has_a_limit)
def the_api_has_no_limit(draft: Draft) -> None:
    del properties(draft, "Api")["DefaultRouteSettings"]


@breaks(rules.no_log_has_what_an_execution_was_given)
def execution_data_is_logged(draft: Draft) -> None:
    properties(draft, "MakeAvatars")["Logging"]["IncludeExecutionData"] = True


@breaks(rules.no_log_has_what_an_execution_was_given)
def the_mail_address_is_logged(draft: Draft) -> None:
    log = properties(draft, "Api")["AccessLogSettings"]
    log["Format"] = '{"who":"$context.authorizer.claims.email"}'


@breaks(rules.whatever_goes_wrong_is_caught)
def a_task_catches_nothing(draft: Draft) -> None:
    del state(draft, "Check training")["Catch"]


@breaks(rules.whatever_goes_wrong_is_caught)
def a_task_catches_too_little(draft: Draft) -> None:
    state(draft, "Finish job")["Catch"][-1]["ErrorEquals"] = ["States.TaskFailed"]


@breaks(rules.whatever_goes_wrong_is_caught)
def a_batch_that_fails_stops_the_others(draft: Draft) -> None:
    del state(draft, "Keep avatars")["ItemProcessor"]["States"]["Keep batch"]["Catch"]


@breaks(rules.success_has_one_door)
def a_failure_ends_in_success(draft: Draft) -> None:
    state(draft, "Completed?")["Default"] = "Job completed"


@breaks(rules.success_has_one_door)
def a_look_ends_in_success(draft: Draft) -> None:
    look = state(draft, "Check inference")
    del look["Next"]
    look["End"] = True


@breaks(rules.success_has_one_door)
def another_status_is_success(draft: Draft) -> None:
    state(draft, "Completed?")["Choices"][1]["Next"] = "Job completed"


@breaks(rules.every_loop_waits_and_has_a_deadline)
def an_unknown_status_is_asked_for_again_at_once(draft: Draft) -> None:
    state(draft, "Trained?")["Default"] = "Check training"


@breaks(rules.every_loop_waits_and_has_a_deadline)
def an_unknown_status_is_waited_for_for_ever(draft: Draft) -> None:
    draft.machine["States"]["Wait for better times"] = {
        "Type": "Wait",
        "Seconds": 60,
        "Next": "Completed?",
    }
    state(draft, "Completed?")["Default"] = "Wait for better times"


@breaks(rules.every_loop_waits_and_has_a_deadline)
def a_training_is_never_overdue(draft: Draft) -> None:
    check = state(draft, "Check training")
    check["Retry"] = [{**rule, "MaxAttempts": 20} for rule in check["Retry"]]


@breaks(rules.every_loop_waits_and_has_a_deadline)
def an_execution_has_no_time_limit(draft: Draft) -> None:
    del draft.machine["TimeoutSeconds"]


@breaks(rules.every_task_has_a_time_limit)
def a_task_waits_for_ever(draft: Draft) -> None:
    del state(draft, "Begin run")["TimeoutSeconds"]


@breaks(rules.every_task_has_a_time_limit)
def a_function_may_take_longer_than_its_task(draft: Draft) -> None:
    properties(draft, "FinishJobFunction")["Timeout"] = 300


@breaks(rules.every_statement_says_why)
def a_statement_has_no_reason(draft: Draft) -> None:
    del statements(draft, "ApiFunction")[0]["Sid"]


@breaks(rules.no_statement_covers_more_than_it_names)
def all_actions_of_a_table_are_allowed(draft: Draft) -> None:
    statements(draft, "ApiFunction")[0]["Action"] = "dynamodb:*"


@breaks(rules.no_statement_covers_more_than_it_names)
def every_table_is_allowed(draft: Draft) -> None:
    statements(draft, "ApiFunction")[0]["Resource"] = "*"


@breaks(rules.no_statement_covers_more_than_it_names)
def everything_but_is_allowed(draft: Draft) -> None:
    statements(draft, "ApiFunction")[0]["NotResource"] = "arn:aws:dynamodb:*:*:table/none"


@breaks(rules.no_statement_covers_more_than_it_names)
def the_page_bucket_is_public(draft: Draft) -> None:
    document = properties(draft, "PageBucketPolicy")["PolicyDocument"]
    [statement] = [s for s in document["Statement"] if s["Effect"] == "Allow"]
    statement["Principal"] = "*"


@breaks(rules.roles_have_no_policies_of_somebody_else)
def a_role_has_a_policy_for_everything(draft: Draft) -> None:
    policies = properties(draft, "FinishJobFunction")["Policies"]
    policies.append("arn:aws:iam::aws:policy/AmazonS3FullAccess")


@breaks(rules.roles_have_no_policies_of_somebody_else)
def sam_lets_a_function_read_every_queue(draft: Draft) -> None:
    queue = {"Type": "SQS", "Properties": {"Queue": {"Fn::GetAtt": ["WebhookQueue", "Arn"]}}}
    properties(draft, "SendWebhookFunction")["Events"] = {"Notices": queue}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_we_keep_to_it(rule: Rule) -> None:
    assert list(rule(OURS)) == []


@pytest.mark.parametrize(("rule", "plant"), FAULTS, ids=lambda one: one.__name__)
def test_a_fault_is_seen_by_its_rule_and_by_no_other(rule: Rule, plant: Plant) -> None:
    draft = ours()

    plant(draft)

    assert {one.__name__ for one in RULES if list(one(draft))} == {rule.__name__}


def test_every_rule_sees_a_fault() -> None:
    assert {rule.__name__ for rule, _ in FAULTS} == {rule.__name__ for rule in RULES}
