"""What Astria's answers mean."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.errors import (
    InferenceOutcomeUnknownError,
    JobError,
    NotAcceptedError,
    NotLookedUpError,
    ProviderKeyRefusedError,
    ProviderRejectedError,
    TrainingOutcomeUnknownError,
)
from avatars.model import (
    Answer,
    InferenceRequest,
    Progress,
    ProgressState,
    Prompt,
    Subject,
    WaitReason,
)
from avatars.provider.astria_prompt import wanted
from avatars.provider.astria_reader import LONGEST_PAGE, USUAL_PAGE, AstriaReader

READER = AstriaReader()
LINKS = ("https://mp.astria.test/1", "https://mp.astria.test/2")
DONE = "2026-11-01T12:00:00.000Z"
REQUEST = InferenceRequest(
    (Prompt("anime", 2, "at sea", "hats"),), Subject.WOMAN, model_id="1", title="a-job-1 1"
)


def answer(status: int, body: object = b"", **headers: str) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, data)


def a_prompt(prompt_id: int, **changes: Any) -> dict[str, Any]:
    """One of a list, of `REQUEST`."""
    return {"id": prompt_id, "trained_at": None, "images": [], **wanted(REQUEST), **changes}


class TestId:
    @pytest.mark.parametrize("body", [{"id": 42}, [{"id": 42}], {"id": "42"}])
    def test_a_whole_number_becomes_a_text(self, body: object) -> None:
        assert READER.training_id(answer(201, body)) == "42"
        assert READER.inference_id(answer(201, body)) == "42"

    @pytest.mark.parametrize("body", [{}, [{"id": 1}, {"id": 2}], b"<html>", {"id": None}])
    def test_a_success_without_one_is_an_unknown_outcome(self, body: object) -> None:
        with pytest.raises(TrainingOutcomeUnknownError, match="without an id"):
            READER.training_id(answer(201, body))

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_so_is_an_error_of_the_server(self, status: int) -> None:
        # 504: "in most cases the request would probably have been processed".
        with pytest.raises(InferenceOutcomeUnknownError, match=f"answered {status}"):
            READER.inference_id(answer(status))

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"error": "Images are missing."}, "Images are missing"),
            ({"title": ["can't be blank"]}, "title can't be blank"),
            ({"images": ["https://photos.test/1?X-Amz-Signature=5ec2e7 is no image"]}, "no image"),
        ],
    )
    def test_a_refusal_says_why(self, body: object, said: str) -> None:
        with pytest.raises(ProviderRejectedError, match=said) as refusal:
            READER.training_id(answer(422, body))

        assert "5ec2e7" not in str(refusal.value)

    def test_too_many_requests_are_asked_again_later(self) -> None:
        with pytest.raises(NotAcceptedError) as later:
            READER.training_id(answer(429, retry_after="17"))

        assert later.value.wait_seconds == 17

    def test_a_key_that_is_refused_is_told_apart(self) -> None:
        with pytest.raises(ProviderKeyRefusedError):
            READER.training_id(answer(401))
        assert READER.trouble(answer(401)) is WaitReason.KEY


class TestTraining:
    @pytest.mark.parametrize(
        ("body", "state"),
        [
            ({"id": 1, "trained_at": None}, ProgressState.RUNNING),
            ({"id": 1, "trained_at": DONE}, ProgressState.READY),
            ({"id": 1, "trained_at": None, "failed_at": DONE}, ProgressState.FAILED),
            ({"id": 1, "trained_at": None, "error": "No face."}, ProgressState.FAILED),
            ({"id": 1, "trained_at": None, "status": "failed"}, ProgressState.FAILED),
            ({"id": 1, "trained_at": DONE, "status": "completed"}, ProgressState.READY),
            ({"id": 1, "trained_at": DONE, "error": " "}, ProgressState.READY),
            (b"<html>", ProgressState.RUNNING),
        ],
    )
    def test_it_is_over_at_the_time_that_it_says(self, body: object, state: ProgressState) -> None:
        assert READER.training_progress(answer(200, body)).state is state

    def test_why_it_failed_is_told(self) -> None:
        progress = READER.training_progress(answer(200, {"id": 1, "user_error": "No face found."}))

        assert progress.reason == "No face found"

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            (404, ProgressState.NOT_FOUND),
            (0, ProgressState.UNAVAILABLE),
            (429, ProgressState.UNAVAILABLE),
            (500, ProgressState.UNAVAILABLE),
        ],
    )
    def test_a_code_may_say_enough(self, status: int, state: ProgressState) -> None:
        assert READER.training_progress(answer(status, {"trained_at": DONE})).state is state


class TestAvatars:
    @pytest.mark.parametrize(
        "images", [list(LINKS), [{"url": link} for link in LINKS], [LINKS[0], {"url": LINKS[1]}]]
    )
    def test_a_prompt_carries_its_images(self, images: object) -> None:
        body = a_prompt(2, trained_at=DONE, images=images)

        progress = READER.inference_progress(answer(200, body))

        assert (progress.state, progress.links) == (ProgressState.READY, LINKS)

    def test_all_images_are_enough_without_a_time(self) -> None:
        body = a_prompt(2, images=list(LINKS))

        assert READER.inference_progress(answer(200, body)).state is ProgressState.READY

    @pytest.mark.parametrize(
        "body",
        [
            a_prompt(2),
            a_prompt(2, images=[LINKS[0]]),
            a_prompt(2, trained_at=DONE),
            a_prompt(2, trained_at=DONE, images=[None]),
        ],
    )
    def test_fewer_may_become_more(self, body: object) -> None:
        assert READER.inference_progress(answer(200, body)).state is ProgressState.RUNNING

    def test_each_keeps_its_place(self) -> None:
        body = a_prompt(2, trained_at=DONE, images=[LINKS[0], None, LINKS[0], LINKS[1]])

        links = READER.inference_progress(answer(200, body)).links

        assert links == (LINKS[0], None, None, LINKS[1])

    def test_an_error_of_the_user_is_a_failure(self) -> None:
        body = a_prompt(2, user_error="The prompt is not allowed.")

        progress = READER.inference_progress(answer(200, body))

        assert (progress.state, progress.reason) == (
            ProgressState.FAILED,
            "The prompt is not allowed",
        )


class TestLists:
    @pytest.mark.parametrize(
        "body",
        [
            [{"id": 9, "title": "another"}, {"id": 8, "title": "a-job"}],
            {"tunes": [{"id": 8, "title": "a-job"}]},
            [{"id": 9, "title": "a-job"}, {"id": 8, "title": "a-job"}],
        ],
    )
    def test_a_model_is_found_by_its_title_the_oldest_first(self, body: object) -> None:
        assert READER.found_training(answer(200, body), "a-job") == "8"

    def test_one_that_is_not_there_is_not_found(self) -> None:
        assert READER.found_training(answer(200, [{"id": 9, "title": "a-job-2"}]), "a-job") is None

    @pytest.mark.parametrize(
        "reply", [answer(500), answer(0), answer(429), answer(200, b"<html>"), answer(200, {})]
    )
    def test_a_list_that_did_not_come_does_not_say_that_nothing_is_there(
        self, reply: Answer
    ) -> None:
        with pytest.raises(NotLookedUpError):
            READER.found_training(reply, "a-job")
        with pytest.raises(NotLookedUpError):
            READER.found_inference(reply, REQUEST, ())

    @pytest.mark.parametrize("length", [USUAL_PAGE, LONGEST_PAGE, LONGEST_PAGE + 1])
    def test_a_whole_page_without_it_does_not_say_that_it_is_not_there(self, length: int) -> None:
        page = answer(
            200, [{"id": n, "title": "another", "text": "another"} for n in range(length)]
        )

        with pytest.raises(NotLookedUpError, match=f"newest {length} tunes"):
            READER.found_training(page, "a-job")
        with pytest.raises(NotLookedUpError, match=f"newest {length} prompts"):
            READER.found_inference(page, REQUEST, ())

    @pytest.mark.parametrize("length", [USUAL_PAGE, LONGEST_PAGE])
    def test_on_a_whole_page_it_is_found_and_on_a_shorter_one_it_is_not_there(
        self, length: int
    ) -> None:
        others = [{"id": n, "title": "another"} for n in range(length - 1)]

        whole = answer(200, [*others, {"id": 777, "title": "a-job"}])

        assert READER.found_training(whole, "a-job") == "777"
        assert READER.found_training(answer(200, others), "a-job") is None

    def test_one_that_is_listed_without_an_id_is_not_missing(self) -> None:
        with pytest.raises(NotLookedUpError, match="without an id"):
            READER.found_training(answer(200, [{"title": "a-job"}]), "a-job")

    @pytest.mark.parametrize(
        "shown",
        [
            a_prompt(5),
            a_prompt(5, num_images="2", seed=str(wanted(REQUEST)["seed"])),
            {"id": 5, "text": wanted(REQUEST)["text"]},
        ],
    )
    def test_avatars_are_found_by_what_was_asked_for(self, shown: dict[str, Any]) -> None:
        listed = [a_prompt(7, text="something else"), shown, a_prompt(3)]

        assert READER.found_inference(answer(200, listed), REQUEST, {"3"}) == "5"

    @pytest.mark.parametrize(
        "changes",
        [
            {"text": "ohwx woman"},
            {"num_images": 4},
            {"negative_prompt": None},
            {"seed": 5},
            {"seed": None},
        ],
    )
    def test_others_are_not_taken_for_them(self, changes: dict[str, Any]) -> None:
        listed = [a_prompt(5, **changes)]

        assert READER.found_inference(answer(200, listed), REQUEST, ()) is None


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["id", "trained_at", "images", "url", "error", "title", "text"]), inner
        )
    ),
)


@given(st.integers(0, 599), documents)
def test_any_answer_means_something(status: int, document: object) -> None:
    reply = answer(status, document)

    assert isinstance(READER.training_progress(reply), Progress)
    assert isinstance(READER.inference_progress(reply), Progress)
    try:
        READER.training_id(reply)
        READER.found_training(reply, "a-job")
        READER.found_inference(reply, REQUEST, ())
    except (JobError, NotAcceptedError, NotLookedUpError):
        pass
