"""What methods that train a generator share: its budget, how it begins, and the network it is taught by."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Network
from unlearnable.poisons._base import Poison
from unlearnable.poisons._bilevel import Batches, model_step, surrogate_optimiser
from unlearnable.poisons._generator import Generator
from unlearnable.poisons._surrogates import phases
from unlearnable.training.fit import build
from unlearnable.training.loader import to_unit

MODEL_RATE = 0.1


@dataclass(frozen=True, kw_only=True)
class Generative(Poison[Network]):
    """A generator of noise: a new image is protected by one pass through it, with no search and no label.

    δ = ε tanh(Σ_p s_p(x) P_p): a small classifier says which of a pattern per class an image gets. It learns the
    classes first and is then left as it is; the patterns begin with `start` steps of error-min.

    Args:
        epsilon: ε in whole levels.
        surrogate: architecture of the network it is taught by, a name in `models.ARCHITECTURES`.
        passes: of the classifier over the images.
        lessons: its steps at least.
        start: steps of the patterns and a network that both make the loss of the noisy images small.
        learning_rate: of the patterns (Adam).
        ceiling: largest loss of a clean image that still counts.
        batch_size: images a step.

    Raises:
        ValueError: a setting is out of range.
    """

    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    revision: ClassVar[int] = 2

    scope: Scope = "sample-wise"
    epsilon: int = 8
    surrogate: str = "fast-small"
    passes: int = 30
    lessons: int = 200
    start: int = 100
    learning_rate: float = 0.1
    ceiling: float = 5.0
    batch_size: int = 250

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.epsilon <= 127 or int(self.epsilon) != self.epsilon:
            raise ValueError(f"epsilon must be 1..127 whole pixel levels; got {self.epsilon!r}")
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2; got {self.batch_size!r}")
        if min(self.passes, self.lessons) < 1 or self.start < 0:
            raise ValueError("passes and lessons must be at least 1, and start must not be negative")
        if not min(self.learning_rate, self.ceiling) > 0:
            raise ValueError("learning_rate and ceiling must be positive")

    def fresh(self, data: ImageSet, runtime: Runtime) -> Generator:
        """Return an untrained generator for these images."""
        return runtime.to(Generator(data.pixels.shape[1], float(self.epsilon), len(data.classes)))

    def begin(
        self, generator: Generator, images: Tensor, labels: Tensor, batches: Batches, runtime: Runtime, report: Report
    ) -> None:
        """Teach the classifier, then let patterns and a network both make the loss small: min over both of L(x + δ)."""
        teaching, starting = phases(report, (50, 50))
        steps = max(self.lessons, self.passes * batches.batches)
        generator.teach(images, labels, steps=steps, batches=batches, runtime=runtime, report=teaching)
        shares = generator.shares(images, runtime)
        model = build(self.surrogate, images, generator.head.out_features, runtime)
        optimiser = surrogate_optimiser(model, MODEL_RATE)
        adam = torch.optim.Adam([generator.patterns], lr=self.learning_rate)
        for step in range(self.start):
            rows = batches.next().to(runtime.device)
            adam.zero_grad(set_to_none=True)
            noisy = generator.added(to_unit(images[rows]), shares[rows])
            loss, _ = model_step(model, optimiser, noisy, labels[rows], runtime)
            adam.step()
            starting(Progress(done=step + 1, total=self.start, note=f"loss {loss:.2f} on first patterns"))

    @classmethod
    def bound(cls) -> str:
        """Name the norm."""
        return "linf"
