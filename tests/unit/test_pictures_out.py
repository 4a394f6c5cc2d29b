"""A demo removes what the one before left, and nothing else."""

from pathlib import Path

from cli.pictures_out import PicturesOut


def test_the_next_run_removes_what_an_interrupted_one_wrote(tmp_path: Path) -> None:
    interrupted = PicturesOut(tmp_path).file("photos/Été.jpg")
    interrupted.write_bytes(b"a face")
    mine = tmp_path / "photos/mine.jpg"
    mine.write_bytes(b"somebody else's")

    PicturesOut(tmp_path)

    assert not interrupted.exists()
    assert mine.exists()


def test_a_file_that_is_gone_already_is_no_trouble(tmp_path: Path) -> None:
    PicturesOut(tmp_path).file("avatars/never-written.jpg")

    again = PicturesOut(tmp_path).file("avatars/1.jpg")

    assert again == tmp_path / "avatars/1.jpg"
    assert again.parent.is_dir()
