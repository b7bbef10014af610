"""What a fresh network learns first: what photos show, or the noise on them.

    OMP_NUM_THREADS=1 python -m experiments.learning_speed

Training accuracy per epoch of the `photos` recipe on the same photos, labelled three ways: `content` is clean photos
with their own labels; `noise` has random labels and the noise that belongs to them, so the noise is all there is to
learn; `neither` has random labels and no noise, so there is only learning by heart. One JSON per trial in
results/learning_speed/; trials that have one are skipped. Needs UNLEARNABLE_DATA.
"""

import argparse
from dataclasses import asdict
from typing import Any

import numpy as np

from experiments._record import curve, once, say
from experiments.packs import decoded, published, small
from unlearnable._runtime import Runtime
from unlearnable.imageset import ImageSet
from unlearnable.packs import load_pack, noise_of
from unlearnable.training import fit, recipe

DATA = ("faces-celeb24-color", "photos-caltech20")
SIGNALS = ("content", "noise", "neither")


def trial(data: str, signal: str, pack_name: str, seed: int, runtime: Runtime) -> dict[str, Any]:
    """Label the photos by `signal` and train."""
    photos, labels = decoded(data)
    generator = np.random.default_rng([seed, 0x5EED])
    given = labels if signal == "content" else generator.permutation(labels)
    pack = load_pack(pack_name)
    codes = generator.permutation(pack.slots)[: labels.max() + 1]
    noise = [noise_of(pack, int(code)) if signal == "noise" else None for code in codes]
    pixels = small([published(photo, noise[label]) for photo, label in zip(photos, given, strict=True)])
    train = ImageSet(
        pixels=pixels,
        labels=given,
        keys=tuple(str(row) for row in range(len(pixels))),
        classes=tuple(str(label) for label in range(labels.max() + 1)),
    )
    few = train.subset(np.arange(100))
    history = fit(train, test=few, recipe=recipe("photos"), runtime=runtime, seed=seed, progress=say)
    return {
        "experiment": "learning_speed",
        "data": {"name": data, "train": len(train), "classes": len(train.classes)},
        "signal": signal,
        "pack": pack_name if signal == "noise" else None,
        "pack_checksum": pack.noise.checksum() if signal == "noise" else None,
        "seed": seed,
        "recipe": asdict(recipe("photos")),
        **curve(history),
    }


def main() -> None:
    """Run the trials that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--pack", default="photos-64")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    runtime = Runtime.auto()
    for seed in options.seeds:
        for data in options.data:
            for signal in SIGNALS:
                values = (data, signal, options.pack, seed, runtime)
                name = f"{options.pack if signal == 'noise' else signal}-{seed}"
                record = once(f"learning_speed/{data}/{name}", lambda values=values: trial(*values), runtime)
                print(data, name, [epoch["train_acc"] for epoch in record["epochs"]][:10], flush=True)


if __name__ == "__main__":
    main()
