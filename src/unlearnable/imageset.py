"""Labelled images as they are stored: 8-bit pixels, one shape, a key for each image."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int

from unlearnable._types import Labels, Pixels


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageSet:
    """A labelled set of images of one shape.

    Args:
        pixels: [n c h w] uint8, c is 1 (grey) or 3 (RGB).
        labels: [n] int64, positions in `classes`.
        keys: what identifies each image, unique; perturbations are aligned by it.
        classes: the category names.
        name: where it comes from, for reports.

    Raises:
        ValueError: shapes, types, labels or keys do not fit together.
    """

    pixels: Pixels
    labels: Labels
    keys: tuple[str, ...]
    classes: tuple[str, ...]
    name: str = "images"

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 4 or self.pixels.shape[1] not in (1, 3):
            raise ValueError(
                f"pixels must be uint8 [n c h w] with 1 or 3 channels, as stored on disk; "
                f"got {self.pixels.dtype} {list(self.pixels.shape)}"
            )
        if self.labels.dtype != np.int64 or self.labels.shape != (len(self.pixels),):
            raise ValueError(
                f"labels must be int64 [{len(self.pixels)}], one per image; "
                f"got {self.labels.dtype} {list(self.labels.shape)}"
            )
        if len(self.keys) != len(self.pixels):
            raise ValueError(f"{len(self.pixels)} images need as many keys; got {len(self.keys)}")
        if len(set(self.keys)) != len(self.keys):
            twice = Counter(self.keys).most_common(1)[0][0]
            raise ValueError(f"keys must be unique; {twice!r} is there more than once")
        if len(self.labels) and not (self.labels.min() >= 0 and self.labels.max() < len(self.classes)):
            raise ValueError(
                f"labels must be 0..{len(self.classes) - 1} for {len(self.classes)} classes; "
                f"got {self.labels.min()}..{self.labels.max()}"
            )

    def __len__(self) -> int:
        return len(self.pixels)

    def __repr__(self) -> str:
        count, channels, height, width = self.pixels.shape
        return f"ImageSet({self.name}: {count} images {channels}x{height}x{width}, {len(self.classes)} classes)"

    @property
    def counts(self) -> Int[np.ndarray, " k"]:
        """How many images each class has."""
        return np.bincount(self.labels, minlength=len(self.classes))

    def with_pixels(self, pixels: Pixels, name: str | None = None) -> "ImageSet":
        """Return the same images with other pixels (a protected or sanitised version)."""
        return replace(self, pixels=pixels, name=self.name if name is None else name)

    def subset(
        self, rows: Sequence[int] | Int[np.ndarray, " r"] | Bool[np.ndarray, " n"], name: str | None = None
    ) -> "ImageSet":
        """Return some of the images, by position or mask; keys and class names stay."""
        chosen = np.arange(len(self))[np.asarray(rows)] if len(rows) else np.zeros(0, dtype=np.int64)
        return replace(
            self,
            pixels=self.pixels[chosen],
            labels=self.labels[chosen],
            keys=tuple(self.keys[row] for row in chosen),
            name=self.name if name is None else name,
        )

    def by_keys(self, keys: Sequence[str]) -> "ImageSet":
        """Return the images with these keys, in this order.

        Raises:
            KeyError: a key is not here.
        """
        place = {key: row for row, key in enumerate(self.keys)}
        missing = [key for key in keys if key not in place]
        if missing:
            raise KeyError(f"{self.name} has no image {missing[0]!r} ({len(missing)} of {len(keys)} are missing)")
        return self.subset([place[key] for key in keys])

    def split(self, fraction: float, *, seed: int = 0) -> "tuple[ImageSet, ImageSet]":
        """Split within every class: the first part gets `fraction` of each, rounded, at least one image a side.

        Raises:
            ValueError: the fraction is not between 0 and 1, or a class has a single image.
        """
        if not 0 < fraction < 1:
            raise ValueError(f"fraction must be between 0 and 1; got {fraction!r}")
        alone = [self.classes[label] for label in np.flatnonzero(self.counts == 1)]
        if alone:
            raise ValueError(f"category {alone[0]!r} has one image, too few to split; give it more or leave it out")
        generator = np.random.default_rng([seed, 0x5B117])
        first: list[np.ndarray] = []
        second: list[np.ndarray] = []
        for label in np.flatnonzero(self.counts):
            rows = generator.permutation(np.flatnonzero(self.labels == label))
            cut = int(np.clip(round(fraction * len(rows)), 1, len(rows) - 1))
            first.append(rows[:cut])
            second.append(rows[cut:])
        return self.subset(np.sort(np.concatenate(first))), self.subset(np.sort(np.concatenate(second)))

    def mix(self, other: "ImageSet", keys: Sequence[str]) -> "ImageSet":
        """Return these images with those named by `keys` taken from `other` (partial protection)."""
        replacement = other.by_keys(keys)
        place = {key: row for row, key in enumerate(self.keys)}
        pixels = self.pixels.copy()
        pixels[[place[key] for key in keys]] = replacement.pixels
        return self.with_pixels(pixels)

    def content_hash(self) -> str:
        """Digest of pixels, labels, keys and class names; independent of the order of the images."""
        images = sorted(zip(self.keys, self.labels.tolist(), range(len(self)), strict=True), key=lambda image: image[0])
        digest = hashlib.blake2b(digest_size=16)
        digest.update(repr((self.pixels.shape[1:], self.classes)).encode())
        for key, label, row in images:
            digest.update(repr((key, label)).encode())
            digest.update(np.ascontiguousarray(self.pixels[row]).tobytes())
        return digest.hexdigest()
