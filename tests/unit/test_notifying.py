"""A receiver is told how a job ended: at once, later, or never."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
import time_machine
from standardwebhooks import Webhook

from avatars.model import JobStatus, Receiver, WebhookMessage
from avatars.pipeline.notifying import MOST_RETRY_AFTER, WAITS, SendReply, send_webhook
from avatars.webhooks.secret import THE_STACK, webhook_secret
from tests.builders import FOLDER, JOB_ID, OWNER, a_job, stored
from tests.fakes import FakeClock, FakeServices
from tests.fakes.clock import NOON

OF_JOB, OF_STACK = "https://hooks.test/job", "https://hooks.test/stack"


@pytest.fixture
def services() -> FakeServices:
    services = FakeServices(webhook_url=OF_STACK)
    stored(services, a_job(status=JobStatus.COMPLETED, webhook=OF_JOB))
    return services


def a_message(
    receiver: Receiver = Receiver.JOB, kind: str = "AvatarsReady", tries: int = 1, **detail: Any
) -> WebhookMessage:
    notice = {
        "id": "an-event",
        "detail-type": kind,
        "time": "2027-01-15T08:00:00Z",
        "detail": {
            "job_id": JOB_ID,
            "run": 1,
            "status": "COMPLETED",
            "code": None,
            "model_id": "model-1",
            "started_at": NOON,
            **detail,
        },
    }
    body = json.dumps({"receiver": receiver, "notice": notice})
    return WebhookMessage(receiver, notice, tries, body, "a-receipt")


def verified(services: FakeServices, owner: str) -> list[dict[str, Any]]:
    """What was posted, checked by the receivers' own library with the secret of *owner*."""
    secret = services.webhook_secret(owner)
    with time_machine.travel(services.clock.wall(), tick=False):
        return [
            Webhook(secret).verify(posted.body, dict(posted.headers))
            for posted in services.webhooks.posted
        ]


class TestTelling:
    def test_a_receiver_is_told_in_ids_and_codes_under_the_owners_signature(
        self, services: FakeServices
    ) -> None:
        reply = send_webhook(services, a_message())

        assert reply == {"outcome": "DELIVERED"}
        assert services.webhooks.posted[0].url == OF_JOB
        assert verified(services, OWNER) == [
            {
                "type": "avatars.ready",
                "timestamp": "2027-01-15T08:00:00Z",
                "data": {
                    "job_id": JOB_ID,
                    "run": 1,
                    "status": "COMPLETED",
                    "code": None,
                    "folder": FOLDER,
                },
            }
        ]

    @pytest.mark.parametrize(
        ("kind", "named"),
        [
            ("AvatarsReady", "avatars.ready"),
            ("AvatarJobFailed", "avatars.failed"),
            ("AvatarJobNeedsAttention", "avatars.needs_attention"),
        ],
    )
    def test_every_kind_of_notice_has_a_type(
        self, services: FakeServices, kind: str, named: str
    ) -> None:
        send_webhook(services, a_message(kind=kind))

        assert verified(services, OWNER)[0]["type"] == named

    def test_the_stacks_receiver_is_told_under_the_stacks_own(self, services: FakeServices) -> None:
        send_webhook(services, a_message(Receiver.STACK))

        assert services.webhooks.posted[0].url == OF_STACK
        assert verified(services, THE_STACK)[0]["data"]["job_id"] == JOB_ID

    def test_a_notice_keeps_its_id_and_a_try_has_its_own_time(self, services: FakeServices) -> None:
        send_webhook(services, a_message())
        services.clock.move(3600)
        send_webhook(services, a_message(tries=2))

        first, second = [posted.headers for posted in services.webhooks.posted]
        assert first["webhook-id"] == second["webhook-id"]
        assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 3600

    @pytest.mark.parametrize(
        "another", [{"run": 2}, {"status": "FAILED"}, {"started_at": NOON + 1}]
    )
    def test_another_end_has_another_id(
        self, services: FakeServices, another: dict[str, Any]
    ) -> None:
        send_webhook(services, a_message())
        send_webhook(services, a_message(**another))

        first, second = [posted.headers["webhook-id"] for posted in services.webhooks.posted]
        assert first != second

    @pytest.mark.parametrize("receiver", Receiver)
    def test_who_has_no_webhook_is_told_nothing(self, receiver: Receiver) -> None:
        services = FakeServices()
        stored(services, a_job())

        assert send_webhook(services, a_message(receiver)) == {"outcome": "DROPPED"}
        assert services.webhooks.posted == []

    @pytest.mark.parametrize("receiver", Receiver)
    def test_of_a_job_that_is_no_more_nobody_is_told(self, receiver: Receiver) -> None:
        services = FakeServices(webhook_url=OF_STACK)

        assert send_webhook(services, a_message(receiver)) == {"outcome": "DROPPED"}
        assert services.webhooks.posted == []

    @pytest.mark.parametrize("receiver", Receiver)
    def test_of_a_job_that_was_erased_nobody_is_told(
        self, services: FakeServices, receiver: Receiver
    ) -> None:
        services.jobs.change_job(JOB_ID, lambda job: replace(job, erased_at=NOON))

        assert send_webhook(services, a_message(receiver)) == {"outcome": "DROPPED"}
        assert services.webhooks.posted == []


class TestTrouble:
    def answered(
        self, services: FakeServices, status: int, retry_after: str | None = None, tries: int = 1
    ) -> SendReply:
        services.webhooks.will_answer(OF_JOB, status, retry_after)
        return send_webhook(services, a_message(tries=tries))

    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    def test_any_success_is_one(self, services: FakeServices, status: int) -> None:
        assert self.answered(services, status) == {"outcome": "DELIVERED"}

    @pytest.mark.parametrize("status", [301, 302, 308, 408, 409, 425, 429, 500, 502, 503, 504, 599])
    def test_what_may_pass_is_tried_again(self, services: FakeServices, status: int) -> None:
        reply = self.answered(services, status)

        assert (reply["outcome"], reply["why"]) == ("POSTPONED", f"The receiver answered {status}.")
        assert services.webhook_queue.buried == []

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 451])
    def test_what_will_not_pass_is_a_dead_letter_at_once(
        self, services: FakeServices, status: int
    ) -> None:
        reply = self.answered(services, status)

        why = f"The receiver answered {status}."
        assert reply == {"outcome": "BURIED", "why": why}
        assert services.webhook_queue.buried == [(a_message().body, "RECEIVER_REFUSED", why)]
        assert services.webhook_queue.postponed == []

    def test_waits_grow_over_a_day_and_then_it_is_a_dead_letter(
        self, services: FakeServices
    ) -> None:
        for tries in range(1, 12):
            reply = self.answered(services, 500, tries=tries)
            if reply["outcome"] == "BURIED":
                break

        assert tries == 10
        for waited, wait in zip(services.webhook_queue.postponed, WAITS, strict=True):
            assert wait <= waited <= wait * 1.1 + 1
        assert 23 * 3600 < sum(WAITS) < 24 * 3600
        [(_, code, _)] = services.webhook_queue.buried
        assert code == "RECEIVER_FAILED"

    def test_waits_are_of_the_clock(self) -> None:
        services = FakeServices(FakeClock(scale=0.01))
        stored(services, a_job(webhook=OF_JOB))

        reply = self.answered(services, 500, tries=9)

        assert 288 <= reply["wait_seconds"] <= 318

    @pytest.mark.parametrize(
        ("asked", "least"),
        [
            ("120", 120),
            (" 1800 ", 1800),
            (format_datetime(datetime.fromtimestamp(NOON + 900, UTC), usegmt=True), 900),
            (str(MOST_RETRY_AFTER + 1), MOST_RETRY_AFTER),
            ("9" * 400, MOST_RETRY_AFTER),
        ],
    )
    def test_a_receiver_may_put_us_off_within_bounds(
        self, services: FakeServices, asked: str, least: int
    ) -> None:
        assert self.answered(services, 429, asked)["wait_seconds"] == least

    @pytest.mark.parametrize(
        "asked",
        ["0", "1", "-5", "soon", "", "1.5", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 99 Foo 9999"],
    )
    def test_nobody_is_asked_sooner_than_usual(self, services: FakeServices, asked: str) -> None:
        assert 30 <= self.answered(services, 503, asked)["wait_seconds"] <= 34

    def test_who_does_not_answer_is_tried_again(self, services: FakeServices) -> None:
        services.jobs.change_job(JOB_ID, lambda job: replace(job, webhook="https://away.test/"))

        reply = send_webhook(services, a_message())

        assert reply["outcome"] == "POSTPONED"
        assert "ConnectError" in reply["why"]

    @pytest.mark.parametrize("url", ["https://inside.test/", "http://hooks.test/"])
    def test_an_address_that_is_refused_is_a_dead_letter_at_once(
        self, services: FakeServices, url: str
    ) -> None:
        services.jobs.change_job(JOB_ID, lambda job: replace(job, webhook=url))

        send_webhook(services, a_message())

        [(_, code, why)] = services.webhook_queue.buried
        assert code == "ADDRESS_REFUSED"
        assert why.startswith("Its address is refused. ")

    def test_the_trouble_of_one_receiver_repeats_nothing_for_the_other(
        self, services: FakeServices
    ) -> None:
        services.webhooks.will_answer(OF_JOB, 500)
        send_webhook(services, a_message(Receiver.STACK))
        for tries in (1, 2):
            send_webhook(services, a_message(Receiver.JOB, tries=tries))

        assert [posted.url for posted in services.webhooks.posted] == [OF_STACK, OF_JOB, OF_JOB]


class TestSecrets:
    def test_a_secret_is_what_openssl_makes_of_it(self) -> None:
        # printf %s alice | openssl dgst -sha256 -hmac master -binary | base64
        assert webhook_secret("master", "alice") == (
            "whsec_84Dni/1fWTlxTNlbGzT/vn9Qp/zraCL4vo3CCaPj0iw="
        )

    def test_owners_and_the_stack_have_secrets_of_their_own(self) -> None:
        found = {webhook_secret("master", owner) for owner in ("alice", "bob", "élise", THE_STACK)}

        assert len(found) == 4
        assert webhook_secret("another", "alice") not in found
