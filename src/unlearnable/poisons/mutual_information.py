"""Mutual-information noise: images of a class made to agree in what a network sees of them."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._types import Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._alternating import Alternating
from unlearnable.poisons._base import require_company
from unlearnable.poisons._bilevel import SLOW
from unlearnable.training.pretraining import features


@dataclass(frozen=True, kw_only=True)
class MutualInformation(Alternating):
    """Noise that pulls the features of a class together and away from the others' (MI-UE).

    θ: min L(f_θ(x + δ), y); δ: min over ‖δ‖∞ ≤ ε of
    -log(Σ_{p ∈ P_i} exp(z_i·z_p / τ) / Σ_a exp(z_i·z_a / τ)), z the normalised features of a batch, P_i the images of
    i's class in it, i among them.

    Source: Zhu, Miao, Dong, Gao, Why Do Unlearnable Examples Work: A Novel Perspective of Mutual Information, ICLR 2026
    (its code has no licence; from the description). Sample-wise.
    Differs from the paper: of the gradient, slow changes only are used (`cycles`); small surrogates in turn and few
    rounds, 4 steps of 3 ε / 8 where it has 10 of ε / 40, and a search that stops when the surrogates' error does;
    without the small term on distances between features, to which the command of its code gives no weight. Class-wise
    is ours.

    Batches are mixed anew in each round. An image that has no other of its category in its batch is only pushed away
    from the rest.

    With 10,000 images of CIFAR-10, last (best) epoch, seed 0: `fast-small` learns 14.5 (23.8) percent, and a narrow
    ResNet-18, `resnet18-slim`, 11.6 (22.5); published are 9.9, for a ResNet-18 and 50,000 images; after JPEG 75 57.2
    (57.2) is learned, in grey 75.8 (75.8). With all frequencies (`cycles=1000`) 10.6 (13.0), and 30.8 (45.1) in grey,
    but the ResNet-18, which is no surrogate, does not see that noise, 62.9 (62.9), nor is it there after JPEG 75, 70.8
    (70.8). With the mean of the logarithms over the class's images, itself not among them, and all frequencies, 13.0
    (25.6).

    Args:
        cycles: of δ's gradient, the highest frequency that is used, in cycles per image; by default 8.
        temperature: τ.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "mutual-information"
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    of_batch: ClassVar[bool] = True
    citation: ClassVar[str] = """@inproceedings{zhu2026mutual,
  title = {Why Do Unlearnable Examples Work: A Novel Perspective of Mutual Information},
  author = {Zhu, Yifan and Miao, Yibo and Dong, Yinpeng and Gao, Xiao-Shan},
  booktitle = {ICLR},
  year = {2026}
}"""

    scope: Scope = "sample-wise"
    rounds: int = 20
    cycles: float | None = SLOW
    temperature: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.temperature > 0:
            raise ValueError(f"temperature must be positive; got {self.temperature!r}")

    @property
    def revision(self) -> int:  # type: ignore[override]
        """One more since the logarithm is of the sum over the class's images, themselves among them, not inside it."""
        return 1 + super().revision

    def require(self, data: ImageSet) -> None:
        """Refuse a lone image: it has nothing to be pulled to."""
        require_company(data, self.method)

    def objective(
        self,
        model: nn.Module,
        images: Float[Tensor, "b c h w"],
        labels: Int64[Tensor, " b"],
        delta: Float[Tensor, "b c h w"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "b k"]]:
        """Contrast the batch's features by class."""
        found, logits = features(model, images)
        # bfloat16 has 8 bits: of likenesses close to 1, divided by τ, little is left
        with torch.autocast(found.device.type, enabled=False):
            return contrast(found, labels, self.temperature), logits


def contrast(found: Float[Tensor, "b d"], labels: Int64[Tensor, " b"], temperature: float) -> Float[Tensor, ""]:
    """Return the contrastive loss by class, summed."""
    unit = F.normalize(found.float(), dim=1)
    alike = unit @ unit.T / temperature
    same = labels[:, None] == labels
    return (alike.logsumexp(1) - alike.masked_fill(~same, -torch.inf).logsumexp(1)).sum()
