"""A simulation of the avatar provider: a real HTTP server that tests and the demo run against."""

from local.simulator.running import RunningSimulator, running_simulator

__all__ = ["RunningSimulator", "running_simulator"]
