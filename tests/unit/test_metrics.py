"""What is counted, and that a fact is counted once, however often its step is repeated."""

import re
from pathlib import Path

import pytest

from avatars import keys
from avatars.errors import AvatarsNotKeptError, OutcomeUnknownError, ProviderUnreachableError
from avatars.metrics import (
    AVATARS_KEPT,
    CREDITS_LEFT,
    JOBS_ENDED,
    LINK_SECONDS_LEFT,
    LOOKS,
    METRICS,
    PHOTOS_JUDGED,
    PROVIDER_CALLS,
    PROVIDER_DRIFT,
    REJECTIONS,
    RUNS_UNDER_WAY,
    STAGE_SECONDS,
)
from avatars.model import Answer, InferenceRequest, Subject
from avatars.pipeline.collecting import collect_photos
from avatars.pipeline.finishing import finish_job
from avatars.pipeline.inference import check_inference
from avatars.pipeline.keeping import keep_avatars
from avatars.pipeline.looking import Looks
from avatars.pipeline.sweeping import sweep_jobs
from avatars.pipeline.training import check_training, start_training
from tests.builders import (
    JOB_ID,
    a_job,
    a_photo,
    a_picture,
    an_avatar,
    announce,
    dropped,
    inferring,
    judged,
    ready_to_train,
    stored,
    training,
)
from tests.fakes import FakeServices, LostConfirmationError, answer
from tests.fakes.effects import raising
from tests.fakes.services import PICSART

ROOT = Path(__file__).parents[2]
NO_LOOKS: Looks = {"answered": 0, "not_found": 0}
A_DAY = 86_400
LINK = "https://cdn.results.test/{}.jpg"
FAILURE = {"Error": "TrainingOverdueError", "Cause": '{"errorMessage": "It is late."}'}


class TestPhotos:
    def test_a_verdict_is_counted_when_it_is_written_and_not_when_its_event_comes_again(
        self, services: FakeServices
    ) -> None:
        good, bad = dropped(services, "1.jpg", a_picture()), dropped(services, "2.jpg", b"text")

        for upload in (good, bad, good, bad):
            judged(services, upload)

        assert services.meter.of(PHOTOS_JUDGED, verdict="accepted") == [1]
        assert services.meter.of(PHOTOS_JUDGED, code="not_an_image") == [1]

    def test_one_that_is_rejected_among_the_others_is_counted_once(
        self, services: FakeServices
    ) -> None:
        photos = [a_photo(number, pixels="the same") for number in (1, 2)]
        stored(services, a_job(promised=2), *photos)
        for photo in photos:
            dropped(services, photo.file)
        services.clock.move(A_DAY)

        for _ in range(2):
            with pytest.raises(Exception, match="accepted"):
                collect_photos(services, JOB_ID, 1)

        assert services.meter.of(PHOTOS_JUDGED, code="duplicate") == [1]

    def test_every_code_of_a_rejection_is_known(self) -> None:
        source = "\n".join(
            path.read_text() for path in (ROOT / "layers/core/avatars").rglob("*.py")
        )

        codes = re.findall(r'PhotoRejectedError\(\s*"(\w+)"', source)
        codes += re.findall(r'_rejected\(photo, "(\w+)"', source)

        assert len(set(codes)) > 10
        assert set(codes) <= REJECTIONS


class TestJobs:
    def test_an_end_is_counted_once_however_often_it_is_recorded(
        self, services: FakeServices
    ) -> None:
        training(services)

        for _ in range(3):
            finish_job(services, JOB_ID, 1, FAILURE)

        assert services.meter.of(JOBS_ENDED, code="TRAINING_OVERDUE") == [1]
        assert services.meter.of(JOBS_ENDED, status="NEEDS_ATTENTION") == [1]

    @pytest.mark.parametrize("trouble", ["publish notice", "write job", "write run"])
    def test_an_end_whose_step_fails_on_its_way_is_counted_when_it_stands(
        self, services: FakeServices, trouble: str
    ) -> None:
        training(services)
        services.effects.fail(trouble, OSError("AWS is away"))
        with pytest.raises(OSError, match="away"):
            finish_job(services, JOB_ID, 1, FAILURE)

        finish_job(services, JOB_ID, 1, FAILURE)

        assert services.meter.of(JOBS_ENDED, code="TRAINING_OVERDUE") == [1]

    def test_a_write_whose_confirmation_is_lost_is_counted(self, services: FakeServices) -> None:
        training(services)
        services.effects.after("write run", raising(LostConfirmationError()))

        finish_job(services, JOB_ID, 1, FAILURE)

        assert services.meter.of(JOBS_ENDED, code="TRAINING_OVERDUE") == [1]

    def test_a_completed_run_tells_how_long_it_took_and_how_long_keeping_did(
        self, services: FakeServices
    ) -> None:
        inferring(services)
        announced(services, 0)
        for position in range(1, 5):
            services.jobs.put_avatar(an_avatar(position))
        services.clock.move(600)

        for _ in range(2):
            finish_job(services, JOB_ID, 1)

        assert services.meter.of(JOBS_ENDED) == [1]
        assert services.meter.of(STAGE_SECONDS, stage="whole") == [600]
        assert services.meter.of(STAGE_SECONDS, stage="keeping") == [600]

    def test_what_is_under_way_is_counted_by_the_sweep(self, services: FakeServices) -> None:
        training(services)

        sweep_jobs(services)

        assert services.meter.of(RUNS_UNDER_WAY) == [1]


class TestStages:
    def test_a_frozen_set_tells_how_long_it_was_waited_for_once(
        self, services: FakeServices
    ) -> None:
        photos = [a_photo(number) for number in range(1, 6)]
        stored(services, a_job(), *photos)
        for photo in photos:
            dropped(services, photo.file)
        services.clock.move(300)

        for _ in range(2):
            collect_photos(services, JOB_ID, 1)

        assert services.meter.of(STAGE_SECONDS, stage="collecting") == [300]

    def test_a_model_tells_how_long_it_took_and_how_often_it_was_looked_at_once(
        self, services: FakeServices
    ) -> None:
        training(services)
        services.company.will("check_training", answer(202, {"status": "IN_PROGRESS"}))
        services.clock.move(900)

        looks = check_training(services, JOB_ID, 1, NO_LOOKS)["looks"]
        for _ in range(2):
            check_training(services, JOB_ID, 1, looks)

        assert services.meter.of(STAGE_SECONDS, stage="training") == [900]
        assert services.meter.of(LOOKS, stage="training") == [2]

    def test_so_do_avatars(self, services: FakeServices) -> None:
        inferring(services)
        services.clock.move(60)
        services.company.will(
            "check_inference", answer(200, {"status": "DONE", "urls": [LINK.format(1)]})
        )

        for _ in range(2):
            check_inference(services, JOB_ID, 1, NO_LOOKS)

        assert services.meter.of(STAGE_SECONDS, stage="inference") == [60]
        assert services.meter.of(LOOKS, stage="inference") == [1]


class TestAvatars:
    def test_each_is_counted_when_it_comes_in_with_the_life_that_its_link_had_left(
        self, services: FakeServices
    ) -> None:
        inferring(services)
        announced(services, 3)
        services.downloads.pictures[LINK.format(1)] = a_picture()
        services.clock.move(3600)
        with pytest.raises(AvatarsNotKeptError):
            keep_avatars(services, JOB_ID, 1, 0)
        services.downloads.pictures |= {LINK.format(n): a_picture(n) for n in (2, 3)}
        services.clock.move(A_DAY)

        for _ in range(2):
            keep_avatars(services, JOB_ID, 1, 0)

        assert services.meter.of(AVATARS_KEPT) == [1, 2]
        assert services.meter.of(LINK_SECONDS_LEFT) == [47 * 3600, 23 * 3600]


def announced(services: FakeServices, links: int) -> None:
    """The provider has said, at noon, that so many avatars are ready."""
    now = services.clock.now()
    changes = {"links": links, "announced_at": now, "links_expire_at": now + 2 * A_DAY}
    announce(services, **changes)
    urls = [LINK.format(number) for number in range(1, links + 1)]
    result = answer(200, {"status": "DONE", "urls": urls})
    services.answers.keep(JOB_ID, keys.result_answer(1, 0), result)


class TestProvider:
    @pytest.mark.parametrize(
        ("reply", "outcome"),
        [
            (answer(200, {"status": "DONE"}), "ok"),
            (answer(402), "out_of_credits"),
            (answer(404), "not_found"),
            (answer(422), "rejected"),
            (answer(429), "too_many_requests"),
            (answer(302), "failed"),
            (answer(503), "failed"),
            (Answer(0, {}, b"ReadTimeout"), "no_answer"),
        ],
    )
    def test_an_answer_is_counted_by_what_it_means(
        self, services: FakeServices, reply: Answer, outcome: str
    ) -> None:
        services.company.will("check_training", reply)

        services.provider(PICSART).check_training("model-1")

        assert services.meter.of(PROVIDER_CALLS, call="check_training", outcome=outcome) == [1]

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (ProviderUnreachableError("refused"), "unreachable"),
            (OutcomeUnknownError("cut off"), "no_answer"),
        ],
    )
    def test_so_is_a_request_that_brought_none(
        self, services: FakeServices, error: Exception, outcome: str
    ) -> None:
        services.company.will("submit_inference", error)

        with pytest.raises(type(error)):
            services.provider(PICSART).submit_inference(
                InferenceRequest((), Subject.WOMAN, "model-1")
            )

        assert services.meter.of(PROVIDER_CALLS, call="submit_inference", outcome=outcome) == [1]

    def test_a_rotated_key_is_not_a_refused_one(self, services: FakeServices) -> None:
        training(services)
        services.rotate_key("key-2")

        check_training(services, JOB_ID, 1, NO_LOOKS)

        assert services.meter.of(PROVIDER_CALLS, outcome="key_stale") == [1]
        assert services.meter.of(PROVIDER_CALLS, outcome="key_refused") == []

    def test_a_balance_of_nothing_is_the_same_as_a_refusal_for_want_of_credits(
        self, services: FakeServices
    ) -> None:
        services.company.will("balance", answer(200, {"credits": 0}))

        services.provider(PICSART).balance()

        assert services.meter.of(PROVIDER_CALLS, outcome="out_of_credits") == [1]
        assert services.meter.of(CREDITS_LEFT) == [0]

    def test_what_is_left_is_told_by_the_header_of_any_answer(self, services: FakeServices) -> None:
        header = {"x_picsart_credit_available": "17"}
        services.company.will("check_training", answer(202, {"status": "STARTED"}, **header))

        services.provider(PICSART).check_training("model-1")

        assert services.meter.of(CREDITS_LEFT) == [17]

    @pytest.mark.parametrize(
        ("reply", "times"),
        [
            (answer(200, {"status": "MARINATING"}), 1),
            (answer(200, {"state": "DONE"}), 1),
            (answer(200, b"<html>"), 1),
            (answer(202), 1),
            (answer(200, {"status": "PENDING"}), 0),
            (answer(200, {"urls": [LINK]}), 1),
            (answer(500, b"<html>"), 0),
        ],
    )
    def test_an_answer_to_a_look_that_is_not_understood_is_drift(
        self, services: FakeServices, reply: Answer, times: int
    ) -> None:
        services.company.will("check_training", reply)

        services.provider(PICSART).check_training("model-1")

        assert services.meter.of(PROVIDER_DRIFT) == [1] * times

    def test_so_is_an_acceptance_without_an_id_and_it_is_counted_where_it_came(
        self, services: FakeServices
    ) -> None:
        ready_to_train(services)
        services.company.will("submit_training", answer(202, {"id": "model-1"}))

        for _ in range(2):
            with pytest.raises(OutcomeUnknownError):
                start_training(services, JOB_ID, 1)

        assert services.meter.of(PROVIDER_DRIFT) == [1]
        assert services.meter.of(PROVIDER_CALLS, call="submit_training") == [1]


def test_no_more_metrics_may_be_paid_for_than_the_documentation_says() -> None:
    most = sum(
        sum(len(values) + 1 for values in metric.by.values()) + metric.whole or 1
        for metric in METRICS
    )
    told = (ROOT / "docs/operations.md").read_text()

    assert most <= 100
    assert "at most 100 metrics" in told
    assert [f"`{metric.name}`" for metric in METRICS if f"`{metric.name}`" not in told] == []
