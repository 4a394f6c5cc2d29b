"""Grants that no end-to-end test uses, each with the reason why it is there all the same."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.template.grants import Grant, plain


@dataclass(frozen=True)
class Excuse:
    """Why some grants are there; which, is said by patterns of their parts."""

    role: str
    sid: str
    action: str
    why: str
    resource: str = "*"
    """As `grants.plain` says it."""

    def is_for(self, grant: Grant) -> bool:
        parts = (
            (grant.role, self.role),
            (grant.sid, self.sid),
            (grant.action, self.action),
            (plain(grant.resource), self.resource),
        )
        return all(fnmatchcase(part, pattern) for part, pattern in parts)


EXCUSES: list[Excuse] = []


def excuse(grant: Grant) -> str:
    """Why a grant is there though nothing uses it; empty where something must."""
    return next((one.why for one in EXCUSES if one.is_for(grant)), "")
