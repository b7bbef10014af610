"""Error-maximizing noise: adversarial examples of a trained network, the paper's control."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, RealLevels, Report
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._bilevel import Batches, Frozen, noise_steps, noise_store, perturbed
from unlearnable.poisons._checkpoint import weights
from unlearnable.poisons._citations import HUANG_2021
from unlearnable.poisons._surrogates import ensemble, phases


@dataclass(frozen=True, kw_only=True)
class ErrorMax(AdditivePoison):
    """Noise that makes the loss of an already trained network large.

    min_θ E L(f_θ(x), y) first; then max_{‖δ‖∞ ≤ ε} L(f_θ(x + δ), y) with θ fixed, by sign steps of +step.

    Source: Huang et al., Unlearnable Examples, ICLR 2021 (MIT), section 4.1 (the control "error-maximizing"): the
    surrogate is trained to convergence, then δ ascends until the error reaches `stop_error` (0.8 class-wise, 0.9
    sample-wise).
    Differs from the paper: the surrogate is the small network trained by the `fast` recipe for 10 passes; class-wise
    steps take the sign of the gradient summed over a batch's images of a class; sample-wise the error to reach is 0.9
    over a whole pass, and class-wise too (`stop_error`); steps are of 1.6 levels, not 0.8, and 5 of them
    sample-wise in a pass, not 20; the number of passes is bounded.

    Args:
        surrogate: architecture of f_θ, a name in `models.ARCHITECTURES`.
        surrogate_epochs: passes of normal training.
        rounds: largest number of passes over all images.
        noise_steps: sample-wise only: sign steps on an image's δ in each pass.
        step: size of a sign step in levels.
        batch_size: images a step.
        stop_error: stop when the surrogate's error on the perturbed data reaches this share (0 to 1).

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "error-max"
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = HUANG_2021

    surrogate: str = "fast-small"
    surrogate_epochs: int = 10
    rounds: int = 10
    noise_steps: int = 5
    step: float = 1.6
    batch_size: int = 500
    stop_error: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.surrogate_epochs, self.rounds, self.noise_steps) < 1 or self.batch_size < 2:
            raise ValueError("surrogate_epochs, rounds and noise_steps must be at least 1, batch_size at least 2")
        if not self.step > 0:
            raise ValueError(f"step must be positive levels; got {self.step!r}")
        if not 0 <= self.stop_error <= 1:
            raise ValueError(f"stop_error must be a share from 0 to 1; got {self.stop_error!r}")

    @property
    def revision(self) -> int:  # type: ignore[override]
        """2 since sample-wise noise keeps x + δ in range at every step."""
        return 2 if self.scope == "sample-wise" else 1

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Train the surrogate, then ascend (levels)."""
        parts = phases(report, [self.surrogate_epochs, self.rounds])
        checkpoint = self.checkpoint(data, runtime)
        (model,) = ensemble(
            data,
            [self.surrogate],
            runtime,
            next(parts),
            checkpoint,
            epochs=self.surrogate_epochs,
            batch_size=self.batch_size,
        )
        images = runtime.images(data.pixels)
        labels = torch.from_numpy(data.labels).to(runtime.device)
        by_class = self.scope == "class-wise"
        rows = len(data.classes) if by_class else len(data)
        levels = noise_store((rows, *images.shape[1:]), runtime)
        batches = Batches(len(images), self.batch_size, runtime.generator("batches"))
        ascend = self._ascend_classes if by_class else self._ascend_images
        told = next(parts)
        saved, begun = checkpoint.load(), 0
        if "levels" in saved:
            levels.copy_(saved["levels"])
            batches.restore(saved)
            batches.generator.set_state(saved["random.batches"])
            begun = int(saved["rounds"])
        with Frozen(model):
            for number in range(begun + 1, self.rounds + 1):
                error = ascend(model, images, labels, levels, batches, runtime)
                told(Progress(done=number, total=self.rounds, note=f"error {100 * error:.0f} %"))
                if error >= self.stop_error:
                    break
                if checkpoint.due:
                    drawn = {"random.batches": batches.generator.get_state(), "rounds": torch.tensor(number)}
                    checkpoint.save({**weights([model]), **batches.state(), **drawn, "levels": levels})
        return levels.cpu().numpy()

    def _ascend_classes(
        self,
        model: nn.Module,
        images: UInt8[Tensor, "n c h w"],
        labels: Int64[Tensor, " n"],
        levels: Float[Tensor, "k c h w"],
        batches: Batches,
        runtime: Runtime,
    ) -> float:
        wrong = 0
        for _ in range(batches.batches):
            rows = batches.next().to(runtime.device)
            current = levels.float().requires_grad_()
            with runtime.autocast():
                logits = model(perturbed(images[rows], current.index_select(0, labels[rows])))
            loss = F.cross_entropy(logits.float(), labels[rows], reduction="sum")
            (gradient,) = torch.autograd.grad(loss, current)
            levels.copy_((current.detach() + self.step * gradient.sign()).clamp(-self.epsilon, self.epsilon))
            wrong += int((logits.argmax(1) != labels[rows]).sum())
        return wrong / len(images)

    def _ascend_images(
        self,
        model: nn.Module,
        images: UInt8[Tensor, "n c h w"],
        labels: Int64[Tensor, " n"],
        levels: Float[Tensor, "n c h w"],
        batches: Batches,
        runtime: Runtime,
    ) -> float:
        wrong = 0.0
        for rows in batches.sweep():
            found, share = noise_steps(
                model,
                images[rows],
                levels[rows].float(),
                labels[rows],
                runtime,
                epsilon=self.epsilon,
                step=-self.step,
                steps=self.noise_steps,
            )
            levels[rows] = found.half()
            wrong += share * len(rows)
        return wrong / len(images)
