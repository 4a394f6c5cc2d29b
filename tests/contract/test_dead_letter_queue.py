"""The dead-letter queue: everything in it is seen, and nothing that is only looked at is lost."""

from typing import Any

import boto3
import pytest

from cli.dead_letters.queue import DeadLetterQueue


@pytest.fixture
def sqs(aws: None) -> Any:
    return boto3.client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    created: str = sqs.create_queue(QueueName="letters")["QueueUrl"]
    return created


def ids(sqs: Any, url: str) -> list[str]:
    with DeadLetterQueue(sqs, url).held() as letters:
        return [letter.id for letter in letters]


def sent(sqs: Any, url: str, count: int) -> set[str]:
    return {sqs.send_message(QueueUrl=url, MessageBody="{}")["MessageId"] for _ in range(count)}


def test_all_letters_are_held_however_many_there_are(sqs: Any, url: str) -> None:
    there = sent(sqs, url, 23)

    held = ids(sqs, url)

    assert sorted(held) == sorted(there)


def test_what_was_only_looked_at_is_there_for_the_next_reader_at_once(sqs: Any, url: str) -> None:
    there = sent(sqs, url, 11)
    ids(sqs, url)

    assert set(ids(sqs, url)) == there


def test_it_is_given_back_even_where_the_reader_stumbles(sqs: Any, url: str) -> None:
    there = sent(sqs, url, 1)
    queue = DeadLetterQueue(sqs, url)

    with pytest.raises(ValueError, match="stumbled"), queue.held():
        raise ValueError("stumbled")

    assert set(ids(sqs, url)) == there


def test_nobody_else_sees_what_is_held(sqs: Any, url: str) -> None:
    sent(sqs, url, 1)

    with DeadLetterQueue(sqs, url).held():
        assert ids(sqs, url) == []


def test_a_deleted_letter_is_gone_and_the_others_are_not(sqs: Any, url: str) -> None:
    there = sent(sqs, url, 3)
    queue = DeadLetterQueue(sqs, url)

    with queue.held() as letters:
        queue.delete(letters[0])

    assert set(ids(sqs, url)) == there - {letters[0].id}


def test_what_aws_notes_beside_an_event_is_read_with_it(sqs: Any, url: str) -> None:
    note = {"DataType": "String", "StringValue": "NO_PERMISSIONS"}
    rule = {"DataType": "String", "StringValue": "arn:aws:events:eu-west-1:1:rule/a-rule"}
    sqs.send_message(
        QueueUrl=url, MessageBody="{}", MessageAttributes={"ERROR_CODE": note, "RULE_ARN": rule}
    )

    with DeadLetterQueue(sqs, url).held() as (letter,):
        assert letter.failures[0].error == "NO_PERMISSIONS"
        assert letter.sent_at > 0
