"""Convolution-based noise: every image of a class goes through one random blur."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Filter
from unlearnable.poisons._base import Origin, Poison


@dataclass(frozen=True, kw_only=True)
class Convolution(Poison[Filter]):
    """A class-wise blur with a random kernel (CUDA).

    x' = (K_y * x) / max(K_y * x), entries of K_y from U(0, b), one at a random place set to 1.

    Source: Sadasivan, Soltanolkotabi, Feizi, CUDA: Convolution-based Unlearnable Datasets, CVPR 2023 (its code is for
    research only; from the equation). Visible: no budget bounds it.
    Differs from the paper: edges are repeated instead of black.

    Args:
        size: side of the kernels in pixels, odd.
        blur: b, the largest entry beside the 1; 0.3 for CIFAR-10, less for larger kernels.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "convolution"
    scopes: ClassVar[tuple[Scope, ...]] = ("class-wise",)
    least_categories: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("labels",)
    citation: ClassVar[str] = """@inproceedings{sadasivan2023cuda,
  title = {{CUDA}: Convolution-Based Unlearnable Datasets},
  author = {Sadasivan, Vinu Sankar and Soltanolkotabi, Mahdi and Feizi, Soheil},
  booktitle = {CVPR},
  year = {2023}
}"""

    size: int = 3
    blur: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size < 3 or self.size % 2 == 0:
            raise ValueError(f"size must be an odd number of pixels, 3 or more; got {self.size!r}")
        if not 0 <= self.blur <= 1:
            raise ValueError(f"blur must be from 0 to 1; got {self.blur!r}")

    def make(self, data: ImageSet, runtime: Runtime, report: Report, origin: Origin) -> Filter:
        """Draw a kernel for each class."""
        generator = np.random.default_rng([self.seed, 0xC0DA])
        count = len(data.classes)
        kernels = generator.uniform(0, self.blur, (count, self.size * self.size)).astype(np.float32)
        kernels[np.arange(count), generator.integers(0, self.size * self.size, count)] = 1
        report(Progress(done=1, total=1, note=f"{count} kernels"))
        return Filter(kernels=kernels.reshape(count, self.size, self.size), **origin)
