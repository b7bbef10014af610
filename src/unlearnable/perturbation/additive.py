"""δ that is added to the pixels."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int

from unlearnable._scratch import scratch
from unlearnable._types import Levels, Parameters, Pixels
from unlearnable.budget import Budget, parts
from unlearnable.perturbation._stored import Arrays, ImagesT, Stored


def add_levels(pixels: Pixels, levels: Int[np.ndarray, "..."]) -> Pixels:
    """Add signed levels to stored pixels: clip(int(x) + δ, 0, 255).

    Both signs survive: the sum is taken in 16 bits. (The paper's released code multiplies δ by 255 and clamps it to
    0..255 before it is added, which drops its negative half.)
    """
    total = pixels.astype(np.int16)
    total += levels
    return np.clip(total, 0, 255, out=total).astype(np.uint8)


@dataclass(frozen=True, eq=False, kw_only=True)
class Additive(Stored):
    """δ as a bank of signed 8-bit levels: one row per class, or one per image key.

    x' = clip(x + δ[row], 0, 255), where row is found by the class's name (class-wise) or the image's key
    (sample-wise), so shuffling, subsetting and relabelling never misalign it.

    Args:
        bank: [m c h w] signed levels.
        budget: what every row was checked against.

    Raises:
        ValueError: the index does not fit the bank, or a row is outside the budget.
    """

    kind: ClassVar[str] = "additive"

    bank: Levels
    budget: Budget

    def __post_init__(self) -> None:
        if self.bank.dtype != np.int8 or self.bank.ndim != 4:
            raise ValueError(f"bank must be int8 [m c h w]; got {self.bank.dtype} {list(self.bank.shape)}")
        super().__post_init__()
        if not self.budget.contains(self.bank):
            raise ValueError(f"the bank is outside its budget {self.budget}")

    def __repr__(self) -> str:
        rows, channels, height, width = self.bank.shape
        return (
            f"Additive({self.method} {self.scope}, {rows} x {channels}x{height}x{width}, "
            f"ε={self.budget.epsilon:g} {self.budget.norm}, seed={self.seed}, {self.parameters})"
        )

    def arrays(self) -> Arrays:
        """Return the bank."""
        return {"bank": self.bank}

    def settings(self) -> Parameters:
        """Return the budget."""
        return {"budget": {"epsilon": self.budget.epsilon, "norm": self.budget.norm}}

    @classmethod
    def restored(cls, arrays: Arrays, settings: Parameters, common: dict[str, Any]) -> "Additive":
        """Rebuild from bank and budget."""
        return cls(bank=arrays["bank"], budget=Budget(**settings["budget"]), **common)

    def apply(self, data: ImagesT) -> ImagesT:
        """Return `data` with δ added to its stored pixels.

        Raises:
            KeyError: a class or image key has no row.
            ValueError: the images' shape is not the bank's.
        """
        self.require_shape(self.bank.shape[1:], data)
        rows = self.where(data)
        made = scratch(data.pixels.shape, np.uint8)
        for part in parts(data.pixels.shape):
            made[part] = add_levels(data.pixels[part], self.bank[rows[part]])
        return data.with_pixels(made)
