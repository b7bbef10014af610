"""How large a perturbation may be, in pixel levels: 8 means 8/255."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import numpy as np
from jaxtyping import Float, Shaped

from unlearnable._scratch import scratch
from unlearnable._types import Levels, Norm, RealLevels

PART_VALUES = 8_000_000
"""Values that are worked on at once: 64 MB in float64."""

SHRINKS = 8
"""How often a row is shrunk before its values are rounded towards zero instead."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The set of allowed perturbations: ‖δ‖ ≤ ε per image.

    Args:
        epsilon: ε. For `linf` and `l2` in pixel levels (8 means 8/255; `l2` is taken over all values of one
            image), for `l0` the number of pixels that may change (a pixel is all its channels).
        norm: `linf`, `l2` or `l0`.

    Raises:
        ValueError: ε is not a positive finite number, is above 127 levels for `linf`, or the norm is unknown.
    """

    epsilon: float
    norm: Norm = "linf"

    def __post_init__(self) -> None:
        if self.norm not in get_args(Norm):
            raise ValueError(f"norm must be one of {', '.join(get_args(Norm))}; got {self.norm!r}")
        if not np.isfinite(self.epsilon) or self.epsilon <= 0:
            raise ValueError(f"epsilon must be a positive number of pixel levels; got {self.epsilon!r}")
        if self.norm == "linf" and self.epsilon > 127:
            raise ValueError(
                f"epsilon must be at most 127 levels to be stored as int8; got {self.epsilon!r} (8 is usual)"
            )

    def project(self, levels: Shaped[np.ndarray, "m c h w"]) -> RealLevels:
        """Return the nearest allowed perturbation to each row, in levels (float32)."""
        real = np.asarray(levels, dtype=np.float32)
        if self.norm == "linf":
            return np.clip(real, -self.epsilon, self.epsilon)
        if self.norm == "l2":
            size = _l2(real)
            return real * np.minimum(1.0, self.epsilon / np.maximum(size, 1e-12)).astype(np.float32)
        return _keep_largest(real, int(self.epsilon))

    def quantise(self, levels: Shaped[np.ndarray, "m c h w"]) -> Levels:
        """Round to integer levels so that the result is still inside the budget.

        Rounds to nearest; where that leaves the budget, whole levels below a fractional ε are taken (`linf`), or the
        row is shrunk a little before it is rounded (`l2`). Values beyond ±127 are clipped.

        Raises:
            ValueError: a value is not finite.
        """
        whole: Levels = scratch(levels.shape, np.int8)
        for rows in parts(levels.shape):
            whole[rows] = self._quantised(levels[rows])
        return whole

    def _quantised(self, levels: Shaped[np.ndarray, "m c h w"]) -> Levels:
        if not np.isfinite(levels).all():
            raise ValueError("the perturbation has values that are not finite; lower the step or learning rate")
        inside = np.clip(self.project(levels), -127, 127)
        if self.norm == "linf":
            whole = np.floor(self.epsilon)
            return np.clip(np.rint(inside), -whole, whole).astype(np.int8)
        rounded = np.rint(inside)
        if self.norm == "l2":
            for _ in range(SHRINKS):
                size = _l2(rounded)
                if (size <= self.epsilon).all():
                    break
                factor = np.where(size > self.epsilon, 0.999 * self.epsilon / np.maximum(size, 1e-12), 1)
                inside = inside * factor.astype(np.float32)
                rounded = np.rint(inside)
            rounded = np.where(_l2(rounded) > self.epsilon, np.trunc(inside), rounded)
        return rounded.astype(np.int8)

    def contains(self, levels: Shaped[np.ndarray, "m c h w"]) -> bool:
        """Tell whether every row is inside the budget."""
        return all(self._contains(levels[rows]) for rows in parts(levels.shape))

    def _contains(self, levels: Shaped[np.ndarray, "m c h w"]) -> bool:
        real = np.asarray(levels, dtype=np.float64)
        if real.size == 0:
            return True
        if self.norm == "linf":
            return bool(np.abs(real).max() <= self.epsilon)
        if self.norm == "l2":
            return bool((_l2(real) <= self.epsilon * (1 + 1e-9)).all())
        return bool(((real != 0).any(axis=1).sum(axis=(1, 2)) <= int(self.epsilon)).all())

    def random_start(self, shape: tuple[int, int, int, int], generator: np.random.Generator) -> RealLevels:
        """Draw a perturbation inside the budget: uniform in the box, on the sphere's ball, or on random pixels."""
        drawn: RealLevels = scratch(shape, np.float32)
        for rows in parts(shape):
            size = drawn[rows].shape
            if self.norm == "linf":
                drawn[rows] = generator.uniform(-self.epsilon, self.epsilon, size)
            else:
                drawn[rows] = generator.standard_normal(size)
        if self.norm == "l2":
            radius = self.epsilon * generator.random((shape[0], 1, 1, 1)) ** (1 / np.prod(shape[1:]))
            for rows in parts(shape):
                drawn[rows] = drawn[rows] / np.maximum(_l2(drawn[rows]), 1e-12) * radius[rows]
        elif self.norm == "l0":
            for rows in parts(shape):
                drawn[rows] = _keep_largest(drawn[rows] * 64, int(self.epsilon))
        return drawn


def parts(shape: tuple[int, ...], smaller: int = 1) -> Iterator[slice]:
    """Cut the rows of an array so that a part takes little memory in float, however many and large they are.

    Args:
        shape: of the array; rows come first.
        smaller: how many times smaller than usual a part is, where the work on it gains from a processor's cache.
    """
    count, *row = shape
    step = max(1, PART_VALUES // smaller // max(1, math.prod(row)))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _l2(levels: Float[np.ndarray, "m c h w"]) -> Float[np.ndarray, "m 1 1 1"]:
    return np.sqrt(np.square(levels.astype(np.float64)).sum(axis=(1, 2, 3), keepdims=True))


def _keep_largest(levels: RealLevels, pixels: int) -> RealLevels:
    rows, _, height, width = levels.shape
    size = np.abs(levels).max(axis=1).reshape(rows, -1)
    order = np.argsort(-size, axis=1, kind="stable")
    keep = np.zeros_like(size, dtype=bool)
    np.put_along_axis(keep, order[:, :pixels], True, axis=1)
    return levels * keep.reshape(rows, 1, height, width)
