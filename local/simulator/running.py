"""Simulators for the length of a test."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from avatars.clock import Clock as ScaledClock
from local.simulator.astria.scenario import Scenario as AstriaScenario
from local.simulator.drawing import draw
from local.simulator.journal import Clock, Entry
from local.simulator.results import Draw
from local.simulator.scenario import Scenario
from local.simulator.server import Simulator


@dataclass(frozen=True)
class RunningProvider:
    """Where a simulated provider listens, its key, and its controls."""

    api_url: str
    results_origin: str
    admin_url: str
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


@dataclass(frozen=True)
class RunningSimulator(RunningProvider):
    """Picsart, and Astria beside it."""

    astria: RunningProvider


@contextlib.contextmanager
def running_simulator(
    *,
    api_key: str = "a-simulated-key",
    astria_key: str = "a-simulated-astria-key",
    clock: Clock | None = None,
    seed: int = 1,
    astria: Mapping[str, Any] | None = None,
    draw: Draw = draw,
    **knobs: Any,
) -> Iterator[RunningSimulator]:
    """Both simulators in a thread, on free ports, by the wall clock unless another one is given.

    *knobs* are Picsart's, *astria* holds those of Astria; *draw* makes the pictures.
    """
    simulator = Simulator(
        api_key=api_key,
        astria_key=astria_key,
        clock=clock or ScaledClock(),
        seed=seed,
        scenario=Scenario().merged(knobs),
        astria_scenario=AstriaScenario().merged(dict(astria or {})),
        draw=draw,
    )
    thread = threading.Thread(target=simulator.run, name="simulator")
    thread.start()
    try:
        at = simulator.addresses
        with (
            httpx.Client(base_url=at.admin_url) as controls,
            httpx.Client(base_url=at.astria_admin_url) as astria_controls,
        ):
            origin = at.results_origin
            yield RunningSimulator(
                at.api_url,
                origin,
                at.admin_url,
                api_key,
                controls,
                RunningProvider(
                    at.astria_url, origin, at.astria_admin_url, astria_key, astria_controls
                ),
            )
    finally:
        simulator.stop()
        thread.join()
