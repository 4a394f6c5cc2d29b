"""Webhooks over real sockets: to who was checked, for a while, and to nobody else."""

import datetime
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from avatars.aws.webhook_queue import SqsWebhookQueue, message_from
from avatars.errors import AddressRefusedError, WebhookFailedError
from avatars.model import Receiver, WebhookAnswer, WebhookMessage
from avatars.outbound import OutboundTransport
from avatars.ports import WebhookQueue, Webhooks
from avatars.webhooks.sender import MAX_SECONDS, HttpWebhooks
from tests.contract.loopback import Exchange, Loopback, loopback
from tests.fakes import FakeWebhookQueue, FakeWebhooks

PUBLIC, ANOTHER = "93.184.215.14", "93.184.215.15"
HEADERS = {"webhook-id": "an-id"}
METADATA = "http://169.254.169.254/latest/meta-data/"


@pytest.fixture
def host() -> Iterator[Loopback]:
    with loopback() as host:
        yield host


@pytest.fixture
def webhooks(host: Loopback) -> HttpWebhooks:
    return HttpWebhooks([host.origin])


def post(webhooks: Webhooks, url: str) -> WebhookAnswer:
    return webhooks.post(url, HEADERS, b'{"type": "avatars.ready"}')


class Internet(httpcore.NetworkBackend):
    """Public addresses, all of which lead to one port of this machine, unless they are down."""

    def __init__(self, port: int, down: tuple[str, ...] = ()) -> None:
        self.connected: list[tuple[str, int]] = []
        self._port = port
        self._down = down
        self._here = httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        self.connected.append((host, port))
        if host in self._down:
            raise httpcore.ConnectError("It is down.")
        return self._here.connect_tcp("127.0.0.1", self._port, *args, **kwargs)


class Names:
    """A name server that has an answer for each time that it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self._answers.pop(0)


class TestBoth:
    """What the fake promises, too."""

    @pytest.fixture(params=["fake", "HTTP"])
    def both(self, request: pytest.FixtureRequest, host: Loopback) -> Webhooks:
        if request.param == "fake":
            return FakeWebhooks()
        names = Names(["10.0.0.1"])
        return HttpWebhooks([], OutboundTransport([], 5, names))

    @pytest.mark.parametrize(
        "url", ["http://hooks.test/", "https://hooks.test:8443/", "https://a:b@hooks.test/", ""]
    )
    def test_an_address_that_breaks_the_rules_is_refused(self, both: Webhooks, url: str) -> None:
        with pytest.raises(AddressRefusedError):
            post(both, url)

    def test_a_host_that_is_not_public_is_refused(self, both: Webhooks) -> None:
        with pytest.raises(AddressRefusedError, match=r"inside\.test leads to an address that is"):
            post(both, "https://inside.test/hooks")


class TestAnswers:
    def test_what_is_sent_arrives_as_it_is_and_the_answer_is_a_status(
        self, webhooks: HttpWebhooks, host: Loopback
    ) -> None:
        got: list[tuple[dict[str, str], bytes]] = []

        def note(exchange: Exchange) -> None:
            got.append((dict(exchange.headers), exchange.body))
            exchange.answer(429, b"a body", Retry_After="7")

        answer = post(webhooks, host.on("/hooks", note))

        [(headers, body)] = got
        assert answer == WebhookAnswer(429, "7")
        assert body == b'{"type": "avatars.ready"}'
        assert headers["webhook-id"] == "an-id"
        assert headers["User-Agent"] == "avatars"

    @pytest.mark.parametrize("status", [200, 204, 301, 400, 410, 500])
    def test_any_status_is_an_answer(
        self, webhooks: HttpWebhooks, host: Loopback, status: int
    ) -> None:
        url = host.on("/hooks", lambda exchange: exchange.answer(status))

        assert post(webhooks, url) == WebhookAnswer(status)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_inside_is_not_followed(
        self, webhooks: HttpWebhooks, host: Loopback, status: int
    ) -> None:
        url = host.on("/hooks", lambda exchange: exchange.answer(status, Location=METADATA))

        assert post(webhooks, url).status_code == status
        assert host.requests == ["POST /hooks"]

    def test_the_body_of_an_answer_is_not_waited_for(
        self, webhooks: HttpWebhooks, host: Loopback
    ) -> None:
        url = host.on("/hooks", lambda exchange: exchange.answer(200, b"some", length=10**12))

        assert post(webhooks, url).status_code == 200

    def test_a_receiver_that_hangs_up_or_is_away_may_answer_later(
        self, webhooks: HttpWebhooks, host: Loopback
    ) -> None:
        with loopback() as gone:
            away = gone.origin

        with pytest.raises(WebhookFailedError, match="RemoteProtocolError"):
            post(webhooks, host.on("/hooks?token=5ec2e7", Exchange.hang_up))
        with pytest.raises(WebhookFailedError, match="ConnectError") as trouble:
            post(HttpWebhooks([away]), f"{away}/hooks?token=5ec2e7")

        assert "5ec2e7" not in str(trouble.value)

    @pytest.mark.parametrize(
        "drip",
        [
            pytest.param(
                lambda exchange: exchange.wfile.write(b"HTTP/1.1 200 OK\r\nX: "), id="in a header"
            ),
            pytest.param(lambda exchange: None, id="before a word"),
        ],
    )
    def test_a_receiver_that_drips_is_cut_off(
        self,
        host: Loopback,
        monkeypatch: pytest.MonkeyPatch,
        drip: Callable[[Exchange], object],
    ) -> None:
        began = time.monotonic()
        passed = [0.0]
        monkeypatch.setattr(time, "monotonic", lambda: began + passed[0])

        def behave(exchange: Exchange) -> None:
            drip(exchange)
            while True:
                exchange.wfile.write(b"1")
                passed[0] += 1

        with pytest.raises(WebhookFailedError, match="Timeout"):
            post(HttpWebhooks([host.origin]), host.on("/hooks", behave))

        assert passed[0] >= MAX_SECONDS


class TestAddresses:
    @pytest.fixture
    def tls(self, tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """A server's and a client's side of a certificate for `hooks.test`."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.test")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName("hooks.test")]), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file = tmp_path / "hooks.pem"
        file.write_bytes(private + pem)
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.load_cert_chain(file)
        return server, ssl.create_default_context(cadata=pem.decode())

    @pytest.fixture
    def secure(self, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[Loopback]:
        """A receiver that speaks TLS as `hooks.test`."""
        with loopback(tls[0]) as host:
            host.on("/hooks", lambda exchange: exchange.answer(204))
            yield host

    def test_the_connection_goes_to_the_address_that_was_checked_under_the_name_that_was_asked_for(
        self, secure: Loopback, tls: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        # A second look would lead to the metadata of the machine.
        names, internet = Names([PUBLIC], ["169.254.169.254"]), Internet(secure.port)
        webhooks = HttpWebhooks([], OutboundTransport([], 5, names, internet, tls[1]))

        assert post(webhooks, "https://hooks.test/hooks").status_code == 204
        assert internet.connected == [(PUBLIC, 443)]
        assert names.asked == ["hooks.test"]
        with pytest.raises(AddressRefusedError):
            post(webhooks, "https://hooks.test/hooks")
        assert len(internet.connected) == 1

    def test_a_certificate_for_another_name_is_none(
        self, secure: Loopback, tls: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        names, internet = Names([PUBLIC]), Internet(secure.port)
        webhooks = HttpWebhooks([], OutboundTransport([], 5, names, internet, tls[1]))

        with pytest.raises(WebhookFailedError, match="ConnectError"):
            post(webhooks, "https://other.test/hooks")

        assert secure.requests == []

    def test_a_name_with_several_addresses_is_tried_at_each_of_them(
        self, secure: Loopback, tls: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        names, internet = Names([ANOTHER, PUBLIC]), Internet(secure.port, down=(ANOTHER,))
        webhooks = HttpWebhooks([], OutboundTransport([], 5, names, internet, tls[1]))

        assert post(webhooks, "https://hooks.test/hooks").status_code == 204
        assert internet.connected == [(ANOTHER, 443), (PUBLIC, 443)]

    @pytest.mark.parametrize("found", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::ffff:8.8.8.8"]])
    def test_a_name_that_leads_inside_is_not_connected_to(
        self, host: Loopback, found: list[str]
    ) -> None:
        internet = Internet(host.port)
        webhooks = HttpWebhooks([], OutboundTransport([], 5, Names(found), internet))

        with pytest.raises(AddressRefusedError, match="not public"):
            post(webhooks, "https://hooks.test/hooks")

        assert internet.connected == []

    @pytest.mark.parametrize(
        "url",
        [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[fe80::1]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://localhost/",
        ],
    )
    def test_an_address_inside_is_refused_however_it_is_written(
        self, host: Loopback, url: str
    ) -> None:
        internet = Internet(host.port)
        webhooks = HttpWebhooks([], OutboundTransport([], 5, network=internet))

        with pytest.raises(AddressRefusedError):
            post(webhooks, url)

        assert internet.connected == []

    def test_a_name_that_nobody_knows_may_be_known_later(self) -> None:
        def nobody(host: str, port: int) -> list[str]:
            raise OSError("Name or service not known")

        webhooks = HttpWebhooks([], OutboundTransport([], 5, nobody))

        with pytest.raises(WebhookFailedError, match="ConnectError"):
            post(webhooks, "https://hooks.test/hooks")

    @pytest.mark.parametrize("url", ["https://" + "a" * 64 + ".test/", "https://\u2488.test/"])
    def test_what_is_no_name_of_a_host_is_refused(self, url: str) -> None:
        with pytest.raises(AddressRefusedError):
            post(HttpWebhooks([]), url)


class TestQueue:
    @pytest.fixture
    def sqs(self, aws: None) -> Any:
        return boto3.client("sqs")

    @pytest.fixture
    def urls(self, sqs: Any) -> tuple[str, str]:
        webhooks, letters = (
            sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("webhooks", "letters")
        )
        return webhooks, letters

    @pytest.fixture(params=["fake", "SQS"])
    def both(self, request: pytest.FixtureRequest, sqs: Any, urls: tuple[str, str]) -> WebhookQueue:
        return FakeWebhookQueue() if request.param == "fake" else SqsWebhookQueue(sqs, *urls)

    def taken(self, sqs: Any, url: str) -> list[WebhookMessage]:
        """What Lambda would hand over now."""
        found = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])
        return [
            message_from(
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                }
            )
            for message in found.get("Messages", [])
        ]

    def sent(self, sqs: Any, url: str) -> WebhookMessage:
        body = '{"receiver": "stack", "notice": {"detail-type": "AvatarsReady"}}'
        sqs.send_message(QueueUrl=url, MessageBody=body)
        [message] = self.taken(sqs, url)
        return message

    def test_a_record_is_a_message(self, sqs: Any, urls: tuple[str, str]) -> None:
        message = self.sent(sqs, urls[0])

        assert message.receiver is Receiver.STACK
        assert message.notice == {"detail-type": "AvatarsReady"}
        assert message.tries == 1

    def test_a_message_is_put_off_for_12_hours_at_most(
        self, both: WebhookQueue, sqs: Any, urls: tuple[str, str]
    ) -> None:
        message = self.sent(sqs, urls[0])

        both.postpone(message, 43_000)
        with pytest.raises((ValueError, sqs.exceptions.ClientError)):
            both.postpone(message, 43_201)

    def test_a_message_that_is_put_off_comes_again_with_another_try(
        self, sqs: Any, urls: tuple[str, str]
    ) -> None:
        queue = SqsWebhookQueue(sqs, *urls)
        message = self.sent(sqs, urls[0])
        queue.postpone(message, 60)
        hidden = self.taken(sqs, urls[0])

        queue.postpone(message, 0)

        assert hidden == []
        assert [again.tries for again in self.taken(sqs, urls[0])] == [2]

    def test_a_dead_letter_is_the_message_and_says_why(
        self, sqs: Any, urls: tuple[str, str]
    ) -> None:
        message = self.sent(sqs, urls[0])

        SqsWebhookQueue(sqs, *urls).bury(message, "RECEIVER_REFUSED", "The receiver answered 410.")

        [letter] = sqs.receive_message(QueueUrl=urls[1], MessageAttributeNames=["All"])["Messages"]
        assert letter["Body"] == message.body
        assert {
            name: value["StringValue"] for name, value in letter["MessageAttributes"].items()
        } == {
            "ERROR_CODE": "RECEIVER_REFUSED",
            "ERROR_MESSAGE": "The receiver answered 410.",
            "RETRY_ATTEMPTS": "0",
        }
