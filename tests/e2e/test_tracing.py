"""`avatars trace` on a deployed pipeline, as an operator runs it."""

import json
import zipfile
from pathlib import Path

from tests.e2e.command import avatars
from tests.e2e.pictures import portraits
from tests.e2e.pipeline import Folder, Pipeline


def test_a_job_that_failed_is_told_from_every_source(
    pipeline: Pipeline, folder: Folder, tmp_path: Path
) -> None:
    folder.want(photos=2)
    folder.drop(portraits(range(2)))
    folder.ends()
    name, bundle = f"{folder.owner}/{folder.name}", tmp_path / "bundle.zip"

    told = avatars(pipeline, "trace", name, "--json", "--bundle", bundle)

    assert told.returncode == 0, told.stderr
    story = json.loads(told.stdout)
    assert (story["job_id"], story["status"]) == (folder.job_id, "FAILED")
    assert story["code"] == "TOO_FEW_PHOTOS"
    assert story["gaps"] == []
    assert {fact["source"] for fact in story["facts"]} == {"table", "history", "logs"}
    assert [fact["at"] for fact in story["facts"]] == sorted(fact["at"] for fact in story["facts"])
    troubles = [fact["what"] for fact in story["facts"] if fact["trouble"]]
    assert any("failed with TooFewPhotosError" in what for what in troubles)
    assert "job begun: subject woman, provider picsart-trained" in [
        fact["what"] for fact in story["facts"]
    ]
    with zipfile.ZipFile(bundle) as zipped:
        held = {name: zipped.read(name).decode() for name in zipped.namelist()}
    assert json.loads(held["stack.json"])["parameters"]["ClockScale"] == "0.002"
    assert {each["about"] for each in json.loads(held["doctor.json"])} >= {"clock", "provider key"}
    assert "alice" not in "".join(held.values())


def test_a_job_that_does_not_exist_is_named(pipeline: Pipeline) -> None:
    told = avatars(pipeline, "trace", "alice/no-such-folder", "--json")

    assert (told.returncode, told.stdout) == (1, "")
    assert "There is no job alice/no-such-folder in stack avatars" in told.stderr
