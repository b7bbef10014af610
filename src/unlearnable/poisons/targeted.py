"""Targeted adversarial poisoning: images that a trained network takes for another class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable.imageset import ImageSet
from unlearnable.poisons._surrogates import Objective
from unlearnable.poisons._trained import AgainstTrained


@dataclass(frozen=True, kw_only=True)
class Targeted(AgainstTrained):
    """Noise that makes a clean-trained network see the next class (TAP).

    min_{‖δ‖∞ ≤ ε} L(f_θ(T(x + δ)), (y + 1) mod k), θ trained on clean images, T a random shift and mirror; y counts
    the classes that have images.

    Source: Fowl et al., Adversarial Examples Make Strong Poisons, NeurIPS 2021 (MIT). Sample-wise. 250 steps of
    0.05 ε and 8 restarts with a ResNet-18 there.
    Differs from the paper: small surrogates take turns step by step; fewer, larger steps that shrink; no restarts.

    Args:
        offset: how far the target is from the label; not a multiple of k.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "targeted"
    citation: ClassVar[str] = """@inproceedings{fowl2021adversarial,
  title = {Adversarial Examples Make Strong Poisons},
  author = {Fowl, Liam and Goldblum, Micah and Chiang, Ping-yeh and Geiping, Jonas and Czaja, Wojciech and
    Goldstein, Tom},
  booktitle = {NeurIPS},
  year = {2021}
}"""

    offset: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.offset < 1:
            raise ValueError(f"offset must be at least 1; got {self.offset!r}")

    def require(self, data: ImageSet) -> None:
        """Refuse a target that is the image's own label: such noise would help."""
        classes = np.count_nonzero(data.counts)
        if classes > 1 and self.offset % classes == 0:
            raise ValueError(
                f"offset {self.offset} among the {classes} categories of {data.name} leads back to an image's own; "
                f"give one that is not a multiple of {classes}"
            )

    def objective(self, data: ImageSet, models: Sequence[nn.Module], runtime: Runtime) -> Objective:
        """Aim at the class `offset` places on, of those that have images."""
        there = np.flatnonzero(data.counts)
        targets = torch.from_numpy(there[(np.searchsorted(there, data.labels) + self.offset) % len(there)])
        targets = targets.to(runtime.device)

        def small(model: nn.Module, images: Float[Tensor, "b c h w"], rows: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
            return F.cross_entropy(model(images).float(), targets[rows], reduction="sum")

        return small
