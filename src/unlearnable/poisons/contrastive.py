"""Contrastive poisoning: noise that leaves nothing to learn without labels."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._types import Scope
from unlearnable.poisons._alternating import Alternating
from unlearnable.poisons._views import contrasted
from unlearnable.training.contrast import nt_xent
from unlearnable.training.pretraining import features


@dataclass(frozen=True, kw_only=True)
class Contrastive(Alternating):
    """Noise that makes the contrastive loss small before anything is learned (CP).

    min_θ min_{‖δ‖∞ ≤ ε} L_SimCLR(g_θ(T_1(x + δ)), g_θ(T_2(x + δ))), g_θ the features of f_θ, T_1 and T_2 two views of
    the same image. Labels are not used when noise is sample-wise.

    Source: He, Zha, Katabi, Indiscriminate Poisoning Attacks on Unsupervised Contrastive Learning, ICLR 2023 (MIT).
    Differs from the paper: no projection head; small surrogates in turn and few rounds, not 1,000 epochs.

    So short it protects from nothing yet: of 10,000 images of CIFAR-10 `simclr:16` learns 50.4 percent, of clean ones
    50.9, and plain training 77.6 of 79.0 (one seed).

    Args:
        strength: of the views, from 0 to 1.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "contrastive"
    needs: ClassVar[tuple[str, ...]] = ("images", "surrogate")
    least_categories: ClassVar[int] = 1
    of_batch: ClassVar[bool] = True
    stops: ClassVar[bool] = False
    citation: ClassVar[str] = """@inproceedings{he2023indiscriminate,
  title = {Indiscriminate Poisoning Attacks on Unsupervised Contrastive Learning},
  author = {He, Hao and Zha, Kaiwen and Katabi, Dina},
  booktitle = {ICLR},
  year = {2023}
}"""

    scope: Scope = "sample-wise"
    rounds: int = 8
    strength: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.strength <= 1:
            raise ValueError(f"strength must be from 0 to 1; got {self.strength!r}")

    def model_view(
        self,
        model: nn.Module,
        images: Float[Tensor, "b c h w"],
        labels: Int64[Tensor, " b"],
        generator: torch.Generator,
    ) -> Float[Tensor, "v c s s"]:
        """Two views of every image, the first ones first."""
        first, second = (contrasted(images, self.strength, generator) for _ in range(2))
        return torch.cat([first, second])

    noise_view = model_view

    def model_objective(
        self, model: nn.Module, images: Float[Tensor, "v c h w"], labels: Int64[Tensor, " b"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "b k"]]:
        """Contrast the views."""
        found, logits = features(model, images)
        with torch.autocast(found.device.type, enabled=False):
            return nt_xent(found), logits[: len(labels)]

    def objective(
        self,
        model: nn.Module,
        images: Float[Tensor, "v c h w"],
        labels: Int64[Tensor, " b"],
        delta: Float[Tensor, "b c i j"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "b k"]]:
        """Contrast the views, summed."""
        loss, logits = self.model_objective(model, images, labels)
        return loss * len(labels), logits
