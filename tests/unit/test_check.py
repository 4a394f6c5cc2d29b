"""`avatars check`, as people and programs call it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from avatars import photos
from avatars.photos import PreparedPhoto
from cli.main import app
from tests.conftest import ROOT

SAMPLE = ROOT / "samples" / "IMG_2041.JPG"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good photo, the same again, and two files that are none."""
    shutil.copy(SAMPLE, tmp_path / "1 good.jpg")
    shutil.copy(SAMPLE, tmp_path / "2 again.jpg")
    (tmp_path / "3 empty.jpg").touch()
    (tmp_path / "4 diary.jpg").write_text("Dear diary")
    return tmp_path


def check(*arguments: object) -> tuple[int, str]:
    outcome = CliRunner().invoke(app, ["check", *map(str, arguments)])
    return outcome.exit_code, outcome.stdout


def as_json(*arguments: object) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(check(*arguments, "--json")[1])
    return content


def test_every_file_gets_its_verdict(folder: Path) -> None:
    found = as_json(*sorted(folder.iterdir()))["photos"]

    assert [(photo["status"], photo["code"]) for photo in found] == [
        ("accepted", None),
        ("rejected", "duplicate"),
        ("rejected", "empty"),
        ("rejected", "not_an_image"),
    ]
    assert all(bool(photo["reason"]) == bool(photo["code"]) for photo in found)
    assert [photo["file"] for photo in found] == [str(path) for path in sorted(folder.iterdir())]


def test_the_prepared_photos_are_those_of_the_function(folder: Path, tmp_path: Path) -> None:
    [photo] = as_json(folder / "1 good.jpg", "--out", tmp_path / "out")["photos"]

    prepared = photos.prepare(SAMPLE.read_bytes())
    assert Path(photo["out"]).read_bytes() == prepared.jpeg
    assert photo["crop"] == list(prepared.crop)


def test_advice_is_about_the_subject(tmp_path: Path) -> None:
    wall = tmp_path / "wall.jpg"
    Image.effect_noise((800, 600), 60).save(wall)

    codes = {
        subject: [
            advice["code"] for advice in as_json(wall, "--subject", subject)["photos"][0]["advice"]
        ]
        for subject in ("woman", "dog")
    }

    assert codes == {"woman": ["no_face"], "dog": []}


def test_the_set_gets_advice_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:03:01 12:00:00"
    for number in range(3):
        Image.effect_noise((600, 600), 40 + number).save(tmp_path / f"{number}.jpg", exif=exif)

    [advice] = as_json(*sorted(tmp_path.iterdir()))["advice"]

    assert advice["code"] == "one_moment"
    assert advice["sentence"].startswith("All 3 photos")


def test_a_name_that_is_a_trick_is_a_verdict(tmp_path: Path) -> None:
    file = tmp_path / "line\nbreak.jpg"
    shutil.copy(SAMPLE, file)

    assert as_json(file)["photos"][0]["code"] == "bad_key"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names of files are text")
def test_a_name_need_not_be_text(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    shutil.copy(SAMPLE, file)

    said = subprocess.run(
        [sys.executable, "-c", "from cli.main import app; app()", "check", file, "--json"],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
    )

    assert json.loads(said.stdout)["photos"][0]["code"] == "bad_key"


def test_a_photo_that_breaks_its_preparation_stops_no_other_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = photos.prepare
    broken = (folder / "1 good.jpg").read_bytes()

    def prepare(data: bytes) -> PreparedPhoto:
        if data == broken:
            raise RecursionError
        return real(data)

    monkeypatch.setattr(photos, "prepare", prepare)

    found = as_json(folder / "1 good.jpg", ROOT / "samples" / "IMG_2049.JPG")["photos"]

    assert [photo["code"] for photo in found] == ["PREPARE_FAILED", None]


def test_a_better_photo_has_a_higher_score(tmp_path: Path) -> None:
    dark = tmp_path / "dark.jpg"
    with Image.open(SAMPLE) as image:
        image.point(lambda value: value // 3).save(dark, exif=image.getexif())

    good, bad = (photo["score"] for photo in as_json(SAMPLE, dark)["photos"])

    assert 100 >= good > bad >= 0
    assert f"accepted  {good:>3} {SAMPLE}\n" in check(SAMPLE)[1]


def test_people_read_what_to_do(folder: Path) -> None:
    code, said = check(*sorted(folder.iterdir()))

    assert code == 0
    assert "duplicate: It is the same picture as 1 good.jpg. Add a different one." in said
    assert said.endswith("1 of 4 photos can be used.\n")


def test_where_none_can_be_used_it_fails_and_still_says_why(folder: Path) -> None:
    code, said = check(folder / "3 empty.jpg", "--json")

    assert code == 1
    assert json.loads(said)["photos"][0]["code"] == "empty"


@pytest.mark.parametrize("arguments", [[], ["nowhere.jpg"], [SAMPLE, "--subject", "parrot"]])
def test_wrong_usage_is_2(arguments: list[object]) -> None:
    assert check(*arguments)[0] == 2
