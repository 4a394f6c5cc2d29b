"""Clients of AWS by botocore alone: somebody waits while they are made.

What boto3 puts around them nobody here uses, and importing it takes a sixth of the time.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.loaders import Loader

if TYPE_CHECKING:
    from botocore.session import Session

SERVICES = ["dynamodb", "events", "lambda", "s3", "secretsmanager", "sqs", "stepfunctions", "sts"]
"""Those that functions ask for anything."""


class OurServices(Loader):
    """Reads the models of services that are known to exist.

    Botocore first lists the folders of all 400, twice for each client: a tenth of a cold start.
    """

    def list_available_services(self, type_name: str) -> list[str]:
        return SERVICES


def make_client(service: str, **options: Any) -> Any:
    """A client of one of SERVICES, as `boto3.client` makes it."""
    return session().create_client(service, **options)


@cache
def session() -> Session:
    """The session of this process, whose credentials and models all clients share."""
    ours = botocore.session.get_session()
    ours.register_component("data_loader", OurServices())
    return ours
