"""Noise as the paper's released code publishes it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from experiments.suites import EVERY_FREQUENCY
from unlearnable._runtime import Runtime
from unlearnable._types import RealLevels, Report
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons.error_min import ErrorMin


@dataclass(frozen=True, kw_only=True)
class LostSign(AdditivePoison):
    """Error-minimizing noise without its negative half, as the released code adds it to 8-bit images.

    δ' = max(δ, 0): there, noise is multiplied by 255 and clamped to 0..255 before it is added. Published numbers were
    made with it. Not in the registry: nobody should use it.
    """

    method: ClassVar[str] = "error-min-lost-sign"
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")

    @property
    def revision(self) -> int:  # type: ignore[override]
        """That of the noise it spoils, when its records began."""
        return 3 if self.scope == "sample-wise" else 1

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Search as `error-min` does, and drop the sign (levels)."""
        cycles = EVERY_FREQUENCY if self.scope == "sample-wise" else None
        noise = ErrorMin(scope=self.scope, epsilon=self.epsilon, seed=self.seed, cycles=cycles, luma=None)
        made = noise.craft(data, runtime, report)
        return np.maximum(made.bank, 0).astype(np.float32)
