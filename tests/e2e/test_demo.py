"""`avatars demo` as a person or a script runs it."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.e2e.pictures import portraits

AVATARS = Path(sys.executable).with_name("avatars")


def demo(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [AVATARS, "demo", *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def states() -> set[Path]:
    """What stacks of demos have left on disk."""
    return set((ROOT / ".local").glob("demo-*"))


def pictures(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*.jpg"))


@pytest.mark.timeout(300)
def test_photos_become_avatars_and_the_next_run_leaves_nobody_elses_behind(tmp_path: Path) -> None:
    photos, out = tmp_path / "Été 50% + sun", tmp_path / "out"
    photos.mkdir()
    for name, data in portraits(range(5)).items():
        (photos / name).write_bytes(data)
    (photos / "notes.jpg").write_text("not a photo")
    (photos / "README.md").write_text("nor this")
    before = states()

    done = demo(photos, "--style", "anime:2", "--style", "pop_art", "--out", out, "--json")
    outcome: dict[str, Any] = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert outcome["status"] == "COMPLETED"
    assert (outcome["code"], outcome["reason"]) == (None, None)
    assert outcome["model_id"]
    assert len(outcome["inference_ids"]) == 1
    assert {photo["file"]: photo["code"] for photo in outcome["photos"]} == {
        **dict.fromkeys(portraits(range(5))),
        "notes.jpg": "not_an_image",
    }
    assert [avatar["style"] for avatar in outcome["avatars"]] == ["anime", "anime", "pop_art"]
    for avatar in outcome["avatars"]:
        data = Path(avatar["file"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (avatar["bytes"], avatar["sha256"])
    assert len(pictures(out / "photos")) == 5
    assert (out / "contact-sheet.jpg").exists()
    assert outcome["timings"]["training"]["provider_seconds"] >= 300
    assert "Training a model" in done.stderr

    (out / "avatars/mine.jpg").write_bytes(b"somebody else's")
    for file in pictures(photos)[:2]:
        file.unlink()
    failed = demo(photos, "--out", out)

    assert failed.returncode == 1
    assert "FAILED" in failed.stdout
    assert "TOO_FEW_PHOTOS" in failed.stdout
    assert pictures(out / "avatars") == [out / "avatars/mine.jpg"]
    assert states() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere"),
        (["samples", "--style", "cubist:2"], "no style 'cubist'"),
        (["samples", "--style", "anime:none"], "'anime:none' is no style"),
        (["samples", "--subject", "horse"], "horse"),
        (["samples", "--provider", "nobody"], "There is no provider 'nobody'"),
        (["samples", "--provider", "picsart-instant", "--subject", "dog"], "of man, woman"),
        (["README.md"], "README.md"),
    ],
)
def test_what_it_cannot_begin_with_is_said_at_once(arguments: list[str], said: str) -> None:
    done = demo(*arguments)

    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
