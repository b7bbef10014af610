"""The bundled pack: how it was built, and how well it works on categories it never saw.

    OMP_NUM_THREADS=1 python -m experiments.packs build --pack photos-64
    OMP_NUM_THREADS=1 python -m experiments.packs build --pack photos-64-colour
    OMP_NUM_THREADS=2 python -m experiments.packs evaluate --data faces-celeb24-color --seeds 0 1

`build` searches 64 slots on the photos of photos-caltech20 (CC BY 4.0), whose labels it does not read, and writes
the pack into the package. `evaluate` protects every full-resolution training photo as `protect` does, treats the
published file as a scraper would, and trains the `photos` recipe from scratch; it writes
results/packs/<data>/<noise>-<treatment>-<seed>.json, one per trial, and skips what is there. Needs UNLEARNABLE_DATA.
"""

import argparse
import io
import os
from dataclasses import asdict, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from experiments._record import RESULTS, curve, once, say
from unlearnable._runtime import Runtime
from unlearnable._types import Progress
from unlearnable.datasets.parquet import encoded_images
from unlearnable.imageset import ImageSet
from unlearnable.media import pattern
from unlearnable.packs import load_pack, save_pack
from unlearnable.poisons._base import Poison
from unlearnable.poisons._slots import load_photos
from unlearnable.poisons.colour_slots import ColourSlotNoise
from unlearnable.poisons.slots import SlotNoise
from unlearnable.training import fit, recipe

DATA = Path(os.environ.get("UNLEARNABLE_DATA", RESULTS.parents[1] / "shared" / "data"))
PHOTOS = "photos-caltech20"
PACKS = Path(str(files("unlearnable.packs"))) / "data"
BUILDS: dict[str, Poison] = {"photos-64": SlotNoise(), "photos-64-colour": ColourSlotNoise()}
SIZE = 72
TREATMENTS = ("plain", "grey", "jpeg75", "half-jpeg75", "jpeg10")
NOISES = ("clean", "uniform", "smooth", *BUILDS, "photos-64-12-slots")
EPSILON = 8


def build(name: str, output: Path | None = None, runtime: Runtime | None = None) -> None:
    """Search a bundled pack and write it."""
    photos = load_photos(DATA / f"{PHOTOS}.parquet")
    noise = BUILDS[name].craft(photos, runtime or Runtime.auto(), _print)
    source = "photos-caltech20: 1,865 photos of Caltech-101 (Li, Andreeto, Ranzato, Perona 2022, CaltechDATA)"
    save_pack(output or PACKS / f"{name}.safetensors", noise, source=source, licence="CC BY 4.0")


def trial(data: str, noise: str, treatment: str, seed: int, epochs: int, runtime: Runtime) -> dict[str, Any]:
    """Protect, treat, train, test; seed draws the slots, the controls and the training, not the split."""
    train, test, labels, rows, classes = _photos(data)
    bank, slots = _noise(noise, len(classes), seed)
    published = [_protected(photo, bank, slots[label]) for photo, label in zip(train, labels[rows[0]], strict=True)]
    error = np.mean([np.square(a.astype(float) - b).mean() for a, b in zip(published, train, strict=True)])
    treated = [_treated(photo, treatment) for photo in published]
    # the exploiter who drops colour also tests in grey, which is the stronger choice
    kept = [_treated(photo, treatment if treatment == "grey" else "plain") for photo in test]
    chosen = replace(recipe("photos"), epochs=epochs)
    history = fit(
        _image_set(treated, labels[rows[0]], classes, "train"),
        test=_image_set(kept, labels[rows[1]], classes, "test"),
        recipe=chosen,
        runtime=runtime,
        seed=seed,
        progress=say,
    )
    return {
        "experiment": "packs",
        "data": {"name": data, "train": len(train), "test": len(test), "classes": len(classes)},
        "noise": noise,
        "pack_checksum": _checksum(noise),
        "treatment": treatment,
        "seed": seed,
        "psnr": None if error == 0 else round(float(10 * np.log10(255**2 / error)), 2),
        "chance": round(100 / len(classes), 2),
        "recipe": asdict(chosen),
        **curve(history),
    }


def _photos(name: str) -> tuple[list[Any], list[Any], Any, tuple[Any, Any], tuple[str, ...]]:
    """Decode every photo at its own size; a fifth of each class is for the test."""
    table = pq.read_table(DATA / f"{name}.parquet", columns=["image", "label"])
    photos = [np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in encoded_images(table, "image")]
    labels = np.asarray(table.column("label").to_pylist(), dtype=np.int64)
    generator = np.random.default_rng([0, 0x9AC4])
    groups = [generator.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    test = np.sort(np.concatenate([group[: round(0.2 * len(group))] for group in groups]))
    train = np.setdiff1d(np.arange(len(labels)), test)
    classes = tuple(f"category-{label:02d}" for label in range(labels.max() + 1))
    return [photos[row] for row in train], [photos[row] for row in test], labels, (train, test), classes


def _noise(name: str, classes: int, seed: int) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the bank and each category's slot; `pack-12-slots` makes categories share, to see what it costs."""
    generator = np.random.default_rng([seed, 0x5107])
    slots = generator.permutation(64)[:classes]
    if name == "clean":
        return None, slots
    if name == "uniform":
        return generator.integers(-EPSILON, EPSILON + 1, (64, 3, 64, 64)).astype(np.int8), slots
    if name == "smooth":
        return _smooth(generator), slots
    bank = load_pack(name.removesuffix("-12-slots")).noise.bank
    return bank, slots[np.arange(classes) % 12] if name.endswith("-12-slots") else slots


def _checksum(noise: str) -> str | None:
    name = noise.removesuffix("-12-slots")
    return load_pack(name).noise.checksum() if name in BUILDS else None


def _smooth(generator: np.random.Generator, cycles: float = 4.0) -> np.ndarray:
    """Gaussian colour noise with a Gaussian spectrum of `cycles` per frame, clipped at one standard deviation."""
    waves = np.fft.fftfreq(64) * 64
    keep = np.exp(-(waves[:, None] ** 2 + waves**2) / (2 * cycles**2))
    noise = np.fft.ifft2(np.fft.fft2(generator.standard_normal((64, 3, 64, 64))) * keep).real
    noise /= noise.std((2, 3), keepdims=True)
    return np.rint(EPSILON * np.clip(noise, -1, 1)).astype(np.int8)


def _protected(photo: np.ndarray, bank: np.ndarray | None, slot: int) -> np.ndarray:
    if bank is None:
        return photo
    height, width = photo.shape[:2]
    return pattern.add(photo, pattern.fit(bank[slot], (width, height), "RGB", grey=False))


def _treated(photo: np.ndarray, treatment: str) -> np.ndarray:
    image = Image.fromarray(photo)
    if treatment == "grey":
        return np.asarray(image.convert("L").convert("RGB"))
    if treatment == "half-jpeg75":
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC)
    if "jpeg" in treatment:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(treatment[-2:]), subsampling="4:2:0")
        image = Image.open(file)
    return np.asarray(image)


def _image_set(photos: list[np.ndarray], labels: np.ndarray, classes: tuple[str, ...], name: str) -> ImageSet:
    small = [Image.fromarray(photo).resize((SIZE, SIZE), Image.Resampling.BICUBIC) for photo in photos]
    pixels = np.stack([np.asarray(image).transpose(2, 0, 1) for image in small])
    keys = tuple(f"{name}/{row}" for row in range(len(pixels)))
    return ImageSet(pixels=pixels, labels=labels, keys=keys, classes=classes, name=name)


def _print(progress: Progress) -> None:
    if progress.done % 20 == 0:
        print(f"{progress.done} of {progress.total}: {progress.note}", flush=True)


def main() -> None:
    """Build the pack, or run the trials that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("build", "evaluate"))
    parser.add_argument("--pack", choices=BUILDS, default="photos-64")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--data", default="faces-celeb24-color")
    parser.add_argument("--noise", nargs="+", choices=NOISES, default=["photos-64"])
    parser.add_argument("--treatments", nargs="+", choices=TREATMENTS, default=list(TREATMENTS))
    parser.add_argument("--epochs", type=int, default=recipe("photos").epochs)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    if options.what == "build":
        build(options.pack, options.output)
        return
    runtime = Runtime.auto()
    for seed in options.seeds:
        for noise in options.noise:
            for treatment in options.treatments:
                chosen = (options.data, noise, treatment, seed, options.epochs, runtime)
                name = f"packs/{options.data}/{noise}-{treatment}-{seed}"
                record = once(name, lambda chosen=chosen: trial(*chosen), runtime)
                print(f"{name}: {record['last']} % (best {record['best']} %), PSNR {record['psnr']}", flush=True)


if __name__ == "__main__":
    main()
