"""The outside of the pipeline, in memory: fakes that behave as the real things do."""

from tests.fakes.aws import FakeExecutions, FakeNotices, FakePacking, FakePreparations
from tests.fakes.buckets import FakeAnswers, FakeBucket, FakeGallery, FakePhotos, FakeUploads
from tests.fakes.capacity import FakeCapacity
from tests.fakes.clock import FakeClock
from tests.fakes.effects import Effects, KilledError, LostConfirmationError
from tests.fakes.jobs import FakeJobs
from tests.fakes.meter import FakeMeter
from tests.fakes.owners import FakeOwners
from tests.fakes.provider import FakeAstria, FakeCompany, FakeDownloads, FakeProvider, Sent, answer
from tests.fakes.services import ENVIRONMENT, FakeServices
from tests.fakes.webhooks import FakeWebhookQueue, FakeWebhooks, Posted

__all__ = [
    "ENVIRONMENT",
    "Effects",
    "FakeAnswers",
    "FakeAstria",
    "FakeBucket",
    "FakeCapacity",
    "FakeClock",
    "FakeCompany",
    "FakeDownloads",
    "FakeExecutions",
    "FakeGallery",
    "FakeJobs",
    "FakeMeter",
    "FakeNotices",
    "FakeOwners",
    "FakePacking",
    "FakePhotos",
    "FakePreparations",
    "FakeProvider",
    "FakeServices",
    "FakeUploads",
    "FakeWebhookQueue",
    "FakeWebhooks",
    "KilledError",
    "LostConfirmationError",
    "Posted",
    "Sent",
    "answer",
]
