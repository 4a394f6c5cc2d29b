"""What kind of file it is, told by its first bytes: names and content types are hearsay."""

import re

from avatars.errors import PhotoRejectedError

# HEIC and AVIF are boxes in one container (ISO/IEC 23008-12); only its brands tell them apart.
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
# Of any codec: one that is known stands beside them, and else libheif finds out.
_GENERAL_BRANDS = {b"mif1", b"mif2", b"mif3", b"miaf"}
_SEQUENCE_BRANDS = {b"hevc", b"hevx", b"hevm", b"hevs", b"msf1"}
_RAW_BRANDS = {b"crx "}

_BEGINNINGS = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WebP": rb"RIFF....WEBP",
}
_OTHER_FORMATS = {
    "GIF": rb"GIF8[79]a",
    "TIFF or camera raw": rb"II[*+U]\0|MM\0[*+]|IIRO|FUJIFILM",
    "BMP": rb"BM....\0\0\0\0",
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "JPEG XL": rb"\0\0\0\x0cJXL |\xff\x0a",
    "Photoshop": rb"8BPS",
    "ICO": rb"\x00\x00\x01\x00[^\x00]\x00",
    "ICNS": rb"icns",
    "Netpbm": rb"P[1-7]\s",
    "PostScript": rb"%!PS-Adobe|\xc5\xd0\xd3\xc6",
    "JPEG XR": rb"II\xbc",
    "QOI": rb"qoif",
}
_NO_PICTURES = {
    "a video": rb"....(ftyp|moov|mdat|wide)|\x1aE\xdf\xa3|RIFF....AVI |\x00\x00\x01\xba",
    "a PDF": rb"%PDF-",
    "a drawing in SVG": rb"(?i)(\xef\xbb\xbf)?\s*<(svg|!doctype svg|\?xml.{0,2000}?<svg)\b",
    "a web page": rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype html|html)\b",
    "an archive": rb"PK\x03\x04|7z\xbc\xaf\x27\x1c|Rar!|\x1f\x8b",
}
_TOLD_BY = 4096
"""Bytes at the beginning of a file that are looked at."""


def recognise(data: bytes) -> str:
    """The format of a photo that can be used: JPEG, PNG, WebP, HEIC or AVIF.

    Raises PhotoRejectedError: unsupported_format or not_an_image.
    """
    start = data[:_TOLD_BY]
    name = _of_container(start) or _first(_BEGINNINGS, start)
    if name:
        return name
    if other := _first(_OTHER_FORMATS, start):
        raise unsupported(f"in {other} format")
    kind = _first(_NO_PICTURES, start) or "not a picture"
    raise PhotoRejectedError(
        "not_an_image",
        f"This file is {kind}: upload a photo as JPEG, HEIC, PNG, WebP or AVIF.",
    )


def unsupported(what: str) -> PhotoRejectedError:
    """For a picture that is *what*, and could be used if it were saved in another way."""
    return PhotoRejectedError(
        "unsupported_format",
        f"This picture is {what}, which cannot be used: export it as an ordinary JPEG.",
    )


def _of_container(start: bytes) -> str | None:
    """HEIC or AVIF, by the brands of the container; None where it is another, or none."""
    if start[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(start[:4]), len(start))
    # The major brand, its version, which is none, and those it is compatible with.
    brands = [start[at : at + 4] for at in (8, *range(16, end - 3, 4))]
    for brand in brands:
        if brand in _BRANDS:
            return _BRANDS[brand]
    if not _RAW_BRANDS.isdisjoint(brands):
        raise unsupported("in TIFF or camera raw format")
    if not _SEQUENCE_BRANDS.isdisjoint(brands):
        raise unsupported("a HEIC sequence, which moves")
    return "HEIC" if not _GENERAL_BRANDS.isdisjoint(brands) else None


def _first(patterns: dict[str, bytes], start: bytes) -> str | None:
    for name, pattern in patterns.items():
        if re.match(pattern, start, re.DOTALL):
            return name
    return None
