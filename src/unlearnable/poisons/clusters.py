"""Unlearnable clusters: noise per cluster of images, for data whose labels nobody knows."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._scratch import scratch
from unlearnable._types import Progress, RealLevels, Report, Scope
from unlearnable.budget import parts
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._bilevel import Batches, Frozen, perturbed
from unlearnable.poisons._checkpoint import State
from unlearnable.poisons._surrogates import phases
from unlearnable.training.contrast import BATCH, LEAST_STEPS, train_contrast
from unlearnable.training.fit import build
from unlearnable.training.loader import to_unit
from unlearnable.training.pretraining import features

LLOYD_STEPS = 30


@dataclass(frozen=True, kw_only=True)
class Clusters(AdditivePoison):
    """Noise per cluster that makes its images look, to a feature extractor, like the next cluster's (UC).

    Clusters: K-means of the features g(x); then, for each cluster i, min_{‖δ_i‖∞ ≤ ε} of the mean over its images of
    KL(softmax c_{(i+1) mod K} ‖ softmax g(x + δ_i)), c_j the centre of cluster j. No label is read.

    Source: Zhang, Ma, Yi, Sang, Jiang, Wang, Xu, Unlearnable Clusters, CVPR 2023 (its code has no licence; from the
    description). ε = 16 and a CLIP or ResNet-50 extractor there.
    Differs from the paper: ε = 8; g is a small network trained on the images themselves without labels (SimCLR), so
    nothing has to be fetched; δ_i is stepped itself, by signs, not through a generator; g is fixed.

    SimCLR learns the direction of g alone, but with all features made as long the noise is no better: on 2,000 CIFAR-10
    images `fast-small` learns 59.5 percent at its best epoch, otherwise 56.7, clean 62.5; one seed.

    Args:
        clusters: K.
        surrogate: architecture of g, a name in `models.ARCHITECTURES`.
        surrogate_epochs: passes of training it; each has at least 20 steps, of few images too.
        rounds: passes over the images in the search.
        step: size of a sign step in levels; by default ε / 10.
        batch_size: images a step.

    Raises:
        ValueError: a setting is out of range, or there are fewer images than clusters.
    """

    method: ClassVar[str] = "clusters"
    revision: ClassVar[int] = 2
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    least_categories: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("images", "surrogate")
    citation: ClassVar[str] = """@inproceedings{zhang2023clusters,
  title = {Unlearnable Clusters: Towards Label-Agnostic Unlearnable Examples},
  author = {Zhang, Jiaming and Ma, Xingjun and Yi, Qi and Sang, Jitao and Jiang, Yugang and Wang, Yaowei and Xu,
    Changsheng},
  booktitle = {CVPR},
  year = {2023}
}"""

    scope: Scope = "sample-wise"
    clusters: int = 10
    surrogate: str = "resnet-small"
    surrogate_epochs: int = 8
    rounds: int = 4
    step: float | None = None
    batch_size: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clusters < 2 or min(self.surrogate_epochs, self.rounds) < 1 or self.batch_size < 2:
            raise ValueError("clusters and batch_size must be at least 2, surrogate_epochs and rounds at least 1")
        if self.step is not None and not self.step > 0:
            raise ValueError(f"step must be positive levels; got {self.step!r}")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Learn features, cluster, then search (levels)."""
        if len(data) < self.clusters:
            raise ValueError(f"clusters makes {self.clusters} clusters; {data.name} has {len(data)} images: use fewer")
        images = runtime.images(data.pixels)
        model = build(self.surrogate, images, 2, runtime)
        # two views of every image in a pass of learning
        learning, searching = phases(report, [2 * self.surrogate_epochs, self.rounds])
        size = self.epsilon / 10 if self.step is None else self.step
        batches = Batches(len(images), self.batch_size, runtime.generator("batches"))
        levels = torch.zeros(self.clusters, *images.shape[1:], device=runtime.device)
        state = State(self.checkpoint(data, runtime), [model], generators={"batches": batches.generator})
        saved, begun = state.load(), 0
        if saved:
            batches.restore(saved)
            levels.copy_(saved["levels"])
            begun = int(saved["rounds"])
        else:
            self._learn(model, images, runtime, learning)
            state.save({**batches.state(), "levels": levels, "rounds": torch.tensor(0)})
        with Frozen(model):
            found = torch.cat([_seen(model, images[rows], runtime) for rows in batches.sweep()])
            centres, member = kmeans(found, self.clusters, runtime.generator("clusters"))
            wanted = F.softmax(centres.roll(-1, 0), dim=1)
            for number in range(begun, self.rounds):
                for _ in range(batches.batches):
                    rows = batches.next().to(runtime.device)
                    levels.requires_grad_()
                    with runtime.autocast():
                        seen, _ = features(model, perturbed(images[rows], levels.index_select(0, member[rows])))
                    loss = F.kl_div(F.log_softmax(seen, dim=1), wanted[member[rows]], reduction="sum")
                    (gradient,) = torch.autograd.grad(loss, levels)
                    levels = (levels.detach() - size * gradient.sign()).clamp(-self.epsilon, self.epsilon)
                note = f"divergence {loss.item() / len(rows):.3f}"
                searching(Progress(done=number + 1, total=self.rounds, note=note))
                state.keep({**batches.state(), "levels": levels, "rounds": torch.tensor(number + 1)})
        result: RealLevels = scratch(data.pixels.shape, np.float32)
        for part in parts(result.shape):
            result[part] = levels[member[part]].cpu().numpy()
        return result

    def _learn(self, model: nn.Module, images: Tensor, runtime: Runtime, report: Report) -> None:
        """Learn features, and report before each step."""
        batches = math.ceil(len(images) / BATCH)
        total = self.surrogate_epochs * math.ceil(LEAST_STEPS / batches) * batches

        def told(step: int) -> None:
            report(Progress(done=step, total=total, note=f"features, step {step + 1} of {total}"))

        train_contrast(_Features(model, told), images, self.surrogate_epochs, runtime)
        report(Progress(done=total, total=total, note="features"))


class _Features(nn.Module):
    def __init__(self, model: nn.Module, told: Callable[[int], None]) -> None:
        super().__init__()
        self.model, self.told, self.steps = model, told, 0

    def forward(self, images: Tensor) -> Tensor:
        self.told(self.steps)
        self.steps += 1
        return features(self.model, images)[0]


@torch.no_grad()
def _seen(model: nn.Module, images: Tensor, runtime: Runtime) -> Float[Tensor, "b d"]:
    with runtime.autocast():
        return features(model, to_unit(images))[0]


def kmeans(
    points: Float[Tensor, "n d"], clusters: int, generator: torch.Generator
) -> tuple[Float[Tensor, "k d"], Int64[Tensor, " n"]]:
    """Return centres and the cluster of each point: Lloyd's steps from centres drawn far apart (k-means++).

    A centre that loses all its points stays where it is.
    """
    chosen = [int(torch.randint(len(points), (), generator=generator))]
    nearest = torch.cdist(points, points[chosen]).square().squeeze(1)
    while len(chosen) < clusters:
        weights = nearest.cpu() + 1e-12
        chosen.append(int(torch.multinomial(weights, 1, generator=generator)))
        nearest = torch.minimum(nearest, torch.cdist(points, points[chosen[-1:]]).square().squeeze(1))
    centres = points[chosen].clone()
    for _ in range(LLOYD_STEPS):
        member = torch.cdist(points, centres).argmin(1)
        counts = torch.bincount(member, minlength=clusters)
        sums = torch.zeros_like(centres).index_add_(0, member, points)
        centres = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)
    return centres, torch.cdist(points, centres).argmin(1)
