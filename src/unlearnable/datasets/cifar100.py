"""Twenty classes of CIFAR-100, one of each superclass, from Parquet or the official binary archive on disk.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
"""

from pathlib import Path

import numpy as np

from unlearnable.datasets._cifar import Rows, Source, contents, images
from unlearnable.imageset import ImageSet

CLASSES = (
    "beaver",
    "aquarium_fish",
    "orchid",
    "bottle",
    "apple",
    "clock",
    "bed",
    "bee",
    "bear",
    "bridge",
    "cloud",
    "camel",
    "fox",
    "crab",
    "baby",
    "crocodile",
    "hamster",
    "maple_tree",
    "bicycle",
    "lawn_mower",
)
ARCHIVE = "cifar-100-binary.tar.gz"
NAMES = "fine_label_names.txt"
_ROW = 2 + 3 * 32 * 32


def load(*, split: str = "train", path: Path | str | None = None, limit: int | None = None) -> ImageSet:
    """Load 10,000 training or 2,000 test images: of each superclass its first class by name.

    Looks in `path`, then in the folder UNLEARNABLE_DATA, then in this user's cache, for
    `cifar100-20c-train.parquet`/`cifar100-20c-test.parquet` or the archive `cifar-100-binary.tar.gz`.

    Args:
        split: `train` or `test`.
        path: a folder with those files, or one of the files.
        limit: only the first images.

    Raises:
        FileNotFoundError: the files are nowhere.
        ValueError: unknown split, or the file is not what it should be.
    """
    file = SOURCE.find(path, split)
    if file is None:
        raise SOURCE.nowhere(split)
    return SOURCE.read(file, split, limit)


def _rows(file: Path, split: str) -> Rows:
    """Read the rows of the twenty classes; a row is its superclass, its class and the pixels."""
    content, listed = contents(file, (f"{split}.bin", NAMES))
    names = listed.decode().split()
    rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, _ROW)
    place = np.full(256, -1, dtype=np.int64)
    place[[names.index(name) for name in CLASSES]] = np.arange(len(CLASSES))
    labels = place[rows[:, 1]]
    kept = np.flatnonzero(labels >= 0)
    return images(rows[kept, 2:]), labels[kept]


SOURCE = Source(name="cifar100-20c", title="CIFAR-100", classes=CLASSES, archive=ARCHIVE, rows=_rows)
