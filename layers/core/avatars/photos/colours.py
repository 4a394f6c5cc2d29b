"""From whatever colours a file has to sRGB."""

import io

from PIL import Image, ImageCms


def averageable(image: Image.Image) -> Image.Image:
    """The picture in a mode whose values can be averaged: no palette, bits or 16-bit greys."""
    if image.mode == "I;16":
        # convert() alone clips: all but the darkest 256 of 65,536 greys would be white.
        image = image.point(lambda grey: grey / 257 + 0.5).convert("L")
    elif "transparency" in image.info:
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
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            return ImageCms.buildTransform(source, srgb, picture.mode, "RGB").apply(picture)
        except (OSError, ImageCms.PyCMSError):
            pass
    return picture.convert("RGB")
