"""Self-ensemble protection: targeted noise against many moments of one training."""

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
from unlearnable.poisons._surrogates import Objective, centroids
from unlearnable.poisons._trained import AgainstTrained
from unlearnable.training.pretraining import features


@dataclass(frozen=True, kw_only=True)
class SelfEnsemble(AgainstTrained):
    """Noise that moves an image's features to another class's mean, for checkpoints of one training in turn (SEP).

    min_{‖δ‖∞ ≤ ε} Σ_m ‖g_m(T(x + δ)) - c_m[(y + ⌊k/2⌋) mod k]‖², g_m the features of checkpoint m, c_m[j] the mean of
    class j's.

    Source: Chen, Yuan, Huang et al., Self-Ensemble Protection, ICLR 2023, the variant with feature alignment (its code
    has no licence; from the equations). Sample-wise. 15 to 30 checkpoints of a ResNet-18 there.
    Differs from the paper: 10 checkpoints of each of two small surrogates take turns step by step, so that none
    outweighs the others; its gradients are averaged over all checkpoints in each of 30 steps, with variance reduction;
    40 steps from ε / 5 that shrink, not 30 of 1 level.
    """

    method: ClassVar[str] = "self-ensemble"
    citation: ClassVar[str] = """@inproceedings{chen2023selfensemble,
  title = {Self-Ensemble Protection: Training Checkpoints Are Good Data Protectors},
  author = {Chen, Sizhe and Yuan, Geng and Cheng, Xinwen and Gong, Yifan and Qin, Minghai and Wang, Yanzhi and
    Huang, Xiaolin},
  booktitle = {ICLR},
  year = {2023}
}"""

    checkpoints: int = 10
    steps: int = 40

    def objective(self, data: ImageSet, models: Sequence[nn.Module], runtime: Runtime) -> Objective:
        """Aim at the mean features of the class half the classes on, of each checkpoint's own."""
        images, labels = runtime.images(data.pixels), torch.from_numpy(data.labels).to(runtime.device)
        classes = len(data.classes)
        there = torch.from_numpy(np.flatnonzero(data.counts)).to(labels.device)  # no class without images is a target
        targets = there[(torch.searchsorted(there, labels) + len(there) // 2) % len(there)]
        means = {id(model): centroids(model, images, labels, classes, runtime) for model in models}

        def small(model: nn.Module, seen: Float[Tensor, "b c h w"], rows: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
            found, _ = features(model, seen)
            return F.mse_loss(found, means[id(model)][targets[rows]], reduction="sum")

        return small
