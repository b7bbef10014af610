"""Error-minimizing noise on CIFAR-10 against fresh networks, beside clean images and the paper's controls.

    OMP_NUM_THREADS=2 python -m experiments.error_min --protocol short --noises clean class-wise --seeds 0 1

One JSON per trial in results/error_min/<protocol>/<noise>-seed-<n>.json; trials that have one are skipped, so a
stopped run goes on where it was. Needs UNLEARNABLE_DATA. Protocols differ in images, exploiter and epochs only; the
exploiter sees the stored, rounded, protected images and is tested on the 10,000 clean test images after every epoch.
The crafting seed is n, the exploiter's is n + 100.
"""

import argparse
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from experiments._record import curve, once, say
from experiments.suites import EVERY_FREQUENCY
from unlearnable._runtime import Runtime
from unlearnable.datasets import load
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AnyPoison
from unlearnable.poisons.error_max import ErrorMax
from unlearnable.poisons.error_min import ErrorMin
from unlearnable.poisons.random import RandomNoise
from unlearnable.training import Recipe, fit, recipe


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How many images are protected and who trains on them."""

    images: int
    exploiter: Recipe


def exploiter(architecture: str, epochs: int, batch_size: int) -> Recipe:
    """Return the `fast` recipe with another network, length and batch; the learning rate follows the batch."""
    base = recipe("fast")
    rate = base.learning_rate * batch_size / base.batch_size
    return replace(base, architecture=architecture, epochs=epochs, batch_size=batch_size, learning_rate=rate)


PROTOCOLS = {
    "short": Protocol(images=10_000, exploiter=exploiter("fast-small", 6, 500)),
    "full": Protocol(images=50_000, exploiter=exploiter("fast-small", 3, 500)),
    "fast": Protocol(images=10_000, exploiter=exploiter("fast", 6, 500)),
    "resnet18": Protocol(
        images=5_000,
        exploiter=replace(recipe("reference"), epochs=4, batch_size=128, weight_decay=5e-4),
    ),
}

PROTOCOLS["other"] = Protocol(
    images=5_000, exploiter=replace(PROTOCOLS["resnet18"].exploiter, architecture="vgg-small", epochs=8)
)
"""An architecture that is neither a surrogate nor whitened, cheap enough to be asked always."""

PROTOCOLS["resnet18-long"] = replace(
    PROTOCOLS["resnet18"], exploiter=replace(PROTOCOLS["resnet18"].exploiter, epochs=8)
)
PROTOCOLS["full-other"] = Protocol(images=50_000, exploiter=replace(PROTOCOLS["other"].exploiter, epochs=3))

NOISES: dict[str, AnyPoison | None] = {
    "clean": None,
    "class-wise": ErrorMin(luma=None),
    "class-wise-any-frequency": ErrorMin(cycles=EVERY_FREQUENCY, luma=None),
    "sample-wise": ErrorMin(scope="sample-wise", cycles=EVERY_FREQUENCY, luma=None),
    "sample-wise-one-network": ErrorMin(
        scope="sample-wise", surrogates=("fast-small",), rounds=2, cycles=EVERY_FREQUENCY, luma=None
    ),
    "random-class-wise": RandomNoise(),
    "random-sample-wise": RandomNoise(scope="sample-wise"),
    "error-max-class-wise": ErrorMax(),
    "error-max-sample-wise": ErrorMax(scope="sample-wise"),
}


def trial(protocol: str, noise: str, seed: int, train: ImageSet, test: ImageSet, runtime: Runtime) -> dict[str, Any]:
    """Craft the noise on a fixed random part of the training images and train the exploiter on the result."""
    settings = PROTOCOLS[protocol]
    chosen = np.sort(np.random.default_rng(0).permutation(len(train))[: settings.images])
    data = train.subset(chosen)
    poison = NOISES[noise]
    crafting: dict[str, Any] = {}
    protected = data
    if poison is not None:
        notes: list[str] = []
        wall, used = time.perf_counter(), time.process_time()
        made = replace(poison, seed=seed).craft(data, runtime, lambda progress: notes.append(progress.note))
        crafting = {
            "seconds": round(time.perf_counter() - wall, 1),
            "cpu_seconds": round(time.process_time() - used, 1),
            "ended_with": notes[-1],
        }
        protected = made.apply(data)
    used = time.process_time()
    history = fit(protected, test=test, recipe=settings.exploiter, runtime=runtime, seed=seed + 100, progress=say)
    return {
        "experiment": "error_min",
        "protocol": protocol,
        "noise": noise,
        "seed": seed,
        "data": {"name": data.name, "images": len(data), "hash": data.content_hash(), "test": len(test)},
        "poison": None if poison is None else {"method": poison.method, **poison.parameters()},
        "crafting": crafting,
        "recipe": asdict(settings.exploiter),
        **curve(history),
        "cpu_seconds": round(time.process_time() - used, 1),
    }


def main() -> None:
    """Run the trials that have no result yet, noises inside seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", choices=PROTOCOLS, default="short")
    parser.add_argument("--noises", nargs="+", choices=NOISES, default=list(NOISES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    chosen = parser.parse_args()
    runtime = Runtime.auto()
    train, test = load("cifar10"), load("cifar10", split="test")
    for seed in chosen.seeds:
        for noise in chosen.noises:
            print(f"{chosen.protocol} {noise} seed {seed}", flush=True)
            name = f"error_min/{chosen.protocol}/{noise}-seed-{seed}"
            values = (chosen.protocol, noise, seed, train, test, runtime)
            poison = NOISES[noise]
            asked = poison and {"revision": poison.revision, **poison.parameters()}
            record = once(name, lambda values=values: trial(*values), runtime, asked)
            print(f"  last {record['last']} best {record['best']} crafting {record['crafting']}", flush=True)


if __name__ == "__main__":
    main()
