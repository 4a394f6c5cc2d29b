"""Every port on its fake."""

import json
from collections import defaultdict
from dataclasses import replace
from typing import Any

from avatars.model import Capabilities
from avatars.ports import Credentials, ProviderReader
from avatars.provider import catalog
from avatars.provider.metered import MeteredProvider
from avatars.settings import Settings
from avatars.webhooks.secret import webhook_secret
from tests.fakes.aws import (
    STATE_MACHINE,
    FakeExecutions,
    FakeNotices,
    FakePacking,
    FakePreparations,
)
from tests.fakes.buckets import FakeAnswers, FakeBucket, FakeGallery, FakePhotos, FakeUploads
from tests.fakes.capacity import FakeCapacity
from tests.fakes.clock import FakeClock
from tests.fakes.effects import Effects
from tests.fakes.jobs import FakeJobs
from tests.fakes.meter import FakeMeter
from tests.fakes.owners import FakeOwners
from tests.fakes.provider import FakeCompany, FakeDownloads, FakeProvider
from tests.fakes.webhooks import FakeWebhookQueue, FakeWebhooks

PICSART, INSTANT, ASTRIA = "picsart-trained", "picsart-instant", "astria"
ACCOUNT = "picsart"
"""Of the first two."""

ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "avatars",
    "LOG_KEY": "a-key-of-the-stack",
    "TABLE": "jobs",
    "UPLOAD_BUCKET": "uploads",
    "AVATAR_BUCKET": "avatars",
    "STATE_MACHINE": STATE_MACHINE,
    "PROVIDER_KEY_SECRET": "provider-key",
    "SIGNER_ROLE": "arn:aws:iam::123456789012:role/signer",
    "PROVIDER": PICSART,
    "JOB_PROVIDERS": "picsart-trained,picsart-instant,astria",
    "PHOTO_TRIES": "3",
    "ASTRIA_URL": "https://astria.test",
    "ASTRIA_BRANCH": "",
    "PROVIDER_URL": "https://provider.test/v1",
    "PROVIDER_STATUS_URL": "https://status.provider.test/v1",
    "PROVIDER_FIELDS": "photos=images,prompts=prompts,style=style,count=count,prompt=prompt",
    "PROVIDER_RESULT_ORIGINS": "*.results.test",
    "WEBHOOK_ORIGINS": "",
    "WEBHOOK_URL": "",
    "WEBHOOK_SECRET": "webhook-secret",
    "WEBHOOK_QUEUE": "https://sqs.eu-west-1.amazonaws.com/123456789012/webhooks",
    "DEAD_LETTER_QUEUE": "https://sqs.eu-west-1.amazonaws.com/123456789012/letters",
    "CLOCK_EPOCH": "0",
    "CLOCK_SCALE": "1",
    "QUIET_PERIOD_SECONDS": "60",
    "COLLECT_SECONDS": "86400",
    "PROVIDER_PATIENCE_SECONDS": "86400",
    "MAX_TRAININGS": "100",
    "MAX_INFERENCES": "40",
    "TRAINING_RESUBMISSIONS": "0",
    "INFERENCE_RESUBMISSIONS": "0",
    "TRAINING_FIRST_LOOK_SECONDS": "0",
    "TRAINING_LOOK_SECONDS": "0",
    "TRAINING_ADVISED_SECONDS": "0",
    "TRAINING_DEADLINE_SECONDS": "0",
    "INFERENCE_FIRST_LOOK_SECONDS": "0",
    "INFERENCE_LOOK_SECONDS": "0",
    "INFERENCE_ADVISED_SECONDS": "0",
    "INFERENCE_DEADLINE_SECONDS": "0",
    "TRAINING_LOOKS": "5",
    "INFERENCE_LOOKS": "2.5",
    "AVATARS_PER_BATCH": "20",
    "OWNER_JOBS_PER_DAY": "20",
    "OWNER_PHOTOS_PER_DAY": "300",
    "OWNER_OPEN_JOBS": "5",
    "TRAINING_PRICE": "0",
    "AVATAR_PRICE": "0",
    "SPEND_PER_DAY": "0",
    "OWNER_SPEND_PER_DAY": "0",
    "PROVIDER_STYLES": "realistic",
    "REJECTED_ADVICE": "",
    "REQUIRE_CONSENT": "0",
    "CONSENT_TEXT_VERSION": "2",
    "UPLOAD_RETENTION_DAYS": "0",
    "AVATAR_RETENTION_DAYS": "0",
    "DEFAULT_SUBJECT": "woman",
    "DEFAULT_STYLES": "realistic:4",
}
"""A whole environment, with the defaults of `template.yaml`."""


class FakeServices:
    """What a step receives, and everything behind it; *changes* are fields of Settings."""

    def __init__(self, clock: FakeClock | None = None, **changes: Any) -> None:
        self.clock = clock or FakeClock()
        self.settings = replace(Settings.from_environment(ENVIRONMENT), clock=self.clock, **changes)
        self.effects = Effects()
        self.upload_bucket = FakeBucket(self.clock)
        self.avatar_bucket = FakeBucket(self.clock)
        self.jobs = FakeJobs(self.effects)
        self.owners = FakeOwners(self.effects)
        self.uploads = FakeUploads(self.upload_bucket, self.effects)
        self.photos = FakePhotos(self.upload_bucket, self.effects)
        self.answers = FakeAnswers(self.effects)
        self.gallery = FakeGallery(self.avatar_bucket, self.effects)
        self.downloads = FakeDownloads(self.effects)
        self.executions = FakeExecutions(self.effects)
        self.preparations = FakePreparations(self.effects)
        self.packing = FakePacking(self.effects)
        self.notices = FakeNotices(self.effects)
        self.webhooks = FakeWebhooks(self.effects)
        self.webhook_queue = FakeWebhookQueue(self.effects)
        self.meter = FakeMeter()
        self.company = FakeCompany(self.effects)
        accounts = {can.account for can in catalog.CAPABILITIES.values()}
        self.secret = json.dumps(dict.fromkeys(accounts, self.company.key))
        self._capacities = defaultdict[str, FakeCapacity](lambda: FakeCapacity(self.effects))
        self._cached_secret = self.secret
        self.certificate = ""

    def capacity(self, account: str) -> FakeCapacity:
        return self._capacities[account]

    def capabilities(self, provider: str) -> Capabilities:
        return catalog.capabilities(provider)

    def reader(self, provider: str) -> ProviderReader:
        return catalog.reader(provider)

    def provider(self, provider: str, fresh_key: bool = False) -> MeteredProvider:
        with self.effects.happen("fetch key"):
            if fresh_key:
                self._cached_secret = self.secret
            capabilities = self.capabilities(provider)
            own = self.capabilities(self.settings.provider).account
            key = catalog.key_of(capabilities.account, self._cached_secret, own)
            connected = FakeProvider(self.company, key, capabilities)
        return MeteredProvider(provider, connected, self.reader(provider), self.meter, fresh_key)

    def credentials(self) -> Credentials | None:
        """The real thing, if a test has put a certificate into the secret."""
        if not self.certificate:
            return None
        from avatars.marks.credentials import C2paCredentials  # half a second, for a few tests

        with self.effects.happen("fetch certificate"):
            return C2paCredentials(self.certificate)

    def webhook_secret(self, owner: str) -> str:
        with self.effects.happen("fetch webhook secret"):
            return webhook_secret("the-secret-of-the-stack", owner)

    def rotate_key(self, key: str) -> None:
        """The provider gives us another key, which goes into the secret."""
        self.secret = self.company.key = key
