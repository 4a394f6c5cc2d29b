"""Grants that no end-to-end test uses, each with the reason why it is there all the same."""

import re
from collections.abc import Container
from dataclasses import dataclass

from tests.template.grants import Grant


@dataclass(frozen=True)
class Excuse:
    """Why some grants are there; which, is said by regular expressions for their parts."""

    role: str
    sid: str
    action: str
    why: str
    on: str = ".*"
    """As `Grant.on` says it."""
    by_chance: bool = False
    """Whether a test may use it after all, where two things happen to come together."""

    def is_for(self, grant: Grant) -> bool:
        parts = (
            (self.role, grant.role),
            (self.sid, grant.sid),
            (self.action, grant.action),
            (self.on, grant.on),
        )
        return all(re.fullmatch(pattern, part) for pattern, part in parts)


ABSENT = "S3 says 404 of an absent key only to whoever may list that key, and 403 to others; the engine says 404 to all"
BATCHES = "the engine asks for it from the second object of a batch on, AWS for every one"
PACKED_WHILE_ERASED = (
    "for an archive whose job is erased while it is packed (`tests/unit/test_packing.py`)"
)
SAME_PATH = "for an id that was lost; the tests lose that of a training, which is found again by the same code"
LOOKED_UP = (
    "to look up a request whose answer was lost, where the provider can be asked for it"
    " (`tests/unit/test_looking_up.py`); in these tests the one that cannot loses answers"
)
REFUSED_UNHEARD = (
    "for a refusal by the provider that did not reach the table before its function died"
)

EXCUSES = [
    Excuse(
        ".*FunctionRole", "AWSLambdaBasicExecutionRole|AWSX.*", "logs:CreateLogGroup|xray:Get.*",
        "SAM attaches these policies of AWS's; the log group is there already, and Lambda samples by itself",
    ),
    Excuse(".*", "TellMissing.*FromForbiddenOnes", "s3:ListBucket", ABSENT),
    Excuse("PackAvatarsFunctionRole", "FindArchives", "s3:ListBucket", ABSENT, ".* below avatars/.*"),
    Excuse(
        "JudgePhotoFunctionRole", "KeepVerdicts", "dynamodb:Query",
        "for a verdict that comes while its set is being frozen (`tests/unit/test_uploading.py`)",
        by_chance=True,
    ),
    Excuse("JudgePhotoFunctionRole", "EraseThem", "s3:DeleteObjectVersion", BATCHES, by_chance=True),
    Excuse(
        "ApiFunctionRole", "EraseThem", "s3:DeleteObjectVersion", BATCHES, ".*/archives/.*",
        by_chance=True,  # an archive may be packed twice
    ),
    Excuse(
        "PackAvatarsFunctionRole", "EraseThem|FindArchivesOfErasedJobs", "s3:.*",
        PACKED_WHILE_ERASED, by_chance=True,
    ),
    Excuse(
        "RecoverInferenceFunctionRole", "RepairInferenceId", "dynamodb:PutItem", SAME_PATH,
        by_chance=True,
    ),
    Excuse(
        "Recover.*FunctionRole", "TellThatTheProviderIsPaused", "events:PutEvents", REFUSED_UNHEARD,
        by_chance=True,
    ),
    Excuse(
        "Recover.*FunctionRole", "ReadProviderKey", "secretsmanager:GetSecretValue", LOOKED_UP,
        by_chance=True,
    ),
    Excuse(
        "StartInferenceFunctionRole", "TellThatTheProviderIsPaused", "events:PutEvents",
        "for trouble that an order of avatars is the first to meet; in the tests a training is",
        by_chance=True,
    ),
]  # fmt: skip

OPTIONAL = Excuse(
    ".*", ".*", ".*",
    "a parameter brings it, and stacks with its default have it not; so have those of the tests",
    by_chance=True,
)  # fmt: skip


def excuse(grant: Grant, by_default: Container[Grant]) -> Excuse | None:
    """Why a grant is there though nothing uses it; None where something must.

    *by_default* are those that stacks have with the defaults of all parameters.
    """
    if grant not in by_default:
        return OPTIONAL
    return next((one for one in EXCUSES if one.is_for(grant)), None)
