"""Makes the photos of `samples/` from one picture; `samples/README.md` says which and how."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, ImageEnhance

FOLDER = Path(__file__).parents[1] / "samples"
SOURCE_SHA256 = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"
SOURCE_SIDE = 512

# How a camera stores what it says is to be shown by this EXIF Orientation.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class Sample:
    """One photo: what is on it, its light, and what its file says. Lengths are source pixels."""

    file: str
    box: tuple[int, int, int, int]
    side: int
    """The shorter side of the photo."""
    taken: str
    orientation: int = 1
    mirrored: bool = False
    tilt: float = 0
    """Degrees, counter-clockwise."""
    warmth: float = 0
    brightness: float = 1
    contrast: float = 1
    located: bool = False


PHOTOS = (
    Sample("IMG_2041.JPG", (20, 0, 404, 512), 960, "2026:03:07 10:12:31", 6, located=True),
    Sample("IMG 2042.jpg", (84, 0, 372, 360), 900, "2026:03:07 10:12:58", warmth=0.07),
    Sample("IMG_2043.JPG", (0, 0, 512, 384), 768, "2026:03:07 10:14:02", 3, contrast=1.15),
    Sample(
        "selfie+beach.jpg",
        (112, 8, 340, 236),
        900,
        "2026:03:08 17:40:09",
        mirrored=True,
        brightness=1.14,
        warmth=0.05,
        located=True,
    ),
    Sample("Été 50%.jpeg", (100, 0, 352, 315), 810, "2026:03:08 18:02:44", tilt=4, warmth=0.14),
    Sample("IMG_2047.JPG", (72, 0, 396, 405), 880, "2026:03:09 08:30:20", 8, brightness=0.78),
    Sample("IMG_2048.JPG", (124, 0, 330, 258), 750, "2026:03:09 08:31:05", 5, warmth=-0.09),
    Sample("IMG_2049.JPG", (92, 0, 380, 360), 840, "2026:03:09 12:00:00", 7, tilt=-4),
    Sample("DSC00310.JPG", (40, 0, 424, 288), 810, "2026:03:10 15:21:37", contrast=0.85),
    Sample("portrait (1).jpg", (60, 0, 444, 480), 900, "2026:03:11 09:09:09", 2, brightness=1.08),
    Sample(
        "Me & the flag.jpg",
        (0, 0, 360, 360),
        840,
        "2026:03:11 09:15:40",
        mirrored=True,
        contrast=1.1,
        warmth=-0.05,
    ),
    Sample("avatar-old.png", (120, 10, 340, 230), 512, "2026:02:01 20:00:00", brightness=0.92),
)


def photograph(source: Image.Image, sample: Sample) -> Image.Image:
    """The upright photo. *source* may be larger than SOURCE_SIDE, so that tilting loses nothing."""
    scale = source.width / SOURCE_SIDE
    left, top, right, bottom = (edge * scale for edge in sample.box)
    centre = ((left + right) / 2, (top + bottom) / 2)
    backdrop = source.getpixel((source.width // 2, 0))
    photo = source.rotate(sample.tilt, Image.Resampling.BICUBIC, center=centre, fillcolor=backdrop)
    factor = sample.side / min(right - left, bottom - top)
    photo = photo.resize(
        (round((right - left) * factor), round((bottom - top) * factor)),
        Image.Resampling.LANCZOS,
        (left, top, right, bottom),
    )
    if sample.mirrored:
        photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    red, green, blue = photo.split()
    red = ImageEnhance.Brightness(red).enhance(1 + sample.warmth / 2)
    blue = ImageEnhance.Brightness(blue).enhance(1 - sample.warmth)
    photo = Image.merge("RGB", (red, green, blue))
    photo = ImageEnhance.Brightness(photo).enhance(sample.brightness)
    return ImageEnhance.Contrast(photo).enhance(sample.contrast)


def notes(sample: Sample) -> Image.Exif:
    """What a phone writes beside the picture; maker and model do not exist."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Example"
    exif[ExifTags.Base.Model] = "Example Phone 5"
    exif[ExifTags.Base.Orientation] = sample.orientation
    exif[ExifTags.Base.DateTime] = sample.taken
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = sample.taken
    if sample.located:
        # The Kennedy Space Center Visitor Complex in Florida, which everybody may visit.
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(
            {
                ExifTags.GPS.GPSLatitudeRef: "N",
                ExifTags.GPS.GPSLatitude: (28.0, 31.0, 25.0),
                ExifTags.GPS.GPSLongitudeRef: "W",
                ExifTags.GPS.GPSLongitude: (80.0, 40.0, 57.0),
            }
        )
    return exif


def make(source_file: Path) -> None:
    if hashlib.sha256(source_file.read_bytes()).hexdigest() != SOURCE_SHA256:
        sys.exit(f"{source_file} is not the picture that samples/README.md names.")
    with Image.open(source_file) as picture:
        source = picture.convert("RGB").resize((2048, 2048), Image.Resampling.LANCZOS)
    for sample in PHOTOS:
        photo = photograph(source, sample)
        if sample.orientation in STORED:
            photo = photo.transpose(STORED[sample.orientation])
        photo.save(FOLDER / sample.file, exif=notes(sample), quality=88, optimize=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
