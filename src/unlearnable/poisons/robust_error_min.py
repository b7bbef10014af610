"""Robust error-minimizing noise: the min-min-max search against adversarial training."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._types import Scope
from unlearnable.poisons._alternating import Alternating
from unlearnable.poisons._views import attacked, moved


@dataclass(frozen=True, kw_only=True)
class RobustErrorMin(Alternating):
    """Noise that keeps the loss small even at the worst image near the protected one (REM).

    min_θ E min_{‖δ‖∞ ≤ ε} E_T max_{‖a‖∞ ≤ ρ} L(f_θ(T(x + δ) + a), y), the maximum by PGD, T a random shift and
    mirror.

    Source: Fu, He, Liu, Shen, Tao, Robust Unlearnable Examples, ICLR 2022 (MIT). Sample-wise. The dearest of its kind:
    387 M image gradients of a ResNet-18 for CIFAR-10 there.
    Differs from the paper: a small surrogate and few rounds, not 5,000 steps of a ResNet-18; one view a step, not the
    mean of five; 5 steps of PGD, not 10; in a round, 4 steps on δ of 3 ε / 8 from where it is, not 10 of ε / 5 from
    random noise; ρ grows from 0 over the first rounds; few and large steps on θ in a round. θ that trains for long
    against attacks before δ moves has learned what the images show, and δ makes more of that: a network trained on the
    result fits it at once and still learns something true. δ should be what θ learns first. The search also stops when
    the surrogate's error does. Class-wise is ours.

    With 10,000 images of CIFAR-10 `fast-small` learns 21.2 (22.6) percent and `vgg-small`, which is no surrogate, 10.6
    (17.9), last (best) epoch, one seed; published are 22.9 (comparison of MI-UE; 17.5 in APBench, whose version
    has no inner attack and no mean of views), on 50,000.

    Args:
        radius: ρ in levels.
        ramp: share of the rounds in which ρ grows to that; 0 to 1, where 1 ends a round short of it.
        attack_steps: of PGD, for θ and for δ.
        shift: T moves by up to so many pixels.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "robust-error-min"
    revision: ClassVar[int] = 3
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = """@inproceedings{fu2022robust,
  title = {Robust Unlearnable Examples: Protecting Data Privacy Against Adversarial Learning},
  author = {Fu, Shaopeng and He, Fengxiang and Liu, Yang and Shen, Li and Tao, Dacheng},
  booktitle = {ICLR},
  year = {2022}
}"""

    scope: Scope = "sample-wise"
    surrogates: tuple[str, ...] | None = ("fast-small",)
    rounds: int = 14
    model_steps: int = 4
    learning_rate: float = 1.0
    radius: float = 4.0
    ramp: float = 0.67
    attack_steps: int = 5
    shift: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.radius < 0 or self.shift < 0 or self.attack_steps < 1:
            raise ValueError("radius and shift must not be negative and attack_steps at least 1")
        if not 0 <= self.ramp <= 1:
            raise ValueError(f"ramp must be a share of the rounds, from 0 to 1; got {self.ramp!r}")

    def stage(self, done: float) -> "RobustErrorMin":
        """Return the settings with the radius that has been reached."""
        return self if done >= self.ramp else replace(self, radius=self.radius * done / self.ramp)

    def model_view(
        self,
        model: nn.Module,
        images: Float[Tensor, "b c h w"],
        labels: Int64[Tensor, " b"],
        generator: torch.Generator,
    ) -> Float[Tensor, "b c h w"]:
        """Shift, mirror and attack."""
        return attacked(
            model, moved(images, self.shift, generator), labels, radius=self.radius, steps=self.attack_steps
        )

    noise_view = model_view
