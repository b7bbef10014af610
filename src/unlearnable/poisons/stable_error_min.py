"""Stable error-minimizing noise: made for networks that train adversarially."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable.poisons._views import moved
from unlearnable.poisons.robust_error_min import RobustErrorMin


@dataclass(frozen=True, kw_only=True)
class StableErrorMin(RobustErrorMin):
    """Error-minimizing noise for a robust network, made stable by random noise (SEM).

    θ: min L(f_θ(T(x + δ) + a), y), a = argmax_{‖a‖∞ ≤ ρ} of the same, by PGD;
    δ: min_{‖δ‖∞ ≤ ε} L(f_θ(T(x + δ) + u), y), one draw u ~ U(-ρ, ρ) a step, T a random shift and mirror.

    Source: Liu, Xu, Chen, Sun, Stable Unlearnable Example, AAAI 2024 (MIT): robust error-min with the inner maximum
    over a replaced by a draw when δ is searched. Sample-wise.
    Differs from the paper: as `RobustErrorMin` does.

    With 10,000 images of CIFAR-10 `fast-small` learns 14.8 (16.2) percent and `vgg-small`, which is no surrogate, 10.2
    (15.5), last (best) epoch, one seed; published are 14.8, on 50,000.

    Settings are those of `RobustErrorMin`: the radius is that of the draw too, and PGD is only taken when θ is trained.
    """

    method: ClassVar[str] = "stable-error-min"
    citation: ClassVar[str] = """@inproceedings{liu2024stable,
  title = {Stable Unlearnable Example: Enhancing the Robustness of Unlearnable Examples via Stable Error-Minimizing
    Noise},
  author = {Liu, Yixin and Xu, Kaidi and Chen, Xun and Sun, Lichao},
  booktitle = {AAAI},
  year = {2024}
}"""

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
