"""Published files to image sets: what an exploiter gets who downloads them and loads them for training."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, Report, silent
from unlearnable.datasets.decode import decode
from unlearnable.exploiters import countermeasure
from unlearnable.imageset import ImageSet

LOADER_THREADS = 4

LARGEST = 720
"""Pixels of the shorter side at which a countermeasure meets a photo at most, as sites show them."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One photo: its key, category, and the files before and after protection."""

    key: str
    category: str
    clean: Path
    protected: Path


def load_files(
    files: Sequence[Path], *, size: int, sanitise: Sequence[str] = (), report: Report = silent
) -> list[list[UInt8[np.ndarray, "c h w"]]]:
    """Decode files, then bring each to size x size RGB, as it is and after each countermeasure.

    A countermeasure acts on the whole photo; one whose shorter side is above LARGEST is brought to it first. At 12
    megapixels most of what JPEG takes comes back when the photo is made small, so this exploiter is the stronger one.

    Args:
        files: the photos.
        size: side in pixels.
        sanitise: countermeasure names; each is applied before the photo is made small.
        report: progress.

    Returns:
        For each file a list: as published, then one image per name in `sanitise`.

    Raises:
        ValueError: a file cannot be decoded; the message names it.
    """
    hooks = [countermeasure(name) for name in sanitise]
    runtime = Runtime.auto("cpu")

    def one(file: Path) -> list[UInt8[np.ndarray, "c h w"]]:
        try:
            full = decode(file, size=None)
        except ValueError as error:
            raise ValueError(f"{file} is {error}; take it out of both folders, or protect again") from error
        if full.shape[0] == 1:
            full = np.repeat(full, 3, axis=0)
        labels = np.zeros(1, dtype=np.int64)
        large = _at_most(full)
        versions = [full] + [np.asarray(hook.sanitize(large[None], labels, runtime))[0] for hook in hooks]
        return [_resized(version, size) for version in versions]

    images = []
    with ThreadPoolExecutor(LOADER_THREADS) as pool:
        for image in pool.map(one, files):
            images.append(image)
            report(Progress(done=len(images), total=len(files), note="reading photos"))
    return images


def image_set(
    images: Sequence[UInt8[np.ndarray, "c h w"]], pairs: Sequence[Pair], classes: tuple[str, ...], name: str
) -> ImageSet:
    """Label and key loaded images by their pairs."""
    place = {category: row for row, category in enumerate(classes)}
    return ImageSet(
        pixels=np.stack(images),
        labels=np.asarray([place[pair.category] for pair in pairs], dtype=np.int64),
        keys=tuple(pair.key for pair in pairs),
        classes=classes,
        name=name,
    )


def _at_most(pixels: UInt8[np.ndarray, "c h w"]) -> UInt8[np.ndarray, "c s t"]:
    height, width = pixels.shape[1:]
    scale = LARGEST / min(height, width)
    if scale >= 1:
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    small = image.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.ascontiguousarray(np.asarray(small).transpose(2, 0, 1))


def _resized(pixels: UInt8[np.ndarray, "c h w"], size: int) -> UInt8[np.ndarray, "c {size} {size}"]:
    image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
