"""The static gates of `make check` that look at what AWS is given: see docs/gates.md."""
