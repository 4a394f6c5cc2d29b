"""A simulator for the length of a test."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from avatars.clock import Clock as ScaledClock
from local.simulator.journal import Clock, Entry
from local.simulator.scenario import Scenario
from local.simulator.server import Addresses, Simulator


@dataclass(frozen=True)
class RunningSimulator(Addresses):
    """Where it listens, its key, and its controls."""

    api_key: str
    _controls: httpx.Client

    def journal(self, **wanted: str) -> list[Entry]:
        """What happened, in order; `journal(route="start_training")` selects by any fact."""
        answer = self._controls.get("/journal", params=wanted).raise_for_status()
        entries: list[Entry] = answer.json()
        return entries

    def scenario(self, **knobs: Any) -> dict[str, Any]:
        """Turn knobs; returns all of them. httpx.HTTPStatusError for one that does not exist."""
        answer = self._controls.post("/scenario", json=knobs).raise_for_status()
        scenario: dict[str, Any] = answer.json()
        return scenario

    def reset(self) -> None:
        """Forget all that happened and go back to the first scenario."""
        self._controls.post("/reset").raise_for_status()


@contextlib.contextmanager
def running_simulator(
    *,
    api_key: str = "a-simulated-key",
    clock: Clock | None = None,
    seed: int = 1,
    **knobs: Any,
) -> Iterator[RunningSimulator]:
    """A simulator in a thread, on free ports, by the wall clock unless another one is given."""
    scenario = Scenario().merged(knobs)
    simulator = Simulator(
        api_key=api_key, clock=clock or ScaledClock(), seed=seed, scenario=scenario
    )
    thread = threading.Thread(target=simulator.run, name="simulator")
    thread.start()
    try:
        addresses = simulator.addresses
        with httpx.Client(base_url=addresses.admin_url) as controls:
            yield RunningSimulator(
                addresses.api_url,
                addresses.results_origin,
                addresses.admin_url,
                api_key,
                controls,
            )
    finally:
        simulator.stop()
        thread.join()
