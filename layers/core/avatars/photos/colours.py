"""From whatever colours a file has to sRGB."""

import contextlib
import io
import struct
from functools import cache, lru_cache

from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 4 * 1024 * 1024
"""Profiles of printing presses have up to 3 MB; one for a photo has less than 1 kB."""

_DISPLAY_P3 = 12
"""Its primaries in ITU-T H.273, where a file has numbers for its colours, and no profile."""

_Colorants = dict[bytes, tuple[float, float, float]]
_ADOBE_GAMMA = 2.19921875
_ADOBE_COLORANTS: _Colorants = {
    b"rXYZ": (0.6097, 0.3111, 0.0195),
    b"gXYZ": (0.2053, 0.6257, 0.0609),
    b"bXYZ": (0.1492, 0.0632, 0.7446),
}
_P3_COLORANTS: _Colorants = {
    b"rXYZ": (0.5151, 0.2412, -0.0011),
    b"gXYZ": (0.2920, 0.6922, 0.0419),
    b"bXYZ": (0.1571, 0.0666, 0.7841),
}
"""Relative to D50, as ICC profiles give them."""


def profile_of(image: Image.Image) -> bytes | None:
    """The ICC profile that says what the values mean; None for sRGB, which is also the guess."""
    profile: bytes | None = image.info.get("icc_profile")
    if profile:
        return profile if len(profile) <= MAX_PROFILE_BYTES else None
    primaries = image.info.get("nclx_profile", {}).get("color_primaries")
    return display_p3() if primaries == _DISPLAY_P3 else None


def averageable(image: Image.Image) -> Image.Image:
    """The picture in a mode whose values can be averaged: no palette, bits or 16-bit greys."""
    if image.mode == "I;16":
        # convert() alone clips: all but the darkest 256 of 65,536 greys would be white.
        image = image.point(lambda grey: grey / 257 + 0.5).convert("L")
    elif "transparency" in image.info or image.mode == "RGBa":
        return image.convert("RGBA")
    return image.convert("RGB") if image.mode in ("1", "P") else image


def on_white(picture: Image.Image) -> Image.Image:
    if picture.mode not in ("LA", "RGBA"):
        return picture
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Shows the colours that the embedded profile means; a profile that is broken means nothing."""
    if profile:
        with contextlib.suppress(OSError, ImageCms.PyCMSError):
            return _to_srgb(profile, picture.mode).apply(picture)
    return picture.convert("RGB")


@lru_cache(maxsize=4)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    """Making one takes longer than applying it, and the photos of one phone all need the same."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    samples = len(mode)
    extremes = Image.frombytes(mode, (2, 1), bytes(samples) + b"\xff" * samples)
    if transform.apply(extremes).getcolors(1):
        raise ImageCms.PyCMSError("black and white are the same to it")
    return transform


@cache
def display_p3() -> bytes:
    """It is sRGB with other primaries."""
    return _with_primaries(_P3_COLORANTS, _srgb())


@cache
def adobe_rgb() -> bytes:
    """Adobe RGB (1998): other primaries, and a plain power for a curve."""
    profile = _srgb()
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        offset = _offset(profile, name)
        curve = b"para" + bytes(8) + struct.pack(">i", round(_ADOBE_GAMMA * 65536))
        profile[offset : offset + len(curve)] = curve
    return _with_primaries(_ADOBE_COLORANTS, profile)


def _srgb() -> bytearray:
    return bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def _with_primaries(colorants: _Colorants, profile: bytearray) -> bytes:
    for name, colorant in colorants.items():
        offset = _offset(profile, name)
        values = (round(value * 65536) for value in colorant)
        profile[offset + 8 : offset + 20] = struct.pack(">3i", *values)
    return bytes(profile)


def _offset(profile: bytearray, name: bytes) -> int:
    """Where the content of a tag begins, by the table of tags: name, offset, size."""
    entry = profile.index(name)
    return int.from_bytes(profile[entry + 4 : entry + 8])
