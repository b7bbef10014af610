"""Paired error-minimizing noise: one pattern per class, added or subtracted at random, so that its mean is nothing."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from unlearnable._runtime import Runtime
from unlearnable._types import RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._joint import Joint
from unlearnable.poisons._views import rewritten


@dataclass(frozen=True, kw_only=True)
class PairedErrorMin(AdditivePoison):
    """Error-minimizing patterns that each image gets with a sign of its own.

    min_θ min_{‖δ‖∞ ≤ ε} E L(f_θ(T(x_i + δ_{y_i, v_i})), y_i), the variant v_i drawn once for each image, T what storing
    does: nothing, JPEG of a random quality, grey, or half the size and back. Published: x_i + s_i δ_{y_i, v_i}, the
    sign s_i ∈ {-1, 1} drawn for each image; the search does without it.

    Class-wise noise is in the class's mean, where a linear classifier finds it and an exploiter projects it out. With
    random signs the mean is nothing; a network still learns the pattern, as two filters. What gives it away is the
    variance of a class along its own patterns (countermeasure `variance-projection`).

    Source: our own; the joint search is that of `error-min`, class-wise (Huang et al. 2021), of slow changes only.

    Args:
        surrogates: architectures of f_θ that take turns, names in `models.ARCHITECTURES`.
        variants: patterns per class.
        steps: joint steps on θ and δ at most.
        step: size of a sign step in levels; by default ε / 10.
        cycles: of δ's gradient, the highest frequency that is used, in cycles per image.
        plain: share of batches that are seen as they are; 1 leaves T out.
        lowest: lowest JPEG quality of T.
        batch_size: images a step.
        learning_rate: of θ.
        stop_error: stop when the surrogates' error over the last 20 batches falls below this share; 0 never.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "paired-error-min"
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")

    scope: Scope = "sample-wise"
    surrogates: tuple[str, ...] = ("fast-small",)
    variants: int = 1
    steps: int = 300
    step: float | None = None
    cycles: float = 8.0
    plain: float = 0.25
    lowest: int = 10
    batch_size: int = 500
    learning_rate: float = 0.1
    stop_error: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.surrogates:
            raise ValueError("surrogates must name at least one architecture")
        if min(self.variants, self.steps) < 1 or self.batch_size < 2:
            raise ValueError("variants and steps must be at least 1, batch_size at least 2")
        if not self.learning_rate > 0 or (self.step is not None and not self.step > 0):
            raise ValueError("learning_rate and step must be positive")
        if not self.cycles >= 1:
            raise ValueError(f"cycles must be at least 1 per image; got {self.cycles!r}")
        if not 0 <= self.plain <= 1 or not 1 <= self.lowest <= 95 or not 0 <= self.stop_error < 1:
            raise ValueError("plain and stop_error must be shares, lowest a JPEG quality up to 95")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Search for the patterns, and give every image its own with its sign (levels)."""
        labels = torch.from_numpy(data.labels).to(runtime.device)
        drawn = runtime.generator("pairs")
        variant = torch.randint(self.variants, (len(labels),), generator=drawn).to(runtime.device)
        sign = (2.0 * torch.randint(2, (len(labels),), generator=drawn) - 1).to(runtime.device)
        patterns = labels * self.variants + variant
        search = Joint(
            networks=self.surrogates,
            epsilon=self.epsilon,
            step=self.epsilon / 10 if self.step is None else self.step,
            steps=self.steps,
            cycles=self.cycles,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            stop_error=self.stop_error,
            view=self._stored,
        )
        count = len(data.classes) * self.variants
        levels = search.search(data, patterns, count, runtime, report, self.checkpoint(data, runtime))
        return (levels[patterns] * sign.view(-1, 1, 1, 1)).cpu().numpy()

    def _stored(self, images: Float[Tensor, "b c h w"], generator: torch.Generator) -> Float[Tensor, "b c h w"]:
        return rewritten(images, self.plain, self.lowest, generator)
