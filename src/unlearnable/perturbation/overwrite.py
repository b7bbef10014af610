"""A perturbation that sets a few pixels to given values, whatever they were."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool

from unlearnable._scratch import scratch
from unlearnable._types import Parameters, Pixels
from unlearnable.budget import Budget, parts
from unlearnable.perturbation._stored import Arrays, ImagesT, Stored


@dataclass(frozen=True, eq=False, kw_only=True)
class Overwrite(Stored):
    """x'[c, i, j] = values[row, c, i, j] where mask[row, i, j], else x[c, i, j].

    Args:
        values: [m c h w] uint8; what is outside the mask is zero.
        mask: [m h w], the pixels that change.
        pixels: how many pixels of an image may change: the budget, in the l0 norm.

    Raises:
        ValueError: shapes do not fit together, or a row changes more pixels than it may.
    """

    kind: ClassVar[str] = "overwrite"

    values: Pixels
    mask: Bool[np.ndarray, "m h w"]
    pixels: int

    def __post_init__(self) -> None:
        if self.values.dtype != np.uint8 or self.values.ndim != 4:
            raise ValueError(f"values must be uint8 [m c h w]; got {self.values.dtype} {list(self.values.shape)}")
        if self.mask.shape != (len(self.values), *self.values.shape[2:]) or self.mask.dtype != np.bool_:
            raise ValueError(f"mask must be bool [m h w] like values; got {self.mask.dtype} {list(self.mask.shape)}")
        super().__post_init__()
        if not self.budget.contains(self.mask[:, None]):
            raise ValueError(f"a row changes more than {self.pixels} pixels")
        if (self.values * ~self.mask[:, None]).any():
            raise ValueError("values must be zero outside the mask")

    def __repr__(self) -> str:
        rows, channels, height, width = self.values.shape
        return (
            f"Overwrite({self.method} {self.scope}, {rows} x {channels}x{height}x{width}, "
            f"{self.pixels} pixel(s), seed={self.seed}, {self.parameters})"
        )

    @property
    def budget(self) -> Budget:
        """How many pixels may change."""
        return Budget(epsilon=self.pixels, norm="l0")

    def arrays(self) -> Arrays:
        """Return values and mask."""
        return {"values": self.values, "mask": self.mask}

    def settings(self) -> Parameters:
        """Return the number of pixels."""
        return {"pixels": self.pixels}

    def apply(self, data: ImagesT) -> ImagesT:
        """Return `data` with the pixels set.

        Raises:
            KeyError: a class or image key has no row.
            ValueError: the images' shape is not this one's.
        """
        self.require_shape(self.values.shape[1:], data)
        rows = self.where(data)
        made = scratch(data.pixels.shape, np.uint8)
        for part in parts(data.pixels.shape):
            own = rows[part]
            made[part] = np.where(self.mask[own][:, None], self.values[own], data.pixels[part])
        return data.with_pixels(made)
