"""The provider's words have drifted; whatever it says, we know what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.model import ProgressState
from avatars.provider.vocabulary import is_known, meaning
from local.simulator.dialect import VOCABULARIES, Phase

MEANINGS = {
    Phase.ACCEPTED: ProgressState.RUNNING,
    Phase.IN_PROGRESS: ProgressState.RUNNING,
    Phase.DONE: ProgressState.READY,
    Phase.FAILED: ProgressState.FAILED,
    Phase.IMAGE_NOT_VALID: ProgressState.BAD_INPUT,
}


@pytest.mark.parametrize("phase", Phase)
def test_the_guides_words_are_understood(phase: Phase) -> None:
    assert is_known(phase)
    assert meaning(phase) is MEANINGS[phase]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("success", ProgressState.READY),
        ("FINISHED", ProgressState.READY),
        ("completed", ProgressState.READY),
        ("error", ProgressState.FAILED),
        ("processing", ProgressState.RUNNING),
        ("queued", ProgressState.RUNNING),
        ("in progress", ProgressState.RUNNING),
        ("In-Progress", ProgressState.RUNNING),
        (" Image not valid ", ProgressState.BAD_INPUT),
    ],
)
def test_so_are_the_words_of_other_years(word: str, state: ProgressState) -> None:
    assert is_known(word)
    assert meaning(word) is state


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_the_end_of_work_is_understood_in_every_vocabulary_seen_so_far(vocabulary: str) -> None:
    words = VOCABULARIES[vocabulary]

    assert meaning(words[Phase.DONE]) is ProgressState.READY
    assert meaning(words[Phase.FAILED]) is ProgressState.FAILED


@given(st.text())
def test_any_other_word_means_still_running(word: str) -> None:
    assert is_known(word) or meaning(word) is ProgressState.RUNNING
