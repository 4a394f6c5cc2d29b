"""The one place that joins ports to adapters."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from avatars.aws.clients import make_client
from avatars.clock import Clock
from avatars.errors import NotSentError, NotSignedError
from avatars.settings import LINK_SECONDS, Settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
    from aws_lambda_powertools.utilities.parameters import SecretsProvider
    from mypy_boto3_s3 import S3Client

    from avatars.aws.buckets import S3Answers, S3Gallery, S3Photos, S3Uploads
    from avatars.aws.capacity import DynamoDBCapacity
    from avatars.aws.executions import StepFunctionsExecutions
    from avatars.aws.jobs import DynamoDBJobs
    from avatars.aws.notices import EventBridgeNotices
    from avatars.aws.owners import DynamoDBOwners
    from avatars.aws.packing import LambdaPacking
    from avatars.aws.pages import S3Page
    from avatars.aws.preparations import LambdaPreparations
    from avatars.aws.rows import Rows
    from avatars.aws.webhook_queue import SqsWebhookQueue
    from avatars.logs import Lines
    from avatars.marks.credentials import C2paCredentials
    from avatars.model import Capabilities, Job
    from avatars.ports import Meter, ProviderReader
    from avatars.provider.downloads import HttpDownloads
    from avatars.provider.metered import MeteredProvider
    from avatars.webhooks.sender import HttpWebhooks

KEY_MAX_AGE = 3600
"""Seconds that a fetched API key is looked with: looks at a training are minutes apart, and each
would fetch it. What is sent has a fresh one, and who is refused asks again with a fresh one."""

SECRET_MAX_AGE = 300
"""Seconds that a secret of ours is used; another one is in use everywhere after that."""

# Short, so that an id still reaches the table within its function's timeout where AWS is slow.
_CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=16,  # as many as avatars are copied at once
)
# By default boto3 signs links with SigV2, and for the global host, which most regions refuse.
_S3_CONFIG = _CONFIG.merge(
    Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    )
)


class AwsStorage:
    """The ports of the upload bucket on their adapters: they know of nothing else."""

    def __init__(self, upload_bucket: str, aws: Callable[..., Any] | None = None) -> None:
        self._upload_bucket = upload_bucket
        self._aws = aws or make_client

    @cached_property
    def uploads(self) -> S3Uploads:
        from avatars.aws.buckets import S3Uploads

        return S3Uploads(self._s3, self._upload_bucket)

    @cached_property
    def photos(self) -> S3Photos:
        from avatars.aws.buckets import S3Photos

        return S3Photos(self._s3, self._upload_bucket, self._signer)

    @cached_property
    def _s3(self) -> S3Client:
        client: S3Client = self._aws("s3", config=_S3_CONFIG)
        return client

    def _signer(self) -> S3Client:
        raise NotSentError("Who only prepares photos signs no links.")


class AwsServices(AwsStorage):
    """Every port on its AWS adapter, each made when it is first used: cold starts are short.

    *aws* makes the clients, as `boto3.client` does: outside Lambda they are somebody's. *seen* is
    told of each job that is read, *meter* of what happens: outside Lambda nobody is.
    """

    def __init__(
        self,
        settings: Settings,
        aws: Callable[..., Any] | None = None,
        seen: Callable[[Job], object] = lambda job: None,
        meter: Meter | None = None,
    ) -> None:
        super().__init__(settings.upload_bucket, aws)
        self.settings = settings
        self._seen = seen
        self._meter = meter

    @property
    def clock(self) -> Clock:
        return self.settings.clock

    @cached_property
    def jobs(self) -> DynamoDBJobs:
        from avatars.aws.jobs import DynamoDBJobs

        return DynamoDBJobs(self._rows, self._seen)

    def capacity(self, account: str) -> DynamoDBCapacity:
        from avatars.aws.capacity import DynamoDBCapacity

        return DynamoDBCapacity(self._rows, account)

    @cached_property
    def owners(self) -> DynamoDBOwners:
        from avatars.aws.owners import DynamoDBOwners

        return DynamoDBOwners(self._rows)

    @cached_property
    def answers(self) -> S3Answers:
        from avatars.aws.buckets import S3Answers

        return S3Answers(self._s3, self.settings.avatar_bucket)

    @cached_property
    def gallery(self) -> S3Gallery:
        from avatars.aws.buckets import S3Gallery

        return S3Gallery(self._s3, self.settings.avatar_bucket, self._sharer)

    @cached_property
    def downloads(self) -> HttpDownloads:
        from avatars.provider.downloads import HttpDownloads

        return HttpDownloads(self.settings.connection.result_origins)

    @cached_property
    def executions(self) -> StepFunctionsExecutions:
        from avatars.aws.executions import StepFunctionsExecutions

        return StepFunctionsExecutions(self._client("stepfunctions"), self.settings.state_machine)

    @cached_property
    def preparations(self) -> LambdaPreparations:
        from avatars.aws.preparations import LambdaPreparations

        return LambdaPreparations(self._client("lambda"), self.settings.prepare_function)

    @cached_property
    def packing(self) -> LambdaPacking:
        from avatars.aws.packing import LambdaPacking

        return LambdaPacking(self._client("lambda"), self.settings.pack_function)

    @cached_property
    def notices(self) -> EventBridgeNotices:
        from avatars.aws.notices import EventBridgeNotices

        return EventBridgeNotices(self._client("events"), self.settings.table)

    @cached_property
    def meter(self) -> Meter:
        from avatars.aws.meters import NoMeter

        return self._meter or NoMeter()

    @cached_property
    def outcomes(self) -> DynamoDBPersistenceLayer:
        """Where outcomes of writes over HTTP are remembered; see `api.once`."""
        from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

        return DynamoDBPersistenceLayer(
            self.settings.idempotency_table, boto3_client=self._client("dynamodb")
        )

    @cached_property
    def webhooks(self) -> HttpWebhooks:
        from avatars.webhooks.sender import HttpWebhooks

        return HttpWebhooks(self.settings.webhook_origins)

    @cached_property
    def webhook_queue(self) -> SqsWebhookQueue:
        from avatars.aws.webhook_queue import SqsWebhookQueue

        return SqsWebhookQueue(
            self._client("sqs"), self.settings.webhook_queue, self.settings.dead_letter_queue
        )

    def webhook_secret(self, owner: str) -> str:
        from avatars.webhooks.secret import webhook_secret

        secret = self._secrets.get(self.settings.signing_secret, max_age=SECRET_MAX_AGE)
        return webhook_secret(str(secret), owner)

    def credentials(self) -> C2paCredentials | None:
        if not self.settings.credentials_secret:
            return None
        from aws_lambda_powertools.utilities import parameters

        try:
            from avatars.marks.credentials import C2paCredentials
        except (ImportError, RuntimeError) as error:  # native code, which raises either
            raise NotSignedError("What signs avatars cannot be loaded.") from error
        try:
            pem = self._secrets.get(self.settings.credentials_secret, max_age=SECRET_MAX_AGE)
        except parameters.GetParameterError as error:
            raise NotSignedError("The secret of the certificate cannot be read.") from error
        return C2paCredentials(str(pem))

    def capabilities(self, provider: str) -> Capabilities:
        from avatars.provider.catalog import capabilities

        return capabilities(provider)

    def reader(self, provider: str) -> ProviderReader:
        from avatars.provider.catalog import reader

        return reader(provider)

    def provider(self, provider: str, fresh_key: bool = False) -> MeteredProvider:
        from aws_lambda_powertools.utilities import parameters

        from avatars.provider.catalog import capabilities, connect, key_of
        from avatars.provider.metered import MeteredProvider

        try:
            secret = self._secrets.get(
                self.settings.key_secret, max_age=KEY_MAX_AGE, force_fetch=fresh_key
            )
        except parameters.GetParameterError as error:
            raise NotSentError("The provider's key cannot be read.") from error
        own = capabilities(self.settings.provider).account
        key = key_of(capabilities(provider).account, str(secret), own)
        connected = connect(provider, self.settings.connection, key, self._http)
        return MeteredProvider(provider, connected, self.reader(provider), self.meter, fresh_key)

    @cached_property
    def _secrets(self) -> SecretsProvider:
        from aws_lambda_powertools.utilities.parameters import SecretsProvider

        return SecretsProvider(boto3_client=self._client("secretsmanager"))

    @cached_property
    def _http(self) -> Any:
        from avatars.provider.calls import http_client

        return http_client()

    @cached_property
    def _rows(self) -> Rows:
        from avatars.aws.rows import Rows

        return Rows(self._client("dynamodb"), self.settings.table)

    def _signer(self) -> S3Client:
        """An S3 client of the signer role, which may only read prepared photos, for an hour."""
        return self._assume(self.settings.signer_role, "photo-links")

    def _sharer(self) -> S3Client:
        """An S3 client of the sharer role, which may only read avatars, for an hour."""
        return self._assume(self.settings.sharer_role, "avatar-links")

    def _assume(self, role: str, session: str) -> S3Client:
        try:
            reply = self._client("sts").assume_role(
                RoleArn=role, RoleSessionName=session, DurationSeconds=LINK_SECONDS
            )
        except (BotoCoreError, ClientError) as error:
            raise NotSentError("The role that signs links cannot be assumed.") from error
        # Of the same session, which has read the service's model already.
        client: S3Client = self._aws(
            "s3",
            config=_S3_CONFIG,
            aws_access_key_id=reply["Credentials"]["AccessKeyId"],
            aws_secret_access_key=reply["Credentials"]["SecretAccessKey"],
            aws_session_token=reply["Credentials"]["SessionToken"],
        )
        return client

    def _client(self, service: str) -> Any:
        return self._aws(service, config=_CONFIG)


@cache
def services() -> AwsServices:
    """The services of this process, from its environment."""
    from avatars.aws.meters import EmfMeter

    meter = EmfMeter(os.environ["POWERTOOLS_SERVICE_NAME"], lines().ids)
    settings = Settings.from_environment(os.environ)
    return AwsServices(settings, seen=lines().about_job, meter=meter)


@cache
def lines() -> Lines:
    """The lines that this process logs."""
    from avatars.logs import Lines

    return Lines(os.environ["LOG_KEY"])


@cache
def storage() -> AwsStorage:
    """The upload bucket of this process, from its environment."""
    return AwsStorage(os.environ["UPLOAD_BUCKET"])


def page(bucket: str) -> S3Page:
    """The bucket of the page, by the name that the stack gives."""
    from avatars.aws.pages import S3Page

    return S3Page(make_client("s3", config=_S3_CONFIG), bucket)
