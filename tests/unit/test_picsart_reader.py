"""What the provider's answers mean, in every form that they have been seen in."""

import json
import time
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.errors import JobError, NotAcceptedError, ProviderRejectedError
from avatars.metrics import Call
from avatars.model import Answer, DriftKind, Progress, ProgressState
from avatars.provider.picsart_reader import PicsartReader
from tests.fakes import answer

READER = PicsartReader()
LINKS = ("https://cdn.test/1.jpg", "https://cdn.test/2.jpg")


def kinds_of_drift(reply: Answer) -> list[DriftKind]:
    told = READER.drift(Call.CHECK_TRAINING, reply)
    # These answers have none of the headers that every answer of Picsart has, which is told, too.
    return [drift.kind for drift in told if drift.kind is not DriftKind.CHANGED_HEADER]


class TestId:
    @pytest.mark.parametrize("status", [200, 201, 202])
    def test_any_success_with_an_id_is_an_acceptance(self, status: int) -> None:
        reply = answer(status, {"model_id": "m-1", "inference_id": "i-1", "status": "ACCEPTED"})

        assert READER.training_id(reply) == "m-1"
        assert READER.inference_id(reply) == "i-1"

    @pytest.mark.parametrize("value", [42, " 42 "])
    def test_an_id_may_be_a_number_or_have_blanks_round_it(self, value: object) -> None:
        assert READER.training_id(answer(202, {"model_id": value})) == "42"

    def test_an_id_may_lie_a_level_deeper(self) -> None:
        assert READER.training_id(answer(200, {"data": {"model_id": "m-1"}})) == "m-1"

    def test_an_inference_id_is_no_model_id(self) -> None:
        with pytest.raises(JobError, match="without model_id"):
            READER.training_id(answer(202, {"inference_id": "i-1"}))

    def test_an_unknown_outcome_names_what_support_will_ask_for(self) -> None:
        with pytest.raises(JobError, match="correlation id abc-123"):
            READER.training_id(answer(500, x_picsart_correlation_id="abc-123"))


class TestWords:
    @pytest.mark.parametrize(
        "body",
        [
            {"detail": "Too few images."},
            {"message": "Too few images"},
            {"error": "Too few images"},
            {"code": 400, "message": "Bad Request", "detail": "Too few images"},
            {"fault": {"faultstring": "Too few images", "detail": {"errorcode": "policies"}}},
        ],
    )
    def test_they_are_found_in_every_form_of_error(self, body: object) -> None:
        with pytest.raises(ProviderRejectedError, match=r"with 400: Too few images\.$"):
            READER.training_id(answer(400, body))

    @pytest.mark.parametrize(
        "body", [b"", b"<html>Bad</html>", {}, {"detail": [{"loc": ["images"]}]}, {"fault": "x"}]
    )
    def test_a_refusal_without_words_is_still_a_sentence(self, body: object) -> None:
        with pytest.raises(ProviderRejectedError) as refusal:
            READER.training_id(answer(400, body))

        assert "None" not in str(refusal.value)

    @pytest.mark.parametrize("status", [400, 401, 403, 422, 429, 500])
    @pytest.mark.parametrize("field", ["detail", "message", "error", "reason"])
    def test_a_link_never_gets_into_them(self, status: int, field: str) -> None:
        body = {field: "Cannot fetch (https://photos.test/1.jpg?X-Amz-Signature=5ec2e7), sorry"}

        with pytest.raises((JobError, NotAcceptedError)) as refusal:
            READER.training_id(answer(status, body))

        assert "photos.test" not in str(refusal.value)
        assert "5ec2e7" not in str(refusal.value)

    @pytest.mark.parametrize(
        "sent",
        [
            '{"images": ["https://photos.test/1.jpg?X-Amz-Signature=5ec2e7"], "type": "woman"}',
            r"{\"images\": [\"https:\/\/photos.test\/5ec2e7\"]}",
            "{'prompts': [{'style': 'anime', 'prompt': 'by the secret sea'}]}",
            'the prompt "by the secret sea" is not',
            "\u201cby the secret sea\u201d",
            '"by the secret sea',
            "X-Picsart-API-Key: 5ec2e75ec2e7",
            "https%3A%2F%2Fphotos.test%2F5ec2e7",
            "X-Amz-Signature=5ec2e7",
            "aHR0cHM6Ly9waG90b3MudGVzdC9zZWNyZXQ",
            "alice@secret.test",
            "52.520008 5ec2e7",
        ],
    )
    def test_what_the_provider_was_sent_is_not_among_them(self, sent: str) -> None:
        with pytest.raises(ProviderRejectedError) as refusal:
            READER.training_id(answer(422, {"detail": f"I do not like {sent} at all, sorry."}))

        told = str(refusal.value)
        assert "I do not like" in told
        for secret in ("5ec2e7", "photos", "secret", "520008", "aHR0", "alice"):
            assert secret not in told

    @pytest.mark.parametrize(
        "said",
        [
            "prompts.0.style: unknown",
            "Photo 3 (of 12) isn't readable; send JPEG/PNG",
            "Zu wenige Gesichter, bitte 5 Fotos für \u00c4nne",
            "I/O error, hand-made",
        ],
    )
    def test_prose_is_told_as_it_is(self, said: str) -> None:
        with pytest.raises(ProviderRejectedError) as refusal:
            READER.training_id(answer(422, {"detail": said}))

        assert said in str(refusal.value)

    def test_a_correlation_id_that_is_none_is_not_told(self) -> None:
        with pytest.raises(JobError) as unknown:
            READER.training_id(answer(500, x_picsart_correlation_id="5ec2e7 " * 20))

        assert "5ec2e7" not in str(unknown.value)

    def test_they_are_cut_to_a_sentence(self) -> None:
        long = {"status": "FAILED", "reason": "no face " * 999}

        progress = READER.training_progress(answer(200, long))

        assert len(progress.reason or "") == 300


class TestWait:
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"retry_after": "17"}, 17),
            ({"retry_after": " 17 "}, 17),
            ({"x_picsart_ratelimit_reset_time": "42"}, 42),
            ({"retry_after": "17", "x_picsart_ratelimit_reset_time": "42"}, 17),
            ({"retry_after": "soon", "x_picsart_ratelimit_reset_time": "42"}, 42),
            ({"retry_after": "-5"}, 60),
            ({"retry_after": "9" * 30}, 3600),
            ({"retry_after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
            ({"retry_after": "Mon, 01 Jan 99999 00:00:00 GMT"}, 60),
            ({}, 60),
        ],
    )
    def test_it_is_what_the_headers_ask_for(self, headers: dict[str, str], seconds: int) -> None:
        assert READER.training_progress(answer(429, **headers)).wait_seconds == seconds

    def test_a_date_is_as_far_away_as_it_is(self) -> None:
        in_two_minutes = formatdate(time.time() + 120, usegmt=True)

        wait = READER.training_progress(answer(429, retry_after=in_two_minutes)).wait_seconds

        assert wait is not None
        assert 110 <= wait <= 120

    @given(st.text(), st.text())
    def test_whatever_the_headers_hold_it_is_never_more_than_an_hour(
        self, first: str, second: str
    ) -> None:
        reply = answer(429, retry_after=first, x_picsart_ratelimit_reset_time=second)

        wait = READER.training_progress(reply).wait_seconds

        assert wait is not None
        assert 0 <= wait <= 3600


class TestProgress:
    @pytest.mark.parametrize(
        ("status", "body", "state"),
        [
            (200, {"status": "DONE"}, ProgressState.READY),
            (202, {"status": "DONE"}, ProgressState.READY),
            (202, {"status": "IN_PROGRESS"}, ProgressState.RUNNING),
            (200, {"status": "IN_PROGRESS"}, ProgressState.RUNNING),
            (200, {"status": "FAILED"}, ProgressState.FAILED),
            (200, {"status": "IMAGE_NOT_VALID"}, ProgressState.BAD_INPUT),
            (202, {}, ProgressState.RUNNING),
            (200, b"<html>Welcome</html>", ProgressState.RUNNING),
            (200, {"status": None}, ProgressState.RUNNING),
            (200, {"status": {"word": "DONE"}}, ProgressState.RUNNING),
            (404, {"detail": "Not found"}, ProgressState.NOT_FOUND),
            (0, b"ConnectTimeout", ProgressState.UNAVAILABLE),
            (302, b"", ProgressState.UNAVAILABLE),
            (400, {"detail": "?"}, ProgressState.UNAVAILABLE),
            (500, b"", ProgressState.UNAVAILABLE),
        ],
    )
    def test_it_follows_from_code_and_word(
        self, status: int, body: object, state: ProgressState
    ) -> None:
        assert READER.training_progress(answer(status, body)).state is state

    def test_an_unknown_word_is_marked_and_cut(self) -> None:
        reply = answer(200, {"status": "MARINATING " * 99})

        progress = READER.training_progress(reply)

        assert kinds_of_drift(reply) == [DriftKind.UNKNOWN_WORD]
        assert progress.word == ("MARINATING " * 99)[:80]

    @pytest.mark.parametrize("status", ["5ec2e7" * 6, "https://evil.test/", "M" * 999])
    def test_what_is_no_word_is_not_told(self, status: str) -> None:
        reply = answer(200, {"status": status})

        progress = READER.training_progress(reply)

        assert kinds_of_drift(reply) == [DriftKind.UNKNOWN_WORD]
        assert progress.word == "(no word)"


class TestLinks:
    @pytest.mark.parametrize(
        "body",
        [
            {"status": "DONE", "urls": list(LINKS)},
            {"status": "DONE", "urls": [{"url": link} for link in LINKS]},
            {"status": "success", "data": [{"id": "1", "url": link} for link in LINKS]},
            {"status": "DONE", "data": list(LINKS)},
            {"status": "DONE", "data": {"urls": list(LINKS)}},
            {"urls": list(LINKS)},
            [{"url": link} for link in LINKS],
            list(LINKS),
        ],
    )
    def test_they_are_found_in_every_shape(self, body: object) -> None:
        assert READER.inference_progress(answer(200, body)) == Progress(
            ProgressState.READY, word=word_of(body), links=LINKS
        )

    @pytest.mark.parametrize("none", [None, "", 7, {}, {"url": None}, LINKS[0]])
    def test_each_keeps_its_place_because_places_tell_the_style(self, none: object) -> None:
        body = {"status": "DONE", "urls": [LINKS[0], none, LINKS[1]]}

        links = READER.inference_progress(answer(200, body)).links

        assert links == (LINKS[0], None, LINKS[1])

    @pytest.mark.parametrize(
        "body",
        [
            {"status": "DONE"},
            {"status": "DONE", "urls": []},
            {"status": "DONE", "urls": [None]},
            {"status": "DONE", "data": {}},
        ],
    )
    def test_done_without_links_is_still_running(self, body: object) -> None:
        assert READER.inference_progress(answer(200, body)).state is ProgressState.RUNNING

    def test_links_of_a_202_without_a_word_may_be_incomplete(self) -> None:
        progress = READER.inference_progress(answer(202, {"urls": list(LINKS)}))

        assert progress.state is ProgressState.RUNNING

    def test_they_do_not_show_where_a_progress_is_printed(self) -> None:
        assert "cdn.test" not in repr(READER.inference_progress(answer(200, list(LINKS))))


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["status", "urls", "url", "data", "detail", "fault", "model_id"]), inner
        )
    ),
)
bodies = st.binary() | st.builds(lambda document: json.dumps(document).encode(), documents)


@given(st.integers(0, 599), bodies)
def test_any_answer_means_something(status: int, body: bytes) -> None:
    reply = Answer(status, {}, body)

    assert isinstance(READER.training_progress(reply), Progress)
    assert isinstance(READER.inference_progress(reply), Progress)
    assert isinstance(id_or_error(reply), (str, JobError, NotAcceptedError))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 100_000, id="lists"),
        pytest.param(b'{"data":' * 2000 + b"1" + b"}" * 2000, id="objects"),
    ],
)
def test_an_answer_that_is_nested_without_end_means_nothing(body: bytes) -> None:
    assert READER.inference_progress(Answer(200, {}, body)).state is ProgressState.RUNNING


def id_or_error(reply: Answer) -> Any:
    try:
        return READER.training_id(reply)
    except (JobError, NotAcceptedError) as error:
        return error


def word_of(body: object) -> str:
    return str(body.get("status", "")) if isinstance(body, dict) else ""
