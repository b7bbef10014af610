"""Neural tangent generalization attack: noise against the limit of all wide networks, without training one."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from unlearnable._runtime import Runtime
from unlearnable._scratch import scratch
from unlearnable._types import Progress, RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.training.pgd import room, sign_steps


@dataclass(frozen=True, kw_only=True)
class NeuralTangent(AdditivePoison):
    """Noise that makes a wide network, trained on it, wrong about other images (NTGA).

    max_{‖δ‖∞ ≤ ε} L(f_t(X'; X + δ), Y'), X', Y' other clean images; f_t(x) = Θ(x, X + δ) α_t, the prediction after t
    steps of gradient descent on the squared loss, α <- α + η (Y - Θ(X + δ, X + δ) α) from α = 0, Θ the neural tangent
    kernel.

    Source: Yuan, Wu, Neural Tangent Generalization Attacks, ICML 2021 (Apache-2.0). Sample-wise. Images are poisoned
    in blocks, all against one set of images, X', drawn from the data and poisoned too: blocks that are poisoned against
    a set each have noise of a class that points another way in each.
    Differs from the paper: Θ is that of a ReLU network of 3 fully connected hidden layers without biases; there, an erf
    network of 5 with biases, or a CNN, which is stronger. Images are in [-1/2, 1/2], not [0, 1]. The squared loss is
    ascended, not the cross-entropy. The steps of t are taken one by one, not in closed form, and are larger, η = 1 /
    ‖Θ‖_1: 3 to 5 of them train what tells classes apart as long as the paper's 64. One step of ε, not 10 of 1.1 ε / 10.

    On 2,000 CIFAR-10 images, one seed, `fast-small` learns 21.4 (36.2) percent, last (best) of 10 epochs, clean 62.5;
    with t = 3 22.9 (35.5), with t = 5 27.2 (39.6), with 10 steps 27.6 (36.5). Against the next block each, with t = 64
    and 10 steps, it was 45.7 (45.7), and with t = 8 42.2 (42.9).

    Args:
        block: images that are poisoned together; larger is stronger, and dearer by its square.
        held: images that the network is to be wrong about.
        steps: sign steps on δ.
        step: size of a sign step in levels; by default 1.1 ε, divided by the number of steps.
        time: t, steps of gradient descent at the rate 1 / ‖Θ‖_1.
        layers: hidden layers of the wide network.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "neural-tangent"
    revision: ClassVar[int] = 3
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    citation: ClassVar[str] = """@inproceedings{yuan2021neural,
  title = {Neural Tangent Generalization Attacks},
  author = {Yuan, Chia-Hung and Wu, Shan-Hung},
  booktitle = {ICML},
  year = {2021}
}"""

    scope: Scope = "sample-wise"
    block: int = 512
    held: int = 1000
    steps: int = 1
    step: float | None = None
    time: int = 4
    layers: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.block < 2 or min(self.held, self.steps, self.time, self.layers) < 1:
            raise ValueError("block must be at least 2, and held, steps, time and layers at least 1")
        if self.step is not None and not self.step > 0:
            raise ValueError(f"step must be positive levels; got {self.step!r}")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Poison one block after another (levels)."""
        images = runtime.images(data.pixels)
        targets = torch.nn.functional.one_hot(torch.from_numpy(data.labels), len(data.classes)).float()
        targets = (targets - 1 / len(data.classes)).to(runtime.device)
        order = torch.randperm(len(data), generator=runtime.generator("blocks")).to(runtime.device)
        parts = order.tensor_split(max(1, round(len(data) / self.block)))
        # one set for all blocks: against another each, their noise of a class would point another way each
        others = torch.randperm(len(data), generator=runtime.generator("held"))[: self.held].to(runtime.device)
        seen, wanted = _flat(images[others].float() / 255), targets[others]
        levels = torch.from_numpy(scratch(data.pixels.shape, np.float16))
        checkpoint = self.checkpoint(data, runtime)
        saved, begun = checkpoint.load(), 0
        if saved:
            levels.copy_(saved["levels"])
            begun = int(saved["blocks"])
        for number, rows in enumerate(parts):
            if number < begun:
                continue
            block = images[rows].float() / 255

            def gradient(delta: Tensor, block: Tensor = block, rows: Tensor = rows) -> Tensor:
                train = _flat((block + delta / 255).clamp(0, 1))
                loss = (self.predicted(train, targets[rows], seen) - wanted).square().sum()
                return torch.autograd.grad(loss, delta)[0]

            start = torch.zeros(block.shape, device=runtime.device)
            size = 1.1 * self.epsilon / self.steps if self.step is None else self.step
            bounds = room(images[rows].float(), self.epsilon)
            found = sign_steps(start, gradient, bounds=bounds, step=size, steps=self.steps)
            levels[rows.cpu()] = found.half().cpu()
            report(Progress(done=number + 1, total=len(parts), note="blocks"))
            if checkpoint.due:
                checkpoint.save({"levels": levels, "blocks": torch.tensor(number + 1)})
        return levels.numpy()

    def predicted(
        self, train: Float[Tensor, "n d"], targets: Float[Tensor, "n k"], seen: Float[Tensor, "m d"]
    ) -> Float[Tensor, "m k"]:
        """Return f_t of other images after training on these."""
        kernel = tangent(train, train, self.layers)
        # the largest step that cannot diverge, from the trace: no gradient through it
        rate = 1 / float(kernel.detach().diagonal().sum())
        rate = max(rate, 1 / float(torch.linalg.matrix_norm(kernel.detach(), 1)))
        weights = torch.zeros_like(targets)
        for _ in range(self.time):
            weights = weights + rate * (targets - kernel @ weights)
        return tangent(seen, train, self.layers) @ weights


def tangent(first: Float[Tensor, "n d"], second: Float[Tensor, "m d"], layers: int) -> Float[Tensor, "n m"]:
    """Return the neural tangent kernel of a fully connected ReLU network of infinite width.

    Σ_0 = x·x' / d; Σ_l = 2 E[relu(u) relu(v)], Θ_l = Σ_l + Θ_{l-1} 2 E[relu'(u) relu'(v)], (u, v) ~ N(0, Σ_{l-1}).

    Source: Jacot, Gabriel, Hongler, Neural Tangent Kernel, NeurIPS 2018; Cho, Saul, Kernel Methods for Deep Learning,
    NeurIPS 2009, for the expectations.
    """
    width = first.shape[1]
    covariance = first @ second.T / width
    # with the factor 2 the variances stay what they are, layer after layer
    own, other = first.square().sum(1) / width + 1e-6, second.square().sum(1) / width + 1e-6
    size = (own[:, None] * other).sqrt()
    kernel = covariance
    for _ in range(layers):
        angle = (covariance / size).clamp(-1 + 1e-6, 1 - 1e-6).acos()
        kernel = kernel * (1 - angle / math.pi)
        covariance = size / math.pi * (angle.sin() + (math.pi - angle) * angle.cos())
        kernel = kernel + covariance
    return kernel


def _flat(images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
    return images.flatten(1) - 0.5
