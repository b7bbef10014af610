"""CIFAR-10, from Parquet or the official binary archive on disk, or downloaded where there is a network.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
"""

import hashlib
import os
import tarfile
import urllib.request
from pathlib import Path
from urllib.error import URLError

import numpy as np
from platformdirs import user_cache_path

from unlearnable.datasets import parquet
from unlearnable.imageset import ImageSet

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
ARCHIVE = "cifar-10-binary.tar.gz"
_MEMBERS = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}
_ROW = 1 + 3 * 32 * 32


def load(
    *, split: str = "train", path: Path | str | None = None, download: bool = False, limit: int | None = None
) -> ImageSet:
    """Load 50,000 training or 10,000 test images in the official order.

    Looks in `path`, then in the folder UNLEARNABLE_DATA, then in this user's cache, for
    `cifar10-train.parquet`/`cifar10-test.parquet` or the archive `cifar-10-binary.tar.gz`.

    Args:
        split: `train` or `test`.
        path: a folder with those files, or one of the files.
        download: fetch the archive (163 MB) into the cache when it is nowhere, and check its published MD5.
        limit: only the first images.

    Raises:
        FileNotFoundError: the files are nowhere and `download` is off, or the download fails.
        ValueError: unknown split, or the archive is not the published one.
    """
    if split not in _MEMBERS:
        raise ValueError(f"cifar10 has the splits train and test; got {split!r}")
    for place in _places(path):
        files = [place / f"cifar10-{split}.parquet", place / ARCHIVE] if place.is_dir() else [place]
        for file in files:
            if file.is_file():
                return _from_file(file, split, limit)
    if download:
        return _from_file(_download(), split, limit)
    raise FileNotFoundError(
        f"CIFAR-10 ({split}) is not here: give path=… to a folder with cifar10-{split}.parquet or {ARCHIVE}, "
        "set UNLEARNABLE_DATA to it, or pass download=True"
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
            raise ValueError(f"{file} does not have the ten classes of CIFAR-10; it has {', '.join(table.classes)}")
    else:
        pixels, labels = _from_archive(file, split, limit)
    if pixels.shape[1:] != (3, 32, 32):
        raise ValueError(f"{file} does not hold 32x32 colour images; its images are {pixels.shape[1:]}")
    keys = tuple(f"cifar10/{split}/{row:05d}" for row in range(len(pixels)))
    return ImageSet(pixels=pixels, labels=labels, keys=keys, classes=CLASSES, name=f"cifar10-{split}")


def _from_archive(file: Path, split: str, limit: int | None) -> tuple[np.ndarray, np.ndarray]:
    parts: list[np.ndarray] = []
    try:
        with tarfile.open(file) as archive:
            members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
            for name in _MEMBERS[split]:
                content = archive.extractfile(members[name])
                if content is None:
                    raise KeyError(name)
                parts.append(np.frombuffer(content.read(), dtype=np.uint8).reshape(-1, _ROW))
    except (tarfile.TarError, KeyError, ValueError, OSError, EOFError) as error:
        raise ValueError(f"{file} is not the official binary archive of CIFAR-10 ({error}); fetch it again") from error
    rows = np.concatenate(parts)[:limit]
    return np.ascontiguousarray(rows[:, 1:]).reshape(-1, 3, 32, 32), rows[:, 0].astype(np.int64)


def _download() -> Path:
    target = user_cache_path("unlearnable", ensure_exists=True) / ARCHIVE
    temporary = target.with_suffix(f".{os.getpid()}.part")
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with urllib.request.urlopen(URL, timeout=60) as answer, temporary.open("wb") as file:
            while block := answer.read(1 << 20):
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != MD5:
            raise ValueError(f"{URL} is not the published archive (MD5 {digest.hexdigest()}, expected {MD5})")
        temporary.replace(target)
    except (URLError, TimeoutError, ConnectionError) as error:
        raise FileNotFoundError(f"{URL} cannot be fetched ({error}); put the archive at {target} yourself") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target
