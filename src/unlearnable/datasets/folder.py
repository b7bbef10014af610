"""Your own photos: one category per sub-folder, from a CSV, or all of one name."""

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from unlearnable._types import Progress, Report, silent
from unlearnable.datasets.decode import decode, stack
from unlearnable.imageset import ImageSet

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".tif", ".tiff", ".heic", ".heif", ".bmp"}
)


def load(
    *,
    path: Path | str,
    size: int = 64,
    labels: Path | str | None = None,
    category: str | None = None,
    report: Report = silent,
) -> ImageSet:
    """Load a folder of photos, each brought to size x size.

    Args:
        path: the folder; its first-level sub-folders are the categories.
        size: side in pixels; the whole frame is kept (stretched to a square).
        labels: a CSV file with the columns `file_name` (relative to the folder) and `label`, instead of sub-folders.
        category: one name for all photos, instead of sub-folders.
        report: called with how many photos are read.

    Raises:
        FileNotFoundError: no such folder or CSV.
        ValueError: no photos, a photo cannot be decoded, or the CSV does not fit.
    """
    root = Path(path)
    if not root.is_dir():
        raise FileNotFoundError(f"there is no folder at {root}")
    named = list_photos(root, labels=None if labels is None else Path(labels), category=category)
    if not named:
        raise ValueError(f"{root} has no photos ({', '.join(sorted(SUFFIXES))}); check the path")
    return read_photos(root, named, size=size, report=report)


def list_photos(root: Path, *, labels: Path | None = None, category: str | None = None) -> dict[str, str]:
    """Map each photo's key (its path relative to `root`, with /) to its category, sorted by key.

    Photos at the top level belong to a category named after the folder itself. Hidden files are left out. Folders are
    followed through links, each real folder once.

    Raises:
        FileNotFoundError: no such CSV.
        ValueError: a folder cannot be read, the CSV lacks a column or names no photo that is there.
    """
    found = sorted(file.relative_to(root) for file in _files(root) if file.suffix.lower() in SUFFIXES)
    if labels is not None:
        table = read_labels(labels)
        return {file.as_posix(): table[file.as_posix()] for file in found if file.as_posix() in table}
    return {
        file.as_posix(): category or (file.parts[0] if len(file.parts) > 1 else root.resolve().name) for file in found
    }


def read_labels(path: Path) -> dict[str, str]:
    """Read a CSV of `file_name,label` (Hugging Face's `metadata.csv` convention).

    Raises:
        FileNotFoundError: no such file.
        ValueError: a column is missing or a row has no label.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no labels file at {path}")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        header = rows.fieldnames or []
        if "file_name" not in header or "label" not in header:
            raise ValueError(f"{path} needs the columns file_name and label; it has {', '.join(header) or 'none'}")
        table: dict[str, str] = {}
        for row in rows:
            if not row["file_name"] or not row["label"]:
                raise ValueError(f"{path}, line {rows.line_num}: file_name or label is empty")
            table[Path(row["file_name"]).as_posix()] = row["label"]
    return table


def read_photos(
    root: Path, named: dict[str, str], *, size: int, classes: Sequence[str] | None = None, report: Report = silent
) -> ImageSet:
    """Decode the photos `named` maps from key to category.

    Args:
        root: the folder the keys are relative to.
        named: key to category.
        size: side in pixels.
        classes: the category names in their order; by default those of `named`, sorted.
        report: called with how many photos are read.

    Raises:
        ValueError: a photo cannot be decoded; the message names it.
    """
    names = tuple(classes) if classes is not None else tuple(sorted(set(named.values())))
    place = {name: row for row, name in enumerate(names)}
    images = []
    for done, key in enumerate(named, 1):
        try:
            images.append(decode(root / key, size=size))
        except ValueError as error:
            raise ValueError(f"{root / key} is {error}; remove it or leave it out of the folder") from error
        report(Progress(done=done, total=len(named), note="reading"))
    return ImageSet(
        pixels=stack(images, list(named)),
        labels=np.asarray([place[category] for category in named.values()], dtype=np.int64),
        keys=tuple(named),
        classes=names,
        name=root.name or str(root),
    )


def _files(root: Path) -> Iterator[Path]:
    top = root.resolve()
    seen: set[Path] = set()

    def refuse(error: OSError) -> None:
        raise ValueError(f"the folder {error.filename} cannot be read: {error.strerror}") from error

    for folder, below, names in os.walk(root, followlinks=True, onerror=refuse):
        real = Path(folder).resolve()
        comes_anyway = Path(folder).is_symlink() and real.is_relative_to(top) and real != top
        if real in seen or comes_anyway:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield from (path for name in names if not name.startswith(".") and (path := Path(folder, name)).is_file())
