"""A perturbation that convolves each image with a kernel."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float32, UInt8

from unlearnable._scratch import scratch
from unlearnable._types import Pixels
from unlearnable.budget import parts
from unlearnable.perturbation._stored import Arrays, ImagesT, Stored


@dataclass(frozen=True, eq=False, kw_only=True)
class Filter(Stored):
    """x' = 255 (K[row] * x) / max(K[row] * x), each colour with the same kernel, edges repeated; no budget bounds it.

    Works on any image size.

    Args:
        kernels: [m s s] float32, s odd, no entry negative, each with a positive sum.

    Raises:
        ValueError: the kernels are something else.
    """

    kind: ClassVar[str] = "filter"

    kernels: Float32[np.ndarray, "m s s"]

    def __post_init__(self) -> None:
        shape = self.kernels.shape
        if self.kernels.dtype != np.float32 or len(shape) != 3 or shape[1] != shape[2] or shape[1] % 2 == 0:
            raise ValueError(f"kernels must be float32 [m s s], s odd; got {self.kernels.dtype} {list(shape)}")
        if not np.isfinite(self.kernels).all() or (self.kernels < 0).any() or (self.kernels.sum((1, 2)) <= 0).any():
            raise ValueError("kernels must have no negative entry and a positive sum")
        super().__post_init__()

    def __repr__(self) -> str:
        rows, side, _ = self.kernels.shape
        return f"Filter({self.method} {self.scope}, {rows} x {side}x{side}, seed={self.seed}, {self.parameters})"

    def arrays(self) -> Arrays:
        """Return the kernels."""
        return {"kernels": self.kernels}

    def apply(self, data: ImagesT) -> ImagesT:
        """Return `data` convolved, each image scaled so that its brightest value is 255 (black ones stay black).

        Raises:
            KeyError: a class or image key has no row.
        """
        rows = self.where(data)
        made = scratch(data.pixels.shape, np.uint8)
        for part in parts(data.pixels.shape):
            made[part] = _convolved(data.pixels[part], self.kernels[rows[part]])
        return data.with_pixels(made)


def _convolved(pixels: Pixels, kernels: Float32[np.ndarray, "n s s"]) -> UInt8[np.ndarray, "n c h w"]:
    height, width = pixels.shape[2:]
    side = kernels.shape[1]
    reach = side // 2
    padded = np.pad(pixels, ((0, 0), (0, 0), (reach, reach), (reach, reach)), mode="edge")
    total = np.zeros(pixels.shape, dtype=np.float32)
    for row in range(side):
        for column in range(side):
            weight = kernels[:, row, column, None, None, None]
            total += weight * padded[:, :, row : row + height, column : column + width]
    peak = total.max(axis=(1, 2, 3), keepdims=True)
    return np.rint(total * (255 / np.maximum(peak, 1e-12))).astype(np.uint8)
