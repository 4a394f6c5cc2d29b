"""Whoever has subscribed to the topic hears of what needs a person, and of nothing else."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.pictures import portraits
from tests.e2e.pipeline import Folder, Pipeline, Provider, eventually

Heard = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def heard(pipeline: Pipeline) -> Iterator[Heard]:
    """What a subscriber to alarms has been told so far that has some word in it."""
    with subscribed(pipeline, "AlarmTopic") as heard:
        yield heard


@pytest.fixture(scope="module")
def noticed(pipeline: Pipeline) -> Iterator[Heard]:
    """The same of a subscriber to the ends of jobs."""
    with subscribed(pipeline, "NoticeTopic") as heard:
        yield heard


@contextlib.contextmanager
def subscribed(pipeline: Pipeline, output: str) -> Iterator[Heard]:
    queues, topics = pipeline.aws("sqs"), pipeline.aws("sns")
    topic = pipeline.stack.outputs[output]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    queue = queues.create_queue(
        QueueName=f"of-{output}", Attributes={"Policy": json.dumps(policy)}
    )["QueueUrl"]
    attributes = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    subscription = topics.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=attributes["Attributes"]["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
    )["SubscriptionArn"]
    told: list[str] = []

    def heard(word: str) -> list[str]:
        while messages := queues.receive_message(QueueUrl=queue).get("Messages"):
            for message in messages:
                told.append(message["Body"])
                queues.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [message for message in told if word in message]

    yield heard
    topics.unsubscribe(SubscriptionArn=subscription)
    queues.delete_queue(QueueUrl=queue)


def rings(pipeline: Pipeline, name: str) -> bool:
    """Whether an alarm of the template is off, by what functions have printed since."""
    [alarm] = pipeline.aws("cloudwatch").describe_alarms(AlarmNames=[pipeline.resources[name]])[
        "MetricAlarms"
    ]
    return bool(alarm["StateValue"] == "ALARM")


def test_a_job_that_needs_attention_is_told_in_a_sentence_and_rings(
    pipeline: Pipeline, folder: Folder, provider: Provider, heard: Heard
) -> None:
    provider.stumble("start_training", "kill_client")

    folder.want(photos=5, prompts=[{"style": "anime"}])
    folder.drop(portraits(range(5)))
    folder.ends()

    # EventBridge leaves the quotes around a sentence, on AWS too.
    assert eventually(lambda: heard(folder.job_id), "alarm") == [
        f'"Job {folder.job_id} (run 1) is NEEDS_ATTENTION: TRAINING_OUTCOME_UNKNOWN. Once the '
        "cause is removed, it is taken up again with: "
        f'avatars redrive {folder.job_id} --stack avatars"'
    ]
    eventually(lambda: rings(pipeline, "TrainingOutcomeUnknownAlarm"), "alarm")


def test_a_job_that_failed_by_its_photos_is_told_and_rings_nobody(
    folder: Folder, heard: Heard, noticed: Heard
) -> None:
    folder.want(photos=2)
    folder.drop(portraits(range(2)))

    folder.ends()

    assert eventually(lambda: noticed(folder.job_id), "notice") == [
        f'"Job {folder.job_id} (run 1) has ended as FAILED: TOO_FEW_PHOTOS."'
    ]
    assert [notice["detail-type"] for notice in folder.notices()] == ["AvatarJobFailed"]
    assert heard(folder.job_id) == []


def test_a_pause_and_its_end_are_told_and_the_reason_rings(
    pipeline: Pipeline, folder: Folder, provider: Provider, heard: Heard
) -> None:
    provider.behave(credits=0)
    folder.want(photos=5, prompts=[{"style": "anime"}])
    folder.drop(portraits(range(5)))
    paused = eventually(lambda: heard("Nothing is sent"), "pause")
    eventually(lambda: rings(pipeline, "OutOfCreditsAlarm"), "alarm")
    provider.behave(credits=1000)
    resumed = eventually(lambda: heard("are sent to the provider again"), "end of the pause")

    assert [re.sub(r"at \S+Z", "at noon", sentence) for sentence in paused + resumed] == [
        '"Nothing is sent to the provider any more: OUT_OF_CREDITS (told at noon). Jobs wait, and '
        'go on by themselves once that is over."',
        '"Requests are sent to the provider again, and the jobs that waited go on: '
        'OUT_OF_CREDITS is over (told at noon)."',
    ]


def test_a_dead_letter_rings_and_says_where_to_look(pipeline: Pipeline, heard: Heard) -> None:
    # The engine measures no queues, so the test says what SQS would.
    queue = pipeline.stack.outputs["DeadLetterQueue"].rpartition("/")[2]
    pipeline.aws("cloudwatch").put_metric_data(
        Namespace="AWS/SQS",
        MetricData=[
            {
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{"Name": "QueueName", "Value": queue}],
                "Value": 1,
            }
        ],
    )

    (rung,) = eventually(lambda: heard(pipeline.resources["DeadLetterAlarm"]), "alarm")

    assert json.loads(rung)["AlarmDescription"].endswith("docs/runbook.md#dead-letter")
