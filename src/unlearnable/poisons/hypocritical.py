"""Hypocritical noise: images that a slightly robust network finds easier than they are."""

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
class Hypocritical(AdditivePoison):
    """Noise that makes a trained, slightly robust network's loss small (HYP).

    min_{‖δ‖∞ ≤ ε} L(f_θ(T(x + δ)), y), θ trained adversarially at radius ρ, T a random shift and mirror.

    Source: Tao, Feng, Yi, Huang, Chen, Better Safe Than Sorry (P2), NeurIPS 2021, and Tao et al., Can Adversarial
    Training Be Manipulated By Non-Robust Features?, NeurIPS 2022 (MIT). Sample-wise. Made against the robust accuracy
    of adversarial training; plain training still learns much (70 in the literature).
    Differs from the paper: a small surrogate and 5 steps of PGD in its training; 30 steps that shrink, not 100.

    Args:
        surrogate: architecture that is trained, a name in `models.ARCHITECTURES`.
        surrogate_epochs: passes of training.
        radius: ρ in levels.
        steps: sign steps on δ.
        step: size of the first one in levels; by default ε / 5.
        shift: T moves by up to so many pixels.
        batch_size: images a step.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "hypocritical"
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = """@inproceedings{tao2022manipulated,
  title = {Can Adversarial Training Be Manipulated By Non-Robust Features?},
  author = {Tao, Lue and Feng, Lei and Wei, Hongxin and Yi, Jinfeng and Huang, Sheng-Jun and Chen, Songcan},
  booktitle = {NeurIPS},
  year = {2022}
}"""

    scope: Scope = "sample-wise"
    surrogate: str = "fast-small"
    surrogate_epochs: int = 10
    radius: float = 2.0
    steps: int = 30
    step: float | None = None
    shift: int = 2
    batch_size: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.surrogate_epochs, self.steps) < 1 or self.batch_size < 2:
            raise ValueError("surrogate_epochs and steps must be at least 1, batch_size at least 2")
        if self.radius < 0 or self.shift < 0 or (self.step is not None and not self.step > 0):
            raise ValueError("radius and shift must not be negative and step must be positive levels")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Train the surrogate, then search (levels)."""
        training, searching = phases(report, [5 * self.surrogate_epochs, self.surrogate_epochs])
        checkpoint = self.checkpoint(data, runtime)
        models = ensemble(
            data,
            (self.surrogate,),
            runtime,
            training,
            checkpoint,
            epochs=self.surrogate_epochs,
            batch_size=self.batch_size,
            radius=self.radius,
        )
        labels = torch.from_numpy(data.labels).to(runtime.device)

        def objective(
            model: nn.Module, images: Float[Tensor, "b c h w"], rows: Int64[Tensor, " b"]
        ) -> Float[Tensor, ""]:
            return F.cross_entropy(model(images).float(), labels[rows], reduction="sum")

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
