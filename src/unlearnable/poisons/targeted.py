"""Targeted adversarial poisoning: images that a trained network takes for another class."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._types import RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._surrogates import ensemble, phases, searched


@dataclass(frozen=True, kw_only=True)
class Targeted(AdditivePoison):
    """Noise that makes a clean-trained network see the next class (TAP).

    min_{‖δ‖∞ ≤ ε} L(f_θ(T(x + δ)), (y + 1) mod k), θ trained on clean images, T a random shift and mirror.

    Source: Fowl et al., Adversarial Examples Make Strong Poisons, NeurIPS 2021 (MIT). Sample-wise. 250 steps of
    0.05 ε and 8 restarts with a ResNet-18 there.
    Differs from the paper: small surrogates take turns step by step; fewer, larger steps that shrink; no restarts.

    Args:
        surrogates: architectures that are trained, names in `models.ARCHITECTURES`.
        surrogate_epochs: passes of training each.
        steps: sign steps on δ.
        step: size of the first one in levels; by default ε / 5.
        shift: T moves by up to so many pixels.
        offset: how far the target is from the label.
        batch_size: images a step.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "targeted"
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = """@inproceedings{fowl2021adversarial,
  title = {Adversarial Examples Make Strong Poisons},
  author = {Fowl, Liam and Goldblum, Micah and Chiang, Ping-yeh and Geiping, Jonas and Czaja, Wojciech and
    Goldstein, Tom},
  booktitle = {NeurIPS},
  year = {2021}
}"""

    scope: Scope = "sample-wise"
    surrogates: tuple[str, ...] = ("fast-small", "resnet-small")
    surrogate_epochs: int = 10
    steps: int = 30
    step: float | None = None
    shift: int = 2
    offset: int = 1
    batch_size: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.surrogates or min(self.surrogate_epochs, self.steps, self.offset) < 1 or self.batch_size < 2:
            raise ValueError(
                "surrogates must name an architecture, surrogate_epochs, steps and offset be at least 1, "
                "batch_size at least 2"
            )
        if self.shift < 0 or (self.step is not None and not self.step > 0):
            raise ValueError("shift must not be negative and step must be positive levels")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Train the surrogates, then search (levels)."""
        training, searching = phases(report, [len(self.surrogates) * self.surrogate_epochs, self.surrogate_epochs])
        checkpoint = self.checkpoint(data, runtime)
        models = ensemble(
            data,
            self.surrogates,
            runtime,
            training,
            checkpoint,
            epochs=self.surrogate_epochs,
            batch_size=self.batch_size,
        )
        targets = (torch.from_numpy(data.labels).to(runtime.device) + self.offset) % len(data.classes)

        def objective(
            model: nn.Module, images: Float[Tensor, "b c h w"], rows: Int64[Tensor, " b"]
        ) -> Float[Tensor, ""]:
            return F.cross_entropy(model(images).float(), targets[rows], reduction="sum")

        return searched(
            data,
            models,
            objective,
            runtime,
            searching,
            checkpoint,
            epsilon=self.epsilon,
            step=self.step or self.epsilon / 5,
            steps=self.steps,
            batch_size=self.batch_size,
            shift=self.shift,
        )
