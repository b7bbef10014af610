"""Does a ResNet-18 see sample-wise noise of all frequencies later? The paper's recipe for 40 epochs on 10,000 images.

    OMP_NUM_THREADS=1 python -m experiments.longer

Writes results/longer/resnet18-slim.json: accuracy after each epoch on the first 2,000 test images. Needs
UNLEARNABLE_DATA; 4 minutes of search and 13 of training on a core with bf16. The committed record is of one run, put
together from its log before this program was written.
"""

import json
from dataclasses import asdict, replace

import numpy as np

from experiments._record import RESULTS, say
from experiments.suites import POISONS
from unlearnable._runtime import Runtime, hardware, versions
from unlearnable.datasets import load
from unlearnable.training import fit, recipe

SEED, TESTED = 100, 2000


def main() -> None:
    """Search, train, write."""
    runtime, poison = Runtime.auto(), POISONS["error-min, sample-wise"]
    assert poison is not None
    whole = load("cifar10")
    rows = [np.flatnonzero(whole.labels == label)[:1000] for label in range(len(whole.classes))]
    train = whole.subset(np.sort(np.concatenate(rows)))
    test = load("cifar10", split="test").subset(range(TESTED))
    noise = poison.craft(train, runtime)
    long = replace(recipe("reference"), architecture="resnet18-slim", epochs=40)
    history = fit(noise.apply(train), test=test, recipe=long, runtime=runtime, seed=SEED, progress=say)
    record = {
        "experiment": "longer",
        "poison": {"method": poison.method, **poison.parameters()},
        "checksum": noise.checksum(),
        "data": {"name": train.name, "images": len(train), "hash": train.content_hash(), "test": len(test)},
        "recipe": asdict(long),
        "seed": SEED,
        "curve": [
            {"epoch": each.epoch, "train_acc": round(each.train_acc, 1), "test_acc": round(each.test_acc, 1)}
            for each in history.epochs
        ],
        "hardware": hardware(runtime.device),
        "versions": versions(),
    }
    path = RESULTS / "longer" / "resnet18-slim.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
