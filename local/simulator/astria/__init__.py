"""A simulation of Astria, as its public documentation (docs.astria.ai) and its users show it."""
