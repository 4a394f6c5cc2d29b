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

    @property
    def words(self) -> str:
        """As a prompt has it: `oil painting`."""
        return self.replace("_", " ")


def named_in(prompt: str) -> Style:
    """The style that the words of a prompt name, the last one if several; else `realistic`."""
    text = prompt.casefold().replace("_", " ")
    named = max(Style, key=lambda style: text.rfind(style.words))
    return named if named.words in text else Style.REALISTIC
