"""Self-ensemble protection: targeted noise against many moments of one training."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._types import RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._surrogates import centroids, ensemble, features, phases, searched


@dataclass(frozen=True, kw_only=True)
class SelfEnsemble(AdditivePoison):
    """Noise that moves an image's features to another class's mean, for checkpoints of one training in turn (SEP).

    min_{‖δ‖∞ ≤ ε} Σ_m ‖g_m(T(x + δ)) - c_m[(y + ⌊k/2⌋) mod k]‖² / ‖c_m‖², g_m the features of checkpoint m, c_m[j] the
    mean of class j's.

    Source: Chen, Yuan, Huang et al., Self-Ensemble Protection, ICLR 2023, the variant with feature alignment (its code
    has no licence; from the equations). Sample-wise. 15 to 30 checkpoints of a ResNet-18 there.
    Differs from the paper: checkpoints of one or more small surrogates take turns step by step, without variance
    reduction; features are scaled by their own size, so that no checkpoint outweighs the others.

    Args:
        surrogates: architectures that are trained, names in `models.ARCHITECTURES`.
        surrogate_epochs: passes of training each.
        checkpoints: how many moments of each training.
        steps: sign steps on δ.
        step: size of the first one in levels; by default ε / 5.
        shift: T moves by up to so many pixels.
        batch_size: images a step.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "self-ensemble"
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = """@inproceedings{chen2023selfensemble,
  title = {Self-Ensemble Protection: Training Checkpoints Are Good Data Protectors},
  author = {Chen, Sizhe and Yuan, Geng and Cheng, Xinwen and Gong, Yifan and Qin, Minghai and Wang, Yanzhi and
    Huang, Xiaolin},
  booktitle = {ICLR},
  year = {2023}
}"""

    scope: Scope = "sample-wise"
    surrogates: tuple[str, ...] = ("fast-small", "resnet-small")
    surrogate_epochs: int = 10
    checkpoints: int = 10
    steps: int = 40
    step: float | None = None
    shift: int = 2
    batch_size: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.surrogates or min(self.surrogate_epochs, self.steps) < 1 or self.batch_size < 2:
            raise ValueError(
                "surrogates must name an architecture, surrogate_epochs and steps be at least 1, batch_size at least 2"
            )
        if not 1 <= self.checkpoints <= self.surrogate_epochs:
            raise ValueError(f"checkpoints must be 1 to surrogate_epochs; got {self.checkpoints!r}")
        if self.shift < 0 or (self.step is not None and not self.step > 0):
            raise ValueError("shift must not be negative and step must be positive levels")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Train the surrogates, keep their checkpoints, then search (levels)."""
        training, searching = phases(report, [len(self.surrogates) * self.surrogate_epochs, self.surrogate_epochs])
        checkpoint = self.checkpoint(data, runtime)
        models = ensemble(
            data,
            self.surrogates,
            runtime,
            training,
            checkpoint,
            epochs=self.surrogate_epochs,
            batch_size=self.batch_size,
            checkpoints=self.checkpoints,
        )
        images, labels = runtime.images(data.pixels), torch.from_numpy(data.labels).to(runtime.device)
        classes = len(data.classes)
        targets = (labels + classes // 2) % classes
        means = {id(model): centroids(model, images, labels, classes, runtime) for model in models}

        def objective(model: nn.Module, seen: Float[Tensor, "b c h w"], rows: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
            found, _ = features(model, seen)
            centres = means[id(model)]
            return F.mse_loss(found, centres[targets[rows]], reduction="sum") / centres.square().mean()

        return searched(
            data,
            models,
            objective,
            runtime,
            searching,
            checkpoint,
            epsilon=self.epsilon,
            step=self.step or self.epsilon / 5,
            steps=self.steps,
            batch_size=self.batch_size,
            shift=self.shift,
        )
