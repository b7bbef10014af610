"""Functions that define every published table and figure; results go to `results/`, one JSON per trial."""
