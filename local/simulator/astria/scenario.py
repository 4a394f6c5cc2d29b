"""The knobs of Astria."""

from typing import Literal

from local.simulator.scenario import Knobs


class Scenario(Knobs):
    """What can be turned at Astria.

    That a request was accepted and answered with 504 all the same is the fault `answer` with
    `"status": 504, "created": true`. There is no knob for a training that fails: nobody says what
    that looks like, so it is one that never ends.
    """

    ROUTES = (
        "start_training",
        "check_training",
        "list_trainings",
        "delete_training",
        "start_inference",
        "check_inference",
        "list_inferences",
        "delete_inference",
        "download",
    )

    inference_fails: str | None = None

    # A setting of the account (API overview): a tune of the same title, or a prompt of the same
    # attributes, is not made again.
    idempotency: bool = False

    # What becomes of a tune with a photo that cannot be fetched or read is not documented.
    bad_photos: Literal["refuse", "never_trained"] = "refuse"
