"""Noise from a generator: a game between the network that makes the noise and the one that learns from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, Report
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Network
from unlearnable.poisons._base import Origin
from unlearnable.poisons._bilevel import GRADIENT_CLIP, Batches
from unlearnable.poisons._checkpoint import State
from unlearnable.poisons._generative import Generative
from unlearnable.poisons._surrogates import phases
from unlearnable.training import TrainingDivergedError
from unlearnable.training.fit import build
from unlearnable.training.loader import to_unit
from unlearnable.training.memory import keep_memory


@dataclass(frozen=True, kw_only=True)
class GeneratorNoise(Generative):
    """A generator whose noise makes what is learned from it useless on clean images (GUE).

    Leader ω: max L(f_θ(x), y) of clean images; follower θ: min g = L(f_θ(x + G_ω(x)), y). First-order bilevel steps
    (BOME): θ' after `inner` steps of the follower from θ; q = g(ω, θ) - g(ω, θ'); both move along ∇f + λ ∇q, with
    λ = max((η ‖∇q‖² - ⟨∇f, ∇q⟩) / ‖∇q‖², 0), f = -L of clean images.

    Source: Liu, Wang, Gao, Game-Theoretic Unlearnable Example Generator, AAAI 2024 (its code has no licence; from the
    equations); BOME: Ye, Liu, Wright, Stone, Liu, NeurIPS 2022.
    Differs from the paper: G is no U-Net but a classifier of the image at 16 pixels that chooses among a pattern per
    class (`perturbation.Network`), taught before the game and fixed in it, and the patterns begin with steps of
    error-min; the loss of clean images is bounded by cutting it at `ceiling`, and gradients are clipped; a small
    follower, whose 5 steps ahead are SGD of 0.1, not 10 of Adam at 1e-4, and whose own are SGD of 0.1 with momentum,
    not 0.01; fewer steps.

    With 10,000 images of CIFAR-10, seed 0, last (best) epoch: `fast-small` learns 10.6 (13.8) percent,
    `resnet18-slim`, which is no surrogate, 13.2 (15.2), after JPEG 75 34.9 (34.9), in grey 76.2 (76.2), since slow
    patterns go into colour, and after the orthogonal projection 71.7 (71.7). Two small convolutions in place of the
    classifier, as were here before, cannot see the class: all was learned. New images are protected as far as the
    classifier is right (docs/reproducing.md).

    Args:
        steps: steps of both.
        inner: steps of θ' each time.
        inner_rate: of θ', SGD.
        follower_rate: of θ (SGD).
        barrier: η.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "generator"
    citation: ClassVar[str] = """@inproceedings{liu2024game,
  title = {Game-Theoretic Unlearnable Example Generator},
  author = {Liu, Shuang and Wang, Yihan and Gao, Xiao-Shan},
  booktitle = {AAAI},
  year = {2024}
}

@inproceedings{ye2022bome,
  title = {{BOME!} Bilevel Optimization Made Easy: A Simple First-Order Approach},
  author = {Ye, Mao and Liu, Bo and Wright, Stephen and Stone, Peter and Liu, Qiang},
  booktitle = {NeurIPS},
  year = {2022}
}"""

    steps: int = 100
    inner: int = 5
    inner_rate: float = 0.1
    follower_rate: float = 0.1
    barrier: float = 1.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.steps, self.inner) < 1:
            raise ValueError("steps and inner must be at least 1")
        if not min(self.inner_rate, self.follower_rate, self.barrier) > 0:
            raise ValueError("inner_rate, follower_rate and barrier must be positive")

    def make(self, data: ImageSet, runtime: Runtime, report: Report, origin: Origin) -> Network:
        """Play, and keep the generator."""
        keep_memory()
        images = runtime.images(data.pixels)
        labels = torch.from_numpy(data.labels).to(runtime.device)
        leader = self.fresh(data, runtime)
        follower = build(self.surrogate, images, len(data.classes), runtime).train()
        theta: dict[str, Tensor] = {name: each for name, each in follower.named_parameters() if each.requires_grad}
        adam = torch.optim.Adam([leader.patterns], lr=self.learning_rate)
        sgd = torch.optim.SGD(theta.values(), lr=self.follower_rate, momentum=0.9)
        batches = Batches(len(images), self.batch_size, runtime.generator("batches"))

        def loss(weights: dict[str, Tensor], seen: Tensor, own: Tensor) -> Tensor:
            with runtime.autocast():
                logits = torch.func.functional_call(follower, weights, (seen,))
            return F.cross_entropy(logits.float(), own, reduction="none")

        beginning, playing = phases(report, (50, 50))
        state = State(self.checkpoint(data, runtime), [leader, follower], [adam, sgd], {"batches": batches.generator})
        saved, begun = state.load(), 0
        if saved:
            batches.restore(saved)
            begun = int(saved["steps"])
        else:
            self.begin(leader, images, labels, batches, runtime, beginning)
            state.save({**batches.state(), "steps": torch.tensor(0)})
        shares = leader.shares(images, runtime)
        for number in range(begun, self.steps):
            rows = batches.next().to(runtime.device)
            clean, own = to_unit(images[rows]), labels[rows]
            made = leader.added(clean, shares[rows])
            ahead = {name: each.detach().requires_grad_() for name, each in theta.items()}
            for _ in range(self.inner):
                slopes = _clipped(torch.autograd.grad(loss(ahead, made.detach(), own).mean(), list(ahead.values())))
                ahead = {
                    name: (each - self.inner_rate * slope).detach().requires_grad_()
                    for (name, each), slope in zip(ahead.items(), slopes, strict=True)
                }
            everything = [leader.patterns, *theta.values()]
            learned = loss(theta, made, own).mean()
            gap = learned - loss({name: each.detach() for name, each in ahead.items()}, made, own).mean()
            hurt = -loss(theta, clean, own).clamp(max=self.ceiling).mean()
            if not (torch.isfinite(gap) and torch.isfinite(hurt)):
                raise TrainingDivergedError("the generator's game diverged; lower learning_rate or inner_rate")
            toward = torch.autograd.grad(hurt, everything, allow_unused=True, retain_graph=True)
            closer = torch.autograd.grad(gap, everything, allow_unused=True)
            weight = _multiplier(toward, closer, self.barrier)
            for parameter, one, two in zip(everything, toward, closer, strict=True):
                parts = [part for part in (one, None if two is None else weight * two) if part is not None]
                parameter.grad = sum(parts[1:], parts[0]) if parts else None
            torch.nn.utils.clip_grad_norm_(everything, GRADIENT_CLIP)
            adam.step()
            sgd.step()
            note = f"loss {learned.item():.2f} on its noise, {-hurt.item():.2f} clean"
            playing(Progress(done=number + 1, total=self.steps, note=note))
            state.keep({**batches.state(), "steps": torch.tensor(number + 1)})
        return leader.stored(origin)


def _clipped(slopes: Sequence[Tensor]) -> list[Tensor]:
    size = torch.stack([each.square().sum() for each in slopes]).sum().sqrt()
    return [each * (GRADIENT_CLIP / size.clamp(min=GRADIENT_CLIP)) for each in slopes]


def _multiplier(toward: tuple[Tensor | None, ...], closer: tuple[Tensor | None, ...], barrier: float) -> float:
    """Return λ = max((η ‖∇q‖² - ⟨∇f, ∇q⟩) / ‖∇q‖², 0)."""
    size = sum(torch.stack([each.square().sum() for each in closer if each is not None]).tolist())
    both = [(one * two).sum() for one, two in zip(toward, closer, strict=True) if one is not None and two is not None]
    along = sum(torch.stack(both).tolist()) if both else 0.0
    return max((barrier * size - along) / max(size, 1e-12), 0.0)
