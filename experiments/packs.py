"""The bundled packs on categories they never saw, beside clean photos and noise that was not optimised.

    OMP_NUM_THREADS=2 python -m experiments.packs --data faces-celeb24-color --noise photos-64 uniform --seeds 0 1
    OMP_NUM_THREADS=2 python -m experiments.packs --exploiter resnet18 --epochs 12 --treatments plain

Each trial protects every full-resolution training photo as `protect` does, treats the published file as a scraper
would, and trains from scratch: the `photos` recipe, or another architecture. One JSON per trial in
results/packs/<data>/; trials that have one are skipped, so a stopped run goes on where it was. Needs UNLEARNABLE_DATA.
The packs themselves are made by `unlearnable pack build`; docs/packs.md has the commands.
"""

import argparse
import io
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from experiments._record import RESULTS, curve, once, say
from unlearnable import media
from unlearnable._runtime import Runtime
from unlearnable.datasets.parquet import encoded_images
from unlearnable.evaluation.controls import smooth_noise
from unlearnable.imageset import ImageSet
from unlearnable.media import Picture
from unlearnable.models import ARCHITECTURES
from unlearnable.packs import load_pack, noise_of
from unlearnable.training import Recipe, fit, recipe

DATA = Path(os.environ.get("UNLEARNABLE_DATA", RESULTS.parents[1] / "shared" / "data"))
SIZE = 72
TREATMENTS = ("plain", "grey", "half", "jpeg75", "half-jpeg75", "jpeg10", "without-colour")
"""What the scraper does to the files; `without-colour`: the originals were grey before they were protected."""

PACKS = ("photos-64", "photos-64-grey")
NOISES = (
    "clean",
    "uniform",
    "smooth",
    *PACKS,
    *(f"{pack}-{share}" for pack in PACKS for share in ("12-slots", "3-slots")),
)
"""`uniform` and `smooth` are random noise; `12-slots` gives two people a slot and one code, what a collision costs;
`3-slots` gives each of 24 people one of three slots in a symmetry of his own, the most alike that codes can be."""

EPSILON = 8
"""Of the packs and of the random noise, in levels."""


def trial(
    data: str, noise: str, treatment: str, seed: int, epsilon: int, architecture: str, epochs: int, runtime: Runtime
) -> dict[str, Any]:
    """Protect, treat, train, test; seed draws the codes, the controls and the training, not the split."""
    train, test, labels, rows, classes = _photos(data)
    if treatment == "without-colour":
        train, test = ([replace(one, pixels=_treated(one.pixels, "grey")) for one in part] for part in (train, test))
    bank = _noise(noise, len(classes), seed)
    files = [
        published(photo, None if bank is None else bank[label], epsilon)
        for photo, label in zip(train, labels[rows[0]], strict=True)
    ]
    error = np.mean([np.square(a.astype(float) - b.pixels).mean() for a, b in zip(files, train, strict=True)])
    treated = [_treated(photo, treatment) for photo in files]
    # the exploiter who drops colour also tests in grey, which is the stronger choice
    kept = [_treated(photo.pixels, treatment if treatment == "grey" else "plain") for photo in test]
    chosen = _recipe(architecture, epochs)
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
        "epsilon": None if bank is None else epsilon,
        "seed": seed,
        "psnr": None if error == 0 else round(float(10 * np.log10(255**2 / error)), 2),
        "chance": round(100 / len(classes), 2),
        "recipe": asdict(chosen),
        **curve(history),
    }


def _recipe(architecture: str, epochs: int) -> Recipe:
    """Return the `photos` recipe for its own network; for others the paper's optimiser, with the same crops and size.

    The rates of `photos` are those of a whitened network: a ResNet-18 does not learn with them.
    """
    photos = recipe("photos")
    if architecture == photos.architecture:
        return replace(photos, epochs=epochs)
    seen = {name: getattr(photos, name) for name in ("augment", "crop_area", "image_size")}
    return replace(recipe("reference"), architecture=architecture, epochs=epochs, **seen)


def decoded(name: str) -> tuple[list[Picture], np.ndarray]:
    """Decode every photo of a Parquet file at its own size, with its label."""
    table = pq.read_table(DATA / f"{name}.parquet", columns=["image", "label"])
    photos = [media.decode(one) for one in encoded_images(table, "image")]
    return photos, np.asarray(table.column("label").to_pylist(), dtype=np.int64)


def _photos(name: str) -> tuple[list[Picture], list[Picture], Any, tuple[Any, Any], tuple[str, ...]]:
    """Split the photos; a fifth of each class is for the test."""
    photos, labels = decoded(name)
    generator = np.random.default_rng([0, 0x9AC4])
    groups = [generator.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    test = np.sort(np.concatenate([group[: round(0.2 * len(group))] for group in groups]))
    train = np.setdiff1d(np.arange(len(labels)), test)
    classes = tuple(f"category-{label:02d}" for label in range(labels.max() + 1))
    return [photos[row] for row in train], [photos[row] for row in test], labels, (train, test), classes


def _noise(name: str, classes: int, seed: int) -> np.ndarray | None:
    """Return the noise of each category, or None for clean photos."""
    generator = np.random.default_rng([seed, 0x5107])
    if name == "clean":
        return None
    if name == "uniform":
        return generator.integers(-EPSILON, EPSILON + 1, (classes, 3, 64, 64)).astype(np.int8)
    if name == "smooth":
        return smooth_noise(generator, (classes, 3, 64, 64), EPSILON)
    pack = load_pack(_pack(name))
    codes = generator.permutation(pack.slots)[:classes]
    if name.endswith("-12-slots"):
        codes = codes[np.arange(classes) % 12]
    if name.endswith("-3-slots"):
        codes = codes[np.arange(classes) % 3] + pack.slots * (np.arange(classes) // 3)
    return np.stack([noise_of(pack, int(code)) for code in codes])


def _pack(noise: str) -> str:
    return noise.removesuffix("-12-slots").removesuffix("-3-slots")


def _checksum(noise: str) -> str | None:
    return load_pack(_pack(noise)).noise.checksum() if _pack(noise) in PACKS else None


def published(photo: Picture, noise: np.ndarray | None, epsilon: int = EPSILON) -> np.ndarray:
    """Return the pixels of the published file: the noise is added, the file written as `protect` does, and read."""
    if noise is None:
        return photo.pixels
    fitted = media.fit(noise, photo.size, photo.mode, grey=media.is_grey(photo.pixels), scale=epsilon / EPSILON)
    return media.decode(media.encode(replace(photo, pixels=media.add(photo.pixels, fitted)), "keep")[0]).pixels


def _treated(photo: np.ndarray, treatment: str) -> np.ndarray:
    image = Image.fromarray(photo)
    if treatment == "grey":
        return np.asarray(image.convert("L").convert("RGB"))
    if treatment.startswith("half"):
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC)
    if "jpeg" in treatment:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(treatment[-2:]), subsampling="4:2:0")
        image = Image.open(file)
    return np.asarray(image)


def small(photos: list[np.ndarray]) -> np.ndarray:
    """Bring photos to the size they are stored at for training: [n 3 SIZE SIZE]."""
    resized = [Image.fromarray(photo).resize((SIZE, SIZE), Image.Resampling.BICUBIC) for photo in photos]
    return np.stack([np.asarray(image).transpose(2, 0, 1) for image in resized])


def _image_set(photos: list[np.ndarray], labels: np.ndarray, classes: tuple[str, ...], name: str) -> ImageSet:
    keys = tuple(f"{name}/{row}" for row in range(len(photos)))
    return ImageSet(pixels=small(photos), labels=labels, keys=keys, classes=classes, name=name)


def main() -> None:
    """Run the trials that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="faces-celeb24-color")
    parser.add_argument("--noise", nargs="+", choices=NOISES, default=["photos-64"])
    parser.add_argument("--treatments", nargs="+", choices=TREATMENTS, default=list(TREATMENTS))
    parser.add_argument("--epsilon", type=int, default=EPSILON)
    parser.add_argument("--exploiter", choices=list(ARCHITECTURES), default=recipe("photos").architecture)
    parser.add_argument("--epochs", type=int, default=recipe("photos").epochs)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    runtime = Runtime.auto()
    for seed in options.seeds:
        for noise in options.noise:
            for treatment in options.treatments:
                chosen = (
                    options.data,
                    noise,
                    treatment,
                    seed,
                    options.epsilon,
                    options.exploiter,
                    options.epochs,
                    runtime,
                )
                strength = f"{noise}-eps{options.epsilon}" if noise != "clean" else noise
                name = f"packs/{options.data}/{strength}-{treatment}-{options.exploiter}-{seed}"
                asked = {"epochs": options.epochs, "pack": None if noise == "clean" else _checksum(noise)}
                record = once(name, lambda chosen=chosen: trial(*chosen), runtime, asked)
                print(f"{name}: {record['last']} % (best {record['best']} %), PSNR {record['psnr']}", flush=True)


if __name__ == "__main__":
    main()
