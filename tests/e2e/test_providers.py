"""The same photos with every provider, and with the first one in every way in which it answers."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from avatars import keys
from avatars.model import JobStatus
from local.simulator.dialect import SHAPES, VOCABULARIES, Phase
from tests.e2e.pictures import portraits
from tests.e2e.pipeline import Folder, Pipeline, Provider
from tests.fakes.services import ASTRIA, INSTANT, PICSART

WORDS = list(VOCABULARIES)
FORMS = [form for form in SHAPES if form != "unknown"]
"""What clients of the provider have seen; nobody can read a form that nobody knows."""
DIALECTS = [
    {"vocabulary": WORDS[n % len(WORDS)], "result_shape": FORMS[n % len(FORMS)]}
    for n in range(max(len(WORDS), len(FORMS)))
]
TWO_PROMPTS = [{"style": "anime", "count": 2}, {"style": "realistic", "prompt": "at sea"}]

Folders = Mapping[str, Folder]


@pytest.fixture(scope="module")
def folders(pipeline: Pipeline) -> Folders:
    """A folder for each dialect and one for each other provider, all under way at once."""
    pipeline.provider.forget()
    # Slow enough to be seen at work, so that every word is said.
    slow = {"training_seconds": 400, "inference_seconds": 25}
    pipeline.provider.behave(dialects=DIALECTS, **slow)
    dialects = {f"dialect-{n}": dropped(pipeline, PICSART, n) for n in range(len(DIALECTS))}
    folders = {**dialects, "tunes": dropped(pipeline, ASTRIA)}
    for folder in folders.values():
        folder.ends()
    # Now, since the first photo that comes is not valid, whoever is to make something of it.
    pipeline.provider.behave(dialects=[], invalid_photos=1)
    folders["instant"] = dropped(pipeline, INSTANT)
    for folder in folders.values():
        folder.ends()
    return folders


def test_all_of_them_complete_with_all_their_avatars(folders: Folders) -> None:
    for folder in folders.values():
        job = folder.job()
        assert (job.status, job.code, job.reason) == (JobStatus.COMPLETED, None, None)
        assert [avatar.style for avatar in folder.avatars()] == ["anime", "anime", "realistic"]
        assert all(avatar.key for avatar in folder.avatars())


def test_every_word_and_every_form_of_the_first_provider_was_there(folders: Folders) -> None:
    answers = [result_of(folders[f"dialect-{n}"]) for n in range(len(DIALECTS))]

    said = {answer["status"] for answer in answers if isinstance(answer, dict)}
    done = {VOCABULARIES[each["vocabulary"]][Phase.DONE] for each in DIALECTS}
    listed = sum(isinstance(answer, list) for answer in answers)
    assert listed == sum(each["result_shape"] == "list" for each in DIALECTS)
    assert said <= done
    assert len({form_of(answer) for answer in answers}) == len(FORMS)


def test_a_photo_that_is_not_valid_gives_way_to_the_next_best(folders: Folders) -> None:
    folder = folders["instant"]
    job, run = folder.job(), folder.run()

    [best, second, *_] = job.chosen
    scores = [photo.score or 0 for photo in job.chosen]
    assert scores == sorted(scores, reverse=True)
    assert job.invalid_photos == (best.photo_id,)
    assert [one.photo_id for one in run.inferences] == [second.photo_id] * 2
    assert [len(one.fruitless) for one in run.inferences] == [1, 0]
    assert (job.model_id, job.trained_at) == (None, None)
    assert "Start training" not in folder.pipeline.states_entered(run.name)
    assert {(avatar.width, avatar.height) for avatar in folder.avatars()} == {(2048, 2048)}


def test_a_request_for_each_prompt_is_paid_for_once(folders: Folders, pipeline: Pipeline) -> None:
    tunes = Provider(pipeline.stack.astria_admin_url)
    run = folders["tunes"].run()

    trained, *drawn = tunes.charges()
    tunes.close()

    assert len(run.inference_ids) == len(drawn) == len(TWO_PROMPTS)
    assert folders["tunes"].job().model_id == str(trained["tune_id"])


def test_what_one_provider_is_asked_another_never_hears(
    folders: Folders, pipeline: Pipeline
) -> None:
    asked = pipeline.provider.calls("start_training")

    assert len(asked) == len(DIALECTS)
    assert len(pipeline.provider.calls("start_instant")) == 3


def dropped(pipeline: Pipeline, provider: str, number: int = 0) -> Folder:
    """The same photos, for the provider of that name."""
    folder = Folder(pipeline, "alice", f"everybody-{provider}-{number}")
    folder.want(photos=5, provider=provider, prompts=TWO_PROMPTS)
    folder.drop(portraits(range(5)))
    return folder


def result_of(folder: Folder) -> Any:
    return json.loads(folder.answer(keys.result_answer(1, 0))["body"])


def form_of(answer: Any) -> str:
    """What the links of an answer lie in, and what they are."""
    if isinstance(answer, list):
        return f"a list of {type(answer[0]).__name__}"
    field = "urls" if "urls" in answer else "data"
    return f"{field} of {type(answer[field][0]).__name__}"
