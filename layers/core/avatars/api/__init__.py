"""The HTTP API: its routes, what goes in and out, and how it says no."""
