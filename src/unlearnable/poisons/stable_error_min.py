"""Stable error-minimizing noise: made for networks that train adversarially."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._types import Scope
from unlearnable.poisons._alternating import Alternating
from unlearnable.poisons._views import attacked, moved


@dataclass(frozen=True, kw_only=True)
class StableErrorMin(Alternating):
    """Error-minimizing noise for a robust network, made stable by random noise (SEM).

    θ: min L(f_θ(T(x + δ) + a), y), a = argmax_{‖a‖∞ ≤ ρ} of the same, by PGD;
    δ: min_{‖δ‖∞ ≤ ε} L(f_θ(T(x + δ) + u), y), one draw u ~ U(-ρ, ρ) a step, T a random shift and mirror.

    Source: Liu, Xu, Chen, Sun, Stable Unlearnable Example, AAAI 2024 (MIT): robust error-min with the inner maximum
    over a replaced by a draw when δ is searched. Sample-wise.
    Differs from the paper: small surrogates in turn and few rounds, not 5,000 steps of a ResNet-18.

    Args:
        radius: ρ in levels.
        attack_steps: of PGD, when θ is trained.
        shift: T moves by up to so many pixels.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "stable-error-min"
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = """@inproceedings{liu2024stable,
  title = {Stable Unlearnable Example: Enhancing the Robustness of Unlearnable Examples via Stable Error-Minimizing
    Noise},
  author = {Liu, Yixin and Xu, Kaidi and Chen, Xun and Sun, Lichao},
  booktitle = {AAAI},
  year = {2024}
}"""

    scope: Scope = "sample-wise"
    rounds: int = 8
    radius: float = 4.0
    attack_steps: int = 5
    shift: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.radius < 0 or self.shift < 0 or self.attack_steps < 1:
            raise ValueError("radius and shift must not be negative and attack_steps at least 1")

    def model_view(
        self,
        model: nn.Module,
        images: Float[Tensor, "b c h w"],
        labels: Int64[Tensor, " b"],
        generator: torch.Generator,
    ) -> Float[Tensor, "b c h w"]:
        """Shift, mirror and attack."""
        seen = moved(images, self.shift, generator)
        return attacked(model, seen, labels, radius=self.radius, steps=self.attack_steps)

    def noise_view(
        self,
        model: nn.Module,
        images: Float[Tensor, "b c h w"],
        labels: Int64[Tensor, " b"],
        generator: torch.Generator,
    ) -> Float[Tensor, "b c h w"]:
        """Shift, mirror and add a draw."""
        seen = moved(images, self.shift, generator)
        size = self.radius / 255
        return (seen + torch.empty_like(seen).uniform_(-size, size)).clamp(0, 1)
