"""What a stack refuses, in a sentence for who sits at a terminal."""

from collections.abc import Iterable, Mapping

from cli.doors.door import DoorError

REMEDIES = {
    "JOB_NOT_FOUND": "`avatars list` shows your jobs.",
    "JOB_STARTED": "For more avatars of the same person use `avatars more`; for other photos, "
    "another folder (--folder NAME).",
    "JOB_NOT_ENDED": "`avatars watch` follows it to its end.",
    "CONSENT_MISSING": "Ask whoever is on the photos, and say to which text they agreed: "
    "--consent VERSION; `avatars styles` names this stack's.",
    "NO_MODEL": "`avatars models` shows what can draw more.",
    "NO_AVATARS": "`avatars watch` follows it to its end.",
    "BAD_REQUEST": "",
}
"""By code, where the API's own remedy speaks of HTTP; the others are taken as they come."""


def refusal(
    code: str,
    detail: str,
    remedy: str = "",
    errors: Iterable[Mapping[str, str]] = (),
    *,
    passes: bool = False,
) -> DoorError:
    """The error of a problem that the API names by its code."""
    wrong = [f"{each['field']}: {each['problem']}." for each in errors]
    sentences = [*(wrong or [detail]), REMEDIES.get(code, remedy)]
    return DoorError(" ".join(filter(None, sentences)), code, passes=passes)
