"""What CIFAR-10 and the CIFAR-100 subset share: where their files are looked for, and how they are read."""

import os
import tarfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8
from platformdirs import user_cache_path

from unlearnable.datasets import parquet
from unlearnable.imageset import ImageSet

SPLITS = ("train", "test")
Rows = tuple[UInt8[np.ndarray, "n 3 32 32"], Int64[np.ndarray, " n"]]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set that lies as one Parquet file a split, or as the official binary archive.

    Args:
        name: of the data set, and what its Parquet files begin with.
        title: what a person calls it.
        classes: their names, in the order of the labels.
        archive: the file name of the archive.
        rows: reads a split of the archive: pixels and labels.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    archive: str
    rows: Callable[[Path, str], Rows]

    def find(self, path: Path | str | None, split: str) -> Path | None:
        """Return the file to read, looked for in `path`, or else in UNLEARNABLE_DATA and this user's cache.

        Raises:
            ValueError: unknown split.
        """
        if split not in SPLITS:
            raise ValueError(f"{self.name} has the splits train and test; got {split!r}")
        usual = [Path(os.environ.get("UNLEARNABLE_DATA", "../shared/data")), user_cache_path("unlearnable")]
        for place in usual if path is None else [Path(path)]:
            files = [place / f"{self.name}-{split}.parquet", place / self.archive] if place.is_dir() else [place]
            for file in files:
                if file.is_file():
                    return file
        return None

    def read(self, file: Path, split: str, limit: int | None) -> ImageSet:
        """Return the first images of a file that was found.

        Raises:
            ValueError: the file is not what it should be.
        """
        if file.suffix == ".parquet":
            other = next(each for each in SPLITS if each != split)
            if file.stem.endswith(f"-{other}"):
                raise ValueError(f"{file} is named after the {other} split, and the {split} split was asked for")
            table = parquet.load(path=file, limit=limit)
            pixels, labels = table.pixels, table.labels
            if table.classes != self.classes:
                raise ValueError(
                    f"{file} does not have the {len(self.classes)} classes of {self.title}; "
                    f"it has {', '.join(table.classes)}"
                )
        else:
            try:
                pixels, labels = (part[:limit] for part in self.rows(file, split))
            except (tarfile.TarError, KeyError, ValueError, OSError, EOFError, zlib.error) as error:
                raise ValueError(
                    f"{file} is not the official binary archive of {self.title} ({error}); fetch it again"
                ) from error
        if pixels.shape[1:] != (3, 32, 32):
            raise ValueError(f"{file} does not hold 32x32 colour images; its images are {pixels.shape[1:]}")
        keys = tuple(f"{self.name}/{split}/{row:05d}" for row in range(len(pixels)))
        return ImageSet(pixels=pixels, labels=labels, keys=keys, classes=self.classes, name=f"{self.name}-{split}")

    def nowhere(self, split: str, in_python: str = "path=…") -> FileNotFoundError:
        """Return what to say when there is no file."""
        return FileNotFoundError(
            f"{self.title} ({split}) is not here: set UNLEARNABLE_DATA to a folder with {self.name}-{split}.parquet or "
            f"{self.archive} (in Python: {in_python})"
        )


def contents(file: Path, names: Sequence[str]) -> list[bytes]:
    """Return files of an archive, by their names in any folder.

    Raises:
        KeyError: one is missing.
        tarfile.TarError, OSError, EOFError: the archive is damaged.
    """
    with tarfile.open(file) as archive:
        members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
        found = []
        for name in names:
            content = archive.extractfile(members[name])
            if content is None:
                raise KeyError(name)
            found.append(content.read())
    return found


def images(pixels: UInt8[np.ndarray, "n 3072"]) -> UInt8[np.ndarray, "n 3 32 32"]:
    """Give rows of the archive the shape of images."""
    return np.ascontiguousarray(pixels).reshape(-1, 3, 32, 32)
