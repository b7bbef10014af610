"""Transferable noise: noise vectors that cluster by class."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._types import Scope
from unlearnable.poisons._bilevel import FAST
from unlearnable.poisons.contrastive import Contrastive

CYCLES = 3.0
"""Patterns that nothing searched are not seen by every network if they have more; of fewer there are not many."""


@dataclass(frozen=True, kw_only=True)
class Transferable(Contrastive):
    """Noise whose own vectors cluster by class and, if asked, make the contrastive loss small too (TUE).

    δ: min over ‖δ‖∞ ≤ ε of w_csd CSD(δ) + w_ssl L_SimCLR(f_θ(x + δ)), θ: min L_SimCLR; CSD the Davies-Bouldin index of
    the noise: the mean over i ≠ j of (s_i + s_j) / ‖c_i - c_j‖, c_i the mean of class i's noise and s_i its mean
    distance from it.

    Source: Ren, Xu, Wan, Ma, Sun, Tang, Transferable Unlearnable Examples, ICLR 2023 (its code has no licence; from
    the description). Sample-wise. The weights are those of its code for SimCLR, which ask no network; for MoCo it has
    1 and 1.
    Differs from the paper: of the random start and of the gradient, colour that changes slowly (`cycles`) and
    brightness that changes fast (`luma`) are used, so that other networks see the noise, JPEG keeps it, and grey too;
    CSD is that of a batch; no projection head; with w_ssl small surrogates in turn and few rounds; 4 steps of 3 ε / 8
    a round on δ where it has 20 of 0.8 levels.

    With 10,000 images of CIFAR-10, last (best) epoch, seed 0, `fast-small` learns 20.9 (33.4) percent, and a narrow
    ResNet-18, `resnet18-slim`, 25.5 (28.8); published are 11.2, for a ResNet-18 and 50,000 images; after JPEG 75
    32.2 (36.6) is learned, in grey 14.9 (36.8), and in grey, then JPEG 75, 74.1 (74.1). Brightness that changes slowly
    too, `luma=None`: 21.0 (31.4), 17.6 (27.2), 27.6 (34.5), 76.8 (76.8). With `ssl_weight=1, csd_weight=1, cycles=None,
    luma=None`, which trains networks, 14.8 (21.2), but the ResNet-18 does not see that noise, 61.5 (61.5), nor is it
    there after JPEG 75, 74.6 (74.6); in grey 31.2 (55.0) (suite `frequencies`). Without labels, in 16 epochs of
    `simclr`, 50.0 is learned of slow changes (clean 50.9), 46.8 of all.

    Args:
        cycles: of δ, the highest frequency that is used, in cycles per image; None uses all.
        luma: of its brightness, the lowest one, `cycles` then being for colour; None treats them alike.
        ssl_weight: w_ssl; with 0 nothing is seen of the images but what room their values leave.
        csd_weight: w_csd.
        strength: of the views, from 0 to 1.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "transferable"
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    needs: ClassVar[tuple[str, ...]] = ("labels", "images")
    least_categories: ClassVar[int] = 2
    starts_random: ClassVar[bool] = True
    citation: ClassVar[str] = """@inproceedings{ren2023transferable,
  title = {Transferable Unlearnable Examples},
  author = {Ren, Jie and Xu, Han and Wan, Yuxuan and Ma, Xingjun and Sun, Lichao and Tang, Jiliang},
  booktitle = {ICLR},
  year = {2023}
}"""

    scope: Scope = "sample-wise"
    cycles: float | None = CYCLES
    luma: float | None = FAST
    ssl_weight: float = 0.0
    csd_weight: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.ssl_weight, self.csd_weight) < 0 or self.ssl_weight + self.csd_weight == 0:
            raise ValueError("ssl_weight and csd_weight must not be negative, and one must be positive")

    @property
    def revision(self) -> int:  # type: ignore[override]
        """One more where its start is of slow changes too."""
        return super().revision + int(self.highest < math.inf)

    @property
    def uses_model(self) -> bool:
        """Whether w_ssl asks for one."""
        return self.ssl_weight > 0

    def noise_view(
        self,
        model: nn.Module,
        images: Float[Tensor, "b c h w"],
        labels: Int64[Tensor, " b"],
        generator: torch.Generator,
    ) -> Float[Tensor, "v c h w"]:
        """Two views of every image, or the images that nobody looks at."""
        return self.model_view(model, images, labels, generator) if self.uses_model else images

    def objective(
        self,
        model: nn.Module,
        images: Float[Tensor, "v c h w"],
        labels: Int64[Tensor, " b"],
        delta: Float[Tensor, "b c i j"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "b k"]]:
        """Contrast the views and separate the noise."""
        with torch.autocast(delta.device.type, enabled=False):
            apart = separability(delta, labels)
        if not self.uses_model:
            return self.csd_weight * apart * len(labels), delta.new_zeros(len(labels), 1)
        loss, logits = self.model_objective(model, images, labels)
        return (self.ssl_weight * loss + self.csd_weight * apart) * len(labels), logits


def separability(delta: Float[Tensor, "b c h w"], labels: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
    """Return the Davies-Bouldin index of noise by class, averaged over all pairs; 0 is apart, without spread."""
    flat = delta.flatten(1).float()
    _, own = torch.unique(labels, return_inverse=True)
    member = torch.nn.functional.one_hot(own).float()
    counts = member.sum(0)
    centres = (member.T @ flat) / counts[:, None]
    far = (flat - centres.index_select(0, own)).square().sum(1).add(1e-6).sqrt()
    spread = (member.T @ far) / counts
    apart = (centres[:, None] - centres).square().sum(2).add(1e-6).sqrt()
    ratio = (spread[:, None] + spread) / apart
    kinds = len(centres)
    others = ~torch.eye(kinds, dtype=torch.bool, device=flat.device)
    return ratio[others].sum() / max(kinds * (kinds - 1), 1)
