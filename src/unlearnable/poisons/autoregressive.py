"""Autoregressive noise: each value is a fixed combination of its neighbours; no network, no images."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float32

from unlearnable._runtime import Runtime
from unlearnable._scratch import scratch
from unlearnable._types import Norm, Progress, RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison

WINDOW = 3
PART = 4096
"""Tiles filled at once."""

TILE = 32
"""Largest side of a tile in pixels: most processes grow or fade on their way over more."""

BLOCK = 100
"""Processes that are tried side by side."""

ATTEMPTS = 10_000


@dataclass(frozen=True, kw_only=True)
class Autoregressive(AdditivePoison):
    """Noise from an autoregressive process per class and colour (AR).

    v[i, j] = Σ_{(a, b) ≠ (2, 2)} β_{y, c}[a, b] v[i - 2 + a, j - 2 + b], from borders of N(0, 1);
    δ_i = ε √D v / ‖v‖_2, with D the number of values of an image. A 3x3 filter (β, -1) answers its own class's noise
    with exactly zero, and no other's.

    Source: Sandoval-Segura et al., Autoregressive Perturbations for Data Poisoning, NeurIPS 2022 (MIT). Sample-wise;
    ε is the root mean square in levels; the paper's ‖δ‖_2 = 1 on CIFAR-10 with images in [0, 1] is 4.6.
    Differs from the paper: all images are filled at once, pixel after pixel; an image of more than 32 pixels a side is
    laid out in equal tiles of at most 32, each from a border of its own.

    Args:
        border: rows and columns that are filled first and cut off.
        largest: β is drawn anew when a process's noise exceeds this norm (it blows up).
        least: β is drawn anew when the filter of a class before it answers its noise with less than this (they are too
            alike).

    Raises:
        ValueError: a setting is out of range, or no coefficients pass.
    """

    method: ClassVar[str] = "autoregressive"
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    least_categories: ClassVar[int] = 1
    norm: ClassVar[Norm] = "l2"
    needs: ClassVar[tuple[str, ...]] = ("labels",)
    citation: ClassVar[str] = """@inproceedings{sandovalsegura2022autoregressive,
  title = {Autoregressive Perturbations for Data Poisoning},
  author = {Sandoval-Segura, Pedro and Singla, Vasu and Geiping, Jonas and Goldblum, Micah and Goldstein, Tom and
    Jacobs, David W.},
  booktitle = {NeurIPS},
  year = {2022}
}"""

    scope: Scope = "sample-wise"
    epsilon: float = 4.6
    border: int = 4
    largest: float = 50.0
    least: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.border < WINDOW - 1:
            raise ValueError(f"border must be at least {WINDOW - 1} pixels; got {self.border!r}")
        if not 0 <= self.least < self.largest:
            raise ValueError(f"least must be from 0 up to largest; got {self.least!r} and {self.largest!r}")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Draw the processes, then fill all images pixel after pixel (levels)."""
        generator = np.random.default_rng([self.seed, 0xA2])
        channels, height, width = data.pixels.shape[1:]
        processes = self._processes(len(data.classes), channels, generator)
        levels = scratch(data.pixels.shape, np.float16)
        down, across = -(-height // TILE), -(-width // TILE)
        high, wide = -(-height // down), -(-width // across)
        step = max(1, PART // (down * across))
        for start in range(0, len(data), step):
            labels = data.labels[start : start + step].repeat(down * across)
            shape = (high + self.border, wide + self.border, len(labels) * channels)
            coefficients = processes[labels].reshape(len(labels) * channels, -1).T.copy()
            values = filled(generator.standard_normal(shape, dtype=np.float32), coefficients)
            values = values[self.border :, self.border :].reshape(high, wide, len(labels), channels)
            tiles = np.moveaxis(values, (2, 3), (0, 1))
            size = np.sqrt(np.square(tiles).mean(axis=(1, 2, 3), keepdims=True))
            tiles = tiles * (self.epsilon / np.maximum(size, 1e-12))
            grid = tiles.reshape(-1, down, across, channels, high, wide).transpose(0, 3, 1, 4, 2, 5)
            whole = grid.reshape(-1, channels, down * high, across * wide)
            levels[start : start + step] = whole[:, :, :height, :width]
            report(Progress(done=min(start + step, len(data)), total=len(data), note="autoregressive noise"))
        return levels

    def _processes(self, classes: int, channels: int, generator: np.random.Generator) -> Float32[np.ndarray, "k c s"]:
        """Draw β for each class and colour: β sums to 1, stable, and unlike those before it."""
        chosen: list[np.ndarray] = []
        side, wanted = TILE + self.border, classes * channels
        for _ in range(ATTEMPTS // BLOCK):
            betas, starts, states = [], [], []
            for _ in range(BLOCK):
                drawn = generator.standard_normal(WINDOW * WINDOW - 1).astype(np.float32)
                betas.append(drawn / drawn.sum())
                starts.append(generator.standard_normal((side, side), dtype=np.float32))
                states.append(generator.bit_generator.state)
            with np.errstate(over="ignore", invalid="ignore"):
                noises = filled(np.stack(starts, axis=2), np.stack(betas, axis=1))[self.border :, self.border :]
                sizes = np.linalg.norm(noises, axis=(0, 1))
            for place in np.flatnonzero(np.isfinite(sizes) & (sizes <= self.largest)):
                noise = np.ascontiguousarray(noises[:, :, place])
                if all(answer(noise, other) >= self.least for other in chosen):
                    chosen.append(betas[place])
                if len(chosen) == wanted:
                    # as if no more had been drawn than were needed: the block is no setting
                    generator.bit_generator.state = states[place]
                    return np.stack(chosen).reshape(classes, channels, -1)
        raise ValueError(
            f"autoregressive found {len(chosen)} of {classes * channels} processes that are stable and unlike; "
            "raise largest or lower least"
        )


def filled(
    values: Float32[np.ndarray, "h w m"], coefficients: Float32[np.ndarray, "8 m"]
) -> Float32[np.ndarray, "h w m"]:
    """Fill in place, in raster order, everything but the first two rows and columns; m processes side by side."""
    places = [(a, b) for a in range(WINDOW) for b in range(WINDOW)][:-1]
    total, term = np.empty_like(values[0, 0]), np.empty_like(values[0, 0])
    for row in range(WINDOW - 1, values.shape[0]):
        for column in range(WINDOW - 1, values.shape[1]):
            total[:] = 0
            for coefficient, (a, b) in zip(coefficients, places, strict=True):
                np.multiply(coefficient, values[row - 2 + a, column - 2 + b], out=term)
                total += term
            values[row, column] = total
    return values


def answer(noise: Float32[np.ndarray, "h w"], beta: Float32[np.ndarray, " 8"]) -> float:
    """Return Σ max(0, (β, -1) * v): how strongly the filter of β answers noise v; 0 if it is its own."""
    height, width = noise.shape
    filters = [*beta, -1.0]
    total = np.zeros((height - 2, width - 2), dtype=np.float32)
    for place, weight in enumerate(filters):
        a, b = divmod(place, WINDOW)
        total += weight * noise[a : a + height - 2, b : b + width - 2]
    return float(np.maximum(total, 0).sum())
