"""The contact sheet shows every picture, in its place, however many there are."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageColor

from cli.contact_sheet import ALARM, MARGIN, WIDTH, contact_sheet

RED, GREEN, BLUE, YELLOW = (200, 30, 30), (30, 160, 60), (40, 60, 190), (230, 200, 40)


def picture(colour: tuple[int, int, int], file_format: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (512, 512), colour).save(out, file_format)
    return out.getvalue()


def sheet(**content: object) -> Image.Image:
    given = {"photos": [], "avatars": [], "title": "Avatars", "subtitle": "Job x", **content}
    return Image.open(io.BytesIO(contact_sheet(**given)))  # type: ignore[arg-type]


def place(drawn: Image.Image, colour: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of everything that has this colour."""
    off = ImageChops.difference(drawn, Image.new("RGB", drawn.size, colour)).split()
    furthest = ImageChops.lighter(ImageChops.lighter(off[0], off[1]), off[2])
    found = furthest.point(lambda distance: 255 if distance < 12 else 0).getbbox()
    assert found, f"{colour} is nowhere on the sheet"
    return found


def test_photos_are_above_and_avatars_below() -> None:
    drawn = sheet(
        photos=[("a.jpg", picture(RED)), ("b.jpg", picture(GREEN))],
        avatars=[("realistic", picture(BLUE))],
    )

    assert (drawn.format, drawn.mode, drawn.width) == ("JPEG", "RGB", WIDTH)
    red, green, blue = (place(drawn, colour) for colour in (RED, GREEN, BLUE))
    assert red[1] == green[1]
    assert red[2] < green[0]
    assert green[3] < blue[1]


def test_avatars_of_one_style_are_together_however_they_arrive() -> None:
    drawn = sheet(
        avatars=[
            ("realistic", picture(RED)),
            ("noir", picture(BLUE)),
            ("realistic", picture(GREEN)),
            ("noir", picture(YELLOW)),
        ]
    )

    lefts = [place(drawn, colour)[0] for colour in (RED, GREEN, BLUE, YELLOW)]
    assert lefts == sorted(lefts)


def test_a_style_that_does_not_fit_beside_another_begins_a_new_row() -> None:
    drawn = sheet(
        avatars=[("realistic", picture(RED))] * 5 + [("noir", picture(BLUE))] * 5,
    )

    assert place(drawn, BLUE)[1] > place(drawn, RED)[3]
    assert place(drawn, BLUE)[0] == place(drawn, RED)[0]


def test_pictures_may_lie_on_disk_and_have_other_formats(tmp_path: Path) -> None:
    file = tmp_path / "001-realistic.png"
    file.write_bytes(picture(RED, "PNG"))

    drawn = sheet(avatars=[("realistic", file), ("realistic", picture(BLUE, "WEBP"))])

    assert place(drawn, RED)[1] == place(drawn, BLUE)[1]


@pytest.mark.parametrize(
    ("photos", "avatars"), [(1, 1), (5, 6), (7, 37), (12, 20), (29, 3), (30, 120)]
)
def test_every_number_of_pictures_stays_between_the_margins(photos: int, avatars: int) -> None:
    drawn = sheet(
        photos=[(f"{number}.jpg", picture(RED)) for number in range(photos)],
        avatars=[(f"style {number % 5}", picture(BLUE)) for number in range(avatars)],
    )

    for colour in (RED, BLUE):
        left, _, right, bottom = place(drawn, colour)
        assert left >= MARGIN
        assert right <= WIDTH - MARGIN
        assert bottom <= drawn.height - 60
    assert drawn.height < 4 * WIDTH


def test_a_job_without_avatars_says_why() -> None:
    drawn = sheet(photos=[("a.jpg", picture(RED))], reason="Only one photo could be used.")

    assert place(drawn, ImageColor.getrgb(ALARM))[1] > place(drawn, RED)[3]


def test_rejected_photos_are_listed_with_their_reasons() -> None:
    photos, avatars = [("a.jpg", picture(RED))], [("noir", picture(BLUE))]

    drawn = sheet(
        photos=photos, avatars=avatars, rejected=[("b.heic", "not a JPEG"), ("c.txt", "word " * 80)]
    )

    listed = place(drawn, ImageColor.getrgb(ALARM))
    assert place(drawn, RED)[3] < listed[1] < listed[3] < place(drawn, BLUE)[1]
    assert listed[2] <= WIDTH - MARGIN


@pytest.mark.parametrize("name", ["", "Été 50%.jpeg", "自撮り 😀.png", "x" * 1024, "a\nb.jpg"])
def test_a_photo_may_have_any_name(name: str) -> None:
    drawn = sheet(photos=[(name, picture(RED)), ("b.jpg", picture(GREEN))], rejected=[(name, "?")])

    assert place(drawn, RED)[1] == place(drawn, GREEN)[1]
