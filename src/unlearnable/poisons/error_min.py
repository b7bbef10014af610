"""Error-minimizing noise: images a network believes it has already learned."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from unlearnable._runtime import Runtime
from unlearnable._types import RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._alternating import Alternating
from unlearnable.poisons._joint import Joint


@dataclass(frozen=True, kw_only=True)
class ErrorMin(Alternating):
    """Noise that makes the training loss small before anything is learned.

    min_θ E_(x,y) [ min_{‖δ‖∞ ≤ ε} L(f_θ(x + δ), y) ]

    Class-wise: one δ_y per class; θ and δ share the objective, so one backward pass of a batch gives both
    gradients: θ takes an SGD step, δ_k <- clip(δ_k - step sign Σ_{y_i = k} ∇_δ L_i, -ε, ε).
    Sample-wise: alternate `model_steps` SGD steps on θ with `noise_steps` sign steps on every image's δ, θ frozen.
    Several surrogates take turns, step by step class-wise and round by round sample-wise: noise that one kind of
    network finds may not be seen by another.

    Source: Huang et al., Unlearnable Examples: Making Personal Data Unexploitable, ICLR 2021, equations 2 to 4.
    Differs from the paper: the surrogates are a small whitened network and, sample-wise, a small residual one in turn,
    not ResNet-18; class-wise steps take the sign of the summed gradient instead of averaging per-image steps, jointly
    with θ, and of the gradient its slow changes only (`cycles`); sample-wise takes few large steps (4 of 3 levels a
    round instead of 20 of 0.8); x + δ is clamped to [0, 1] in every pass class-wise; the rounds are bounded; images are
    whole tensors, with no loop over them.

    Class-wise, tried on 5,000 CIFAR-10 images, ε = 8, one seed; last (best) clean test accuracy of fresh exploiters
    `vgg-small`, which is no surrogate (clean: 60.1), and `fast-small` (clean: 65.5), surrogate `fast-small`: all
    frequencies 56.6 and 12.3, no protection against another architecture; up to 8 cycles per image 9.9 (16.4) and 10.2
    (19.1); up to 6: 12.1 (25.3) and 12.6 (24.4); up to 4: 19.1 (27.7) and 14.8 (25.3). Two surrogates in turn: all
    frequencies 46.4, up to 4 cycles 16.1. The other way there: crops and JPEG inside the search, with any labels (14.4
    to 22.2). It is a prior for photos: drawn digits are slow changes themselves, and slow noise does not hide them
    (23.4 with all frequencies, 63.0 up to 8 cycles, 88.9 up to 4).

    Tried, sample-wise, on 5,000 CIFAR-10 images, ε = 8, one seed; last clean test accuracy of fresh exploiters
    `fast-small` and `vgg-small` (clean: 65.5 and 60.5; the second is no surrogate): `fast-small` alone, 2 rounds of 4
    steps of 3 levels: 10.7 and 59.6, no protection at all against another architecture; `resnet-small` alone, the
    same: 19.6 and 20.9; both in turn, 4 rounds of 2 steps of 4 levels: 20.4 and 53.2; both in turn, 4 rounds of 4 steps
    of 3 levels: 13.4 and 10.3, hence the defaults; but a `resnet-small` exploiter, which learns slowly, was still at
    53.1 then (clean 57.8). Up to 8 cycles, `fast-small` alone: 17.1 (27.6) and 19.6 (39.8), both in turn worse.
    These sample-wise numbers are of the first revision, which let δ cross the edges of the range of pixel values and
    lost the gradient of what had crossed (1 % of CIFAR-10's values are 255). On 10,000 images, 8 epochs, one seed, it
    left `fast-small` at 26.9 (32.2) and `vgg-small` at 60.6 (60.6), the second revision at 21.1 (25.4) and 16.2 (25.0).
    On all 50,000 images, 3 epochs: `vgg-small` 14.0 (clean 75.7), `fast-small` 14.4 (clean 85.2), 267 s on two cores.
    On 10,000 images, `fast-small` alone against `fast-small`: 3 rounds of 8 steps of 1.6 levels 11.9, of 4 of 3 levels
    12.9, 4 rounds of 2 of 4 levels 11.5; joint descent with one step on θ per batch and 8 on δ does not transfer
    even there (65 %).

    Args:
        surrogates: architectures of f_θ that take turns, names in `models.ARCHITECTURES`; by default `fast-small`
            class-wise, and `fast-small` and `resnet-small` sample-wise.
        steps: class-wise only: how many joint steps on θ and δ at most.
        rounds: sample-wise only: how many alternations at most.
        model_steps: sample-wise only: steps on θ in each round.
        noise_steps: sample-wise only: sign steps on every image's δ in each round.
        step: size of a sign step in levels; by default 0.8 class-wise and 3 sample-wise, scaled by ε / 8.
        cycles: of δ's gradient, the highest frequency that is used, in cycles per image; by default 8 class-wise and
            all sample-wise.
        batch_size: images a step.
        learning_rate: of θ.
        stop_error: stop when the surrogate's error on the perturbed data falls to this share (0 to 1): over a whole
            sweep sample-wise, for each network, over the last 20 batches class-wise; 0 never stops early class-wise.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "error-min"
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = """@inproceedings{huang2021unlearnable,
  title = {Unlearnable Examples: Making Personal Data Unexploitable},
  author = {Huang, Hanxun and Ma, Xingjun and Erfani, Sarah Monazam and Bailey, James and Wang, Yisen},
  booktitle = {ICLR},
  year = {2021}
}"""

    scope: Scope = "class-wise"
    surrogates: tuple[str, ...] | None = None
    steps: int = 200

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1; got {self.steps!r}")

    @property
    def networks(self) -> tuple[str, ...]:
        """The surrogates that are used."""
        if self.surrogates is not None:
            return self.surrogates
        return ("fast-small",) if self.scope == "class-wise" else ("fast-small", "resnet-small")

    @property
    def step_levels(self) -> float:
        """The size of a sign step that is used, in levels."""
        if self.step is not None:
            return self.step
        return (0.8 if self.scope == "class-wise" else 3.0) * self.epsilon / 8

    @property
    def highest(self) -> float:
        """The highest frequency of δ's gradient that is used, in cycles per image."""
        if self.cycles is not None:
            return self.cycles
        return 8.0 if self.scope == "class-wise" else math.inf

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Search for δ (levels)."""
        if self.scope == "sample-wise":
            return super().run(data, runtime, report)
        search = Joint(
            networks=self.networks,
            epsilon=self.epsilon,
            step=self.step_levels,
            steps=self.steps,
            cycles=self.highest,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            stop_error=self.stop_error,
        )
        labels = torch.from_numpy(data.labels).to(runtime.device)
        checkpoint = self.checkpoint(data, runtime)
        return search.search(data, labels, len(data.classes), runtime, report, checkpoint).cpu().numpy()
