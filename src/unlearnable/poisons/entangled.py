"""Entangled features: images whose robust features lie where another class's do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import require_company
from unlearnable.poisons._surrogates import Objective, centroids
from unlearnable.poisons._trained import AgainstTrained
from unlearnable.training.pretraining import features

Direction = Literal["push", "pull"]


@dataclass(frozen=True, kw_only=True)
class Entangled(AgainstTrained):
    """Noise that pushes the features of a robust network away from the class, or pulls them to the nearest other.

    push: max_{‖δ‖∞ ≤ ε} ‖g(x + δ) - c_y‖²; pull: min ‖g(x + δ) - c_j‖², j = argmin_{j ≠ y} ‖c_j - c_y‖; g the features
    of a network trained adversarially at radius ρ, c their class means (EntF).

    Source: Wen, Zhao, Liu, Backes, Wang, Zhang, Is Adversarial Training Really a Silver Bullet for Mitigating Data
    Poisoning?, ICLR 2023 (MIT). Sample-wise; made against adversarial training.
    Differs from the paper: a small surrogate, trained for 10 epochs, not 100, with 5 steps of PGD; 30 steps that
    shrink, not 300.

    Args:
        direction: `push` or `pull`.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "entangled"
    citation: ClassVar[str] = """@inproceedings{wen2023adversarial,
  title = {Is Adversarial Training Really a Silver Bullet for Mitigating Data Poisoning?},
  author = {Wen, Rui and Zhao, Zhengyu and Liu, Zhuoran and Backes, Michael and Wang, Tianhao and Zhang, Yang},
  booktitle = {ICLR},
  year = {2023}
}"""

    surrogates: tuple[str, ...] = ("fast-small",)
    radius: float = 4.0
    shift: int = 0
    direction: Direction = "push"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.direction not in get_args(Direction):
            raise ValueError(f"direction must be push or pull; got {self.direction!r}")

    def require(self, data: ImageSet) -> None:
        """Refuse a lone image where it is to be pushed: it is its own class mean, from which no direction leads."""
        if self.direction == "push":
            require_company(data, "entangled with direction push")

    def objective(self, data: ImageSet, models: Sequence[nn.Module], runtime: Runtime) -> Objective:
        """Aim away from the class's mean features, or at the nearest other's."""
        images, labels = runtime.images(data.pixels), torch.from_numpy(data.labels).to(runtime.device)
        goals, sign = dict[int, Float[Tensor, "k d"]](), -1.0 if self.direction == "push" else 1.0
        for model in models:  # each has features of its own
            means = centroids(model, images, labels, len(data.classes), runtime)
            apart = torch.cdist(means, means).fill_diagonal_(torch.inf)
            apart[:, torch.from_numpy(data.counts == 0).to(apart.device)] = torch.inf
            goals[id(model)] = means if self.direction == "push" else means[apart.argmin(1)]

        def small(model: nn.Module, seen: Float[Tensor, "b c h w"], rows: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
            found, _ = features(model, seen)
            return sign * F.mse_loss(found, goals[id(model)][labels[rows]], reduction="sum")

        return small
