"""Functions that define every published table; results land in `results/`."""
