"""A plugin of detect-secrets: the provider's key, by its neighbours."""

import re
from re import Pattern
from typing import ClassVar

from detect_secrets.plugins.base import RegexBasedDetector


class ProviderKeyDetector(RegexBasedDetector):  # type: ignore[misc]
    """Finds what stands where a key of the provider would.

    The provider says nothing of what its keys look like, so they are known by what they stand
    beside: the header, a variable, or the command that stores one (README.md).
    """

    secret_type = "Provider key"  # noqa: S105

    denylist: ClassVar[list[Pattern[str]]] = [
        re.compile(
            beside + r"""\s{0,3}["']?\s{0,3}[:=,]?\s{0,3}["']?([A-Za-z0-9._~+/-]{20,}=*)""", re.I
        )
        for beside in (
            r"x-picsart-api-key",
            r"(?:picsart|provider)[a-z_-]{0,20}(?:key|token)",
            r"--secret-string",
        )
    ]
