"""Photos in every format that phones and browsers make, and files that only look like them."""

import random
import re
import struct
import zlib

import pytest
from PIL import Image, ImageOps

from avatars.photos import prepare
from avatars.photos.boxes import BadBoxesError
from tests.fuzz_photos import PHOTOS, damaged, verdict
from tests.pictures import (
    BLUE,
    DISPLAY_P3,
    GREEN,
    RED,
    YELLOW,
    chunk,
    clouds,
    corners,
    drawn,
    exif_of,
    file_of,
    grain,
    heic,
    icc,
    is_near,
    mean_difference,
    opened,
    png,
    quarters,
    rejection,
    stored_as,
    with_size,
)

ROWS = (b"\0" + bytes(range(256)) + bytes(44)) * 300
"""Of a grey PNG of 300 pixels a side."""


def with_declared_size(data: bytes, width: int, height: int) -> bytes:
    """The same HEIC or AVIF, whose first picture promises another size."""
    place = data.index(b"ispe") + 8
    return data[:place] + struct.pack(">II", width, height) + data[place + 8 :]


def shows_quarters(jpeg: bytes, tolerance: int = 6) -> bool:
    found = corners(opened(jpeg))
    return all(
        is_near(a, b, tolerance) for a, b in zip(found, (RED, GREEN, BLUE, YELLOW), strict=True)
    )


# ---- upright --------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_webp_and_avif_come_out_upright(orientation: int, file_format: str) -> None:
    stored = stored_as(quarters(), orientation)

    prepared = prepare(file_of(stored, file_format, exif=exif_of(orientation)))

    assert shows_quarters(prepared.jpeg)
    assert (prepared.width, prepared.height) == (600, 800)
    assert prepared.crop == (0, 40, 600, 640)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_is_turned_once_though_it_tells_its_orientation_twice(orientation: int) -> None:
    prepared = prepare(heic(f"orientation-{orientation}"))

    assert shows_quarters(prepared.jpeg)
    assert (prepared.width, prepared.height) == (300, 400)
    assert prepared.taken_at == 1777863721  # 4 May 2026, 3:02:01


# ---- which picture of several ---------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(heic("second-is-primary"), id="HEIC of two"),
        pytest.param(heic("thumbnails"), id="HEIC with thumbnails"),
        pytest.param(
            file_of(quarters(), "WEBP", save_all=True, append_images=[clouds(600, 800)]), id="WebP"
        ),
        pytest.param(
            file_of(quarters(), "AVIF", save_all=True, append_images=[clouds(600, 800)]), id="AVIF"
        ),
        pytest.param(
            file_of(quarters(), "PNG", save_all=True, append_images=[clouds(600, 800)]), id="PNG"
        ),
        pytest.param(
            file_of(quarters(), "MPO", save_all=True, append_images=[clouds(600, 800)]), id="MPO"
        ),
    ],
)
def test_the_primary_picture_or_the_first_is_the_photo(data: bytes) -> None:
    prepared = prepare(data)

    assert shows_quarters(prepared.jpeg)


def test_a_heic_of_tiles_is_put_together() -> None:
    prepared = prepare(heic("grid"))

    assert (prepared.width, prepared.height) == (512, 384)
    expected = ImageOps.fit(clouds_of_make(), (512, 512), Image.Resampling.LANCZOS)
    assert mean_difference(opened(prepared.jpeg), expected) < 4


def clouds_of_make() -> Image.Image:
    """As make.py drew the tiles."""
    coarse = Image.frombytes("RGB", (20, 16), random.Random(4).randbytes(20 * 16 * 3))  # noqa: S311
    return coarse.resize((512, 384), Image.Resampling.BICUBIC)


# ---- colours --------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["WEBP", "AVIF"])
def test_a_profile_is_obeyed(file_format: str) -> None:
    prepared = prepare(file_of(quarters(), file_format, icc_profile=icc(DISPLAY_P3)))

    expected = ((220, 0, 17), (0, 164, 35), (43, 58, 199), (225, 200, 0))
    found = corners(opened(prepared.jpeg))
    assert all(is_near(a, b, 6) for a, b in zip(found, expected, strict=True)), found


def avif_of_p3() -> bytes:
    """Pillow's own says BT.709 by number."""
    data = file_of(quarters(), "AVIF", quality=100, subsampling="4:4:4")
    place = data.index(b"nclx") + 4
    return data[:place] + struct.pack(">H", 12) + data[place + 2 :]


@pytest.mark.parametrize("data", [heic("nclx-display-p3"), avif_of_p3()], ids=["HEIC", "AVIF"])
def test_colours_may_be_named_by_number(data: bytes) -> None:
    prepared = prepare(data)

    # Of Display P3, worked out apart: the curve of sRGB, the matrix of P3, the inverse of sRGB's.
    expected = ((219, 0, 24), (0, 163, 40), (47, 60, 199), (222, 200, 0))
    found = corners(opened(prepared.jpeg))
    assert all(is_near(a, b, 6) for a, b in zip(found, expected, strict=True)), found


@pytest.mark.parametrize("name", ["grey", "grey-display-p3"])
def test_a_grey_heic_stays_grey(name: str) -> None:
    prepared = prepare(heic(name))

    assert all(max(rgb) - min(rgb) <= 1 for rgb in corners(opened(prepared.jpeg)))


def test_a_heic_of_10_bits_is_as_bright_as_one_of_8() -> None:
    prepared = prepare(heic("ten-bits"))

    assert shows_quarters(prepared.jpeg)


def test_greys_of_10_bits_keep_their_brightness() -> None:
    prepared = prepare(heic("ten-bits-grey"))

    picture = opened(prepared.jpeg)
    found = [picture.getpixel((256, 2 * grey))[0] for grey in range(256)]  # type: ignore[index]
    assert max(abs(a - b) for a, b in enumerate(found)) <= 3


@pytest.mark.parametrize("name", ["transparent", "premultiplied"])
def test_what_is_transparent_in_a_heic_becomes_white(name: str) -> None:
    prepared = prepare(heic(name))

    red, green, *below = corners(opened(prepared.jpeg))
    assert is_near(red, RED)
    assert is_near(green, GREEN)
    assert all(is_near(corner, (255, 255, 255)) for corner in below)


@pytest.mark.parametrize("file_format", ["WEBP", "AVIF"])
def test_what_is_transparent_becomes_white(file_format: str) -> None:
    picture = quarters().convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 400, 600, 800))

    prepared = prepare(file_of(picture, file_format))

    red, _, *below = corners(opened(prepared.jpeg))
    assert is_near(red, RED, 8)
    assert all(is_near(corner, (255, 255, 255)) for corner in below)


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "AVIF"])
def test_a_profile_of_megabytes_is_left_aside(file_format: str) -> None:
    profile = icc(DISPLAY_P3)
    swollen = struct.pack(">I", 5_000_000) + profile[4:].ljust(5_000_000 - 4, b"\0")

    prepared = prepare(file_of(quarters(), file_format, icc_profile=swollen))

    assert prepared.pixels == prepare(file_of(quarters(), file_format)).pixels


# ---- told by content ------------------------------------------------------------------------


def container(major: bytes, *compatible: bytes) -> bytes:
    brands = major + bytes(4) + b"".join(compatible)
    return struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (container(b"heic", b"mif1", b"heic"), "HEIC"),
        (container(b"mif1", b"heic"), "HEIC"),
        (container(b"msf1", b"hevc", b"mif1", b"heix"), "HEIC"),
        (container(b"mif1"), "HEIC"),
        (container(b"avif", b"mif1"), "AVIF"),
        (container(b"mif1", b"miaf", b"avif"), "AVIF"),
        (container(b"avis", b"msf1", b"avif"), "AVIF"),
    ],
)
def test_brands_tell_heic_from_avif(start: bytes, name: str) -> None:
    refused = rejection(start + bytes(200))

    assert refused.code == "corrupt"
    assert refused.reason.startswith(f"This {name} is damaged")


def test_a_heic_is_taken_whatever_its_major_brand_is() -> None:
    data = heic("orientation-1")

    prepared = prepare(data[:8] + b"miaf" + data[12:])

    assert shows_quarters(prepared.jpeg)


@pytest.mark.parametrize(
    "data", [container(b"hevc", b"msf1", b"iso8"), container(b"msf1", b"hevc")]
)
def test_a_heic_that_only_moves_is_refused(data: bytes) -> None:
    refused = rejection(data + bytes(200))

    assert refused.code == "unsupported_format"
    assert "sequence" in refused.reason


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (container(b"isom", b"mp42"), "a video"),
        (container(b"qt  ", b"qt  "), "a video"),
        (b"\x1aE\xdf\xa3" + bytes(100), "a video"),
        (b"%PDF-1.7", "a PDF"),
        (b"\xef\xbb\xbf <!DOCTYPE HTML><html>", "a web page"),
        (b"<html>" + file_of(quarters()), "a web page"),
        (b"<?xml version='1.0'?>\n<!-- a drawing -->\n<svg>", "a drawing in SVG"),
        (b"PK\3\4" + bytes(100), "an archive"),
        (b"<!--" * 2000, "not a picture"),
        (b" " * 10_000, "not a picture"),
        (b"\xff\xd8", "not a picture"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(data: bytes, name: str) -> None:
    refused = rejection(data)

    assert refused.code == "not_an_image"
    assert refused.reason.startswith(f"This file is {name}: upload a photo as")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "AVIF", "HEIC"])
@pytest.mark.parametrize("more", [b"PK\3\4" + bytes(900), b"<html><script>", bytes(5000)])
def test_what_follows_a_whole_photo_does_no_harm(kind: str, more: bytes) -> None:
    data = PHOTOS[kind]

    assert prepare(data + more).pixels == prepare(data).pixels


# ---- declared costs -------------------------------------------------------------------------


def webp_of(width: int, height: int) -> bytes:
    data = file_of(clouds(), "WEBP")
    return data[:26] + struct.pack("<HH", width, height) + data[30:]


@pytest.mark.parametrize(
    ("data", "limit"),
    [
        pytest.param(webp_of(16_383, 16_383), 25, id="WebP of 268"),
        pytest.param(webp_of(5_100, 5_000), 25, id="WebP of 25.5"),
        pytest.param(with_declared_size(PHOTOS["AVIF"], 5_100, 5_000), 25, id="AVIF of 25.5"),
        pytest.param(with_declared_size(PHOTOS["HEIC"], 8_000, 6_400), 50, id="HEIC of 51"),
        pytest.param(with_declared_size(PHOTOS["HEIC"], 30_000, 30_000), 50, id="HEIC of 900"),
    ],
)
def test_a_bomb_is_refused_by_what_it_declares(data: bytes, limit: int) -> None:
    refused = rejection(data)

    assert refused.code == "too_many_pixels"
    assert f"and {limit} is the most" in refused.reason


@pytest.mark.parametrize("kind", ["AVIF", "HEIC", "HEIC of tiles"])
def test_a_size_that_cannot_be_is_refused(kind: str) -> None:
    data = with_declared_size(PHOTOS[kind], 4_000_000_000, 4_000_000_000)

    assert rejection(data).code in ("corrupt", "too_many_pixels")


@pytest.mark.parametrize("size", [(256, 256), (4_000, 3_000)])
def test_a_heic_that_lies_about_its_size_is_refused(size: tuple[int, int]) -> None:
    assert rejection(with_declared_size(heic("clouds"), *size)).code == "corrupt"


@pytest.mark.parametrize(
    "data",
    [
        heic("small"),
        file_of(clouds(200, 300), "WEBP"),
        file_of(clouds(300, 200), "AVIF"),
        with_declared_size(heic("clouds"), 1, 1),
    ],
)
def test_a_small_photo_is_refused(data: bytes) -> None:
    assert rejection(data).code == "too_small"


def test_a_heic_that_names_the_same_bytes_a_hundred_times_is_refused() -> None:
    data = bytearray(heic("hundred-notes"))
    prepare(bytes(data))
    more = 2_000_000
    start = data.index(b"iloc") + 8
    assert (data[start], data[start + 1] >> 4) == (0x44, 4)  # bytes of an offset, a length, a base

    for entry in range(start + 4, start + 4 + 101 * 18, 18):
        if data[entry + 14 : entry + 18] == struct.pack(">I", 16):
            data[entry + 4 : entry + 18] = struct.pack(">IHII", 0, 1, len(data), more)
    refused = rejection(bytes(data) + bytes(more))

    assert refused.code == "corrupt"
    assert isinstance(refused.__cause__, BadBoxesError)


def test_a_kind_of_item_that_is_no_text_is_refused_before_pi_heif_crashes_on_it() -> None:
    data = heic("orientation-1").replace(b"Exif\0", b"\xcd\x25\xb2\xb5\0", 1)

    refused = rejection(data)

    assert refused.code == "corrupt"
    assert isinstance(refused.__cause__, UnicodeDecodeError)


def test_a_heic_put_together_from_more_than_it_shows_is_refused_before_it_is_decoded() -> None:
    data = heic("grid").replace(struct.pack(">II", 128, 128), struct.pack(">II", 8192, 8192))

    refused = rejection(data)

    assert refused.code == "corrupt"
    assert isinstance(refused.__cause__, BadBoxesError)


# ---- damaged --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [kind for kind in PHOTOS if kind not in ("JPEG", "progressive", "MPO", "PNG")]
)
def test_a_photo_that_was_cut_short_is_refused_wherever_it_was_cut(kind: str) -> None:
    data = PHOTOS[kind]
    # Behind the pixels of a HEIC there may be its metadata, and of an animation its other frames.
    codes = {cut: verdict(data[:cut]) for cut in (*range(20, len(data), 1 + len(data) // 60),)}

    assert set(codes.values()) <= {"corrupt"}, codes


@pytest.mark.parametrize("zeros", [100, 1000, 0.5])
@pytest.mark.parametrize(
    "kind", ["WebP", "lossless WebP", "AVIF", "HEIC of noise", "HEIC of tiles", "HEIC with alpha"]
)
def test_a_photo_that_was_laid_out_but_never_filled_is_refused(kind: str, zeros: float) -> None:
    data = PHOTOS[kind]
    count = int(zeros if zeros >= 1 else len(data) * zeros)

    assert rejection(data[:-count] + bytes(count)).code == "corrupt"


@pytest.mark.parametrize(
    ("data", "hole"),
    [
        pytest.param(file_of(grain(), "WEBP"), 5000, id="WebP"),
        pytest.param(file_of(grain(), "AVIF", quality=90), 5000, id="AVIF"),
        pytest.param(PHOTOS["HEIC of noise"], 64, id="HEIC"),
        pytest.param(PHOTOS["HEIC of tiles"], 64, id="HEIC of tiles"),
    ],
)
def test_a_photo_with_a_hole_in_it_is_refused(data: bytes, hole: int) -> None:
    place = len(data) // 2

    assert rejection(data[:place] + bytes(hole) + data[place + hole :]).code == "corrupt"


@pytest.mark.parametrize("colour", ["white", "black"])
def test_a_lossless_webp_may_end_in_a_plain_margin(colour: str) -> None:
    canvas = Image.new("RGB", (640, 900), colour)
    canvas.paste(grain())
    data = file_of(canvas, "WEBP", lossless=True, method=0, quality=0)
    assert data.endswith(bytes(4096))  # what some encoders write

    prepare(data)


def test_a_lossless_webp_that_was_never_filled_is_refused() -> None:
    data = file_of(grain(), "WEBP", lossless=True)

    assert rejection(data[: len(data) // 2] + bytes(len(data) // 2)).code == "corrupt"


def test_an_animation_without_time_is_refused() -> None:
    data = PHOTOS["animated AVIF"]
    timescale = data.index(b"mdhd") + 24

    refused = rejection(data[:timescale] + bytes(4) + data[timescale + 4 :])

    assert refused.code == "corrupt"
    assert isinstance(refused.__cause__, ZeroDivisionError)


def test_a_heic_whose_primary_picture_cannot_be_opened_is_not_shown_as_another_one() -> None:
    data = heic("second-is-primary")
    first, second = (place.start() for place in re.finditer(b"hvcC", data))
    assert first < second

    refused = rejection(data[:second] + b"xxxx" + data[second + 4 :])

    assert refused.code == "corrupt"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(90_000_000), 1)), id="zTXt"),
        pytest.param(
            chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(90_000_000), 1)), id="iTXt"
        ),
        pytest.param(chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(90_000_000), 1)), id="iCCP"),
        pytest.param(
            chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(900_000))) * 100, id="a hundred"
        ),
    ],
)
def test_text_that_swells_is_refused(text: bytes) -> None:
    assert rejection(png((300, 300), 8, 0, ROWS, text)).code == "corrupt"


ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def rows_of(interlaced: bool, passes: int = 7) -> bytes:
    """Of 300 by 299 pixels of noise."""
    chance, rows = random.Random(3), b""  # noqa: S311
    for left, top, right, down in ADAM7[:passes] if interlaced else ((0, 0, 1, 1),):
        for _ in range(top, 299, down):
            rows += b"\0" + chance.randbytes(3 * len(range(left, 300, right)))
    return rows


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_rows_end_early_is_refused(interlaced: bool) -> None:
    rows = rows_of(interlaced)

    def with_rows(rows: bytes) -> bytes:
        return png((300, 299), 8, 2, rows, interlaced=interlaced)

    prepare(with_rows(rows))
    prepare(with_rows(rows[:-901] + bytes(901)))  # black by itself
    for share in (0.02, 0.05, 0.1, 0.2, 0.5, 0.9, 298 / 299):
        # To the end of a row: what ends within one, Pillow refuses.
        cut = int(len(rows) * share) // 901 * 901
        assert rejection(with_rows(rows[:cut])).code in ("corrupt", "blank_image"), share


@pytest.mark.parametrize("passes", range(1, 7))
def test_an_interlaced_png_of_some_passes_is_refused(passes: int) -> None:
    rows = rows_of(interlaced=True, passes=passes)

    assert rejection(png((300, 299), 8, 2, rows, interlaced=True)).code == "corrupt"


def test_a_png_may_have_as_large_a_profile_as_a_jpeg() -> None:
    large = icc(DISPLAY_P3)
    large += random.Random(1).randbytes(2_000_000)  # noqa: S311
    large = len(large).to_bytes(4) + large[4:]

    prepared = prepare(file_of(quarters(), "PNG", icc_profile=large))

    assert is_near(corners(opened(prepared.jpeg))[0], (220, 0, 17), 6)


def test_a_file_of_countless_parts_is_refused() -> None:
    jpeg, whole = file_of(quarters()), png((300, 300), 8, 0, ROWS)
    comment = b"\xff\xfe\0\2"
    empty = chunk(b"tEXt", b"")

    assert prepare(jpeg[:2] + comment * 200 + jpeg[2:]).pixels == prepare(jpeg).pixels
    assert rejection(jpeg[:2] + comment * 2000 + jpeg[2:]).code == "too_complex"
    assert rejection(whole[:33] + empty * 60_000 + whole[33:]).code == "too_complex"


def test_a_jpeg_with_arithmetic_coding_is_decoded_whatever_its_size() -> None:
    data = drawn("arithmetic.jpg")
    assert len(data) > 64 * 1024

    prepared = prepare(data)

    assert mean_difference(opened(prepared.jpeg), opened(prepare(file_of(grain())).jpeg)) < 8


def test_a_png_without_pixels_is_refused() -> None:
    whole = png((300, 300), 8, 0, ROWS)
    start, end = whole.index(b"IDAT") - 4, len(whole) - 12

    assert rejection(whole[:start] + whole[end:]).code == "corrupt"


def test_metadata_of_megabytes_do_no_harm() -> None:
    data = file_of(quarters())
    segment = b"\xff\xe1\xff\xff" + b"http://ns.adobe.com/xmp/extension/\0".ljust(65_533, b"x")

    prepared = prepare(data[:2] + segment * 100 + data[2:])

    assert prepared.pixels == prepare(data).pixels


@pytest.mark.parametrize(("marker", "bits"), [(0xC1, 12), (0xC3, 8), (0xC5, 8), (0xCB, 8)], ids=str)
def test_a_jpeg_of_a_rare_kind_is_not_called_damaged(marker: int, bits: int) -> None:
    data = bytearray(file_of(quarters()))
    frame = data.index(b"\xff\xc0")
    data[frame + 1], data[frame + 4] = marker, bits

    refused = rejection(bytes(data))

    assert refused.code == "unsupported_format"
    assert "rare kind" in refused.reason


@pytest.mark.parametrize("size", [(640, 960), (900, 480), (640, 2000)])
def test_a_jpeg_that_promises_more_than_it_holds_is_refused(size: tuple[int, int]) -> None:
    assert rejection(with_size(file_of(clouds()), *size)).code == "corrupt"


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", PHOTOS)
def test_whatever_is_damaged_gets_a_verdict(kind: str) -> None:
    chance = random.Random(kind)  # noqa: S311
    others = list(PHOTOS.values())

    codes = {verdict(damaged(PHOTOS[kind], chance.choice(others), chance)) for _ in range(40)}

    assert "corrupt" in codes
