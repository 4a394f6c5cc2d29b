"""What kind of file it is, told by its first bytes: names and content types are hearsay."""

import re

from avatars.errors import PhotoRejectedError

_SIGNATURES = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n"}
_OTHER_FORMATS = {
    "HEIC": rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)",
    "AVIF": rb"....ftypavi[fs]",
    "WebP": rb"RIFF....WEBP",
    "GIF": rb"GIF8[79]a",
    "TIFF or camera raw": rb"II[*+U]\0|MM\0[*+]|IIRO|FUJIFILM|....ftypcrx ",
    "BMP": rb"BM....\0\0\0\0",
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "JPEG XL": rb"\0\0\0\x0cJXL |\xff\x0a",
    "Photoshop": rb"8BPS",
}


def recognise(data: bytes) -> str:
    """Pillow's name for the file's format."""
    for name, signature in _SIGNATURES.items():
        if data.startswith(signature):
            return name
    for name, beginning in _OTHER_FORMATS.items():
        if re.match(beginning, data, re.DOTALL):
            remedy = "export it as JPEG"
            if name == "HEIC":
                remedy += " (an iPhone takes JPEG with Settings, Camera, Formats, Most Compatible)"
            raise PhotoRejectedError(
                "unsupported_format",
                f"This picture is in {name} format, and only JPEG and PNG can be used: {remedy}.",
            )
    raise PhotoRejectedError(
        "not_an_image", "This file is not a picture: upload a photo as JPEG or PNG."
    )
