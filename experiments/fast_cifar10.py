"""How well and how fast the `fast` recipe learns all of clean CIFAR-10, beside the paper's recipe's speed.

    OMP_NUM_THREADS=2 python -m experiments.fast_cifar10 --seeds 0 1

Writes results/fast_cifar10/seed-<n>.json. Needs UNLEARNABLE_DATA; about 8 minutes a seed on two cores with bf16.
"""

import argparse
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from experiments._record import curve, once, say
from unlearnable._runtime import Runtime
from unlearnable.datasets import load
from unlearnable.training import fit, recipe

REFERENCE_IMAGES = 1280


def trial(seed: int, runtime: Runtime) -> dict[str, Any]:
    """Train `fast` on all 50,000 images, then time the paper's recipe on a few in the same process."""
    train, test = load("cifar10"), load("cifar10", split="test")
    fast = recipe("fast")
    history = fit(train, test=test, recipe=fast, runtime=runtime, seed=seed, progress=say)
    few = train.subset(np.arange(REFERENCE_IMAGES))
    reference = replace(recipe("reference"), epochs=1)
    timed = fit(few, test=test.subset(np.arange(100)), recipe=reference, runtime=runtime, seed=seed)
    full = len(train) * recipe("reference").epochs
    return {
        "experiment": "fast_cifar10",
        "data": {"name": train.name, "images": len(train), "hash": train.content_hash(), "test": len(test)},
        "seed": seed,
        "recipe": asdict(fast),
        "test_time_augmentation": False,
        **curve(history),
        "reference": {
            "recipe": asdict(recipe("reference")),
            "images_per_second": round(timed.images_per_second, 1),
            "timed_on_images": REFERENCE_IMAGES,
            "full_training_would_take_hours": round(full / timed.images_per_second / 3600, 2),
        },
    }


def main() -> None:
    """Run the seeds that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    runtime = Runtime.auto()
    for seed in parser.parse_args().seeds:
        record = once(f"fast_cifar10/seed-{seed}", lambda seed=seed: trial(seed, runtime), runtime)
        print(f"seed {seed}: {record['last']} % in {record['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
