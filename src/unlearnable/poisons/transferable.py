"""Transferable noise: noise vectors that cluster by class, for exploiters with labels and without."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._types import Scope
from unlearnable.poisons.contrastive import Contrastive


@dataclass(frozen=True, kw_only=True)
class Transferable(Contrastive):
    """Noise that makes the contrastive loss small, and whose own vectors cluster by class (TUE).

    θ: min L_SimCLR; δ: min over ‖δ‖∞ ≤ ε of w_ssl L_SimCLR(x + δ) + w_csd CSD(δ), CSD the Davies-Bouldin index of the
    noise: the mean over i ≠ j of (s_i + s_j) / ‖c_i - c_j‖, c_i the mean of class i's noise and s_i its mean distance
    from it.

    Source: Ren, Xu, Wan, Ma, Sun, Tang, Transferable Unlearnable Examples, ICLR 2023 (its code has no licence; from
    the description). Sample-wise.
    Differs from the paper: CSD is that of a batch; no projection head; small surrogates in turn and few rounds, 4
    steps of 3 ε / 8 on δ where it has 20 of 0.8 levels, from a random start; both weights are 1 with SimCLR, where the
    paper has 0 and 0.1.

    Args:
        ssl_weight: w_ssl; with 0 nothing is seen of the images but what room their values leave.
        csd_weight: w_csd.
        strength: of the views, from 0 to 1.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "transferable"
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    least_categories: ClassVar[int] = 2
    starts_random: ClassVar[bool] = True
    citation: ClassVar[str] = """@inproceedings{ren2023transferable,
  title = {Transferable Unlearnable Examples},
  author = {Ren, Jie and Xu, Han and Wan, Yuxuan and Ma, Xingjun and Sun, Lichao and Tang, Jiliang},
  booktitle = {ICLR},
  year = {2023}
}"""

    scope: Scope = "sample-wise"
    ssl_weight: float = 1.0
    csd_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.ssl_weight, self.csd_weight) < 0 or self.ssl_weight + self.csd_weight == 0:
            raise ValueError("ssl_weight and csd_weight must not be negative, and one must be positive")

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
