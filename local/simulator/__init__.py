"""A simulation of the avatar provider: a real HTTP server that tests and the demo run against."""
