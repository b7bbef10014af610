"""Data sets that only the paper's experiments need: `load("experiments.paper.data:faces", split="train")`."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from unlearnable.datasets import load
from unlearnable.imageset import ImageSet

SIDE = 72
"""Photos are stored this large, and cropped to 64 pixels in training."""

PROTECTED = tuple(range(0, 24, 3))
HELPERS = tuple(range(2, 24, 3))
"""Of the 24 people: who protects, and on whose photos the noise is made; these are in no training set."""

SHIPS, TEST_SHIPS = 500, 100


def _photos(name: str, split: str) -> ImageSet:
    folder = Path(os.environ.get("UNLEARNABLE_DATA", "../shared/data"))
    whole = load("parquet", path=folder / f"{name}.parquet", size=SIDE)
    if name.startswith("faces"):
        # people are numbers: their names are nobody's business here
        whole = replace(whole, classes=tuple(f"faces-{label:02d}" for label in range(len(whole.classes))))
    train, test = whole.split(0.75, seed=0)
    return {"train": train, "test": test}[split]


def _people(people: ImageSet, chosen: list[int]) -> ImageSet:
    """Keep some people's photos, and their names only."""
    rows = np.flatnonzero(np.isin(people.labels, chosen))
    place = {label: new for new, label in enumerate(chosen)}
    return ImageSet(
        pixels=people.pixels[rows],
        labels=np.asarray([place[label] for label in people.labels[rows].tolist()], dtype=np.int64),
        keys=tuple(people.keys[row] for row in rows),
        classes=tuple(people.classes[label] for label in chosen),
        name=people.name,
    )


def faces(*, split: str = "train") -> ImageSet:
    """Load 16 people: 8 who protect their photos and 8 who do not."""
    return _people(_photos("faces-celeb24-color", split), [label for label in range(24) if label not in HELPERS])


def helpers(*, split: str = "train") -> ImageSet:
    """Load the 8 other people, on whose photos noise is made."""
    return _people(_photos("faces-celeb24-color", split), list(HELPERS))


def people() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of those who protect, and of the helper each of them gets his noise from."""
    names = _photos("faces-celeb24-color", "test").classes
    return tuple(names[label] for label in PROTECTED), tuple(names[label] for label in HELPERS)


def things(*, split: str = "train") -> ImageSet:
    """Load the photos of 20 kinds of things."""
    return _photos("photos-caltech20", split)


def ten_thousand(*, split: str = "train") -> ImageSet:
    """Load the first 1,000 training images of each class of CIFAR-10, or all test images."""
    return _part(split, 0, 1000)


def next_thousand(*, split: str = "train") -> ImageSet:
    """Load the next 1,000 training images of each class of CIFAR-10, or all test images."""
    return _part(split, 1000, 2000)


def last_three_thousand(*, split: str = "train") -> ImageSet:
    """Load the last 3,000 training images of each class of CIFAR-10, or all test images."""
    return _part(split, 2000, 5000)


def _part(split: str, first: int, end: int) -> ImageSet:
    whole = load("cifar10", split=split)
    if split == "test":
        return whole
    rows = [np.flatnonzero(whole.labels == label)[first:end] for label in range(10)]
    return whole.subset(np.sort(np.concatenate(rows)))


def with_ships(*, split: str = "train") -> ImageSet:
    """Load the twenty classes of CIFAR-100, and ships of CIFAR-10 as a class of their own."""
    hundred, ten = load("cifar100-20c", split=split), load("cifar10", split=split)
    ships = np.flatnonzero(ten.labels == ten.classes.index("ship"))[: SHIPS if split == "train" else TEST_SHIPS]
    return ImageSet(
        pixels=np.concatenate([hundred.pixels, ten.pixels[ships]]),
        labels=np.concatenate([hundred.labels, np.full(len(ships), len(hundred.classes), dtype=np.int64)]),
        keys=hundred.keys + tuple(ten.keys[row] for row in ships),
        classes=(*hundred.classes, "ship"),
        name=f"cifar100-20c-and-ships-{split}",
    )
