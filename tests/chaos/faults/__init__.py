"""Every fault of the matrix: what is done to a job, and how the job may end because of it."""

import random
from dataclasses import replace

from tests.chaos.faults import anywhere, keeping, preparing, submitting, uploading, waiting
from tests.chaos.faults.fault import FAULTS, Fault

__all__ = [
    "FAULTS",
    "NOT_INJECTED",
    "Fault",
    "anywhere",
    "drawn",
    "keeping",
    "named",
    "preparing",
    "submitting",
    "uploading",
    "waiting",
]

NOT_INJECTED: dict[str, str] = {
    "S4": "there is no way to delete a job yet",
    "T16": "n/a in the matrix: this provider has no list of models",
    "W7": "n/a in the matrix: this provider has no webhooks",
    "W8": "n/a in the matrix: this provider has no webhooks",
}

FOES = ({"U7", "U6"}, {"U7", "A2"}, {"U7", "W10"})
"""What would undo each other."""


def drawn(chance: random.Random, faults: int) -> list[Fault]:
    """So many different faults."""
    while True:
        ids = chance.sample(list(FAULTS), faults)
        if not any(foes <= {*ids} for foes in FOES):
            return [FAULTS[fault_id] for fault_id in ids]


def named(name: str) -> Fault:
    """A fault by its id, as `T3`, or in one of its ways, as `T14 abort`. Raises KeyError."""
    fault_id, _, way = name.partition(" ")
    fault = FAULTS[fault_id]
    if way and way not in fault.ways:
        raise KeyError(name)
    return replace(fault, ways=(way,)) if way else fault
