"""Autoregressive noise: each value is a fixed combination of its neighbours; no network, no images."""

from collections import Counter
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

BLOCK = 300
"""Processes that are tried side by side."""

ATTEMPTS = 150_000

STUCK = 1000
"""Classes in a row that were too like one before them; then the one that most are like is drawn anew."""

FEW, LEAST, LEAST_OF_MANY = 10, 10.0, 3.0
"""Up to so many classes filters must answer others' noise with LEAST, else with LEAST_OF_MANY; both are the paper's."""


@dataclass(frozen=True, kw_only=True)
class Autoregressive(AdditivePoison):
    """Noise from an autoregressive process per class and colour (AR).

    v[i, j] = Σ_{(a, b) ≠ (2, 2)} β_{y, c}[a, b] v[i - 2 + a, j - 2 + b], from borders of N(0, 1);
    δ_i = ε √D v / ‖v‖_2, with D the number of values of an image. A 3x3 filter (β_y, -1) over all colours answers its
    own class's noise with exactly zero, and no other's.

    Source: Sandoval-Segura et al., Autoregressive Perturbations for Data Poisoning, NeurIPS 2022 (MIT). Sample-wise;
    ε is the root mean square in levels; the paper's ‖δ‖_2 = 1 on CIFAR-10 with images in [0, 1] is 4.6.
    Differs from the paper: all images are filled at once, pixel after pixel; an image of more than 32 pixels a side is
    laid out in equal tiles of at most 32, each from a border of its own.

    Args:
        border: rows and columns that are filled first and cut off.
        largest: β is drawn anew when the noise of one colour exceeds this norm (it blows up).
        least: a class's β is drawn anew when the filter of a class before it answers its noise, of norm 1, with less
            than this (they are too alike); by default 10 for up to 10 classes and 3 for more.

    Raises:
        ValueError: a setting is out of range, or no coefficients pass.
    """

    method: ClassVar[str] = "autoregressive"
    revision: ClassVar[int] = 2
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
    least: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.border < WINDOW - 1:
            raise ValueError(f"border must be at least {WINDOW - 1} pixels; got {self.border!r}")
        if not self.largest > 0 or (self.least is not None and not self.least >= 0):
            raise ValueError(f"largest must be positive and least 0 or more; got {self.largest!r} and {self.least!r}")

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
        """Draw β for each class and colour: it sums to 1 and is stable, and a class's are unlike those before it."""
        least = (LEAST if classes <= FEW else LEAST_OF_MANY) if self.least is None else self.least
        chosen: list[np.ndarray] = []
        waiting: list[tuple[np.ndarray, np.ndarray]] = []
        blocked = Counter[int]()
        side = TILE + self.border
        for _ in range(ATTEMPTS // BLOCK):
            drawn = generator.standard_normal((BLOCK, WINDOW * WINDOW - 1), dtype=np.float32)
            betas = drawn / drawn.sum(1, keepdims=True)
            starts = generator.standard_normal((side, side, BLOCK), dtype=np.float32)
            with np.errstate(over="ignore", invalid="ignore"):
                noises = filled(starts, betas.T.copy())[self.border :, self.border :]
                sizes = np.linalg.norm(noises, axis=(0, 1))
            for place in np.flatnonzero(np.isfinite(sizes) & (sizes <= self.largest)):
                waiting.append((betas[place], noises[:, :, place].copy()))
                if len(waiting) < channels:
                    continue
                beta, noise = (np.stack(part) for part in zip(*waiting, strict=True))
                waiting.clear()
                noise /= np.linalg.norm(noise)
                alike = next((row for row, other in enumerate(chosen) if answer(noise, other) < least), None)
                if alike is None:
                    chosen.append(beta)
                    blocked = Counter[int]()
                else:
                    blocked[alike] += 1
                if blocked.total() == STUCK:  # few are unlike one whose filter answers hardly anything
                    del chosen[blocked.most_common(1)[0][0]]
                    blocked.clear()
                if len(chosen) == classes:
                    return np.stack(chosen)
        raise ValueError(
            f"autoregressive found processes that are stable and unlike for {len(chosen)} of {classes} categories; "
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


def answer(noise: Float32[np.ndarray, "c h w"], beta: Float32[np.ndarray, "c 8"]) -> float:
    """Return Σ max(0, Σ_c (β_c, -1) * v_c): how strongly the filter of β answers noise v; 0 if it is its own."""
    height, width = noise.shape[1:]
    total = np.zeros((height - 2, width - 2), dtype=np.float32)
    for plane, own in zip(noise, beta, strict=True):
        for place, weight in enumerate([*own, -1.0]):
            a, b = divmod(place, WINDOW)
            total += weight * plane[a : a + height - 2, b : b + width - 2]
    return float(np.maximum(total, 0).sum())
