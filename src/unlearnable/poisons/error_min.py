"""Error-minimizing noise: images a network believes it has already learned."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, RealLevels, Report
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import Poison
from unlearnable.poisons._bilevel import Batches, Frozen, model_step, noise_steps, perturbed, surrogate_optimiser
from unlearnable.training.fit import build
from unlearnable.training.memory import keep_memory


@dataclass(frozen=True, kw_only=True)
class ErrorMin(Poison):
    """Noise that makes the training loss small before anything is learned.

    min_θ E_(x,y) [ min_{‖δ‖∞ ≤ ε} L(f_θ(x + δ), y) ]

    Source: Huang et al., Unlearnable Examples: Making Personal Data Unexploitable, ICLR 2021, equation 2.

    Args:
        surrogate: architecture of f_θ, a name in `models.ARCHITECTURES`.
        steps: class-wise only: how many joint steps on θ and δ.
        rounds: sample-wise only: largest number of alternations.
        model_steps: sample-wise only: steps on θ in each round.
        noise_steps: sample-wise only: sign steps on every image's δ in each round.
        step: size of a sign step in levels.
        batch_size: images a step.
        learning_rate: of θ.
        stop_error: stop when the surrogate's error on the perturbed data falls to this share (0 to 1).
    """

    method: ClassVar[str] = "error-min"

    surrogate: str = "fast-small"
    steps: int = 200
    rounds: int = 8
    model_steps: int = 10
    noise_steps: int = 8
    step: float = 1.6
    batch_size: int = 500
    learning_rate: float = 0.1
    stop_error: float = 0.01

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Search for δ (levels)."""
        keep_memory()
        return (
            self._class_wise(data, runtime, report)
            if self.scope == "class-wise"
            else self._sample_wise(data, runtime, report)
        )

    def _class_wise(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        images = runtime.images(data.pixels)
        labels = torch.from_numpy(data.labels).to(runtime.device)
        model = build(self.surrogate, images, len(data.classes), runtime)
        optimiser = surrogate_optimiser(model, self.learning_rate)
        levels = torch.zeros(len(data.classes), *images.shape[1:], device=runtime.device)
        batches = Batches(len(images), self.batch_size, runtime.generator("batches"))
        for number in range(1, self.steps + 1):
            rows = batches.next().to(runtime.device)
            levels.requires_grad_()
            batch = perturbed(images[rows], levels[labels[rows]])
            loss, wrong = model_step(model, optimiser, batch, labels[rows], runtime)
            assert levels.grad is not None
            levels = (levels.detach() - self.step * levels.grad.sign()).clamp(-self.epsilon, self.epsilon)
            report(Progress(done=number, total=self.steps, note=f"loss {loss:.2f}, error {100 * wrong:.0f} %"))
        return levels.cpu().numpy()

    def _sample_wise(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        images = runtime.images(data.pixels)
        labels = torch.from_numpy(data.labels).to(runtime.device)
        model = build(self.surrogate, images, len(data.classes), runtime)
        optimiser = surrogate_optimiser(model, self.learning_rate)
        levels = torch.zeros(images.shape, dtype=torch.float16, device=runtime.device)
        batches = Batches(len(images), self.batch_size, runtime.generator("batches"))
        total = self.rounds * batches.batches
        for number in range(self.rounds):
            for _ in range(self.model_steps):
                rows = batches.next().to(runtime.device)
                batch = perturbed(images[rows], levels[rows].float())
                loss, _ = model_step(model, optimiser, batch, labels[rows], runtime)
            wrong = 0.0
            with Frozen(model):
                for position, rows in enumerate(batches.sweep(), start=1):
                    found, share = noise_steps(
                        model,
                        images[rows],
                        levels[rows].float(),
                        labels[rows],
                        runtime,
                        epsilon=self.epsilon,
                        step=self.step,
                        steps=self.noise_steps,
                    )
                    levels[rows] = found.half()
                    wrong += share * len(rows) / len(images)
                    done = number * batches.batches + position
                    report(Progress(done=done, total=total, note=f"round {number + 1}, loss {loss:.2f}"))
            if wrong <= self.stop_error:
                break
        return levels.float().cpu().numpy()
