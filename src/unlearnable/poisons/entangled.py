"""Entangled features: images whose robust features lie where another class's do."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._types import RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._surrogates import centroids, ensemble, features, phases, searched

Direction = Literal["push", "pull"]


@dataclass(frozen=True, kw_only=True)
class Entangled(AdditivePoison):
    """Noise that pushes the features of a robust network away from the class, or pulls them to the nearest other.

    push: max_{‖δ‖∞ ≤ ε} ‖g(x + δ) - c_y‖²; pull: min ‖g(x + δ) - c_j‖², j = argmin_{j ≠ y} ‖c_j - c_y‖; g the features
    of a network trained adversarially at radius ρ, c their class means (EntF).

    Source: Wen, Zhao, Liu, Backes, Wang, Zhang, Is Adversarial Training Really a Silver Bullet for Mitigating Data
    Poisoning?, ICLR 2023 (MIT). Sample-wise; made against adversarial training.
    Differs from the paper: a small surrogate and 5 steps of PGD in its training; 30 steps that shrink, not 300.

    Args:
        direction: `push` or `pull`.
        surrogate: architecture that is trained, a name in `models.ARCHITECTURES`.
        surrogate_epochs: passes of training.
        radius: ρ in levels.
        steps: sign steps on δ.
        step: size of the first one in levels; by default ε / 5.
        batch_size: images a step.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "entangled"
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = """@inproceedings{wen2023adversarial,
  title = {Is Adversarial Training Really a Silver Bullet for Mitigating Data Poisoning?},
  author = {Wen, Rui and Zhao, Zhengyu and Liu, Zhuoran and Backes, Michael and Wang, Tianhao and Zhang, Yang},
  booktitle = {ICLR},
  year = {2023}
}"""

    scope: Scope = "sample-wise"
    direction: Direction = "push"
    surrogate: str = "fast-small"
    surrogate_epochs: int = 10
    radius: float = 4.0
    steps: int = 30
    step: float | None = None
    batch_size: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.direction not in get_args(Direction):
            raise ValueError(f"direction must be push or pull; got {self.direction!r}")
        if min(self.surrogate_epochs, self.steps) < 1 or self.batch_size < 2:
            raise ValueError("surrogate_epochs and steps must be at least 1, batch_size at least 2")
        if self.radius < 0 or (self.step is not None and not self.step > 0):
            raise ValueError("radius must not be negative and step must be positive levels")

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
        images, labels = runtime.images(data.pixels), torch.from_numpy(data.labels).to(runtime.device)
        means = centroids(models[0], images, labels, len(data.classes), runtime)
        apart = torch.cdist(means, means).fill_diagonal_(torch.inf)
        apart[:, torch.from_numpy(data.counts == 0).to(apart.device)] = torch.inf
        goal, sign = (means, -1.0) if self.direction == "push" else (means[apart.argmin(1)], 1.0)

        def objective(model: nn.Module, seen: Float[Tensor, "b c h w"], rows: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
            found, _ = features(model, seen)
            return sign * F.mse_loss(found, goal[labels[rows]], reduction="sum")

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
        )
