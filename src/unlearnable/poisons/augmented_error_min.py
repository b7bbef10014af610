"""Error-minimizing noise searched through the views of contrastive learning: against both ways of learning."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._types import Scope
from unlearnable.poisons._alternating import Alternating
from unlearnable.poisons._views import contrasted


@dataclass(frozen=True, kw_only=True)
class AugmentedErrorMin(Alternating):
    """Error-minimizing noise with contrastive augmentation in both steps (AUE).

    min_θ E_T min_{‖δ‖∞ ≤ ε} L(f_θ(T(x + δ)), y), T: a resized crop of at least 1 - 0.9 s of the area, mirror, colour
    jitter of 0.4 s, grey with probability 0.2 s.

    Source: Wang, Zhu, Gao, Efficient Availability Attacks Against Supervised and Contrastive Learning Simultaneously,
    NeurIPS 2024 (its code has no licence; from the description). s = 0.6 for CIFAR-10 and 1 for CIFAR-100 there.
    Differs from the paper: a small surrogate and few rounds, not 60 passes of a ResNet-18; few and large steps on θ in
    a round, as in `RobustErrorMin`; 4 steps on δ of 3 ε / 8, not 5 of ε / 10; hue is left alone (its gradient is not
    finite at grey).

    With 10,000 images of CIFAR-10 `fast-small` learns 26.3 (26.4) percent, and in grey 45.8 (46.6), last (best) epoch,
    one seed; 20 rounds leave 30.5 and 40.3, two surrogates with 8 rounds of 10 steps of rate 0.1 left 37.9 and 71.5.

    Args:
        strength: s, from 0 to 1.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "augmented-error-min"
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = """@inproceedings{wang2024efficient,
  title = {Efficient Availability Attacks Against Supervised and Contrastive Learning Simultaneously},
  author = {Wang, Yihan and Zhu, Yifan and Gao, Xiao-Shan},
  booktitle = {NeurIPS},
  year = {2024}
}"""

    scope: Scope = "sample-wise"
    surrogates: tuple[str, ...] | None = ("fast-small",)
    rounds: int = 14
    model_steps: int = 4
    learning_rate: float = 1.0
    strength: float = 0.6

    @property
    def revision(self) -> int:  # type: ignore[override]
        """One more since views are sampled in float32."""
        return 1 + super().revision

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
    ) -> Float[Tensor, "b c h w"]:
        """Crop, mirror, jitter."""
        return contrasted(images, self.strength, generator)

    noise_view = model_view
