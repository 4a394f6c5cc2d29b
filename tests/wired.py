"""Other services in the places of those that `wiring` would make when they are first used."""

from typing import Any

from avatars import wiring
from tests.fakes import FakeJobs


def wire(services: Any) -> None:
    """Let handlers of this process work with *services*: fakes, or adapters of a test's own."""
    unwire()
    ports = vars(services) | {
        name: getattr(services, name) for name in ("capacity", "provider", "webhook_secret")
    }
    vars(wiring.services()).update(
        {name: port for name, port in ports.items() if hasattr(wiring.AwsServices, name)},
        settings=services.settings,
    )
    if isinstance(services.jobs, FakeJobs):
        services.jobs.seen = wiring.lines().about_job
    vars(wiring.storage()).update(uploads=services.uploads, photos=services.photos)


def unwire() -> None:
    """Handlers make their own services again."""
    wiring.services.cache_clear()
    wiring.storage.cache_clear()
    wiring.lines.cache_clear()
