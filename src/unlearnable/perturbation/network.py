"""Noise that a small network makes from each image: new images need no search, and no label."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32

from unlearnable._scratch import scratch
from unlearnable._types import Levels, Parameters, Pixels
from unlearnable.budget import parts
from unlearnable.perturbation._stored import Arrays, ImagesT, Stored
from unlearnable.perturbation.additive import add_levels

CACHED = 4
"""How many times smaller than usual the parts are: with products that stay in a processor's cache it is faster."""

GRID = 16
"""Side of what the network sees, and of its patterns."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Network(Stored):
    """x' = clip(x + ⌊ε tanh(Σ_p s_p(x) P_p)⌉, 0, 255), s = softmax(g(x)) by a small classifier g of the image.

    g sees x - 1/2, x in [0, 1], shrunk to 16x16 by means; three times h ← pool(relu(W * h + b)), W of 3x3 with zeros
    around, pool the mean of 2x2; then g = V mean(h) + c over the places. The patterns P are of 16x16, enlarged to the
    image bilinearly, so they are slow changes at any size. Works on images that were not there when it was made; reads
    no key and no label.

    Args:
        first, second, third: W, [1 out in 3 3] float32.
        first_bias, second_bias, third_bias: b, [1 out].
        head: V, [1 p in]; head_bias: c, [1 p].
        patterns: P, [1 p c 16 16].
        epsilon: ε in whole levels.

    Raises:
        ValueError: the weights do not fit together, or ε is out of range.
    """

    kind: ClassVar[str] = "network"
    ANY: ClassVar[tuple[str, ...]] = ("any image",)
    """The index: one network for all images."""

    first: Float32[np.ndarray, "1 _ _ 3 3"]
    second: Float32[np.ndarray, "1 _ _ 3 3"]
    third: Float32[np.ndarray, "1 _ _ 3 3"]
    first_bias: Float32[np.ndarray, "1 _"]
    second_bias: Float32[np.ndarray, "1 _"]
    third_bias: Float32[np.ndarray, "1 _"]
    head: Float32[np.ndarray, "1 _ _"]
    head_bias: Float32[np.ndarray, "1 _"]
    patterns: Float32[np.ndarray, "1 _ _ _ _"]
    epsilon: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.epsilon <= 127:
            raise ValueError(f"epsilon must be 1..127 whole levels; got {self.epsilon!r}")
        if self.patterns.ndim != 5 or self.patterns.shape[3:] != (GRID, GRID):
            raise ValueError(f"patterns must be [1 p c {GRID} {GRID}]; got {list(self.patterns.shape)}")
        count, channels = self.patterns.shape[1:3]
        widths = (channels, *(len(layer[0]) for layer in (self.first, self.second, self.third)))
        fitting = {
            "first": (widths[1], channels, 3, 3),
            "second": (widths[2], widths[1], 3, 3),
            "third": (widths[3], widths[2], 3, 3),
            "first_bias": (widths[1],),
            "second_bias": (widths[2],),
            "third_bias": (widths[3],),
            "head": (count, widths[3]),
            "head_bias": (count,),
        }
        for name, shape in fitting.items():
            if getattr(self, name).shape != (1, *shape):
                raise ValueError(f"{name} must be {[1, *shape]}; got {list(getattr(self, name).shape)}")

    def __repr__(self) -> str:
        size = sum(array.size for array in self.arrays().values())
        return f"Network({self.method}, {size} weights, ε={self.epsilon}, seed={self.seed}, {self.parameters})"

    def arrays(self) -> Arrays:
        """Return the weights and the patterns."""
        layers = {name: getattr(self, name) for name in ("first", "second", "third")}
        biases = {f"{name}_bias": getattr(self, f"{name}_bias") for name in (*layers, "head")}
        return {**layers, **biases, "head": self.head, "patterns": self.patterns}

    def settings(self) -> Parameters:
        """Return ε."""
        return {"epsilon": self.epsilon}

    def sealed(self) -> Parameters:
        """Return ε: the weights do not hold it."""
        return self.settings()

    @classmethod
    def restored(cls, arrays: Arrays, settings: Parameters, common: dict[str, Any]) -> "Network":
        """Rebuild from weights, patterns and ε."""
        if "fourth" in arrays:
            raise ValueError("a network of an older version, which did not protect; craft it again")
        fields: dict[str, Any] = {**arrays, **settings, **common}
        return cls(**fields)

    def apply(self, data: ImagesT) -> ImagesT:
        """Return `data` with each image's own δ.

        Raises:
            ValueError: the images have another number of channels.
        """
        channels = self.patterns.shape[2]
        if data.pixels.shape[1] != channels:
            raise ValueError(f"this network is for images of {channels} channels, these have {data.pixels.shape[1]}")
        made = scratch(data.pixels.shape, np.uint8)
        for part in self._parts(data.pixels.shape):
            pixels = data.pixels[part]
            made[part] = add_levels(pixels, self._levels(pixels))
        return data.with_pixels(made)

    def _parts(self, shape: tuple[int, ...]) -> Iterator[slice]:
        """Cut images by the values of the largest product: the windows of its widest layer, or the images' own."""
        windows = max(
            9 * layer.shape[2] * (GRID >> depth) ** 2
            for depth, layer in enumerate((self.first, self.second, self.third))
        )
        return parts((shape[0], max(windows, int(np.prod(shape[1:])))), CACHED)

    def _levels(self, pixels: Pixels) -> Levels:
        height, width = pixels.shape[2:]
        mixed = np.tensordot(self.shares(pixels), self.patterns[0], 1)
        wide = mixed @ enlarging(width).T
        levels = enlarging(height) @ wide
        np.tanh(levels, out=levels)
        levels *= self.epsilon
        return np.rint(levels, out=levels).astype(np.int8)

    def shares(self, pixels: Pixels) -> Float32[np.ndarray, "n p"]:
        """Return s of each image: how much it has of each pattern; a row sums to 1."""
        down, across = (shrinking(side) for side in pixels.shape[2:])
        seen = (down @ pixels.astype(np.float32) @ across.T / 255 - 0.5).transpose(0, 2, 3, 1)
        for name in ("first", "second", "third"):
            seen = _pooled(np.maximum(_convolved(seen, getattr(self, name)[0]) + getattr(self, f"{name}_bias")[0], 0))
        logits = seen.mean((1, 2)) @ self.head[0].T + self.head_bias[0]
        raised = np.exp(logits - logits.max(1, keepdims=True))
        return raised / raised.sum(1, keepdims=True)


def shrinking(side: int) -> Float32[np.ndarray, "16 side"]:
    """Return the means of GRID nearly equal stretches of `side` places, as adaptive pooling takes them."""
    made = np.zeros((GRID, side), np.float32)
    for row in range(GRID):
        first, last = row * side // GRID, -(-(row + 1) * side // GRID)
        made[row, first:last] = 1 / (last - first)
    return made


def enlarging(side: int) -> Float32[np.ndarray, "side 16"]:
    """Return the weights that make `side` places of GRID by linear interpolation between their middles."""
    places = np.clip((np.arange(side) + 0.5) * (GRID / side) - 0.5, 0, GRID - 1)
    before = np.minimum(places.astype(np.int64), GRID - 2)
    made = np.zeros((side, GRID), np.float32)
    made[np.arange(side), before] = 1 - (places - before)
    made[np.arange(side), before + 1] = places - before
    return made


def _convolved(images: Float32[np.ndarray, "n h w c"], weights: Float32[np.ndarray, "d c s s"]) -> np.ndarray:
    """Convolve channels-last images in one product; there a row of each window is one piece of memory."""
    count, height, width, channels = images.shape
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    each, down, across, one = padded.strides
    windows = np.lib.stride_tricks.as_strided(
        padded, (count, height, width, 3, 3 * channels), (each, down, across, down, one), writeable=False
    )
    product = windows.reshape(-1, 9 * channels) @ weights.transpose(2, 3, 1, 0).reshape(9 * channels, -1)
    return product.reshape(count, height, width, -1)


def _pooled(images: Float32[np.ndarray, "n h w c"]) -> np.ndarray:
    count, height, width, channels = images.shape
    return images.reshape(count, height // 2, 2, width // 2, 2, channels).mean((2, 4))
