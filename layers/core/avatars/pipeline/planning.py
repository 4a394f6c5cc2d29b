"""What is asked of a provider for the prompts of a run: in how many requests, of which photo."""

from collections.abc import Iterator, Sequence

from avatars.model import Capabilities, ChosenPhoto, Inference, Job, Prompt, Run


def planned(prompts: Sequence[Prompt], capabilities: Capabilities) -> tuple[Inference, ...]:
    """The requests for *prompts*, in their order: as few as the provider allows."""
    if capabilities.prompts_at_once:
        return (Inference(sum(prompt.count for prompt in prompts)),)
    return tuple(
        Inference(avatars, place)
        for place, prompt in enumerate(prompts)
        for avatars in _shares(prompt.count, capabilities.avatars_at_once)
    )


def next_place(run: Run) -> int | None:
    """Which request of a run is to be sent now, from 0; None where there is none.

    Those that are made from a photo wait for the first: if the provider finds that one not valid,
    they need another photo, and nobody says that such requests are free.
    """
    unsent = [place for place, one in enumerate(run.inferences) if one.is_due]
    if not unsent:
        return None
    first = run.inferences[0]
    is_proven = first.photo_id is None or first.announced_at is not None or first.links > 0
    return unsent[0] if unsent[0] == 0 or is_proven else None


def next_photo(job: Job, tries: int) -> ChosenPhoto | None:
    """The best photo that the provider has not found invalid; None where *tries* of them were."""
    if len(job.invalid_photos) >= tries:
        return None
    return next((one for one in job.chosen if one.photo_id not in job.invalid_photos), None)


def _shares(count: int, most: int | None) -> Iterator[int]:
    """*count* in parts of *most*, and the rest."""
    while most is not None and count > most:
        yield most
        count -= most
    yield count
