"""Paired error-minimizing noise: one pattern per class, added or subtracted at random, so that its mean is nothing."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from unlearnable._runtime import Runtime
from unlearnable._scratch import scratch
from unlearnable._types import RealLevels, Report
from unlearnable.budget import parts
from unlearnable.imageset import ImageSet
from unlearnable.poisons._joint import Patterned
from unlearnable.poisons._views import rewritten


@dataclass(frozen=True, kw_only=True)
class PairedErrorMin(Patterned):
    """Error-minimizing patterns that each image gets with a sign of its own.

    min_θ min_{‖δ‖∞ ≤ ε} E L(f_θ(T(x_i + δ_{y_i, v_i})), y_i), the variant v_i drawn once for each image, T what storing
    does: nothing, JPEG of a random quality, grey, or half the size and back. Published: x_i + s_i δ_{y_i, v_i}, the
    sign s_i ∈ {-1, 1} drawn for each image; the search does without it.

    Class-wise noise is in the class's mean, where a linear classifier finds it and an exploiter projects it out. With
    random signs the mean is nothing; a network still learns the pattern, as two filters. What gives it away is the
    variance of a class along its own patterns (countermeasure `variance-projection`).

    Source: our own; the joint search is that of `error-min`, class-wise (Huang et al. 2021), of slow changes only.

    Args:
        plain: share of batches that are seen as they are; 1 leaves T out.
        lowest: lowest JPEG quality of T.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "paired-error-min"

    steps: int = 300
    plain: float = 0.25
    lowest: int = 10
    stop_error: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.plain <= 1 or not 1 <= self.lowest <= 95:
            raise ValueError("plain must be a share, lowest a JPEG quality up to 95")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Search for the patterns, and give every image its own with its sign (levels)."""
        labels = torch.from_numpy(data.labels).to(runtime.device)
        drawn = runtime.generator("pairs")
        patterns = self.drawn(labels, drawn)
        sign = (2.0 * torch.randint(2, (len(labels),), generator=drawn) - 1).to(runtime.device)
        search = self.joint(view=self._stored)
        count = len(data.classes) * self.variants
        levels = search.search(data, patterns, count, runtime, report, self.checkpoint(data, runtime))
        result: RealLevels = scratch(data.pixels.shape, np.float32)
        for rows in parts(result.shape):
            result[rows] = (levels[patterns[rows]] * sign[rows].view(-1, 1, 1, 1)).cpu().numpy()
        return result

    def _stored(self, images: Float[Tensor, "b c h w"], generator: torch.Generator) -> Float[Tensor, "b c h w"]:
        return rewritten(images, self.plain, self.lowest, generator)
