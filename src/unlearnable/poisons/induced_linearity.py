"""Perturbation-induced linearity: noise made with a linear surrogate, so that deep networks become linear ones."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._scratch import scratch
from unlearnable._types import Progress, RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._bilevel import Batches
from unlearnable.poisons._checkpoint import State
from unlearnable.poisons._surrogates import phases
from unlearnable.training.loader import to_unit
from unlearnable.training.pgd import sign_steps


@dataclass(frozen=True, kw_only=True)
class InducedLinearity(AdditivePoison):
    """Noise that a linear network reads as the label, and that leaves it no opinion of the image (PIL).

    f = W_2 W_1 without bias, trained on clean images; then sign steps on
    λ L(f(δ), y) + (1 - λ) KL(u ‖ softmax f(x - δ)), u uniform, δ from U(-ε, ε); published: x - δ.

    Source: Liu, Chen, Zhang, Perturbation-Induced Linearization, ICLR 2026 (MIT; from the description).
    Sample-wise, no deep surrogate.
    Differs from the paper: f is trained for a number of steps instead of 30 passes, so that few images train it too.

    On 2,000 CIFAR-10 images, one seed, `fast-small` learns 10.0 (23.9) percent, last (best) of 10 epochs, clean 62.5.
    Noise of an f with 512 hidden units, taught by Adam on images in [-1/2, 1/2], which knows the training images by
    heart, leaves 53.9 (56.5).

    Args:
        width: hidden units between the two layers; by default as many as there are classes.
        model_steps: steps on f, SGD with momentum 0.9 whose rate falls to zero along a cosine.
        learning_rate: of f, at first.
        steps: sign steps on δ.
        step: size of a sign step in levels; by default ε / 10.
        weight: λ, the share of the first term.
        batch_size: images a step.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "pil"
    revision: ClassVar[int] = 2
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    citation: ClassVar[str] = """@inproceedings{liu2026perturbation,
  title = {Perturbation-Induced Linearization: Constructing Unlearnable Data with Solely Linear Classifiers},
  author = {Liu, Jinlin and Chen, Wei and Zhang, Xiaojin},
  booktitle = {ICLR},
  year = {2026}
}"""

    scope: Scope = "sample-wise"
    width: int | None = None
    model_steps: int = 500
    learning_rate: float = 0.003
    steps: int = 30
    step: float | None = None
    weight: float = 0.9
    batch_size: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.width is not None and self.width < 1) or min(self.model_steps, self.steps) < 1 or self.batch_size < 2:
            raise ValueError("width, model_steps and steps must be at least 1, batch_size at least 2")
        if not self.learning_rate > 0 or (self.step is not None and not self.step > 0):
            raise ValueError("learning_rate and step must be positive")
        if not 0 <= self.weight <= 1:
            raise ValueError(f"weight must be a share from 0 to 1; got {self.weight!r}")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Train the linear network, then step on δ (levels)."""
        images = runtime.images(data.pixels)
        labels = torch.from_numpy(data.labels).to(runtime.device)
        classes = len(data.classes)
        width = classes if self.width is None else self.width
        first = nn.Linear(images[0].numel(), width, bias=False)
        last = nn.Linear(width, classes, bias=False)
        model = runtime.to(nn.Sequential(nn.Flatten(), first, last))
        optimiser = torch.optim.SGD(model.parameters(), lr=self.learning_rate, momentum=0.9)
        batches = Batches(len(images), self.batch_size, runtime.generator("batches"))
        generator = runtime.generator("start")
        generators = {"batches": batches.generator, "start": generator}
        state = State(self.checkpoint(data, runtime), [model], [optimiser], generators)
        learning, searching = phases(report, [self.model_steps, self.steps * batches.batches])
        saved, begun = state.load(), 0
        if saved:
            batches.restore(saved)
            begun = int(saved["learned"])
        for number in range(begun, self.model_steps):
            # from the number alone, so that a search that goes on needs no schedule's state
            share = number / self.model_steps
            optimiser.param_groups[0]["lr"] = self.learning_rate * (1 + math.cos(math.pi * share)) / 2
            rows = batches.next().to(runtime.device)
            loss = F.cross_entropy(model(to_unit(images[rows])), labels[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            learning(Progress(done=number + 1, total=self.model_steps, note=f"linear network, loss {loss.item():.2f}"))
            state.keep({**batches.state(), "learned": torch.tensor(number + 1)})
        # one matrix from here on: the two layers are only how it was trained
        matrix = (last.weight @ first.weight).detach()
        levels = torch.from_numpy(scratch(data.pixels.shape, np.float16))
        size = self.step or self.epsilon / 10
        swept = 0
        if "levels" in saved:
            levels.copy_(saved["levels"])
            swept = int(saved["swept"])
        for number, rows in enumerate(batches.sweep()[swept:], start=swept + 1):
            start = torch.empty(len(rows), *images.shape[1:]).uniform_(-self.epsilon, self.epsilon, generator=generator)
            part, own = to_unit(images[rows]), labels[rows]

            def gradient(delta: Tensor, part: Tensor = part, own: Tensor = own) -> Tensor:
                return self._gradient(delta, part, own, matrix)

            bounds = (-self.epsilon, self.epsilon)
            found = sign_steps(start.to(runtime.device), gradient, bounds=bounds, step=-size, steps=self.steps)
            levels[rows] = -found.half().cpu()
            searching(Progress(done=number, total=batches.batches, note="noise"))
            done = {"learned": torch.tensor(self.model_steps), "swept": torch.tensor(number)}
            state.keep({**batches.state(), **done, "levels": levels})
        return levels.numpy()

    def _gradient(
        self, delta: Float[Tensor, "b c h w"], images: Float[Tensor, "b c h w"], labels: Tensor, matrix: Tensor
    ) -> Float[Tensor, "b c h w"]:
        unit = delta / 255
        own = F.cross_entropy(unit.flatten(1) @ matrix.T, labels, reduction="sum")
        rest = -F.log_softmax((images - unit).flatten(1) @ matrix.T, dim=1).mean(1).sum()
        return torch.autograd.grad(self.weight * own + (1 - self.weight) * rest, delta)[0]
