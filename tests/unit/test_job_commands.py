"""The commands on jobs, at both doors: with AWS's verbs in this process, and through the API."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner, Result

from avatars.model import job_id_for
from cli.doors.api import ApiDoor
from cli.doors.documents import Job
from cli.doors.door import Door, DoorError
from cli.doors.finding import Where
from cli.doors.stack import StackDoor
from cli.jobs.completing import complete_job, complete_style
from cli.main import app
from tests.fakes import FakeServices, answer
from tests.fakes.api import AUTH, OWNER, FakeApi, FakeStorage
from tests.fakes.services import ASTRIA, INSTANT, PICSART
from tests.region import Region
from tests.whole_jobs import picture, surroundings

JOB_ID = job_id_for(OWNER, "selfies")
WOMAN = ("--subject", "woman")


@dataclass
class Stage:
    """A region with a door to it, and time that passes whenever somebody looks at a job."""

    region: Region
    storage: FakeStorage
    api: FakeApi = field(default_factory=FakeApi)
    door: Any = None

    def run(self, *arguments: object, code: int | None = 0, **given: Any) -> Result:
        outcome = CliRunner().invoke(
            app, [str(each) for each in arguments], obj=lambda where: self.door, **given
        )
        if outcome.exception and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        assert outcome.exit_code == code, outcome.output
        return outcome

    def minutes_pass(self, minutes: int) -> None:
        """Handlers in this process write their logs where the command writes its result."""
        with contextlib.redirect_stdout(io.StringIO()):
            self.region.run(60 * minutes)

    def json(self, *arguments: object, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code).stdout)


def stack_door(stage: Stage) -> Door:
    class Lively(StackDoor):
        look_seconds = 0.0

        def job(self, job_id: str) -> Job:
            stage.minutes_pass(1)
            return super().job(job_id)

    return Lively(stage.region.services, OWNER, "a test", stage.storage)


def api_door(stage: Stage) -> Door:
    class Lively(ApiDoor):
        look_seconds = 0.0

        def job(self, job_id: str) -> Job:
            stage.minutes_pass(1)
            return super().job(job_id)

    return Lively("https://api.test", AUTH, stage.api, storage=stage.storage)


@pytest.fixture(params=[stack_door, api_door])
def stage(request: pytest.FixtureRequest, services: FakeServices) -> Iterator[Stage]:
    with Region(services) as region:
        stage = Stage(region, FakeStorage(region))
        stage.door = request.param(stage)
        yield stage


@pytest.fixture
def stack(services: FakeServices) -> Iterator[Stage]:
    """Where the door makes no difference: the verbs in this process."""
    with Region(services) as region:
        stage = Stage(region, FakeStorage(region))
        stage.door = stack_door(stage)
        yield stage


@pytest.fixture
def api(services: FakeServices) -> Iterator[Stage]:
    """Only the API."""
    with Region(services) as region:
        stage = Stage(region, FakeStorage(region))
        stage.door = api_door(stage)
        yield stage


@pytest.fixture
def services() -> FakeServices:
    return surroundings()


@pytest.fixture
def selfies(tmp_path: Path) -> Path:
    """Six good photos and one that is none."""
    folder = tmp_path / "selfies"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(picture(number))
    (folder / "notes.jpg").write_text("Dear diary")
    return folder


def create(stage: Stage, selfies: Path, *options: object, code: int = 0) -> Any:
    return stage.json("create", selfies, *WOMAN, "--style", "realistic:2", *options, code=code)


class TestCreate:
    def test_photos_become_avatars_without_the_one_that_is_none(
        self, stage: Stage, selfies: Path, tmp_path: Path
    ) -> None:
        done = create(stage, selfies, "--out", tmp_path / "out")

        assert (done["job"]["job_id"], done["job"]["status"]) == (JOB_ID, "COMPLETED")
        assert [(each["file"], each["code"]) for each in done["left_out"]] == [
            ("notes.jpg", "not_an_image")
        ]
        assert sorted(done["sent"]) == [f"{number}.jpg" for number in range(6)]
        files = [Path(each["file"]) for each in done["avatars"]]
        assert [file.name for file in files] == ["001-001-realistic.jpg", "001-002-realistic.jpg"]
        assert all(file.read_bytes() for file in files)

    def test_where_consent_is_required_nothing_is_sent_without(
        self, stack: Stage, selfies: Path
    ) -> None:
        services = stack.region.services
        services.settings = replace(services.settings, require_consent=True)

        refused = stack.run("create", selfies, *WOMAN, "--style", "realistic", code=1)

        assert "--consent VERSION" in refused.stderr
        assert stack.json("list") == {"jobs": []}
        assert "is required: --consent 2" in stack.run("styles").stdout

    def test_consent_is_recorded_with_the_job(self, stage: Stage, selfies: Path) -> None:
        done = create(stage, selfies, "--consent", "2026-07")

        assert done["job"]["consent"]["text_version"] == "2026-07"

    def test_without_watching_the_id_is_all_that_is_printed(
        self, stack: Stage, selfies: Path
    ) -> None:
        done = stack.run("create", selfies, *WOMAN, "--style", "realistic")

        assert done.stdout == f"{JOB_ID}\n"
        assert "notes.jpg is left out, not_an_image" in done.stderr
        assert f"avatars watch {JOB_ID}" in done.stderr

    def test_an_upload_that_was_cut_off_goes_on_with_what_is_missing(
        self, stage: Stage, selfies: Path
    ) -> None:
        def refuse_the_last(file: str) -> httpx.Response | None:
            return httpx.Response(403) if file == "5.jpg" else None

        stage.storage.before_upload = refuse_the_last
        cut_off = stage.run("create", selfies, *WOMAN, "--style", "realistic:2", code=1)
        stage.storage.before_upload = lambda file: None
        stage.minutes_pass(1)
        arrived = list(stage.storage.uploaded)

        done = create(stage, selfies, "--watch")

        assert "5.jpg could not be uploaded: the bucket answers 403" in cut_off.stderr
        assert "run the same command again" in cut_off.stderr
        assert done["sent"] == [file for file in done["sent"] if file not in arrived]
        assert sorted([*arrived, *done["sent"]]) == [f"{number}.jpg" for number in range(6)]
        assert (done["job"]["job_id"], done["job"]["status"]) == (JOB_ID, "COMPLETED")

    def test_an_interruption_says_so_and_exits_with_130(self, stack: Stage, selfies: Path) -> None:
        def interrupt(file: str) -> None:
            raise KeyboardInterrupt

        stack.storage.before_upload = interrupt

        done = stack.run("create", selfies, *WOMAN, "--style", "realistic", code=130)

        assert "run the same command again" in done.stderr
        assert done.stderr.endswith("avatars: Interrupted.\n")

    def test_an_upload_that_meets_a_busy_bucket_is_repeated(
        self, stack: Stage, selfies: Path
    ) -> None:
        busy = iter([httpx.Response(503)])
        stack.storage.before_upload = lambda file: next(busy, None)

        create(stack, selfies)

        assert sorted(stack.storage.uploaded) == [f"{number}.jpg" for number in range(6)]

    def test_a_folder_that_is_under_way_is_followed_and_nothing_is_sent(
        self, stage: Stage, selfies: Path
    ) -> None:
        create(stage, selfies)
        stage.minutes_pass(2)
        arrived = len(stage.storage.uploaded)

        done = create(stage, selfies, "--watch")

        assert done["sent"] == []
        assert len(stage.storage.uploaded) == arrived
        assert done["job"]["status"] == "COMPLETED"

    def test_a_folder_whose_job_is_done_is_saved_and_nothing_is_sent(
        self, stage: Stage, selfies: Path, tmp_path: Path
    ) -> None:
        create(stage, selfies, "--watch")

        done = create(stage, selfies, "--out", tmp_path / "out")

        assert (done["job"]["job_id"], done["job"]["status"]) == (JOB_ID, "COMPLETED")
        assert done["sent"] == []
        assert all(Path(each["file"]).read_bytes() for each in done["avatars"])

    @pytest.mark.parametrize("minutes", [0, 2])
    def test_another_order_of_the_same_name_is_refused_and_changes_nothing(
        self, stack: Stage, selfies: Path, tmp_path: Path, minutes: int
    ) -> None:
        create(stack, selfies)
        stack.minutes_pass(minutes)
        before, arrived = stack.json("status", JOB_ID), list(stack.storage.uploaded)
        others = tmp_path / "ben" / "selfies"
        others.mkdir(parents=True)
        for number in range(6, 12):
            (others / f"{number}.jpg").write_bytes(picture(number))

        photos = stack.run("create", others, *WOMAN, "--style", "realistic:2", code=1)
        styles = stack.run("create", selfies, *WOMAN, "--style", "realistic:3", code=1)
        subject = stack.run("create", selfies, "--subject", "man", "--style", "realistic:2", code=1)

        for done, what in ((photos, "photos"), (styles, "styles or prompt"), (subject, "subject")):
            assert f"other {what}: give this one another name (--folder NAME)" in done.stderr
        after = stack.json("status", JOB_ID)
        assert stack.storage.uploaded == arrived
        for fact in ("subject", "prompts", "promised"):
            assert after[fact] == before[fact]

    def test_a_folder_whose_job_has_ended_is_refused_with_both_ways_on(
        self, stage: Stage, selfies: Path
    ) -> None:
        create(stage, selfies, "--watch")

        done = stage.run("create", selfies, *WOMAN, "--style", "realistic", code=1)

        assert "`avatars more`" in done.stderr
        assert "--folder NAME" in done.stderr

    def test_too_few_photos_are_refused_before_anything_is_sent(
        self, stack: Stage, selfies: Path
    ) -> None:
        for number in (4, 5):
            (selfies / f"{number}.jpg").unlink()

        done = stack.run("create", selfies, *WOMAN, "--style", "realistic", code=1)

        assert "4 of 5 photos can be used, and the provider takes 5 to 30" in done.stderr
        assert stack.json("list") == {"jobs": []}

    def test_a_provider_that_makes_avatars_of_one_photo_takes_one(
        self, stage: Stage, selfies: Path, services: FakeServices
    ) -> None:
        for number in range(1, 6):
            (selfies / f"{number}.jpg").unlink()
        given = ("--provider", INSTANT, "--negative-prompt", "hats", "--watch")

        done = create(stage, selfies, *given)
        shown = stage.run("status", JOB_ID).stdout

        assert (done["job"]["status"], done["job"]["provider"]) == ("COMPLETED", INSTANT)
        assert services.company.requests("submit_training") == []
        [request] = services.company.requests("submit_inference")
        assert request.arguments[0].prompts[0].negative_prompt == "hats"
        assert INSTANT in shown

    @pytest.mark.parametrize(
        ("order", "why"),
        [
            (("--provider", "nobody"), f"take one of {PICSART}, {INSTANT}, {ASTRIA}"),
            (("--provider", INSTANT, "--subject", "dog"), "take one of man, woman"),
            (("--negative-prompt", "hats"), f"{PICSART} takes no negative prompt"),
        ],
    )
    def test_what_a_provider_cannot_is_refused_before_photos_are_judged(
        self, stack: Stage, selfies: Path, order: tuple[str, ...], why: str
    ) -> None:
        done = stack.run("create", selfies, *WOMAN, "--style", "realistic", *order, code=1)

        assert why in done.stderr
        assert "notes.jpg is left out" not in done.stderr
        assert stack.json("list") == {"jobs": []}

    def test_more_photos_than_are_used_are_left_out(self, stack: Stage, selfies: Path) -> None:
        for number in range(6, 32):
            (selfies / f"{number}.jpg").write_bytes(picture(number))

        done = create(stack, selfies)

        assert [each["code"] for each in done["left_out"]] == ["not_an_image", *2 * ["surplus"]]
        assert len(done["sent"]) == 30

    def test_a_photo_whose_name_does_not_say_so_is_sent_as_what_it_is(
        self, stack: Stage, selfies: Path
    ) -> None:
        (selfies / "0.jpg").rename(selfies / "0.jfif")

        assert create(stack, selfies, "--watch")["job"]["status"] == "COMPLETED"

    def test_a_style_that_does_not_exist_is_refused_at_once(
        self, stack: Stage, selfies: Path
    ) -> None:
        done = stack.run("create", selfies, *WOMAN, "--style", "cubist", code=1)

        assert "There is no style 'cubist' here: take realistic" in done.stderr

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ((*WOMAN, "--style", "realistic:0"), "from 1 to 120"),
            ((*WOMAN, "--style", "realistic", "--folder", "a/b"), "folder"),
            (WOMAN, "Missing option '--style'"),
            ((*WOMAN, "--style", "realistic", "--timeout", "9"), "--timeout goes with --watch"),
            (("--style", "realistic"), "Missing option '--subject'"),
        ],
    )
    def test_wrong_usage_says_what_is_wrong(
        self, stack: Stage, selfies: Path, options: tuple[str, ...], said: str
    ) -> None:
        done = stack.run("create", selfies, *options, code=2)

        assert said in done.stderr

    def test_a_directory_gives_its_name_in_plain_letters(self, stack: Stage, selfies: Path) -> None:
        summer = selfies.rename(selfies.with_name("Été à Zürich!"))

        done = create(stack, summer)

        assert done["job"]["folder"] == "Ete a Zurich-"


class TestWatch:
    def test_a_job_that_fails_exits_with_1_and_says_why(
        self, stage: Stage, selfies: Path, services: FakeServices
    ) -> None:
        create(stage, selfies)
        services.company.will("check_training", answer(200, {"status": "FAILED"}))

        done = stage.run("watch", JOB_ID, code=1)

        assert "TRAINING_FAILED" in done.stdout

    def test_a_job_that_takes_longer_exits_with_3(self, stage: Stage, selfies: Path) -> None:
        create(stage, selfies)

        done = stage.run("watch", "selfies", "--timeout", 0, code=3)

        assert done.stdout == ""
        assert f"Job {JOB_ID} is still" in done.stderr
        assert "avatars watch" in done.stderr

    def test_as_json_the_id_is_told_of_a_job_that_takes_longer(
        self, stack: Stage, selfies: Path
    ) -> None:
        cut_short = create(stack, selfies, "--watch", "--timeout", 0, code=3)

        assert cut_short["job"] == {"job_id": JOB_ID, "run": 1}
        assert len(cut_short["sent"]) == 6

    def test_as_json_the_id_is_told_to_whoever_interrupts(self, api: Stage, selfies: Path) -> None:
        create(api, selfies)
        api.api.out_of_order = [None, KeyboardInterrupt()]

        assert api.json("watch", JOB_ID, code=130) == {"job": {"job_id": JOB_ID, "run": 1}}

    def test_a_fault_that_passes_is_told_and_looked_over(self, api: Stage, selfies: Path) -> None:
        create(api, selfies)
        api.api.out_of_order = [None, httpx.Response(500, json={}), httpx.Response(500, json={})]

        done = api.run("watch", JOB_ID)

        assert done.stderr.count("The API answers 500") == 1
        assert "COMPLETED" in done.stdout

    def test_a_fault_that_lasts_is_looked_over_until_the_time_is_over(
        self, api: Stage, selfies: Path
    ) -> None:
        create(api, selfies)
        api.door.look_seconds = 0.001
        api.api.out_of_order = [None, *1000 * [httpx.Response(500, json={})]]

        done = api.run("watch", JOB_ID, "--timeout", 0.01, code=3)

        assert f"Job {JOB_ID} is still" in done.stderr

    def test_each_stage_is_told_where_nobody_sees_it(self, stack: Stage, selfies: Path) -> None:
        create(stack, selfies)

        done = stack.run("watch", JOB_ID)

        assert "Training a model" in done.stderr
        assert "COMPLETED" in done.stdout
        assert "\x1b" not in done.output


class TestStatus:
    def test_a_job_says_what_is_known_of_it(self, stage: Stage, selfies: Path) -> None:
        create(stage, selfies, "--watch")

        job, shown = stage.json("status", "selfies"), stage.run("status", JOB_ID).stdout

        assert job["avatars"] == {"wanted": 2, "kept": 2}
        assert {photo["status"] for photo in job["photos"]} == {"accepted"}
        for said in ("COMPLETED", "realistic:2", "2 of 2", job["model_id"], "5.jpg"):
            assert said in shown

    @pytest.mark.parametrize("name", ["A" * 26, "winter"])
    def test_a_job_that_nobody_knows_is_refused(self, stage: Stage, name: str) -> None:
        done = stage.run("status", name, code=1)

        assert "There is no job" in done.stderr
        assert "`avatars list` shows" in done.stderr

    def test_a_strangers_job_does_not_exist(
        self, stage: Stage, selfies: Path, services: FakeServices
    ) -> None:
        other = StackDoor(services, "mallory", "a test", stage.storage)
        create(stage, selfies)
        stage.door = other

        stage.run("status", JOB_ID, code=1)


class TestLists:
    def test_jobs_and_models_are_listed_page_by_page(
        self, stage: Stage, selfies: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create(stage, selfies, "--watch")
        create(stage, selfies, "--folder", "again")

        jobs, models = stage.json("list")["jobs"], stage.json("models")["models"]

        assert [job["folder"] for job in jobs] == ["again", "selfies"]
        assert [model["job_id"] for model in models] == [JOB_ID]
        assert [job["folder"] for job in stage.json("list", "--most", 1)["jobs"]] == ["again"]
        assert models[0]["model_id"] in stage.run("models").stdout

    def test_a_table_is_not_cut_where_a_program_reads_it(self, stack: Stage, selfies: Path) -> None:
        create(stack, selfies, "--folder", "a" * 64)

        lines = stack.run("list").stdout.splitlines()

        assert len(lines) == 2
        assert "a" * 64 in lines[1]

    def test_nothing_is_said_in_a_sentence(self, stack: Stage) -> None:
        assert stack.run("list").stdout == "There are no jobs.\n"
        assert stack.run("models").stdout == "There are no models.\n"

    def test_what_can_be_ordered_is_told(self, stage: Stage) -> None:
        assert stage.json("styles")["styles"] == ["realistic"]
        assert "5 to 30" in stage.run("styles").stdout

    def test_what_each_provider_can_is_told(self, stage: Stage) -> None:
        *_, trained, instant, _ = stage.run("styles").stdout.splitlines()

        assert f"{PICSART} (unless told otherwise)" in trained
        assert INSTANT in instant
        assert "1 to 30, the best 1" in instant
        assert "man, woman " in instant
        assert "any text" in instant


class TestMore:
    def test_the_same_model_makes_more_and_all_of_them_are_saved(
        self, stage: Stage, selfies: Path, services: FakeServices, tmp_path: Path
    ) -> None:
        create(stage, selfies, "--watch")

        done = stage.json(
            "more", "selfies", "--style", "realistic:3", "--prompt", "by the sea", "--watch"
        )
        saved = stage.json("download", "selfies", "--out", tmp_path / "out")

        assert (done["job"]["run"], done["job"]["status"]) == (2, "COMPLETED")
        assert done["job"]["prompts"] == [
            {"style": "realistic", "count": 3, "prompt": "by the sea", "negative_prompt": None}
        ]
        assert len(services.company.requests("submit_training")) == 1
        assert [(each["run"], each["position"]) for each in saved["avatars"]] == [
            (1, 1),
            (1, 2),
            (2, 1),
            (2, 2),
            (2, 3),
        ]

    def test_avatars_that_were_made_from_a_photo_have_no_more_to_come(
        self, stage: Stage, selfies: Path
    ) -> None:
        create(stage, selfies, "--provider", INSTANT, "--watch")

        done = stage.run("more", JOB_ID, "--style", "realistic", code=1)

        assert "made from a photo, without a model that could make more" in done.stderr
        assert "`avatars models` shows what can draw more." in done.stderr
        assert stage.json("models") == {"models": []}

    def test_the_run_that_was_asked_for_is_followed(self, stage: Stage, selfies: Path) -> None:
        create(stage, selfies, "--watch")

        asked = stage.run("more", JOB_ID, "--style", "realistic:3")
        done = stage.json("watch", JOB_ID, "--run", 2)

        assert f"avatars watch {JOB_ID} --run 2" in asked.stderr
        assert (done["job"]["run"], done["job"]["avatars"]["kept"]) == (2, 3)
        assert "has 2 runs" in stage.run("watch", JOB_ID, "--run", 4, code=1).stderr

    def test_a_job_that_has_not_ended_is_refused(self, stage: Stage, selfies: Path) -> None:
        create(stage, selfies)

        done = stage.run("more", JOB_ID, "--style", "realistic", code=1)

        assert "`avatars watch` follows it" in done.stderr

    def test_an_order_that_is_repeated_with_its_key_is_made_once(
        self, api: Stage, selfies: Path
    ) -> None:
        create(api, selfies, "--watch")
        order = ("more", JOB_ID, "--style", "realistic", "--idempotency-key", "once")

        first = api.json(*order)
        api.minutes_pass(60)
        second = api.json(*order)

        assert first == second == {"job_id": JOB_ID, "run": 2}

    def test_a_key_that_nobody_would_keep_is_wrong_usage(self, stage: Stage, selfies: Path) -> None:
        stage.door = stack_door(stage)
        create(stage, selfies, "--watch")

        done = stage.run(
            "more", JOB_ID, "--style", "realistic", "--idempotency-key", "once", code=2
        )

        assert "--idempotency-key is for APIs" in done.stderr


class TestDownload:
    def test_what_lies_there_whole_is_not_fetched_again(
        self, stack: Stage, selfies: Path, tmp_path: Path
    ) -> None:
        create(stack, selfies, "--out", tmp_path / "out")
        kept = tmp_path / "out" / "selfies" / "001-001-realistic.jpg"
        cut_off = tmp_path / "out" / "selfies" / "001-002-realistic.jpg"
        whole = cut_off.read_bytes()
        written_at = kept.stat().st_mtime_ns
        cut_off.write_bytes(whole[:10])

        stack.run("download", JOB_ID, "--out", tmp_path / "out")

        assert kept.stat().st_mtime_ns == written_at
        assert cut_off.read_bytes() == whole
        assert len(list(kept.parent.iterdir())) == 2

    def test_two_jobs_lie_side_by_side(self, stack: Stage, selfies: Path, tmp_path: Path) -> None:
        one = create(stack, selfies, "--out", tmp_path / "out")
        other = create(stack, selfies, "--folder", "again", "--out", tmp_path / "out")

        files = [Path(each["file"]) for done in (one, other) for each in done["avatars"]]

        assert len(set(files)) == 4
        assert {file.parent.name for file in files} == {"selfies", "again"}

    def test_a_job_without_avatars_is_refused(
        self, stack: Stage, selfies: Path, tmp_path: Path
    ) -> None:
        create(stack, selfies)

        done = stack.run("download", JOB_ID, "--out", tmp_path / "out", code=1)

        assert "has no avatars to save" in done.stderr


class TestErase:
    def test_a_job_is_gone_and_the_receipt_says_what_is_left(
        self, stage: Stage, selfies: Path
    ) -> None:
        create(stage, selfies, "--watch")

        receipt, again = (stage.json("erase", JOB_ID, "--yes") for _ in range(2))

        assert receipt == again
        assert receipt["erased"]["avatars"] == 2
        assert [left["what"] for left in receipt["left"]] == ["model"]
        assert stage.json("list") == {"jobs": []}
        stage.run("status", JOB_ID, code=1)

    def test_a_running_job_is_stopped(self, stage: Stage, selfies: Path) -> None:
        create(stage, selfies)

        done = stage.run("erase", "selfies", "--yes")

        assert "It was running, and was stopped." in done.stdout

    def test_who_leaves_has_every_job_erased_with_a_receipt_for_each(
        self, stage: Stage, selfies: Path
    ) -> None:
        create(stage, selfies, "--watch")
        create(stage, selfies, "--folder", "again")

        done = stage.json("erase", "--all", "--yes")

        assert len({receipt["job_id"] for receipt in done["receipts"]}) == 2
        assert stage.json("list") == {"jobs": []}
        assert "There are no jobs." in stage.run("erase", "--all", "--yes").stdout

    @pytest.mark.parametrize("said", [[], [JOB_ID, "--all"]])
    def test_one_job_or_all_has_to_be_said(self, stack: Stage, said: list[str]) -> None:
        done = stack.run("erase", *said, "--yes", code=2)

        assert "JOB" in done.stderr

    def test_without_a_terminal_nobody_is_asked_and_nothing_erased(
        self, stack: Stage, selfies: Path
    ) -> None:
        create(stack, selfies)

        done = stack.run("erase", JOB_ID, code=2)

        assert "--yes" in done.stderr
        assert stack.json("list")["jobs"]

    def test_whoever_leaves_the_question_erases_nothing(
        self, stack: Stage, selfies: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create(stack, selfies)
        terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
        monkeypatch.setattr("cli.jobs.commands.sys", terminal)

        done = stack.run("erase", JOB_ID, input="", code=130)  # Ctrl-D; Ctrl-C raises the same

        assert done.stderr.endswith("avatars: Interrupted.\n")
        assert stack.json("list")["jobs"]


class TestCompletion:
    def context(self, stage: Stage, opener: Callable[[Where], Door]) -> typer.Context:
        command = typer.main.get_command(app)
        return command.make_context("avatars", [], resilient_parsing=True, obj=opener)

    def test_jobs_and_styles_are_offered_by_how_they_begin(
        self, stack: Stage, selfies: Path
    ) -> None:
        create(stack, selfies)
        context = self.context(stack, lambda where: stack.door)

        assert complete_job(context, JOB_ID[:3].lower()) == [(JOB_ID, "selfies, TRAINING")]
        assert complete_job(context, "!") == []
        assert complete_style(context, "re") == ["realistic"]
        assert complete_style(context, "realistic:") == []

    def test_a_stack_that_refuses_is_met_with_silence(self, stack: Stage) -> None:
        def refuse(where: Where) -> Door:
            raise DoorError("no")

        assert complete_job(self.context(stack, refuse), "") == []


class TestApi:
    def test_a_call_that_got_lost_is_repeated_under_the_same_key(
        self, api: Stage, selfies: Path
    ) -> None:
        create(api, selfies, "--watch")
        api.api.requests.clear()
        api.api.out_of_order = [httpx.ReadTimeout("lost"), httpx.Response(503)]

        asked = api.json("more", JOB_ID, "--style", "realistic")

        keys = {request.headers["Idempotency-Key"] for request in api.api.requests}
        assert asked["run"] == 2
        assert len(api.api.requests) == 3
        assert len(keys) == 1

    def test_an_api_that_is_asked_too_fast_is_asked_again(self, api: Stage) -> None:
        api.api.out_of_order = [httpx.Response(429, json={"message": "Too Many Requests"})]

        assert api.json("list") == {"jobs": []}

    def test_a_limit_that_is_reached_is_said_at_once(self, api: Stage) -> None:
        problem = {"code": "LIMIT_REACHED", "detail": "20 jobs a day.", "remedy": "Wait."}
        headers = {"Content-Type": "application/problem+json"}
        api.api.out_of_order = [httpx.Response(429, json=problem, headers=headers)]

        done = api.run("list", code=1)

        assert done.stderr.endswith("avatars: 20 jobs a day. Wait.\n")
        assert len(api.api.requests) == 1

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (httpx.Response(401, json={"message": "Unauthorized"}), "`avatars sign-in`"),
            (httpx.Response(404, json={"message": "Not Found"}), "is its address right"),
            (httpx.Response(500, json={"message": "Internal Server Error"}), "answers 500"),
            (httpx.Response(200, text="<html>"), "does not answer as the API does"),
        ],
    )
    def test_what_api_gateway_says_is_told_with_a_remedy(
        self, api: Stage, answer: httpx.Response, said: str
    ) -> None:
        api.api.out_of_order = [answer]

        done = api.run("list", code=1)

        assert done.stdout == ""
        assert said in done.stderr

    def test_what_an_api_says_cannot_steer_the_terminal(self, api: Stage) -> None:
        problem = {"code": "NEW", "detail": "\x1b[2JAll is well."}
        api.api.out_of_order = [httpx.Response(400, json=problem)]

        done = api.run("list", code=1)

        assert done.stderr.endswith("avatars: \ufffd[2JAll is well.\n")

    def test_an_api_that_cannot_be_reached_is_given_up_after_some_tries(self, api: Stage) -> None:
        api.door = ApiDoor("https://api.test", AUTH, api.api, tries_again=1)
        api.api.out_of_order = [httpx.ConnectError("refused")] * 2

        done = api.run("list", code=1)

        assert "https://api.test cannot be reached (ConnectError)" in done.stderr

    def test_everything_that_is_wrong_with_an_order_is_named(
        self, api: Stage, selfies: Path
    ) -> None:
        done = api.run(
            "create", selfies, *WOMAN, "--style", "realistic", "--prompt", "x" * 1001, code=1
        )

        assert "prompt" in done.stderr
        assert "1000" in done.stderr
