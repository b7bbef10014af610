"""What searches against trained networks share: train them, hold them fixed, and step on every image's δ."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._types import RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._surrogates import Objective, ensemble, phases, searched


@dataclass(frozen=True, kw_only=True)
class AgainstTrained(AdditivePoison):
    """Sign steps on δ, against networks that were trained on the clean images; a method says what they make small.

    Args:
        surrogates: architectures that are trained, names in `models.ARCHITECTURES`; they take turns, step by step.
        surrogate_epochs: passes of training each.
        radius: of adversarial training of the surrogates, in levels; 0 trains normally.
        checkpoints: how many moments of each training are used, the last always.
        steps: sign steps on δ.
        step: size of the first one in levels, falling linearly towards a tenth; by default ε / 5.
        shift: each step sees the batch moved by up to so many pixels, and mirrored half the time.
        batch_size: images a step.

    Raises:
        ValueError: a setting is out of range.
    """

    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    revision: ClassVar[int] = 2

    scope: Scope = "sample-wise"
    surrogates: tuple[str, ...] = ("fast-small", "resnet-small")
    surrogate_epochs: int = 10
    radius: float = 0.0
    checkpoints: int = 1
    steps: int = 30
    step: float | None = None
    shift: int = 2
    batch_size: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.surrogates:
            raise ValueError("surrogates must name at least one architecture")
        if min(self.surrogate_epochs, self.steps) < 1 or self.batch_size < 2:
            raise ValueError("surrogate_epochs and steps must be at least 1, batch_size at least 2")
        if not 1 <= self.checkpoints <= self.surrogate_epochs:
            raise ValueError(f"checkpoints must be 1 to surrogate_epochs; got {self.checkpoints!r}")
        if min(self.radius, self.shift) < 0 or (self.step is not None and not self.step > 0):
            raise ValueError("radius and shift must not be negative and step must be positive levels")

    @abstractmethod
    def objective(self, data: ImageSet, models: Sequence[nn.Module], runtime: Runtime) -> Objective:
        """Return what δ makes small, of one of the networks and a batch."""

    def view(self, images: Float[Tensor, "b c h w"], generator: torch.Generator) -> Float[Tensor, "b c h w"]:
        """Return what each step sees of the moved batch in [0, 1]."""
        return images

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Train the surrogates, then search (levels)."""
        passes = len(self.surrogates) * self.surrogate_epochs
        training, searching = phases(report, [5 * passes if self.radius else passes, self.surrogate_epochs])
        checkpoint = self.checkpoint(data, runtime)
        models = ensemble(
            data,
            self.surrogates,
            runtime,
            training,
            checkpoint,
            epochs=self.surrogate_epochs,
            batch_size=self.batch_size,
            radius=self.radius,
            checkpoints=self.checkpoints,
        )
        return searched(
            data,
            models,
            self.objective(data, models, runtime),
            runtime,
            searching,
            checkpoint,
            epsilon=self.epsilon,
            step=self.epsilon / 5 if self.step is None else self.step,
            steps=self.steps,
            batch_size=self.batch_size,
            shift=self.shift,
            view=self.view,
        )
