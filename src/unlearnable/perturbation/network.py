"""A perturbation that a small network makes from each image: new images need no search."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float32, Int

from unlearnable._scratch import scratch
from unlearnable._types import Levels, Parameters, Pixels
from unlearnable.budget import parts
from unlearnable.perturbation._stored import Arrays, ImagesT, Keyed, Stored
from unlearnable.perturbation.additive import add_levels

Weights = Float32[np.ndarray, "k _ _ 3 3"]

CACHED = 4
"""How many times smaller than usual the parts are: with products that stay in a processor's cache it is faster."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Network(Stored):
    """x' = clip(x + ⌊ε tanh(G(x))⌉, 0, 255), G a small network of 3x3 convolutions at full and at half size.

    h = relu(W_1 * x), l = relu(W_2 * pool(h)), m = relu(W_3 * [h, up(l)]), G = W_4 * m; x in [-1/2, 1/2], edges
    repeated, pool the mean of 2x2, up its repetition. Works on any size and on images that were not there when it was
    made; it reads no key. Class-wise, each class has a network of its own; sample-wise, one is for all images and no
    label is read.

    Args:
        first, second, third, fourth: W_1 to W_4, [k out in 3 3] float32, a row for each class or one for all.
        epsilon: ε in whole levels.

    Raises:
        ValueError: the weights do not fit together, or ε is out of range.
    """

    kind: ClassVar[str] = "network"
    ANY: ClassVar[tuple[str, ...]] = ("any image",)
    """The index of a network whose one row is for all images."""

    first: Weights
    second: Weights
    third: Weights
    fourth: Weights
    epsilon: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.epsilon <= 127:
            raise ValueError(f"epsilon must be 1..127 whole levels; got {self.epsilon!r}")
        hidden, low = self.first.shape[1], self.second.shape[1]
        inputs = {"second": hidden, "third": hidden + low, "fourth": self.third.shape[1]}
        for name, count in inputs.items():
            if getattr(self, name).shape[2] != count:
                raise ValueError(f"{name} must take {count} channels; got {getattr(self, name).shape[2]}")
        if self.fourth.shape[1] != self.first.shape[2]:
            raise ValueError("the network must give as many channels as it takes")

    def __repr__(self) -> str:
        size = sum(array.size for array in self.arrays().values())
        return f"Network({self.method}, {size} weights, ε={self.epsilon}, seed={self.seed}, {self.parameters})"

    def arrays(self) -> Arrays:
        """Return the weights."""
        return {"first": self.first, "second": self.second, "third": self.third, "fourth": self.fourth}

    def settings(self) -> Parameters:
        """Return ε."""
        return {"epsilon": self.epsilon}

    def sealed(self) -> Parameters:
        """Return ε: the weights do not hold it."""
        return self.settings()

    def where(self, data: Keyed) -> Int[np.ndarray, " n"]:
        """Find the row of each image.

        Raises:
            KeyError: a class has none.
        """
        return np.zeros(len(data.labels), dtype=np.int64) if self.index == self.ANY else super().where(data)

    def apply(self, data: ImagesT) -> ImagesT:
        """Return `data` with each image's own δ.

        Raises:
            ValueError: the images have another number of channels.
            KeyError: a class has no network.
        """
        if data.pixels.shape[1] != self.first.shape[2]:
            raise ValueError(
                f"this network is for images of {self.first.shape[2]} channels, these have {data.pixels.shape[1]}"
            )
        member = self.where(data)
        made = scratch(data.pixels.shape, np.uint8)
        for row in np.unique(member).tolist():
            places = np.flatnonzero(member == row)
            for part in self._parts(len(places), data.pixels.shape):
                pixels = data.pixels[places[part]]
                made[places[part]] = add_levels(pixels, self._levels(pixels, row))
        return data.with_pixels(made)

    def _parts(self, count: int, shape: tuple[int, ...]) -> Iterator[slice]:
        """Cut images by the values of the largest product: the windows of all channels of its widest layer."""
        widest = max(array[0, 0].size for array in self.arrays().values())
        return parts((count, widest, *shape[2:]), CACHED)

    def _levels(self, pixels: Pixels, row: int) -> Levels:
        images = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)).astype(np.float32) / 255 - 0.5
        full = np.maximum(_convolved(images, self.first[row]), 0)
        low = np.maximum(_convolved(_pooled(full), self.second[row]), 0)
        joined = np.concatenate([full, _repeated(low, full.shape[1:3])], axis=3)
        last = _convolved(np.maximum(_convolved(joined, self.third[row]), 0), self.fourth[row])
        return np.rint(self.epsilon * np.tanh(last)).astype(np.int8).transpose(0, 3, 1, 2)


def _convolved(images: Float32[np.ndarray, "n h w c"], weights: Float32[np.ndarray, "d c s s"]) -> np.ndarray:
    """Convolve channels-last images in one product; there a row of each window is one piece of memory."""
    count, height, width, channels = images.shape
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    each, down, across, one = padded.strides
    windows = np.lib.stride_tricks.as_strided(
        padded, (count, height, width, 3, 3 * channels), (each, down, across, down, one), writeable=False
    )
    product = windows.reshape(-1, 9 * channels) @ weights.transpose(2, 3, 1, 0).reshape(9 * channels, -1)
    return product.reshape(count, height, width, -1)


def _pooled(images: Float32[np.ndarray, "n h w c"]) -> np.ndarray:
    count, height, width, channels = images.shape
    even = np.pad(images, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return even.reshape(count, even.shape[1] // 2, 2, even.shape[2] // 2, 2, channels).mean((2, 4))


def _repeated(images: Float32[np.ndarray, "n h w c"], shape: tuple[int, ...]) -> np.ndarray:
    return images.repeat(2, axis=1).repeat(2, axis=2)[:, : shape[0], : shape[1]]
