"""The mark of AI is in the file, an independent reader finds it, and the picture is the same."""

import io
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops, PngImagePlugin

from avatars.errors import DownloadFailedError
from avatars.marks import COMPOSITE, TRAINED, jpeg, mark_file, marked, png, webp
from avatars.marks.xmp import RDF
from tests.builders import a_picture

DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"

EARLIER = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">
<rdf:Description rdf:about="uuid:1" xmlns:dc="{DUBLIN_CORE}" dc:format="image/jpeg"
 xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" i:DigitalSourceType="http://made.up/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">A &amp; B</rdf:li></rdf:Alt></dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>""".encode()
"""A packet that the provider might write, in its own words and with another source type."""

LAUGHS = b"""<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">&b;</rdf:RDF></x:xmpmeta>"""


def saved(form: str, mode: str = "RGB", **options: object) -> bytes:
    """A small picture in a format, as Pillow writes it."""
    image = Image.open(io.BytesIO(a_picture(1, "PNG", side=33))).convert(mode)
    if "A" in mode:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def opened(picture: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(picture))
    image.load()
    return image


def source_types(picture: bytes) -> list[str]:
    """What Pillow's own reader of XMP finds, wherever it stands."""

    def search(tree: object) -> list[str]:
        if isinstance(tree, list):
            return [found for branch in tree for found in search(branch)]
        if not isinstance(tree, dict):
            return []
        here = [value for name, value in tree.items() if name == "DigitalSourceType"]
        return here + [found for branch in tree.values() for found in search(branch)]

    return search(opened(picture).getxmp())


def text_chunk(packet: bytes) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=True)
    return info


PICTURES = {
    "jpeg": lambda: saved("JPEG"),
    "progressive jpeg": lambda: saved("JPEG", progressive=True),
    "jpeg with exif": lambda: saved("JPEG", exif=Image.Exif()),
    "jpeg with xmp": lambda: saved("JPEG", xmp=EARLIER),
    "jpeg with colours": lambda: saved("JPEG", icc_profile=b"\0" * 70_000),
    "grey jpeg": lambda: saved("JPEG", "L"),
    "png": lambda: saved("PNG"),
    "see-through png": lambda: saved("PNG", "RGBA"),
    "png with colours of its own": lambda: saved("PNG", "P"),
    "png with xmp": lambda: saved("PNG", pnginfo=text_chunk(EARLIER)),
    "lossy webp": lambda: saved("WEBP"),
    "see-through lossy webp": lambda: saved("WEBP", "RGBA"),
    "lossless webp": lambda: saved("WEBP", lossless=True),
    "see-through lossless webp": lambda: saved("WEBP", "RGBA", lossless=True),
    "webp with xmp": lambda: saved("WEBP", xmp=EARLIER),
}
every_kind = pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES.keys())
Maker = Callable[[], bytes]


@every_kind
def test_an_independent_reader_finds_the_mark_and_only_one(make: Maker) -> None:
    assert source_types(marked(make())) == [TRAINED]


@every_kind
def test_every_pixel_is_the_same(make: Maker) -> None:
    before, after = opened(make()), opened(marked(make()))

    assert (after.mode, after.size, after.format) == (before.mode, before.size, before.format)
    assert ImageChops.difference(after.convert("RGBA"), before.convert("RGBA")).getbbox() is None


@every_kind
def test_colours_and_exif_stay(make: Maker) -> None:
    before, after = opened(make()), opened(marked(make()))

    assert after.info.get("icc_profile") == before.info.get("icc_profile")
    assert after.info.get("exif") == before.info.get("exif")


@every_kind
def test_marking_it_again_changes_nothing(make: Maker) -> None:
    once = marked(make())

    assert marked(once) == once


@pytest.mark.parametrize("kind", ["jpeg with xmp", "png with xmp", "webp with xmp"])
def test_what_the_metadata_said_before_they_say_still(kind: str) -> None:
    found = opened(marked(PICTURES[kind]())).getxmp()

    described = found["xmpmeta"]["RDF"]["Description"]
    [earlier] = [each for each in described if "format" in each]
    assert earlier["title"]["Alt"]["li"] == {"lang": "x-default", "text": "A & B"}
    assert {each["about"] for each in described} == {"uuid:1"}


def test_who_has_the_mark_already_stays_as_it_is_byte_for_byte() -> None:
    said = b"<i:DigitalSourceType>" + TRAINED.encode() + b"</i:DigitalSourceType><dc:title>"
    packet = EARLIER.replace(b' i:DigitalSourceType="http://made.up/"', b"")
    picture = b"".join(jpeg.with_xmp(saved("JPEG"), packet.replace(b"<dc:title>", said)))

    assert source_types(picture) == [TRAINED]
    assert marked(picture) == picture


def test_exif_stays_the_first_segment_of_a_jpeg() -> None:
    exif = Image.Exif()
    exif[0x0131] = "a camera"

    picture = marked(saved("JPEG", exif=exif))

    assert picture.find(b"Exif\0\0") < picture.find(b"http://ns.adobe.com/xap/1.0/\0")
    assert opened(picture).getexif()[0x0131] == "a camera"


@pytest.mark.parametrize("packet", [b"<html>", b"\xff\xfe", LAUGHS, b""])
def test_metadata_that_nobody_can_read_are_replaced(packet: bytes) -> None:
    picture = b"".join(jpeg.with_xmp(saved("JPEG"), packet))

    assert source_types(marked(picture)) == [TRAINED]


def test_metadata_that_leave_no_room_for_the_mark_are_replaced() -> None:
    padded = EARLIER.replace(b"A &amp; B", b"A" * (jpeg.MOST_XMP - len(EARLIER) + 9))
    picture = b"".join(jpeg.with_xmp(saved("JPEG"), padded))

    assert source_types(marked(picture)) == [TRAINED]


def test_of_what_a_picture_was_made_of_the_origin_stays() -> None:
    inner = b'<rdf:li><rdf:Description i:DigitalSourceType="http://made.up/part"/></rdf:li>'
    parts = b'<m:Pantry xmlns:m="http://made.up/m"><rdf:Bag>' + inner + b"</rdf:Bag></m:Pantry>"
    packet = EARLIER.replace(
        b"</rdf:Description></rdf:RDF>", parts + b"</rdf:Description></rdf:RDF>"
    )

    found = source_types(marked(b"".join(jpeg.with_xmp(saved("JPEG"), packet))))

    assert sorted(found) == sorted([TRAINED, "http://made.up/part"])


def test_a_composite_says_so() -> None:
    assert source_types(marked(saved("JPEG"), COMPOSITE)) == [COMPOSITE]


def test_an_animation_keeps_its_pictures() -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "green", "blue")]
    content = io.BytesIO()
    frames[0].save(content, "WEBP", save_all=True, append_images=frames[1:])

    picture = marked(content.getvalue())

    assert source_types(picture) == [TRAINED]
    assert opened(picture).n_frames == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_file_that_ends_early_is_refused_or_marked_but_never_crashes(form: str) -> None:
    picture = saved(form)
    for end in range(len(picture)):
        try:
            marked(picture[:end])
        except ValueError:
            continue
        assert form == "JPEG", "its end is missed only where it lies inside the pixels"


@pytest.mark.parametrize(
    ("least", "one_more"),
    [
        pytest.param(b"\xff" * jpeg.MOST_FILLING, b"\xff", id="filling"),
        pytest.param(
            b"\xff\xfe\0\2" * (jpeg.MOST_SEGMENTS - 10), b"\xff\xfe\0\2" * 10, id="segments"
        ),
    ],
)
def test_a_jpeg_with_more_before_its_picture_than_anybody_writes_is_refused(
    least: bytes, one_more: bytes
) -> None:
    whole = saved("JPEG")

    assert source_types(marked(whole[:2] + least + whole[2:])) == [TRAINED]
    with pytest.raises(ValueError, match="it has more than"):
        marked(whole[:2] + least + one_more + whole[2:])


def test_compressed_metadata_without_an_end_are_refused() -> None:
    bomb = zlib.compress(bytes(10 * png.MOST_XMP))
    content = b"iTXtXML:com.adobe.xmp\0\1\0\0\0" + bomb
    chunk = (len(content) - 4).to_bytes(4) + content + zlib.crc32(content).to_bytes(4)
    whole = saved("PNG")

    with pytest.raises(ValueError, match="larger than any"):
        marked(whole[:33] + chunk + whole[33:])


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"GIF89a", b"RIFF\4\0\0\0WAVE", b"\xff\xd8\xff"]
)
def test_what_is_no_picture_is_a_download_that_failed(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "avatar"
    file.write_bytes(content)

    with pytest.raises(DownloadFailedError):
        mark_file(file)


def test_a_simple_webp_may_have_more_than_its_picture() -> None:
    more = saved("WEBP") + b"C2PA\x04\0\0\0more"
    picture = marked(more[:4] + (len(more) - 8).to_bytes(4, "little") + more[8:])

    assert source_types(picture) == [TRAINED]
    assert b"C2PA\x04\0\0\0more" in picture


def test_the_extended_header_tells_the_size_of_a_webp() -> None:
    packet = webp.find_xmp(marked(saved("WEBP", lossless=True)))

    assert packet
    assert opened(marked(saved("WEBP", lossless=True))).size == (33, 33)
