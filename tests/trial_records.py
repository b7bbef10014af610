"""Records as trials write them, for tests of what reads them."""

from typing import Any

Record = dict[str, Any]


def record(
    row: str, countermeasure: str, best: float, *, seed: int = 0, last: float | None = None, **more: Any
) -> Record:
    """One trial on two classes of 50 test images."""
    return {
        "row": row,
        "column": countermeasure,
        "countermeasure": countermeasure,
        "poison": None if row == "clean" else {"method": "error-min", "scope": "class-wise", "epsilon": 8.0},
        "seed": seed,
        "best": best,
        "last": best - 1 if last is None else last,
        "train_acc": 99.0,
        "confusion": [[50, 0], [0, 50]],
        "dataset": "digits",
        "per_class": 10,
        "test_per_class": None,
        "revision": 1,
        "recipe": {"architecture": "fast-small", "epochs": 2, "batch_size": 50},
        "data": {"train": 20, "test": 100, "hash": "x"},
        "hardware": {"processor": "test", "device": "cpu", "threads": 1},
        "versions": {"torch": "2"},
        "wall_seconds": 2.0,
        "flags": [],
        **more,
    }
