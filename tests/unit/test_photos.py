"""Photos as people have them, and as nobody should send them."""

import io
import random
import struct

import pytest
from PIL import ExifTags, Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from avatars.errors import PhotoRejectedError
from avatars.model import MAX_PHOTO_BYTES
from avatars.photos import PREPARED_SIZE, check_size, prepare
from tests.pictures import (
    BLUE,
    DISPLAY_P3,
    GREEN,
    RED,
    SRGB,
    YELLOW,
    chunk,
    clouds,
    corners,
    exif_of,
    file_of,
    icc,
    is_near,
    mean_difference,
    opened,
    png,
    quarters,
    rejection,
    segments,
    stored_as,
    with_size,
)

# ---- upright --------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_comes_out_upright_however_the_camera_was_held(
    orientation: int, file_format: str
) -> None:
    stored = stored_as(quarters(), orientation)
    data = file_of(stored, file_format, exif=exif_of(orientation))

    prepared = prepare(data)

    found = corners(opened(prepared.jpeg))
    assert all(map(is_near, found, (RED, GREEN, BLUE, YELLOW))), found
    assert (prepared.width, prepared.height) == (600, 800)
    assert prepared.crop == (0, 40, 600, 640)


@pytest.mark.parametrize("size", [(601, 799), (3001, 2101)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_kept_is_the_crop_of_the_upright_original(
    orientation: int, size: tuple[int, int]
) -> None:
    data = file_of(clouds(*size), exif=exif_of(orientation))

    prepared = prepare(data)

    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert (prepared.width, prepared.height) == upright.size
    expected = upright.resize(
        (PREPARED_SIZE, PREPARED_SIZE), Image.Resampling.LANCZOS, prepared.crop
    )
    assert mean_difference(opened(prepared.jpeg), expected) < 2.5


def test_a_png_may_tell_its_orientation_after_its_pixels() -> None:
    whole = file_of(stored_as(quarters(), 6), "PNG")
    exif = chunk(b"eXIf", exif_of(6).tobytes().removeprefix(b"Exif\0\0"))

    prepared = prepare(whole[:-12] + exif + whole[-12:])

    found = corners(opened(prepared.jpeg))
    assert all(map(is_near, found, (RED, GREEN, BLUE, YELLOW))), found


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(struct.pack(">HHIHH", 0x0112, 3, 1, 0, 0), id="0"),
        pytest.param(struct.pack(">HHIHH", 0x0112, 3, 1, 9, 0), id="9"),
        pytest.param(struct.pack(">HHI4s", 0x0112, 2, 3, b"up\0\0"), id="a word"),
        pytest.param(struct.pack(">HHII", 0x0112, 5, 1, 9_000_000), id="far away"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_orientation_that_does_not_exist_turns_nothing(entry: bytes) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1" + entry + bytes(4)
    data = file_of(quarters(), exif=exif)

    prepared = prepare(data)

    assert prepared.pixels == prepare(file_of(quarters())).pixels


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 60_000]
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_metadata_that_cannot_be_read_do_no_harm(exif: bytes) -> None:
    data = file_of(quarters(), exif=exif)

    prepared = prepare(data)

    assert prepared.pixels == prepare(file_of(quarters())).pixels


# ---- framing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "crop"),
    [
        ((700, 700), (0, 0, 700, 700)),
        ((900, 600), (150, 0, 750, 600)),
        ((600, 1000), (0, 80, 600, 680)),
        ((5000, 256), (2372, 0, 2628, 256)),
    ],
)
def test_the_largest_square_is_kept_and_the_head_of_a_tall_photo_is_in_it(
    size: tuple[int, int], crop: tuple[int, int, int, int]
) -> None:
    data = file_of(quarters(*size))

    prepared = prepare(data)

    assert prepared.crop == crop


# ---- colours --------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_colours_of_display_p3_become_the_same_colours_in_srgb(file_format: str) -> None:
    data = file_of(quarters(), file_format, icc_profile=icc(DISPLAY_P3))

    prepared = prepare(data)

    # Worked out apart: v ** 2.2, the matrix of P3, the inverse of sRGB's, the curve of sRGB.
    expected = ((220, 0, 17), (0, 164, 35), (43, 58, 199), (225, 200, 0))
    found = corners(opened(prepared.jpeg))
    assert all(map(is_near, found, expected)), found


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(quarters(), id="RGB"),
        pytest.param(quarters().convert("RGBA"), id="RGBA"),
        pytest.param(quarters().quantize(4, dither=Image.Dither.NONE), id="palette"),
    ],
)
def test_a_profile_is_obeyed_in_every_kind_of_png(picture: Image.Image) -> None:
    red, green, blue = SRGB
    data = file_of(picture, "PNG", icc_profile=icc((green, red, blue)))

    prepared = prepare(data)

    found = corners(opened(prepared.jpeg))
    swapped = [(g, r, b) for r, g, b in (RED, GREEN, BLUE, YELLOW)]
    assert all(is_near(a, b, tolerance=18) for a, b in zip(found, swapped, strict=True)), found


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile at all",
        icc(DISPLAY_P3)[:100],
        icc(DISPLAY_P3)[:200],
        icc(DISPLAY_P3, space=b"CMYK"),
        icc(DISPLAY_P3, space=b"GRAY"),
        b"\0" * 5000,
        icc(((0, 0, 0), (0, 0, 0), (0, 0, 0))),
    ],
)
def test_a_broken_or_foreign_profile_neither_rejects_nor_changes_a_photo(profile: bytes) -> None:
    data = file_of(quarters(), icc_profile=profile)

    prepared = prepare(data)

    assert prepared.pixels == prepare(file_of(quarters())).pixels


def test_a_camera_may_say_adobe_rgb_without_a_profile() -> None:
    exif = exif_of(1)
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.IFD.Interop] = {ExifTags.Interop.InteropIndex: "R03"}
    data = file_of(quarters(), exif=exif)

    prepared = prepare(data)

    # Worked out apart: v ** 2.19921875, the matrix of Adobe RGB (1998), the inverse of sRGB's.
    expected = ((233, 35, 35), (0, 161, 47), (41, 57, 195), (228, 201, 37))
    found = corners(opened(prepared.jpeg))
    assert all(map(is_near, found, expected)), found


def test_a_grey_photo_with_a_grey_profile_stays_grey() -> None:
    data = file_of(quarters().convert("L"), icc_profile=icc(SRGB, space=b"GRAY"))

    prepared = prepare(data)

    assert all(max(rgb) - min(rgb) <= 1 for rgb in corners(opened(prepared.jpeg)))


def test_a_cmyk_photo_is_not_a_negative() -> None:
    data = file_of(quarters().convert("CMYK"))

    prepared = prepare(data)

    found = corners(opened(prepared.jpeg))
    assert all(map(is_near, found, (RED, GREEN, BLUE, YELLOW))), found


# ---- kinds of files -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        file_of(quarters(), progressive=True),
        file_of(quarters(), subsampling=0, quality=100),
        file_of(quarters(), "MPO", save_all=True, append_images=[quarters().rotate(180)]),
        file_of(quarters(), "PNG"),
        file_of(quarters(), "PNG", save_all=True, append_images=[quarters().rotate(180)]),
        file_of(quarters().quantize(16), "PNG", bits=4),
        file_of(quarters().convert("RGBA"), "PNG"),
    ],
    ids=["progressive", "4:4:4", "MPO", "PNG", "APNG", "palette", "opaque alpha"],
)
def test_the_first_picture_of_every_kind_of_jpeg_and_png_is_the_photo(data: bytes) -> None:
    prepared = prepare(data)

    found = corners(opened(prepared.jpeg))
    assert all(map(is_near, found, (RED, GREEN, BLUE, YELLOW))), found


def test_greys_of_16_bits_keep_their_brightness() -> None:
    ramp = [grey * 257 for grey in range(256)]
    rows = b"".join(b"\0" + struct.pack(">256H", *ramp) for _ in range(256))

    prepared = prepare(png((256, 256), 16, 0, rows))

    picture = opened(prepared.jpeg)
    found = [picture.getpixel((2 * grey, 256))[0] for grey in range(256)]  # type: ignore[index]
    assert max(abs(a - b) for a, b in enumerate(found)) <= 2


def test_colours_of_16_bits_keep_their_brightness() -> None:
    row = b"\0" + struct.pack(">3H", 200 * 257, 40 * 257, 40 * 257) * 150
    row += struct.pack(">3H", 50 * 257, 60 * 257, 190 * 257) * 150

    prepared = prepare(png((300, 300), 16, 2, row * 300))

    red, blue, *_ = corners(opened(prepared.jpeg))
    assert is_near(red, RED)
    assert is_near(blue, BLUE)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_greys_of_every_depth_run_from_black_to_white(depth: int) -> None:
    width = 512
    bits = 8 * depth * width // 16
    black, white = bytes(bits // 8), b"\xff" * (bits // 8)

    prepared = prepare(png((width, width), depth, 0, (b"\0" + black + white) * width))

    left, right, *_ = corners(opened(prepared.jpeg))
    assert is_near(left, (0, 0, 0))
    assert is_near(right, (255, 255, 255))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_becomes_white(mode: str) -> None:
    picture = Image.new(mode, (400, 400), "black")
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (0, 0, 200, 400))
    picture.putalpha(alpha)

    prepared = prepare(file_of(picture, "PNG"))

    left, right, *_ = corners(opened(prepared.jpeg))
    assert is_near(left, (255, 255, 255))
    assert is_near(right, (0, 0, 0))


@pytest.mark.parametrize(
    ("colour", "transparent"),
    [
        pytest.param(0, b"\0\0", id="grey"),
        pytest.param(2, b"\0\0\0\0\0\0", id="RGB"),
        pytest.param(3, b"\0", id="palette"),
    ],
)
def test_a_transparent_colour_becomes_white(colour: int, transparent: bytes) -> None:
    samples = 3 if colour == 2 else 1
    row = b"\0" + bytes(150 * samples) + b"\1" * 150 * samples
    palette = (chunk(b"PLTE", bytes(6)),) if colour == 3 else ()

    prepared = prepare(png((300, 300), 8, colour, row * 300, *palette, chunk(b"tRNS", transparent)))

    left, right, *_ = corners(opened(prepared.jpeg))
    assert is_near(left, (255, 255, 255))
    assert is_near(right, (1, 1, 1))


# ---- nothing but the picture ----------------------------------------------------------------


def told_on() -> bytes:
    """A photo with everything that tells on its owner."""
    exif = exif_of(1)
    exif[ExifTags.Base.Make] = "Telltale"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (28.0, 31.0, 25.0)
    return file_of(
        quarters(),
        exif=exif,
        comment=b"Telltale",
        xmp=b"<x:xmpmeta>Telltale</x:xmpmeta>",
        icc_profile=icc(SRGB),
        dpi=(300, 300),
    )


def test_nothing_but_the_picture_is_left() -> None:
    data = told_on() + b"Telltale behind the end"

    prepared = prepare(data)

    app0, quantisation, frame, huffman, scan = 0xE0, 0xDB, 0xC0, 0xC4, 0xDA
    found = dict(segments(prepared.jpeg))
    assert set(found) == {app0, quantisation, frame, huffman, scan}
    assert found[app0] == b"JFIF\0\1\1\0\0\1\0\1\0\0"
    assert b"Telltale" not in prepared.jpeg
    assert prepared.jpeg.find(b"\xff\xd9") == len(prepared.jpeg) - 2


def test_text_in_a_png_is_left_behind_too() -> None:
    text = PngInfo()
    text.add_text("Comment", "Telltale")
    text.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>Telltale</x:xmpmeta>")
    data = file_of(quarters(), "PNG", pnginfo=text)

    prepared = prepare(data)

    assert b"Telltale" not in prepared.jpeg
    assert {marker for marker, _ in segments(prepared.jpeg)} == {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}


def test_a_prepared_photo_is_a_square_that_every_client_reads() -> None:
    prepared = prepare(file_of(clouds()))

    picture = Image.open(io.BytesIO(prepared.jpeg))
    assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (512, 512))
    assert "progressive" not in picture.info


def test_the_same_file_gives_the_same_bytes() -> None:
    data = file_of(clouds())

    assert prepare(data) == prepare(data)


@pytest.mark.parametrize(
    "twin",
    [
        pytest.param(file_of(quarters(), "PNG", compress_level=1), id="packed differently"),
        pytest.param(file_of(quarters(), "PNG", exif=exif_of(1)), id="with metadata"),
        pytest.param(file_of(quarters().convert("RGBA"), "PNG"), id="with an alpha channel"),
        pytest.param(
            file_of(quarters().quantize(4, dither=Image.Dither.NONE), "PNG"), id="with a palette"
        ),
    ],
)
def test_the_same_pixels_in_another_file_are_the_same_pixels(twin: bytes) -> None:
    original = file_of(quarters(), "PNG")

    assert twin != original
    assert prepare(twin).pixels == prepare(original).pixels


def test_another_picture_has_other_pixels() -> None:
    one, other = file_of(quarters()), file_of(ImageOps.mirror(quarters()))

    assert prepare(one).pixels != prepare(other).pixels


# ---- refused --------------------------------------------------------------------------------


def test_an_empty_file_is_refused() -> None:
    refused = rejection(b"")

    assert refused.code == "empty"


def test_a_file_over_50_mb_is_refused_by_its_size_alone() -> None:
    check_size(MAX_PHOTO_BYTES)

    with pytest.raises(PhotoRejectedError) as caught:
        check_size(MAX_PHOTO_BYTES + 1)

    assert caught.value.code == "too_large"
    assert "50 MB" in caught.value.reason


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!doctype html>",
        b"%PDF-1.7",
        b"\0\0\0\x18ftypmp42" + bytes(100),
        bytes(1000),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    refused = rejection(data)

    assert refused.code == "not_an_image"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("GIF", file_of(quarters(), "GIF")),
        ("TIFF", file_of(quarters(), "TIFF")),
        ("TIFF", b"MM\0*\0\0\0\x08" + bytes(100)),
        ("BMP", file_of(quarters(), "BMP")),
        ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100)),
        ("JPEG XL", b"\xff\x0a" + bytes(100)),
        ("Photoshop", b"8BPS\0\1" + bytes(100)),
        ("ICO", file_of(quarters(), "ICO")),
        ("ICNS", b"icns" + bytes(100)),
        ("Netpbm", b"P6\n640 480\n255\n" + bytes(100)),
        ("PostScript", b"%!PS-Adobe-3.0 EPSF-3.0"),
        ("JPEG XR", b"II\xbc\1" + bytes(100)),
        ("QOI", b"qoif" + bytes(100)),
        ("TIFF or camera raw", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100)),
    ],
)
def test_a_picture_of_another_format_is_refused_with_its_name(name: str, data: bytes) -> None:
    refused = rejection(data)

    assert refused.code == "unsupported_format"
    assert f"in {name}" in refused.reason
    assert refused.reason.endswith(": export it as an ordinary JPEG.")


@pytest.mark.parametrize("size", [(255, 4000), (4000, 255), (1, 1)])
def test_a_small_photo_is_refused(size: tuple[int, int]) -> None:
    refused = rejection(file_of(Image.new("RGB", size)))

    assert refused.code == "too_small"
    assert f"{size[0]} x {size[1]}" in refused.reason
    assert "256" in refused.reason


def test_a_photo_just_large_enough_is_not_refused() -> None:
    prepared = prepare(file_of(clouds(256, 256)))

    assert prepared.crop == (0, 0, 256, 256)


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(Image.new("RGB", (600, 800), "white"), id="white"),
        pytest.param(Image.new("RGB", (600, 800), (128, 128, 128)), id="grey"),
        pytest.param(Image.new("L", (600, 800), 0), id="black"),
        pytest.param(Image.new("RGBA", (600, 800), (0, 0, 0, 0)), id="transparent"),
        pytest.param(Image.effect_noise((600, 800), 2).point(lambda v: v - 120), id="lens cap"),
    ],
)
def test_a_picture_of_nothing_is_refused(picture: Image.Image) -> None:
    refused = rejection(file_of(picture, "PNG"))

    assert refused.code == "blank_image"


@pytest.mark.parametrize(
    ("data", "limit"),
    [
        pytest.param(png((60_000, 60_000), 8, 2, b""), 50, id="PNG of 3,600 megapixels"),
        pytest.param(png((20_000, 20_000), 1, 0, b""), 50, id="PNG of 400 megapixels"),
        pytest.param(png((8_000, 6_400), 8, 2, b""), 50, id="PNG of 51 megapixels"),
        pytest.param(with_size(file_of(clouds()), 65_000, 65_000), 250, id="JPEG of 4,225"),
        pytest.param(with_size(file_of(clouds()), 17_000, 15_000), 250, id="JPEG of 255"),
        pytest.param(
            with_size(file_of(clouds(), progressive=True), 8_000, 6_400), 50, id="progressive of 51"
        ),
    ],
)
def test_a_bomb_is_refused_by_what_its_header_promises(data: bytes, limit: int) -> None:
    refused = rejection(data)

    assert refused.code == "too_many_pixels"
    assert f"and {limit} is the most" in refused.reason


def test_a_phone_may_take_200_megapixels() -> None:
    data = with_size(file_of(clouds()), 16_320, 12_240)

    refused = rejection(data)

    assert refused.code == "corrupt"  # the pixels are missing here; the size was no obstacle


@pytest.mark.parametrize("size", [(2000, 60_000), (60_000, 2000)])
def test_a_jpeg_that_is_too_narrow_to_be_scaled_may_have_fewer_pixels(
    size: tuple[int, int],
) -> None:
    refused = rejection(with_size(file_of(clouds()), *size))

    assert refused.code == "too_many_pixels"
    assert "50 is the most" in refused.reason


def test_a_jpeg_that_ends_in_its_header_is_damaged() -> None:
    data = file_of(clouds())
    frame = data.index(b"\xff\xc0")

    assert {rejection(data[:cut]).code for cut in range(frame, frame + 12)} == {"corrupt"}


def test_a_jpeg_of_many_scans_is_refused() -> None:
    data = file_of(clouds(), progressive=True)
    last = data[data.rfind(b"\xff\xda") : -2]

    prepare(data[:-2] + last * 20 + data[-2:])
    refused = rejection(data[:-2] + last * 2000 + data[-2:])

    assert refused.code == "too_complex"


# ---- damaged --------------------------------------------------------------------------------

WHOLE = {
    "baseline": file_of(clouds()),
    "progressive": file_of(clouds(), progressive=True),
    "with restarts": file_of(clouds(), restart_marker_rows=1),
    "grey": file_of(clouds().convert("L")),
    "CMYK": file_of(clouds().convert("CMYK")),
    "MPO": file_of(clouds(), "MPO"),
    "large": file_of(clouds(2800, 2100)),
    "PNG": file_of(clouds(), "PNG"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_photo_that_was_cut_short_is_refused_wherever_it_was_cut(kind: str) -> None:
    data = WHOLE[kind]
    prepare(data)

    for cut in (*range(8, len(data), len(data) // 30), len(data) - 5):
        assert rejection(data[:cut]).code == "corrupt", cut


@pytest.mark.parametrize("tail", [b"\xff\xd9", bytes(3000) + b"\xff\xd9"], ids=["end", "zeros"])
@pytest.mark.parametrize("kind", ["baseline", "with restarts", "grey", "CMYK", "large"])
def test_a_photo_that_ends_as_if_it_were_whole_is_never_half_grey(kind: str, tail: bytes) -> None:
    data = WHOLE[kind]
    scan = data.find(b"\xff\xda") + 20

    for cut in range(scan, len(data) * 9 // 10, len(data) // 15):
        assert rejection(data[:cut] + tail).code in ("corrupt", "blank_image"), cut


def test_a_photo_may_be_grey_at_its_lower_edge() -> None:
    picture = quarters()
    picture.paste((128, 128, 128), (0, 700, 600, 800))

    prepared = prepare(file_of(picture))

    assert (prepared.width, prepared.height) == (600, 800)


@pytest.mark.parametrize("kind", ["baseline", "progressive", "with restarts", "grey", "large"])
def test_only_the_end_of_a_jpeg_may_be_missing(kind: str) -> None:
    data = WHOLE[kind]

    assert prepare(data[:-2]).pixels == prepare(data).pixels
    assert rejection(data[:-200]).code == "corrupt"


def test_a_wide_photo_that_is_plain_in_the_middle_is_not_blank() -> None:
    wall = Image.new("RGB", (1200, 500), (210, 200, 190))
    wall.paste(clouds(200, 500), (1000, 0))

    assert prepare(file_of(wall)).crop == (350, 0, 850, 500)


def test_a_damaged_png_is_never_half_black() -> None:
    data = WHOLE["PNG"]

    for place in range(data.find(b"IDAT"), len(data) - 12, len(data) // 30):
        damaged = data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]
        assert rejection(damaged).code == "corrupt", place


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["baseline", "progressive", "MPO", "PNG"])
def test_whatever_is_damaged_gets_a_verdict(kind: str) -> None:
    chance = random.Random(kind)  # noqa: S311
    codes = set()

    for _ in range(80):
        data = bytearray(WHOLE[kind])
        for _ in range(chance.choice((1, 3, 20))):
            place = chance.randrange(min(len(data), chance.choice((64, 700, len(data)))))
            gap = chance.choice((0, 1, 40))
            data[place : place + gap] = chance.randbytes(chance.choice((1, 4)))
        try:
            prepare(bytes(data))
        except PhotoRejectedError as rejected:
            codes.add(rejected.code)

    assert "corrupt" in codes


# ---- reasons --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(MAX_PHOTO_BYTES + 1),
        b"hello",
        file_of(quarters(), "GIF"),
        b"\0\0\0\x24ftypheic",
        b"\0\0\0\x18ftypmp42\0\0\0\0isommp42",
        file_of(Image.new("RGB", (90, 90))),
        png((20_000, 20_000), 1, 0, b""),
        WHOLE["PNG"][:-20],
        file_of(Image.new("RGB", (600, 800))),
    ],
)
def test_a_reason_is_one_sentence_that_says_what_to_do(data: bytes) -> None:
    reason = rejection(data).reason

    what, colon, remedy = reason.partition(": ")
    assert what.startswith("This ")
    assert colon
    assert remedy.startswith(("choose", "upload", "save", "export"))
    assert remedy.endswith(".")
    assert ". " not in reason
