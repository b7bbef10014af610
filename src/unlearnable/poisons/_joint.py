"""The joint search of patterns: one backward pass of a batch gives the gradients of θ and of δ."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._bilevel import SLOW, Batches, model_step, perturbed, smoothed, surrogate_optimiser
from unlearnable.poisons._checkpoint import Checkpoint, State
from unlearnable.training.fit import build
from unlearnable.training.memory import keep_memory

STOP_WINDOW = 20
"""Batches over which the error is averaged before it may stop the search."""

View = Callable[[Float[Tensor, "b c h w"], torch.Generator], Float[Tensor, "b c h w"]]
"""What the networks see of x + δ in [0, 1]."""


Lay = Callable[[Float[Tensor, "b c p q"], torch.Generator], Float[Tensor, "b c h w"]]
"""Where in each image its pattern lies."""


def as_it_is(images: Float[Tensor, "b c h w"], generator: torch.Generator) -> Float[Tensor, "b c h w"]:
    """See the image itself; lay a pattern over all of it."""
    return images


@dataclass(frozen=True, kw_only=True)
class Joint:
    """min_θ min_{‖δ‖∞ ≤ ε} E L(f_θ(T(x_i + δ_{p_i})), y_i): θ takes an SGD step, δ_p a sign step, from one backward.

    Args:
        networks: architectures of f_θ that take turns, step by step.
        epsilon: ε in levels.
        step: size of a sign step in levels.
        steps: how many at most.
        cycles: of δ's gradient, the highest frequency that is used, in cycles per image.
        batch_size: images a step.
        learning_rate: of θ.
        stop_error: stop when the error over the last STOP_WINDOW batches falls below this share; 0 never.
        luma: of its brightness, the lowest frequency that is used; None treats brightness as colour.
        view: T.
        lay: where in the image a pattern lies.
        sides: height and width of a pattern; by default the images'.
    """

    networks: tuple[str, ...]
    epsilon: float
    step: float
    steps: int
    cycles: float
    batch_size: int
    learning_rate: float
    stop_error: float
    luma: float | None = None
    view: View = as_it_is
    lay: Lay = as_it_is
    sides: tuple[int, int] | None = None

    def search(
        self,
        data: ImageSet,
        patterns: Int64[Tensor, " n"],
        count: int,
        runtime: Runtime,
        report: Report,
        checkpoint: Checkpoint,
    ) -> Float[Tensor, "m c h w"]:
        """Return `count` patterns in levels; image i is learned with pattern `patterns[i]`."""
        keep_memory()
        images = runtime.images(data.pixels)
        labels = torch.from_numpy(data.labels).to(runtime.device)
        models = [build(name, images, len(data.classes), runtime) for name in self.networks]
        optimisers = [surrogate_optimiser(model, self.learning_rate) for model in models]
        levels = torch.zeros(count, images.shape[1], *(self.sides or images.shape[2:]), device=runtime.device)
        batches = Batches(len(images), self.batch_size, runtime.generator("batches"))
        views = runtime.generator("views")
        state = State(checkpoint, models, optimisers, {"views": views, "batches": batches.generator})
        recent: deque[float] = deque(maxlen=STOP_WINDOW)
        saved, begun = state.load(), 0
        if saved:
            batches.restore(saved)
            levels.copy_(saved["levels"])
            recent.extend(saved["recent"].tolist())
            begun = int(saved["steps"])
        for number in range(begun + 1, self.steps + 1):
            rows = batches.next().to(runtime.device)
            levels.requires_grad_()
            # not levels[...]: several threads sum the gradient of that in any order, and one seed is one result
            noise = self.lay(levels.index_select(0, patterns[rows]), views)
            seen = self.view(perturbed(images[rows], noise), views)
            turn = number % len(models)
            loss, wrong = model_step(models[turn], optimisers[turn], seen, labels[rows], runtime)
            assert levels.grad is not None
            direction = smoothed(levels.grad, self.cycles, self.luma).sign()
            levels = (levels.detach() - self.step * direction).clamp(-self.epsilon, self.epsilon)
            report(Progress(done=number, total=self.steps, note=f"loss {loss:.2f}, error {100 * wrong:.0f} %"))
            recent.append(wrong)
            if len(recent) == STOP_WINDOW and sum(recent) < self.stop_error * STOP_WINDOW:
                break
            mistakes = torch.tensor(list(recent), dtype=torch.float64)
            searched = {"levels": levels, "patterns": patterns, "recent": mistakes, "steps": torch.tensor(number)}
            state.keep({**batches.state(), **searched})
        return levels


@dataclass(frozen=True, kw_only=True)
class Patterned(AdditivePoison):
    """What methods that give each image one of a few patterns share: the settings of the joint search.

    Args:
        variants: patterns per class; each image gets one of them at random.
        surrogates: architectures of f_θ that take turns, names in `models.ARCHITECTURES`.
        steps: joint steps on θ and δ at most.
        step: size of a sign step in levels; by default ε / 10.
        cycles: of δ's gradient, the highest frequency that is used, in cycles per image.
        batch_size: images a step.
        learning_rate: of θ.
        stop_error: stop when the surrogates' error over the last STOP_WINDOW batches falls below this share; 0 never.

    Raises:
        ValueError: a setting is out of range.
    """

    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")

    scope: Scope = "sample-wise"
    variants: int = 1
    surrogates: tuple[str, ...] = ("fast-small",)
    steps: int = 200
    step: float | None = None
    cycles: float = SLOW
    batch_size: int = 500
    learning_rate: float = 0.1
    stop_error: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.surrogates:
            raise ValueError("surrogates must name at least one architecture")
        if min(self.variants, self.steps) < 1 or self.batch_size < 2:
            raise ValueError("variants and steps must be at least 1, batch_size at least 2")
        if not self.learning_rate > 0 or (self.step is not None and not self.step > 0):
            raise ValueError("learning_rate and step must be positive")
        if not self.cycles >= 1 or not 0 <= self.stop_error < 1:
            raise ValueError("cycles must be at least 1 per image, and stop_error a share from 0 up to 1")

    def joint(self, **changes: Any) -> Joint:
        """Return the search with these settings."""
        settings: dict[str, Any] = {
            "networks": self.surrogates,
            "epsilon": self.epsilon,
            "step": self.epsilon / 10 if self.step is None else self.step,
            "steps": self.steps,
            "cycles": self.cycles,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "stop_error": self.stop_error,
        }
        return Joint(**{**settings, **changes})

    def drawn(self, labels: Int64[Tensor, " n"], generator: torch.Generator) -> Int64[Tensor, " n"]:
        """Draw the pattern of each image."""
        variant = torch.randint(self.variants, (len(labels),), generator=generator).to(labels.device)
        return labels * self.variants + variant
