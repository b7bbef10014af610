"""Random noise: the control that shows what optimising δ adds."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, RealLevels, Report
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._citations import HUANG_2021, TAO_2021


@dataclass(frozen=True, kw_only=True)
class RandomNoise(AdditivePoison):
    """Uniform noise, drawn once and not optimised.

    δ ~ U(-ε, ε), one row per class or per image.

    Source: Huang et al., Unlearnable Examples, ICLR 2021 (MIT), section 4.1 (the control "random"); class-wise also
    Tao, Feng, Yi, Huang, Chen, Better Safe Than Sorry, NeurIPS 2021 (P5, universal random noise).
    Differs from the paper: rounded to whole levels, as every δ here.
    """

    method: ClassVar[str] = "random"
    needs: ClassVar[tuple[str, ...]] = ()
    citation: ClassVar[str] = f"""{HUANG_2021}

{TAO_2021}"""
    least_categories: ClassVar[int] = 1

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Draw δ (levels)."""
        rows = len(data.classes) if self.scope == "class-wise" else len(data)
        generator = np.random.default_rng([self.seed, 0x0A2D])
        levels = self.budget(data).random_start((rows, *data.pixels.shape[1:]), generator)
        report(Progress(done=1, total=1, note=f"{rows} random rows"))
        return levels
