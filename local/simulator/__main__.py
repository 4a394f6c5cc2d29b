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
from local.simulator.bodies import in_words
from local.simulator.scenario import Scenario
from local.simulator.server import Simulator

KEY_VARIABLE = "SIMULATOR_API_KEY"


def main() -> None:
    """Run one simulator."""
    options = _parser().parse_args()
    if not options.api_key:
        sys.exit(f"An API key is needed: --api-key or {KEY_VARIABLE}.")
    # uvicorn shuts down in order and then raises the signal again: let that be a clean exit.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    simulator = Simulator(
        api_key=options.api_key,
        clock=Clock(options.clock_epoch, options.clock_scale),
        seed=options.seed,
        scenario=_scenario(options.scenario),
        port=options.port,
        results_port=options.results_port,
    )
    print(json.dumps({"simulated": True, **asdict(simulator.addresses)}), flush=True)
    simulator.run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.simulator",
        description="A simulation of the avatar provider. Its avatars are filters, not art.",
    )
    parser.add_argument("--port", type=int, default=0, help="of the API; 0 is any free one")
    parser.add_argument("--results-port", type=int, default=0, help="of the result pictures")
    parser.add_argument(
        "--api-key",
        default=os.environ.get(KEY_VARIABLE),
        help=f"better given as {KEY_VARIABLE}: process lists show arguments",
    )
    parser.add_argument("--clock-epoch", type=float, default=0.0, help="Unix seconds")
    parser.add_argument("--clock-scale", type=float, default=1.0, help="0.01 is 100 times as fast")
    parser.add_argument("--seed", type=int, default=1, help="of ids, durations and pictures")
    parser.add_argument("--scenario", type=Path, help="a JSON file of knobs (see scenario.py)")
    return parser


def _scenario(file: Path | None) -> Scenario:
    if file is None:
        return Scenario()
    try:
        return Scenario.model_validate_json(file.read_bytes())
    except ValidationError as error:
        sys.exit(f"{file}: {in_words(error)}")


if __name__ == "__main__":
    main()
