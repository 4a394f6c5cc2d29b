"""Waiting for the provider: slow, silent, strange and failing looks, and deploys meanwhile."""

import json
from typing import Any

from avatars.model import Stage
from tests import machine
from tests.chaos import trouble
from tests.chaos.faults.fault import CHECKS, MINUTE, STARTS, fault
from tests.chaos.faults.submitting import ANSWER_LOST, NEVER_SENT
from tests.chaos.jobs import shuffle
from tests.chaos.trial import Trial


@fault("W1", "a training of 25 minutes, or nearly an hour")
def _slow_training(trial: Trial) -> None:
    trial.mood(training_seconds=trial.chance.choice([1500, 2400, 3500]))


@fault("W2", "a training, or an order of avatars, that never ends")
def _endless(trial: Trial) -> None:
    stage = trial.chance.choice(["training", "inference"])
    trial.mood(**{f"{stage}_never_ends": True})
    trial.doom(f"{stage.upper()}_OVERDUE")


@fault("W3", "looks answered with 500, HTML, 429 or not at all, some times")
def _bad_looks(trial: Trial) -> None:
    for stage in trial.chance.sample(list(Stage), trial.chance.choice([1, 2])):
        route = CHECKS[stage]
        act = trial.chance.choice(
            [
                trouble.answers(route, 500),
                trouble.answers(route, 200, "<html>maintenance</html>"),
                trouble.answers(route, 429, {"message": "later"}),
                trouble.never_sent(*trial.chance.choice(NEVER_SENT)),
                trouble.answer_lost(*trial.chance.choice(ANSWER_LOST)),
                trouble.answer_late(60, trial.world.sleep),
            ]
        )
        trial.on("provider", route, act, times=trial.chance.randint(1, 5))


@fault("W4", "404 for the first minutes")
def _not_found_yet(trial: Trial) -> None:
    trial.mood(not_found_seconds=trial.chance.choice([30, 310, 580]))


@fault("W5", "unknown and other words for every status, other shapes of results")
def _other_words(trial: Trial) -> None:
    trial.mood(
        vocabulary=trial.chance.choice(["2026", "finished", "mixed", "unknown"]),
        result_shape=trial.chance.choice(["urls", "url_objects", "data", "data_strings", "list"]),
        pending_status=trial.chance.choice([200, 202]),
    )


@fault("W6", "the provider cannot train, or cannot draw")
def _provider_fails(trial: Trial) -> None:
    stage = trial.chance.choice(["training", "inference"])
    trial.mood(**{f"{stage}_fails": "too few faces"})
    trial.doom(f"{stage.upper()}_FAILED")


@fault(
    "W9",
    "the longest waits: slow training, slow avatars, a provider that is busy for hours",
    PROVIDER_PATIENCE_SECONDS="86400",
)
def _long(trial: Trial) -> None:
    trial.mood(training_seconds=3500, inference_seconds=3500)
    for stage in Stage:
        act = trouble.answers(STARTS[stage], 429, {}, headers={"Retry-After": "1"})
        trial.on("provider", STARTS[stage], act, times=trial.chance.randint(5, 25))


@fault("W10", "30 photos and 40 avatars")
def _large(trial: Trial) -> None:
    order = trial.order
    trial.struck.add("W10")
    order.photos = {f"{place:03} of many.jpg": trial.another_picture() for place in range(30)}
    text = "by the sea, " * 80
    prompts = [{"style": "anime", "count": 20, "prompt": text}, {"style": "cartoon", "count": 20}]
    order.manifest = {"subject": "woman", "prompts": prompts}
    if order.by_api:
        order.bad = {}
    shuffle(order, trial.chance)


@fault("W11", "a new version is deployed in mid-wait")
def _deployed(trial: Trial) -> None:
    def deploy() -> None:
        for state in ("Check training", "Check inference", "Wait for training"):
            rename(machine.MACHINE, state, f"{state} 2")
        trial.world.services.effects.revive()  # new sandboxes

    trial.later(trial.sometime(0, 900), deploy, "deployed")
    if trial.chance.random() < 0.5:
        at = trial.sometime(900, 1500)
        trial.later(at, trial.abort, "aborted")
        trial.later(at + 5 * MINUTE, trial.take_up, "taken up by the new version")


def rename(definition: dict[str, Any], state: str, name: str) -> None:
    """Another name for a state: executions of the version before know it by the old one."""
    text = json.dumps(definition).replace(f'"{state}":', f'"{name}":')
    text = text.replace(f': "{state}"', f': "{name}"')
    definition.update(json.loads(text))
