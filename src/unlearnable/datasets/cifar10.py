"""CIFAR-10, from Parquet or the official binary archive on disk, or downloaded where there is a network.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
"""

import hashlib
import os
import urllib.request
from pathlib import Path
from urllib.error import URLError

import numpy as np
from platformdirs import user_cache_path

from unlearnable.datasets._cifar import Rows, Source, contents, images
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
    file = SOURCE.find(path, split)
    if file is None and not download:
        raise SOURCE.nowhere(split, "path=… or download=True")
    return SOURCE.read(file or _download(), split, limit)


def _rows(file: Path, split: str) -> Rows:
    parts = [np.frombuffer(part, dtype=np.uint8).reshape(-1, _ROW) for part in contents(file, _MEMBERS[split])]
    rows = np.concatenate(parts)
    return images(rows[:, 1:]), rows[:, 0].astype(np.int64)


SOURCE = Source(name="cifar10", title="CIFAR-10", classes=CLASSES, archive=ARCHIVE, rows=_rows)


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
