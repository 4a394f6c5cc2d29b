"""Who prepares photos, each as its users would write it.

`python -m benchmarks.preparing.contenders NAME` works as long as it is asked to.
Every line on standard input names a photo; the answer is a line of JSON: the CPU seconds it took,
and the crop as left, top, right and bottom of the upright original. A second path on the line,
after a tab, is where the outcome goes. All write the same kind of JPEG.
"""

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.preparing import QUALITY, SIZE

Crop = tuple[int, int, int, int]
Prepare = Callable[[bytes], tuple[bytes, Crop | None]]
"""From a file to a JPEG, and what was kept; None stands for the middle."""


def avatars() -> Prepare:
    """What the others do: the picture alone."""
    from avatars.photos import to_jpeg, upright
    from avatars.photos.decoding import decode
    from avatars.photos.formats import recognise
    from avatars.photos.framing import framing

    def picture(photo: bytes) -> tuple[bytes, Crop]:
        decoded = decode(photo, recognise(photo))
        crop = framing(decoded.width, decoded.height, [])
        return to_jpeg(upright(decoded, crop, SIZE)), crop

    return picture


def avatars_all() -> Prepare:
    from avatars.photos import prepare

    def everything(photo: bytes) -> tuple[bytes, Crop]:
        prepared = prepare(photo)
        return prepared.jpeg, prepared.crop

    return everything


def pillow() -> Prepare:
    """The textbook: everything on the whole picture."""
    from PIL import Image, ImageCms, ImageOps

    srgb = ImageCms.createProfile("sRGB")

    def textbook(photo: bytes) -> tuple[bytes, None]:
        picture: Image.Image = Image.open(io.BytesIO(photo))
        profile = picture.info.get("icc_profile")
        picture = ImageOps.exif_transpose(picture).convert("RGB")
        if profile:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            picture = ImageCms.profileToProfile(picture, source, srgb) or picture
        picture = ImageOps.fit(picture, (SIZE, SIZE), Image.Resampling.LANCZOS)
        picture.info.clear()
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=QUALITY, subsampling="4:4:4")
        return out.getvalue(), None

    return textbook


def pyvips() -> Prepare:
    import pyvips

    def thumbnail(photo: bytes) -> tuple[bytes, None]:
        picture = pyvips.Image.thumbnail_buffer(
            photo, SIZE, height=SIZE, crop="centre", export_profile="srgb"
        )
        return picture.jpegsave_buffer(Q=QUALITY, subsample_mode="off", keep="none"), None

    return thumbnail


def floor() -> Prepare:
    """What C libraries take for the least that can be done: a scaled decode to twice the size, an
    average over areas, a JPEG. Neither upright nor in sRGB."""
    import cv2
    import numpy as np
    import simplejpeg

    cv2.setNumThreads(1)

    def least(photo: bytes) -> tuple[bytes, None]:
        picture = simplejpeg.decode_jpeg(photo, "RGB", min_height=2 * SIZE, min_width=2 * SIZE)
        height, width = picture.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = picture[top : top + side, left : left + side]
        small = cv2.resize(square, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        return simplejpeg.encode_jpeg(np.ascontiguousarray(small), QUALITY, "RGB", "444"), None

    return least


CONTENDERS: dict[str, Callable[[], Prepare]] = {
    "floor": floor,
    "avatars": avatars,
    "avatars-all": avatars_all,
    "pyvips": pyvips,
    "pillow": pillow,
}


def main() -> None:
    prepare = CONTENDERS[sys.argv[1]]()
    for line in sys.stdin:
        path, _, out = line.rstrip("\n").partition("\t")
        photo = Path(path).read_bytes()
        start = time.process_time()
        jpeg, crop = prepare(photo)
        seconds = time.process_time() - start
        if out:
            Path(out).write_bytes(jpeg)
        print(json.dumps({"seconds": seconds, "crop": crop}), flush=True)


if __name__ == "__main__":
    main()
