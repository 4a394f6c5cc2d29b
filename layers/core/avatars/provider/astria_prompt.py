"""What is asked of a model of Astria: the words, and what tells one request from another."""

import hashlib
import re

from avatars.errors import OutOfOrderError
from avatars.model import InferenceRequest, Subject
from avatars.provider.prompting import in_style

TOKEN = "ohwx"  # noqa: S105 - a word, no secret
"""What whoever is on the photos goes by in prompts. The default is another for each kind of model
(docs.astria.ai, "Create a tune": `ohwx` for SDXL, `sks` for SD15), so ours is said."""

PIXELS = 512
"""Width and height, in multiples of 8 ("Create a prompt"): what models of SD15, the default
branch, were made for."""

_COMMAND = re.compile(r"<[^>]*>?|>|-{2,}|[{}]+")
"""What is no prose to Astria: `<lora:ID:1>` draws with another model of the account, whoever it is
of ("LoRA"), `--video_model` has a video made, which costs more ("Create a prompt"), and
`{{eye_color}}` fills in a template ("Create a tune")."""


def wanted(request: InferenceRequest) -> dict[str, object]:
    """The prompt of a request, as it is sent and as lists show it again.

    An account may have it that equal prompts are one ("Idempotency"): then the second of two
    requests for the same would bring the avatars of the first. What makes them differ, and tells
    one that was lost from another, is the seed. Raises OutOfOrderError for more than one prompt.
    """
    if len(request.prompts) != 1:
        raise OutOfOrderError("Astria takes one prompt in a request.")
    [prompt] = request.prompts
    asked: dict[str, object] = {
        "text": in_style(_about(request.subject, prompt.prompt), _prose(prompt.style)),
        "num_images": prompt.count,
        "w": PIXELS,
        "h": PIXELS,
    }
    if prompt.negative_prompt:
        asked["negative_prompt"] = _prose(prompt.negative_prompt)
    if request.title:
        asked["seed"] = int.from_bytes(hashlib.sha256(request.title.encode()).digest()[:4], "big")
    return asked


def _about(subject: Subject, prompt: str | None) -> str:
    """The token stands at the beginning, before the class word ("AI Photoshoot")."""
    return f"{TOKEN} {subject.value}, {_prose(prompt or '') or 'portrait'}"


def _prose(text: str) -> str:
    """A stranger's text without what would be a command."""
    return " ".join(_COMMAND.sub(" ", text).split())
