"""What is measured by `benchmarks.photos`, each in a process of its own."""

SIZE = 512
"""Pixels a side of what everybody makes."""

QUALITY = 92
"""Of the JPEG, in which every pixel has its own colour (4:4:4)."""
