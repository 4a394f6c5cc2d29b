"""Where the faces are on a photo.

BlazeFace (Bazarevsky et al., 2019) in MediaPipe's full-range form: one look at a picture of 192
pixels finds faces from a twentieth of its longer side up to all of it, also from the side, cut off
and upside down in part, where a Haar cascade finds only whole ones from the front. See
docs/decisions/0010-faces-are-found-by-blazeface.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODEL = Path(__file__).parent / "blazeface" / "full_range.tflite"

INPUT = 192
"""Pixels a side of what the model looks at."""

CELLS = 48
"""It answers for each cell of so many by so many: one face at most, relative to the cell."""

LEAST_SCORE = 0.5
"""MediaPipe's own threshold (face_detection_full_range_common.pbtxt)."""

MOST_OVERLAP = 0.3
"""Of two finds that share more than that (intersection over union), the surer one is the face."""


@dataclass(frozen=True, slots=True)
class Face:
    """A square about a face, from the brows to the chin, in pixels of the picture that was
    looked at; of a face that is cut off, it reaches beyond the edge."""

    left: float
    top: float
    right: float
    bottom: float
    score: float
    """How sure the model is, 0 to 1."""
    turned: float = 0.0
    """How far it looks aside: 0 is straight ahead, at 1 the nose is above an eye or past it."""

    @property
    def side(self) -> float:
        return max(self.right - self.left, self.bottom - self.top)

    @property
    def centre(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def scaled(self, factor: float) -> Face:
        edges = (self.left, self.top, self.right, self.bottom)
        left, top, right, bottom = (edge * factor for edge in edges)
        return replace(self, left=left, top=top, right=right, bottom=bottom)

    def moved(self, right: float, down: float) -> Face:
        return replace(
            self,
            left=self.left + right,
            top=self.top + down,
            right=self.right + right,
            bottom=self.bottom + down,
        )


def find_faces(picture: Image.Image) -> list[Face]:
    """The faces on an upright RGB picture, the largest first."""
    # Some 80 MB of libraries: only where faces are really looked for.
    import numpy as np

    square = Image.new("RGB", (INPUT, INPUT))
    factor = INPUT / max(picture.size)
    fitted = picture.resize(
        (max(1, round(picture.width * factor)), max(1, round(picture.height * factor))),
        Image.Resampling.BILINEAR,
        reducing_gap=2.0,
    )
    corner = ((INPUT - fitted.width) // 2, (INPUT - fitted.height) // 2)
    square.paste(fitted, corner)
    boxes, scores = _look(np.asarray(square, np.float32) / 127.5 - 1)
    found = sorted(_faces(boxes, scores), key=lambda face: -face.score)
    sure: list[Face] = []
    for face in found:
        if all(_overlap(face, other) <= MOST_OVERLAP for other in sure):
            sure.append(face)
    moved = [face.moved(-corner[0], -corner[1]).scaled(1 / factor) for face in sure]
    return sorted(moved, key=lambda face: -face.side)


def _look(pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the model says of INPUT by INPUT pixels, each -1 to 1: a box and a score per cell."""
    interpreter, given, boxes, scores = _interpreter()
    interpreter.set_tensor(given, pixels[None])
    interpreter.invoke()
    return interpreter.get_tensor(boxes)[0], interpreter.get_tensor(scores)[0, :, 0]


def _faces(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> Iterator[Face]:
    import numpy as np

    sure = 1 / (1 + np.exp(-np.clip(scores, -80, 80)))
    for cell in np.flatnonzero(sure >= LEAST_SCORE):
        row, column = divmod(int(cell), CELLS)
        x, y, width, height, *points = map(float, boxes[cell])
        x += (column + 0.5) * INPUT / CELLS
        y += (row + 0.5) * INPUT / CELLS
        yield Face(
            x - width / 2,
            y - height / 2,
            x + width / 2,
            y + height / 2,
            float(sure[cell]),
            turned(points),
        )


def turned(points: Sequence[float]) -> float:
    """How far a face looks aside, as in `Face`: where its nose is between its eyes, along the line
    through them, so that a tilted head is not a turned one.

    *points* are x and y of one eye, of the other and of the nose, then whatever comes. Of the same
    head, tilted or mirrored, the model's points tell figures up to 0.3 apart.
    """
    one, other, nose = (complex(*points[at : at + 2]) for at in (0, 2, 4))
    if one == other:
        return 1.0
    return min(1.0, abs(((nose - one) / (other - one)).real - 0.5) * 2)


def _overlap(one: Face, other: Face) -> float:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    areas: Sequence[float] = [(f.right - f.left) * (f.bottom - f.top) for f in (one, other)]
    return width * height / (sum(areas) - width * height)


@cache
def _interpreter() -> tuple[Any, int, int, int]:
    """The model, ready, and the numbers of its input and of its outputs: boxes, scores."""
    from ai_edge_litert.interpreter import (  # type: ignore[import-untyped]
        Interpreter,
        OpResolverType,
    )

    interpreter = Interpreter(
        str(MODEL),
        num_threads=1,
        # The delegate is faster by some milliseconds, and says so in every log.
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    [given] = interpreter.get_input_details()
    scores, boxes = sorted(interpreter.get_output_details(), key=lambda o: o["shape"][-1])
    return interpreter, given["index"], boxes["index"], scores["index"]
