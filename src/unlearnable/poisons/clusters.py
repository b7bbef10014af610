"""Unlearnable clusters: noise per cluster of images, for data whose labels nobody knows."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._registry import unknown
from unlearnable._runtime import Runtime
from unlearnable._scratch import scratch
from unlearnable._types import Progress, RealLevels, Report
from unlearnable.budget import parts
from unlearnable.imageset import ImageSet
from unlearnable.poisons._joint import Patterned
from unlearnable.poisons._surrogates import phases
from unlearnable.poisons.pretrained_aware import described
from unlearnable.training.contrast import BATCH, LEAST_STEPS, train_contrast
from unlearnable.training.fit import build
from unlearnable.training.pretraining import SOURCES, Resized, backbone, features

LLOYD_STEPS = 30
SIDE, PART = 112, 100
"""Pixels of the shorter side, and images at a time, that a network trained elsewhere looks at."""

IMAGES = "images"
"""The source that is no network trained elsewhere."""

PER_CLUSTER, MOST_CLUSTERS = 10, 30
"""Images for each cluster at least, and clusters at most, unless a number is asked for."""


@dataclass(frozen=True, kw_only=True)
class Clusters(Patterned):
    """Noise per cluster of images that look alike to a network trained elsewhere (UC); no label is read.

    Clusters: K-means of the features g(x). Noise: min_θ min_{‖δ_c‖∞ ≤ ε} E L(f_θ(x + δ_{c(x)}), c(x)), c(x) the cluster
    of x: class-wise `error-min` of clusters. To an exploiter δ tells most of the labels, since images of one class look
    alike, and the images themselves teach only what the classes in one cluster differ in.

    Source: Zhang, Ma, Yi, Sang, Jiang, Wang, Xu, Unlearnable Clusters, CVPR 2023 (its code has no licence; from the
    description). ε = 16, K = 10 and a CLIP or ResNet-50 extractor there.
    Differs from the paper: ε = 8 and K = 30; g is EfficientNet-Lite0; δ_c makes the loss of its own cluster small for a
    network that is trained along, where the paper brings g(x + δ_c) near the centre of the next cluster by a generator.

    How much δ tells is how alike the images of a class are to g: of 10,000 CIFAR-10 images, enlarged to 112 pixels, 50
    to 59 percent (six seeds) are of their cluster's commonest class with K = 10, 60 to 64 with 30 and 68 with 100; at
    64 pixels 40, 46 and 51. Last (best) epoch of `fast-small` (clean: 79.3), two seeds, two and one: with K = 10 50.6
    (50.6) and 61.6 (61.6), with 30 47.0 (52.5) and 55.4 (57.9), with 100 53.8 (57.7).

    Args:
        clusters: K; by default 30, and of fewer than 300 images one for each 10.
        source: where g was trained: `imagenet` (extra `pretrained`), `cifar100`, or `images`, which is on the images
            themselves without labels (SimCLR).
        extractor: architecture of g, a name in `models.ARCHITECTURES`; `images` only.
        extractor_epochs: passes of training it; each has at least 20 steps, of few images too; `images` only.

    Raises:
        ValueError: a setting is out of range, or there are fewer images than clusters.
        MissingExtraError: the package with the weights of `imagenet` is not installed.
        FileNotFoundError: `source` is `cifar100`, whose images are not on this machine.
    """

    method: ClassVar[str] = "clusters"
    revision: ClassVar[int] = 3
    least_categories: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("images", "surrogate")
    citation: ClassVar[str] = """@inproceedings{zhang2023clusters,
  title = {Unlearnable Clusters: Towards Label-Agnostic Unlearnable Examples},
  author = {Zhang, Jiaming and Ma, Xingjun and Yi, Qi and Sang, Jitao and Jiang, Yugang and Wang, Yaowei and Xu,
    Changsheng},
  booktitle = {CVPR},
  year = {2023}
}"""

    clusters: int | None = None
    source: str = "imagenet"
    extractor: str = "resnet-small"
    extractor_epochs: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clusters is not None and self.clusters < 2:
            raise ValueError(f"clusters must be at least 2; got {self.clusters!r}")
        if self.source not in (*SOURCES, IMAGES):
            raise ValueError(unknown("source", self.source, [*SOURCES, IMAGES]))
        if self.extractor_epochs < 1:
            raise ValueError(f"extractor_epochs must be at least 1; got {self.extractor_epochs!r}")

    def require(self, data: ImageSet) -> None:
        """Refuse fewer images than clusters."""
        if len(data) < self.count(data):
            raise ValueError(
                f"clusters makes {self.count(data)} clusters; {data.name} has {len(data)} images: use fewer"
            )

    def count(self, data: ImageSet) -> int:
        """Return K."""
        return self.clusters or max(2, min(MOST_CLUSTERS, len(data) // PER_CLUSTER))

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Describe, cluster, then search (levels)."""
        wanted = self.count(data)
        checkpoint = self.checkpoint(data, runtime)
        describing, searching = phases(report, [50, 50])
        saved = checkpoint.load()
        if saved:
            patterns = saved["patterns"].to(runtime.device)
        else:
            found = self._described(data, runtime, describing)
            _, member = kmeans(found, wanted, runtime.generator("clusters"))
            patterns = self.drawn(member, runtime.generator("patterns"))
        names = tuple(f"cluster-{place}" for place in range(wanted))
        clustered = replace(data, labels=(patterns // self.variants).cpu().numpy(), classes=names)
        levels = self.joint().search(clustered, patterns, wanted * self.variants, runtime, searching, checkpoint)
        result: RealLevels = scratch(data.pixels.shape, np.float32)
        for part in parts(result.shape):
            result[part] = levels[patterns[part]].cpu().numpy()
        return result

    def _described(self, data: ImageSet, runtime: Runtime, report: Report) -> Float[Tensor, "n d"]:
        """Return the features of every image, of length 1 after their mean is taken out."""
        images = runtime.images(data.pixels)
        learning, looking = phases(report, [50, 50] if self.source == IMAGES else [0, 100])
        if self.source == IMAGES:
            # SimCLR learns the direction of g alone
            network: nn.Module = self._learned(images, runtime, learning)
        else:
            network = Resized(backbone(self.source, runtime)[0], SIDE)
        network.eval()
        found = []
        for part in torch.split(images, PART):
            found.append(described(network, part, runtime))
            seen = sum(map(len, found))
            looking(Progress(done=seen, total=len(images), note=f"{seen} of {len(images)} images described"))
        whole = torch.cat(found)
        return F.normalize(whole - whole.mean(0), dim=1)

    def _learned(self, images: Tensor, runtime: Runtime, report: Report) -> "_Features":
        """Learn features from the images, and report before each step."""
        batches = math.ceil(len(images) / BATCH)
        total = self.extractor_epochs * math.ceil(LEAST_STEPS / batches) * batches

        def told(step: int) -> None:
            if step < total:
                report(Progress(done=step, total=total, note=f"features, step {step + 1} of {total}"))

        network = _Features(build(self.extractor, images, 2, runtime), told)
        train_contrast(network, images, self.extractor_epochs, runtime)
        return network


class _Features(nn.Module):
    def __init__(self, model: nn.Module, told: Callable[[int], None]) -> None:
        super().__init__()
        self.model, self.told, self.steps = model, told, 0

    def forward(self, images: Tensor) -> Tensor:
        self.told(self.steps)
        self.steps += 1
        return features(self.model, images)[0]


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
