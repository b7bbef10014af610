"""Perturbation-induced linearity: noise made with a linear surrogate, so that deep networks become linear ones."""

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
    Differs from the paper: Adam trains f; images are in [-1/2, 1/2], so that a network without bias can use them.

    Args:
        width: hidden units between the two layers.
        epochs: passes of training f.
        learning_rate: of f.
        steps: sign steps on δ.
        step: size of a sign step in levels; by default ε / 10.
        weight: λ, the share of the first term.
        batch_size: images a step.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "pil"
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    citation: ClassVar[str] = """@inproceedings{liu2026perturbation,
  title = {Perturbation-Induced Linearization: Constructing Unlearnable Data with Solely Linear Classifiers},
  author = {Liu, Jinlin and Chen, Wei and Zhang, Xiaojin},
  booktitle = {ICLR},
  year = {2026}
}"""

    scope: Scope = "sample-wise"
    width: int = 512
    epochs: int = 30
    learning_rate: float = 0.003
    steps: int = 30
    step: float | None = None
    weight: float = 0.9
    batch_size: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.width, self.epochs, self.steps) < 1 or self.batch_size < 2:
            raise ValueError("width, epochs and steps must be at least 1, batch_size at least 2")
        if not self.learning_rate > 0 or (self.step is not None and not self.step > 0):
            raise ValueError("learning_rate and step must be positive")
        if not 0 <= self.weight <= 1:
            raise ValueError(f"weight must be a share from 0 to 1; got {self.weight!r}")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Train the linear network, then step on δ (levels)."""
        images = runtime.images(data.pixels)
        labels = torch.from_numpy(data.labels).to(runtime.device)
        classes = len(data.classes)
        first = nn.Linear(images[0].numel(), self.width, bias=False)
        last = nn.Linear(self.width, classes, bias=False)
        model = runtime.to(nn.Sequential(nn.Flatten(), first, last))
        optimiser = torch.optim.Adam(model.parameters(), lr=self.learning_rate)
        batches = Batches(len(images), self.batch_size, runtime.generator("batches"))
        generator = runtime.generator("start")
        generators = {"batches": batches.generator, "start": generator}
        state = State(self.checkpoint(data, runtime), [model], [optimiser], generators)
        learning, searching = phases(report, [self.epochs, self.steps])
        saved, begun = state.load(), 0
        if saved:
            batches.restore(saved)
            begun = int(saved["epochs"])
        for epoch in range(begun + 1, self.epochs + 1):
            for _ in range(batches.batches):
                rows = batches.next().to(runtime.device)
                loss = F.cross_entropy(model(to_unit(images[rows]) - 0.5), labels[rows])
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            learning(Progress(done=epoch, total=self.epochs, note=f"linear network, loss {loss.item():.2f}"))
            state.keep({**batches.state(), "epochs": torch.tensor(epoch)})
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
            part, own = to_unit(images[rows]) - 0.5, labels[rows]

            def gradient(delta: Tensor, part: Tensor = part, own: Tensor = own) -> Tensor:
                return self._gradient(delta, part, own, matrix)

            bounds = (-self.epsilon, self.epsilon)
            found = sign_steps(start.to(runtime.device), gradient, bounds=bounds, step=-size, steps=self.steps)
            levels[rows] = -found.half().cpu()
            searching(Progress(done=number, total=batches.batches, note="noise"))
            done = {"epochs": torch.tensor(self.epochs), "swept": torch.tensor(number)}
            state.keep({**batches.state(), **done, "levels": levels})
        return levels.numpy()

    def _gradient(
        self, delta: Float[Tensor, "b c h w"], images: Float[Tensor, "b c h w"], labels: Tensor, matrix: Tensor
    ) -> Float[Tensor, "b c h w"]:
        unit = delta / 255
        own = F.cross_entropy(unit.flatten(1) @ matrix.T, labels, reduction="sum")
        rest = -F.log_softmax((images - unit).flatten(1) @ matrix.T, dim=1).mean(1).sum()
        return torch.autograd.grad(self.weight * own + (1 - self.weight) * rest, delta)[0]
