"""What the simulated provider can draw."""

from enum import StrEnum


class Style(StrEnum):
    """The styles on offer. `realistic` is the one the guide names, the others are examples."""

    REALISTIC = "realistic"
    WATERCOLOR = "watercolor"
    ANIME = "anime"
    CARTOON = "cartoon"
    OIL_PAINTING = "oil_painting"
    PENCIL_SKETCH = "pencil_sketch"
    POP_ART = "pop_art"
    CYBERPUNK = "cyberpunk"
