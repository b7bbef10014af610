"""Hypocritical noise: images that a slightly robust network finds easier than they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable.imageset import ImageSet
from unlearnable.poisons._citations import TAO_2021
from unlearnable.poisons._surrogates import Objective
from unlearnable.poisons._trained import AgainstTrained


@dataclass(frozen=True, kw_only=True)
class Hypocritical(AgainstTrained):
    """Noise that makes a trained, slightly robust network's loss small (HYP).

    min_{‖δ‖∞ ≤ ε} L(f_θ(T(x + δ)), y), θ trained adversarially at radius ρ, T a random shift and mirror.

    Source: Tao, Feng, Yi, Huang, Chen, Better Safe Than Sorry (P2), NeurIPS 2021, and Tao et al., Can Adversarial
    Training Be Manipulated By Non-Robust Features?, NeurIPS 2022 (MIT). Sample-wise. Made against the robust accuracy
    of adversarial training; plain training still learns much (70 in the literature).
    Differs from the paper: a small surrogate and 5 steps of PGD in its training; 30 steps that shrink, not 100.
    """

    method: ClassVar[str] = "hypocritical"
    citation: ClassVar[str] = f"""@inproceedings{{tao2022manipulated,
  title = {{Can Adversarial Training Be Manipulated By Non-Robust Features?}},
  author = {{Tao, Lue and Feng, Lei and Wei, Hongxin and Yi, Jinfeng and Huang, Sheng-Jun and Chen, Songcan}},
  booktitle = {{NeurIPS}},
  year = {{2022}}
}}

{TAO_2021}"""

    surrogates: tuple[str, ...] = ("fast-small",)
    radius: float = 2.0

    def objective(self, data: ImageSet, models: Sequence[nn.Module], runtime: Runtime) -> Objective:
        """Aim at the own label."""
        labels = torch.from_numpy(data.labels).to(runtime.device)

        def small(model: nn.Module, images: Float[Tensor, "b c h w"], rows: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
            return F.cross_entropy(model(images).float(), labels[rows], reduction="sum")

        return small
