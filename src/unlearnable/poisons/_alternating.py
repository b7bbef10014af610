"""The bilevel search that most poisons are: steps on θ, then a sweep of steps on δ, and again."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, RealLevels, Report
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._bilevel import (
    Batches,
    Frozen,
    model_step,
    noise_store,
    perturbed,
    require_bands,
    smoothed,
    surrogate_optimiser,
)
from unlearnable.poisons._checkpoint import State
from unlearnable.training.fit import build
from unlearnable.training.memory import keep_memory
from unlearnable.training.pgd import room, sign_steps


@dataclass(frozen=True, kw_only=True)
class Alternating(AdditivePoison):
    """Rounds of SGD steps on θ and sign steps on δ; a method says what each of the two sees and what δ makes small.

    Each round: `model_steps` times θ <- θ - η ∇_θ L(f_θ(view_θ(x + δ)), y), then for every image `noise_steps` times
    δ <- clip(δ - step sign ∇_δ objective(f_θ, view_δ(x + δ), y), -ε, ε), θ fixed and in eval mode. Several surrogates
    take turns, round by round. Sample-wise, x + δ stays in 0..255. Class-wise, the gradients of a batch's images of one
    class are summed.

    Args:
        surrogates: architectures of f_θ that take turns, names in `models.ARCHITECTURES`.
        rounds: how many alternations at most, all surrogates' together.
        model_steps: steps on θ in each round.
        noise_steps: sign steps on δ for every batch in each round.
        step: size of a sign step in levels; by default 3 ε / 8.
        cycles: of δ's gradient, and of a random start, the highest frequency that is used, in cycles per image; by
            default all.
        luma: of their brightness, the lowest frequency that is used; `cycles` then is that of their colour. By default
            brightness and colour are treated alike.
        batch_size: images a step.
        learning_rate: of θ.
        stop_error: stop when every surrogate's error on what δ is searched on falls to this share (0 to 1).

    Raises:
        ValueError: a setting is out of range.
    """

    starts_random: ClassVar[bool] = False
    """Start from U(-ε, ε) instead of zero, where the objective has no gradient at zero."""
    later: ClassVar[tuple[str, ...]] = ("luma",)
    of_batch: ClassVar[bool] = False
    """Whether δ of an image depends on the other images of its batch; then images are mixed once, since folders are
    stored category by category."""
    stops: ClassVar[bool] = True
    """Whether errors of the surrogates' labels say that the search is done."""

    surrogates: tuple[str, ...] | None = ("fast-small", "resnet-small")
    rounds: int = 4
    model_steps: int = 10
    noise_steps: int = 4
    step: float | None = None
    cycles: float | None = None
    luma: float | None = None
    batch_size: int = 500
    learning_rate: float = 0.1
    stop_error: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.surrogates == ():
            raise ValueError("surrogates must name at least one architecture")
        for name in ("rounds", "model_steps", "noise_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)!r}")
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2; got {self.batch_size!r}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive; got {self.learning_rate!r}")
        if self.step is not None and not self.step > 0:
            raise ValueError(f"step must be positive levels; got {self.step!r}")
        require_bands(self.cycles, self.luma)
        if not 0 <= self.stop_error < 1:
            raise ValueError(f"stop_error must be a share from 0 up to 1; got {self.stop_error!r}")

    @property
    def revision(self) -> int:  # type: ignore[override]
        """2 since sample-wise noise keeps x + δ in range; batches are mixed since 3, anew in each round since 4.

        Since 5 their images are compared in float32.
        """
        if self.of_batch:
            return 5
        return 2 if self.scope == "sample-wise" else 1

    @property
    def networks(self) -> tuple[str, ...]:
        """The surrogates that are used."""
        assert self.surrogates is not None
        return self.surrogates

    @property
    def alternations(self) -> int:
        """How many rounds there are at most, all surrogates' together."""
        return self.rounds

    @property
    def uses_model(self) -> bool:
        """Whether the search looks at a surrogate at all."""
        return True

    @property
    def step_levels(self) -> float:
        """The size of a sign step that is used, in levels."""
        return 3 * self.epsilon / 8 if self.step is None else self.step

    @property
    def highest(self) -> float:
        """The highest frequency of δ's gradient that is used, in cycles per image."""
        return math.inf if self.cycles is None else self.cycles

    def stage(self, done: float) -> "Alternating":
        """Return the settings of a moment of the search, `done` being the share of rounds before it, from 0 to 1.

        Views and objectives are those of the stage. The search does not stop early in a stage that is not the last.
        """
        return self

    def model_view(
        self,
        model: nn.Module,
        images: Float[Tensor, "b c h w"],
        labels: Int64[Tensor, " b"],
        generator: torch.Generator,
    ) -> Float[Tensor, "b c h w"]:
        """Return what θ is trained on, of x + δ in [0, 1]."""
        return images

    def noise_view(
        self,
        model: nn.Module,
        images: Float[Tensor, "b c h w"],
        labels: Int64[Tensor, " b"],
        generator: torch.Generator,
    ) -> Float[Tensor, "b c h w"]:
        """Return what δ is searched on, of x + δ in [0, 1]; gradients go through it."""
        return images

    def model_objective(
        self, model: nn.Module, images: Float[Tensor, "b c h w"], labels: Int64[Tensor, " b"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "b k"]]:
        """Return what θ makes small, the mean over the images, and the logits."""
        logits = model(images).float()
        return F.cross_entropy(logits, labels), logits

    def objective(
        self,
        model: nn.Module,
        images: Float[Tensor, "b c h w"],
        labels: Int64[Tensor, " b"],
        delta: Float[Tensor, "b c h w"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "b k"]]:
        """Return what δ makes small, summed over the images, and the logits.

        Args:
            model: f_θ, fixed.
            images: view_δ(x + δ), in [0, 1].
            labels: y.
            delta: δ of each image, in levels.
        """
        logits = model(images).float()
        return F.cross_entropy(logits, labels, reduction="sum"), logits

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Alternate (levels)."""
        keep_memory()
        images = runtime.images(data.pixels)
        labels = torch.from_numpy(data.labels).to(runtime.device)
        models = [build(name, images, max(2, len(data.classes)), runtime) for name in self.networks]
        optimisers = [surrogate_optimiser(model, self.learning_rate) for model in models]
        batches = Batches(len(images), self.batch_size, runtime.generator("batches"))
        views = runtime.generator("views")
        by_class = self.scope == "class-wise"
        count = len(data.classes) if by_class else len(images)
        levels = noise_store((count, *images.shape[1:]), runtime)
        if self.starts_random:
            levels.uniform_(-self.epsilon, self.epsilon)
            if math.isfinite(self.highest) or self.luma is not None:
                for part in torch.split(levels, self.batch_size):
                    part.copy_(smoothed(part.float(), self.highest, self.luma))
        errors = [1.0] * len(models)
        generators = {"views": views, "batches": batches.generator}
        state = State(self.checkpoint(data, runtime), models, optimisers, generators)
        saved, begun = state.load(), 0
        if saved:
            batches.restore(saved)
            levels.copy_(saved["levels"])
            errors = saved["errors"].tolist()
            begun = int(saved["rounds"])
        for number in range(begun, self.alternations):
            turn = number % len(models)
            model, now = models[turn], self.stage(number / self.alternations)
            note = f"round {number + 1}"
            for _ in range(self.model_steps if self.uses_model else 0):
                rows = batches.next().to(runtime.device)
                batch = perturbed(images[rows], levels[labels[rows] if by_class else rows].float())
                with runtime.autocast():
                    seen = now.model_view(model, batch, labels[rows], views)
                loss, _ = model_step(model, optimisers[turn], seen.detach(), labels[rows], runtime, now.model_objective)
                note = f"round {number + 1}, loss {loss:.2f}"
            sweep = batches.sweep(runtime.generator(f"sweep {number}") if self.of_batch else None)
            wrong = 0.0
            with Frozen(model):
                for position, there in enumerate(sweep, start=1):
                    rows = there.to(runtime.device)
                    own = levels.float() if by_class else levels[rows].float()
                    found, share = now._noise_steps(model, images[rows], own, labels[rows], runtime, views)
                    if by_class:
                        levels = found.half()
                    else:
                        levels[rows] = found.half()
                    wrong += share * len(rows) / len(images)
                    done = number * batches.batches + position
                    report(Progress(done=done, total=self.alternations * batches.batches, note=note))
            errors[turn] = wrong
            if self.stops and now == self and max(errors) <= self.stop_error:
                break
            state.keep(
                {
                    **batches.state(),
                    "levels": levels,
                    "errors": torch.tensor(errors, dtype=torch.float64),
                    "rounds": torch.tensor(number + 1),
                }
            )
        return levels.cpu().numpy()

    def _noise_steps(
        self,
        model: nn.Module,
        images: Tensor,
        own: Float[Tensor, "m c h w"],
        labels: Int64[Tensor, " b"],
        runtime: Runtime,
        views: torch.Generator,
    ) -> tuple[Float[Tensor, "m c h w"], float]:
        wrong: list[Tensor] = []

        def gradient(delta: Tensor) -> Tensor:
            # not delta[labels]: several threads sum the gradient of that in any order, and one seed is one result
            each = delta.index_select(0, labels) if self.scope == "class-wise" else delta
            with runtime.autocast():
                seen = self.noise_view(model, perturbed(images, each), labels, views)
                loss, logits = self.objective(model, seen, labels, each)
            wrong.append((logits.argmax(1) != labels).float().mean())
            return smoothed(torch.autograd.grad(loss, delta)[0], self.highest, self.luma)

        by_class = self.scope == "class-wise"
        bounds = (-self.epsilon, self.epsilon) if by_class else room(images.float(), self.epsilon)
        found = sign_steps(own, gradient, bounds=bounds, step=-self.step_levels, steps=self.noise_steps)
        return found, wrong[-1].item()
