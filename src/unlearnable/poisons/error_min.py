"""Error-minimizing noise: images a network believes it has already learned."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from unlearnable._runtime import Runtime
from unlearnable._types import RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._alternating import Alternating
from unlearnable.poisons._bilevel import FAST, SLOW
from unlearnable.poisons._citations import HUANG_2021
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

    Source: Huang et al., Unlearnable Examples: Making Personal Data Unexploitable, ICLR 2021 (MIT), equations 2
    to 4.
    Differs from the paper: the surrogates are a small whitened network and, sample-wise, a small residual one in turn,
    not ResNet-18; of the gradient, slow changes of colour and fast ones of brightness are used (`cycles`, `luma`);
    class-wise steps take the sign of the summed gradient instead of averaging per-image steps, jointly with θ;
    sample-wise takes few large steps (4 of 3 levels a round instead of 20 of 0.8); x + δ is clamped to [0, 1] in every
    pass class-wise; the rounds are bounded; images are whole tensors, with no loop over them.

    Class-wise, one band (`luma=None`), tried on 5,000 CIFAR-10 images, ε = 8, one seed; last (best) clean test accuracy
    of fresh exploiters `vgg-small`, which is no surrogate (clean: 60.1), and `fast-small` (clean: 65.5), surrogate
    `fast-small`: all frequencies 56.6 and 12.3, no protection against another architecture; up to 8 cycles per image
    9.9 (16.4) and 10.2 (19.1); up to 6: 12.1 (25.3) and 12.6 (24.4); up to 4: 19.1 (27.7) and 14.8 (25.3). Two
    surrogates in turn: all frequencies 46.4, up to 4 cycles 16.1. The other way there: crops and JPEG inside the
    search, with any labels (14.4 to 22.2). It is a prior for photos: drawn digits are slow changes themselves, and slow
    noise does not hide them (23.4 with all frequencies, 63.0 up to 8 cycles, 88.9 up to 4).

    Sample-wise, one band, the paper's noise of all frequencies is for the kinds of networks that searched it, and for
    plain ones: a ResNet-18 learns from the images before it sees it. On 5,000 CIFAR-10 images `resnet18-slim`, trained
    by the paper's recipe for 16 epochs, reaches 58.3 (58.6), clean 63.3; up to 8 cycles per image 13.1 (34.2). There
    `fast-small` reaches 19.9 (30.0) after 16 epochs, and up to 6 cycles 26.7 (28.4). With `resnet18-slim` as second
    surrogate it reaches 26.9 (34.0). On 10,000 images, 8 epochs, one seed, all frequencies and then slow changes:
    `fast-small` 14.5 (21.4) and 22.8 (26.3), `vgg-small` 10.5 (15.6) and 22.8 (30.0), ResNet-18 61.8 (61.8), clean
    63.2, and 23.6 (29.2). JPEG 75 undoes less of slow changes, 54.4 where 73.7 are learned; grey undoes them, 74.8
    where 40.7 are (`ResilientErrorMin` holds there). Of all frequencies `resnet18-slim` ends at 62.5, 18.2 and 60.5,
    seeds 0 to 2; in a training of 40 epochs (seed 0) it is at 61.2 after the tenth, before it sees that noise, and at
    17.6 after the last.

    Two bands (`luma=8`, the default), colour that changes slowly and brightness that changes fast, stay where slow
    changes are undone, in grey. On 10,000 images, means of three seeds, `fast-small`, the narrow ResNet-18, in grey and
    after JPEG 75: class-wise 11.4 (18.9), 10.3 (28.8), 11.2 (27.3) and 57.1 (57.1), where slow changes alone
    (`luma=None`) leave 10.8 (14.4), 10.2 (30.9), 72.6 (73.0) and 57.6 (57.6); sample-wise 23.7 (28.7), 19.5 (25.4),
    33.4 (35.9) and 46.7, where they leave 23.7 (26.5), 18.6 (23.1), 74.2 (74.2) and 54.1 (best). In grey and then as
    JPEG 75 they leave 60.5 and 51.9 (seed 0; suite `frequencies`).

    Of all frequencies, one band, on 5,000 images too, with the exploiters of above (`vgg-small` is no surrogate), seeds
    0 and 1: two networks in turn, 2 rounds each 22.4 (29.2) and 13.6 (33.5) for `fast-small`, 48.9 (48.9) and 35.0
    (39.7) for `vgg-small`; 4 rounds each, the defaults, 14.4 (27.5) and 10.5 (31.7), 17.9 (27.5) and 11.9 (28.5). One
    network, `fast-small`, finds noise that another kind does not see: 57.4 for `vgg-small` (seed 0). Two rounds with 40
    steps on θ each are worse (27.0 and 28.9). δ that crosses the edges of the range of pixel values and is clipped in
    the pass only loses its gradient there (1 % of CIFAR-10's values are 255): with 2 rounds each on 10,000 images, 26.9
    (32.2) and 60.6 (60.6) where projected steps leave 21.1 (25.4) and 16.2 (25.0); one seed, and another seed differs
    by as much.

    Args:
        surrogates: architectures of f_θ that take turns, names in `models.ARCHITECTURES`; by default `fast-small`
            class-wise, and `fast-small` and `resnet-small` sample-wise.
        steps: class-wise only: how many joint steps on θ and δ at most.
        rounds: sample-wise only: how many alternations each surrogate has at most.
        model_steps: sample-wise only: steps on θ in each round.
        noise_steps: sample-wise only: sign steps on every image's δ in each round.
        step: size of a sign step in levels; by default 0.8 class-wise and 3 sample-wise, scaled by ε / 8.
        cycles: of δ's gradient, the highest frequency that is used, in cycles per image; by default 8.
        luma: of its brightness, the lowest, and `cycles` is that of its colour then; None: both are treated alike.
        batch_size: images a step.
        learning_rate: of θ.
        stop_error: stop when the surrogate's error on the perturbed data falls to this share (0 to 1): over a whole
            sweep sample-wise, for each network, over the last 20 batches class-wise; 0 never stops early class-wise.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "error-min"
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = HUANG_2021

    scope: Scope = "class-wise"
    surrogates: tuple[str, ...] | None = None
    luma: float | None = FAST
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
    def revision(self) -> int:  # type: ignore[override]
        """4 since slow changes are the default sample-wise too; each surrogate has its own rounds since 3."""
        return 4 if self.scope == "sample-wise" else 1

    @property
    def alternations(self) -> int:
        """How many rounds there are at most, all surrogates' together."""
        return self.rounds * len(self.networks)

    @property
    def step_levels(self) -> float:
        """The size of a sign step that is used, in levels."""
        if self.step is not None:
            return self.step
        return (0.8 if self.scope == "class-wise" else 3.0) * self.epsilon / 8

    @property
    def highest(self) -> float:
        """The highest frequency of δ's gradient that is used, in cycles per image."""
        return SLOW if self.cycles is None else self.cycles

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
            luma=self.luma,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            stop_error=self.stop_error,
        )
        labels = torch.from_numpy(data.labels).to(runtime.device)
        checkpoint = self.checkpoint(data, runtime)
        return search.search(data, labels, len(data.classes), runtime, report, checkpoint).cpu().numpy()
