"""Paired error-minimizing noise: one pattern per class, added or subtracted at random, so that its mean is nothing."""

from collections import deque
from dataclasses import dataclass
from typing import ClassVar

import torch

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._bilevel import Batches, model_step, perturbed, smoothed, surrogate_optimiser
from unlearnable.poisons._views import rewritten
from unlearnable.training.fit import build
from unlearnable.training.memory import keep_memory

STOP_WINDOW = 20
"""Batches over which the error is averaged before it may stop the search."""


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
        keep_memory()
        images = runtime.images(data.pixels)
        labels = torch.from_numpy(data.labels).to(runtime.device)
        drawn = runtime.generator("pairs")
        variant = torch.randint(self.variants, (len(images),), generator=drawn).to(runtime.device)
        sign = (2.0 * torch.randint(2, (len(images),), generator=drawn) - 1).to(runtime.device)
        pattern = labels * self.variants + variant
        models = [build(name, images, len(data.classes), runtime) for name in self.surrogates]
        optimisers = [surrogate_optimiser(model, self.learning_rate) for model in models]
        count = len(data.classes) * self.variants
        levels = torch.zeros(count, *images.shape[1:], device=runtime.device)
        batches = Batches(len(images), self.batch_size, runtime.generator("batches"))
        views = runtime.generator("views")
        size = self.epsilon / 10 if self.step is None else self.step
        recent: deque[float] = deque(maxlen=STOP_WINDOW)
        for number in range(1, self.steps + 1):
            rows = batches.next().to(runtime.device)
            levels.requires_grad_()
            own = levels.index_select(0, pattern[rows])
            seen = rewritten(perturbed(images[rows], own), self.plain, self.lowest, views)
            turn = number % len(models)
            loss, wrong = model_step(models[turn], optimisers[turn], seen, labels[rows], runtime)
            assert levels.grad is not None
            direction = smoothed(levels.grad, self.cycles).sign()
            levels = (levels.detach() - size * direction).clamp(-self.epsilon, self.epsilon)
            report(Progress(done=number, total=self.steps, note=f"loss {loss:.2f}, error {100 * wrong:.0f} %"))
            recent.append(wrong)
            if len(recent) == STOP_WINDOW and sum(recent) < self.stop_error * STOP_WINDOW:
                break
        return (levels[pattern] * sign.view(-1, 1, 1, 1)).cpu().numpy()
