"""What the wiring makes of AWS: the key, the signer, and every port on its adapter."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters
from botocore.config import Config

from avatars.errors import NotSentError, NotSignedError
from avatars.model import ChosenPhoto
from avatars.pipeline.keeping import COPIES_AT_ONCE
from avatars.settings import Settings
from avatars.webhooks.secret import THE_STACK, webhook_secret
from avatars.wiring import AwsServices, AwsStorage, storage
from tests.builders import JOB_ID
from tests.contract.conftest import REGION
from tests.fakes import ENVIRONMENT, FakeServices
from tests.fakes.services import ASTRIA, INSTANT, PICSART

SECRET = ENVIRONMENT["PROVIDER_KEY_SECRET"]


@pytest.fixture
def services(aws: None) -> Iterator[AwsServices]:
    parameters.clear_caches()  # type: ignore[no-untyped-call]
    yield AwsServices(Settings.from_environment(ENVIRONMENT))
    parameters.clear_caches()  # type: ignore[no-untyped-call]


def put_key(key: str) -> None:
    client = boto3.client("secretsmanager")
    try:
        client.put_secret_value(SecretId=SECRET, SecretString=key)
    except client.exceptions.ResourceNotFoundException:
        client.create_secret(Name=SECRET, SecretString=key)


class TestCredentials:
    def test_where_what_signs_cannot_be_loaded_avatars_can_be_kept_all_the_same(
        self, services: AwsServices, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        services.settings = replace(services.settings, credentials_secret="certificate")
        monkeypatch.delitem(sys.modules, "avatars.marks.credentials", raising=False)
        monkeypatch.setitem(sys.modules, "c2pa", None)

        with pytest.raises(NotSignedError, match="cannot be loaded"):
            services.credentials()


class TestClients:
    def test_they_have_a_connection_for_each_avatar_that_is_copied_at_once(self) -> None:
        made = []

        def client(service: str, config: Config) -> object:
            made.append((service, config.max_pool_connections))
            return boto3.client(service, REGION, config=config)

        services = AwsServices(Settings.from_environment(ENVIRONMENT), client)

        assert services.gallery and services.jobs  # noqa: PT018 - both are made here
        assert made == [("s3", COPIES_AT_ONCE), ("dynamodb", COPIES_AT_ONCE)]


class TestKey:
    def test_it_is_the_secret_without_the_blanks_round_it(self, services: AwsServices) -> None:
        put_key(" key-1\n")

        assert services.provider(PICSART).provider.key == "key-1"

    def test_it_is_used_for_a_while_unless_a_fresh_one_is_asked_for(
        self, services: AwsServices
    ) -> None:
        put_key("key-1")
        first = services.provider(PICSART).provider.key
        put_key("key-2")

        keys = [
            services.provider(PICSART, fresh_key=fresh).provider.key
            for fresh in (False, True, False)
        ]

        assert first == "key-1"
        assert keys == ["key-1", "key-2", "key-2"]

    def test_the_fake_does_the_same(self) -> None:
        services = FakeServices()
        services.rotate_key("key-2")

        keys = [
            services.provider(PICSART, fresh_key=fresh).provider.key
            for fresh in (False, True, False)
        ]

        assert keys == ["key-1", "key-2", "key-2"]

    def test_without_it_nothing_is_sent(self, services: AwsServices) -> None:
        with pytest.raises(NotSentError, match="key cannot be read"):
            services.provider(PICSART, fresh_key=True)

    @pytest.mark.parametrize("key", ["two\nlines", "schlüssel", " "])
    def test_one_that_no_request_can_carry_is_found_before_anything_is_sent(
        self, services: AwsServices, key: str
    ) -> None:
        put_key(key)

        with pytest.raises(NotSentError):
            services.provider(PICSART)

    def test_each_account_has_its_own(self, services: AwsServices) -> None:
        put_key('{"picsart": "key-1", "astria": "key-2"}')

        keys = [services.provider(name).provider.key for name in (PICSART, INSTANT, ASTRIA)]

        assert keys == ["key-1", "key-1", "key-2"]

    def test_one_alone_is_never_sent_to_anybody_else(self, services: AwsServices) -> None:
        put_key("key-1")

        with pytest.raises(NotSentError, match="none for astria"):
            services.provider(ASTRIA)

    def test_it_does_not_show_where_a_provider_is_printed(self, services: AwsServices) -> None:
        put_key("a-secret-key")

        assert "a-secret-key" not in repr(services.provider(PICSART))


class TestWebhookSecret:
    @pytest.mark.parametrize("owner", ["alice", THE_STACK])
    def test_it_follows_from_the_one_that_the_stack_keeps(
        self, services: AwsServices, owner: str
    ) -> None:
        boto3.client("secretsmanager").create_secret(
            Name=ENVIRONMENT["WEBHOOK_SECRET"], SecretString="master"
        )

        assert services.webhook_secret(owner) == webhook_secret("master", owner)


class TestSigner:
    def test_links_are_signed_for_an_hour_by_a_role_assumed_for_them(
        self, services: AwsServices
    ) -> None:
        photo = ChosenPhoto("p1", "v1")

        [first], [second] = (services.photos.links(JOB_ID, [photo]) for _ in range(2))

        queries = [parse_qs(urlsplit(link).query) for link in (first, second)]
        assert all(query["X-Amz-Expires"] == ["3600"] for query in queries)
        assert all(query["X-Amz-Credential"][0].startswith("ASIA") for query in queries)
        tokens = [query["X-Amz-Security-Token"] for query in queries]
        assert tokens[0] != tokens[1]

    def test_links_lead_to_the_buckets_own_region(self, services: AwsServices) -> None:
        [link] = services.photos.links(JOB_ID, [ChosenPhoto("p1", "v1")])

        assert urlsplit(link).hostname == f"uploads.s3.{REGION}.amazonaws.com"

    def test_without_the_role_nothing_is_sent(self, aws: None) -> None:
        services = AwsServices(Settings.from_environment(ENVIRONMENT | {"SIGNER_ROLE": ""}))

        with pytest.raises(NotSentError, match="role"):
            services.photos.links(JOB_ID, [ChosenPhoto("p1", "v1")])


class TestStorage:
    def test_it_takes_the_name_of_a_bucket_and_nothing_else(
        self, aws: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UPLOAD_BUCKET", "uploads")
        boto3.client("s3").create_bucket(
            Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        storage.cache_clear()

        storage().uploads.put("uploads/alice/summer/1.jpg", b"a photo")
        read = storage().uploads.read("uploads/alice/summer/1.jpg")

        storage.cache_clear()
        assert read == b"a photo"

    def test_it_signs_no_links(self, aws: None) -> None:
        with pytest.raises(NotSentError, match="signs no links"):
            AwsStorage("uploads").photos.links(JOB_ID, [ChosenPhoto("p1", "v1")])


def test_every_port_of_the_fakes_has_its_adapter(services: AwsServices) -> None:
    put_key("key-1")

    for port in vars(FakeServices()).keys() & set(dir(AwsServices)):
        assert type(getattr(services, port)).__module__.startswith("avatars."), port
