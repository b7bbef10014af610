"""Twenty classes of CIFAR-100, one of each superclass, from Parquet or the official binary archive on disk.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
"""

import os
import tarfile
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from unlearnable.datasets import parquet
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
SPLITS = ("train", "test")
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
    if split not in SPLITS:
        raise ValueError(f"cifar100-20c has the splits train and test; got {split!r}")
    for place in _places(path):
        files = [place / f"cifar100-20c-{split}.parquet", place / ARCHIVE] if place.is_dir() else [place]
        for file in files:
            if file.is_file():
                return _from_file(file, split, limit)
    raise FileNotFoundError(
        f"CIFAR-100 ({split}) is not here: give path=… to a folder with cifar100-20c-{split}.parquet or {ARCHIVE}, "
        "or set UNLEARNABLE_DATA to it"
    )


def _places(path: Path | str | None) -> list[Path]:
    if path is not None:
        return [Path(path)]
    return [Path(os.environ.get("UNLEARNABLE_DATA", "../shared/data")), user_cache_path("unlearnable")]


def _from_file(file: Path, split: str, limit: int | None) -> ImageSet:
    if file.suffix == ".parquet":
        table = parquet.load(path=file, limit=limit)
        pixels, labels = table.pixels, table.labels
        if table.classes != CLASSES:
            raise ValueError(f"{file} does not have the twenty classes; it has {', '.join(table.classes)}")
    else:
        pixels, labels = _from_archive(file, split, limit)
    if pixels.shape[1:] != (3, 32, 32):
        raise ValueError(f"{file} does not hold 32x32 colour images; its images are {pixels.shape[1:]}")
    keys = tuple(f"cifar100-20c/{split}/{row:05d}" for row in range(len(pixels)))
    return ImageSet(pixels=pixels, labels=labels, keys=keys, classes=CLASSES, name=f"cifar100-20c-{split}")


def _from_archive(file: Path, split: str, limit: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Read the rows of the twenty classes; a row is its superclass, its class and the pixels."""
    try:
        with tarfile.open(file) as archive:
            members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
            contents = []
            for name in (f"{split}.bin", NAMES):
                content = archive.extractfile(members[name])
                if content is None:
                    raise KeyError(name)
                contents.append(content.read())
        names = contents[1].decode().split()
        rows = np.frombuffer(contents[0], dtype=np.uint8).reshape(-1, _ROW)
        place = np.full(256, -1, dtype=np.int64)
        place[[names.index(name) for name in CLASSES]] = np.arange(len(CLASSES))
    except (tarfile.TarError, KeyError, ValueError, OSError, EOFError) as error:
        raise ValueError(f"{file} is not the official binary archive of CIFAR-100 ({error}); fetch it again") from error
    labels = place[rows[:, 1]]
    kept = np.flatnonzero(labels >= 0)[:limit]
    return np.ascontiguousarray(rows[kept, 2:]).reshape(-1, 3, 32, 32), labels[kept]
