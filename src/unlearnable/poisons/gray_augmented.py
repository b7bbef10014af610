"""Error-minimizing noise searched in grey as well, for exploiters who drop the colour."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._types import Scope
from unlearnable.poisons._alternating import Alternating
from unlearnable.poisons._views import grey, moved


@dataclass(frozen=True, kw_only=True)
class GrayAugmented(Alternating):
    """Error-minimizing noise whose search sees every batch in colour or in grey at random (GrayAug).

    min_θ E_T min_{‖δ‖∞ ≤ ε} L(f_θ(T(x + δ)), y), T: the luma in all channels with probability p, and, where
    shift is above 0, a random shift and mirror.

    Source: Liu, Zhao, Kolmus, Berns, van Laarhoven, Heskes, Larson, Going Grayscale: The Road to Understanding and
    Improving Unlearnable Examples, 2021 (its code has no licence; from the description).
    Differs from the paper: a small surrogate and few rounds, with few and large steps on θ, as in `RobustErrorMin`, and
    on δ, 4 of 3 ε / 8 a round, not 20 of 0.8 levels.

    With 10,000 images of CIFAR-10 `fast-small` learns 28.7 (34.4) percent, and in grey 27.9 (29.5), last (best) epoch,
    one seed; with two surrogates, 8 rounds of 10 steps of rate 0.1, which took four times as long, 29.9 and 38.2.
    A narrow ResNet-18, `resnet18-slim`, sees little of that noise, 61.1 (61.3); of slow changes only (`cycles=8`) it
    sees more, 35.1 (35.1), and `fast-small` less, 42.8 (42.8), in grey 41.9 (41.9) (suite `frequencies`, seed 0).

    Args:
        share: p, of batches that are seen in grey.
        shift: T moves by up to so many pixels.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "gray-augmented"
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = """@article{liu2021grayscale,
  title = {Going Grayscale: The Road to Understanding and Improving Unlearnable Examples},
  author = {Liu, Zhuoran and Zhao, Zhengyu and Kolmus, Alex and Berns, Tijn and van Laarhoven, Twan and Heskes, Tom and
    Larson, Martha},
  journal = {arXiv:2111.13244},
  year = {2021}
}"""

    scope: Scope = "sample-wise"
    surrogates: tuple[str, ...] | None = ("fast-small",)
    rounds: int = 14
    model_steps: int = 4
    learning_rate: float = 1.0
    share: float = 0.5
    shift: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.share <= 1 or self.shift < 0:
            raise ValueError("share must be from 0 to 1 and shift not negative")

    def model_view(
        self,
        model: nn.Module,
        images: Float[Tensor, "b c h w"],
        labels: Int64[Tensor, " b"],
        generator: torch.Generator,
    ) -> Float[Tensor, "b c h w"]:
        """Shift, mirror, and now and then drop the colour."""
        seen = moved(images, self.shift, generator)
        return grey(seen) if torch.rand((), generator=generator) < self.share else seen

    noise_view = model_view
