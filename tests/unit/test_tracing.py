"""What `avatars trace` is given, and what it refuses."""

import pytest
from typer.testing import CliRunner

from avatars.clock import Clock
from avatars.errors import job_errors
from avatars.model import JobStatus, PhotoStatus, WaitReason
from cli.main import app
from cli.tracing.fact import Fact, Source, Story
from cli.tracing.letting_in import Pseudonyms, doctors_word, our_words
from cli.tracing.telling import rows
from tests.builders import a_job, a_photo


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--local", "--stack", "avatars"], "name two places"),
        (["--region", "eu-west-1"], "go with --stack"),
        (["--profile", "mine"], "go with --stack"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(options: list[str], why: str) -> None:
    done = CliRunner().invoke(app, ["trace", "alice/summer", *options])

    assert done.exit_code == 2
    assert why in done.stderr


class TestTelling:
    @pytest.mark.parametrize(
        ("seconds", "said"),
        [
            (0.0004, "+0:00:00.000"),
            (59.9996, "+0:01:00.000"),
            (3599.9999, "+1:00:00.000"),
            (90_061.25, "+25:01:01.250"),
        ],
    )
    def test_a_time_is_rounded_before_it_is_taken_apart(self, seconds: float, said: str) -> None:
        facts = [Fact(at, Source.TABLE, "job begun") for at in (0.0, seconds)]

        first, then = rows(Story(a_job(), [], Clock(), facts, []))

        assert (first[2], then[2]) == ("+0:00:00.000", said)


class TestLettingIn:
    def test_what_our_sources_say_is_let_in(self) -> None:
        codes = {error.code for error in job_errors().values() if hasattr(error, "code")}
        said = {*JobStatus, *PhotoStatus, *WaitReason, *codes, *job_errors()}
        said |= {"checked training", "Check training", "check_training"}

        assert {word for word in said if word not in our_words()} == set()

    @pytest.mark.parametrize("word", ["alice", "wedding", "IMG_2050.JPG", "by the lake"])
    def test_what_people_say_is_not(self, word: str) -> None:
        fields = {"status": word, "reason": word, "message": word, "model_id": f"{word}!"}

        assert set(Pseudonyms({}).clean(fields).values()) == {"…"}

    def test_a_field_that_nobody_has_listed_stays_here(self) -> None:
        fields = {"owner": "READY", "prompts": [{"style": "READY"}], "new": 5, "likeness": "READY"}

        assert Pseudonyms({}).clean(fields) == {}

    def test_photos_go_by_numbers_in_the_order_of_their_uploads(self) -> None:
        photos = [a_photo(2), a_photo(1)]

        names = Pseudonyms.of(photos)

        assert names.clean({"file": "001.jpg", "photo_id": photos[0].photo_id}) == {
            "file": "photo-1",
            "photo_id": "photo-2",
        }

    def test_the_doctor_speaks_in_its_own_words(self) -> None:
        said = "The secret holds sk-5ec2e7, 12 alarms."

        assert " ".join(map(doctors_word, said.split())) == "The secret holds … 12 alarms."
