"""`python -m local.simulator`: serves until SIGTERM; prints its addresses as one JSON line."""

import argparse
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from pydantic import ValidationError

from avatars.clock import Clock
from local.simulator.account import AnyKnobs
from local.simulator.astria.scenario import Scenario as AstriaScenario
from local.simulator.bodies import in_words
from local.simulator.scenario import Scenario
from local.simulator.server import Simulator

KEY_VARIABLE, ASTRIA_KEY_VARIABLE = "SIMULATOR_API_KEY", "SIMULATOR_ASTRIA_KEY"


def main() -> None:
    """Run both simulators."""
    options = _parser().parse_args()
    if not options.api_key:
        sys.exit(f"An API key is needed: --api-key or {KEY_VARIABLE}.")
    if not options.astria_key:
        sys.exit(f"A key of Astria's is needed: --astria-key or {ASTRIA_KEY_VARIABLE}.")
    # uvicorn shuts down in order and then raises the signal again: let that be a clean exit.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    simulator = Simulator(
        api_key=options.api_key,
        astria_key=options.astria_key,
        clock=Clock(options.clock_epoch, options.clock_scale),
        seed=options.seed,
        scenario=_scenario(Scenario, options.scenario),
        astria_scenario=_scenario(AstriaScenario, options.astria_scenario),
        port=options.port,
        astria_port=options.astria_port,
        results_port=options.results_port,
    )
    print(json.dumps({"simulated": True, **asdict(simulator.addresses)}), flush=True)
    simulator.run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.simulator",
        description="A simulation of Picsart and of Astria. Their avatars are filters, not art.",
    )
    parser.add_argument("--port", type=int, default=0, help="of Picsart; 0 is any free one")
    parser.add_argument("--astria-port", type=int, default=0, help="of Astria")
    parser.add_argument("--results-port", type=int, default=0, help="of the result pictures")
    parser.add_argument(
        "--api-key",
        default=os.environ.get(KEY_VARIABLE),
        help=f"better given as {KEY_VARIABLE}: process lists show arguments",
    )
    parser.add_argument(
        "--astria-key",
        default=os.environ.get(ASTRIA_KEY_VARIABLE),
        help=f"better given as {ASTRIA_KEY_VARIABLE}",
    )
    parser.add_argument("--clock-epoch", type=float, default=0.0, help="Unix seconds")
    parser.add_argument("--clock-scale", type=float, default=1.0, help="0.01 is 100 times as fast")
    parser.add_argument("--seed", type=int, default=1, help="of ids, durations and pictures")
    parser.add_argument("--scenario", type=Path, help="a JSON file of knobs (see scenario.py)")
    parser.add_argument("--astria-scenario", type=Path, help="one for Astria (astria/scenario.py)")
    return parser


def _scenario(kind: type[AnyKnobs], file: Path | None) -> AnyKnobs:
    if file is None:
        return kind()
    try:
        return kind.model_validate_json(file.read_bytes())
    except ValidationError as error:
        sys.exit(f"{file}: {in_words(error)}")


if __name__ == "__main__":
    main()
