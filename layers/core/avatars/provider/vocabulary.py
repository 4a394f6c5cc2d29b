"""The provider's status words. They have drifted before, so they are understood leniently."""

from avatars.model import ProgressState

_WORDS = {
    # "success/error/processing" since the release note of April 2026; the avatars guide has
    # DONE, FAILED and IMAGE_NOT_VALID; FINISHED and COMPLETED occur in the vendor's own SDKs.
    ProgressState.READY: {"done", "finished", "success", "succeeded", "completed"},
    ProgressState.FAILED: {"failed", "error"},
    ProgressState.BAD_INPUT: {"image_not_valid"},
    ProgressState.RUNNING: {
        "accepted",
        "in_progress",
        "processing",
        "queued",
        "pending",
        "training",
        "started",
    },
}

_MEANINGS = {word: state for state, words in _WORDS.items() for word in words}


def meaning(word: str) -> ProgressState:
    """What a status word means; an unknown one means still running."""
    return _MEANINGS.get(_normal(word), ProgressState.RUNNING)


def is_known(word: str) -> bool:
    """Whether a status word has been seen before."""
    return _normal(word) in _MEANINGS


def _normal(word: str) -> str:
    return word.strip().lower().replace(" ", "_").replace("-", "_")
