"""Noise for categories that are not known yet: what packs hold."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from unlearnable._registry import unknown
from unlearnable._runtime import Runtime
from unlearnable._types import Progress, RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import Poison
from unlearnable.poisons._jpeg import UNIT, compressed
from unlearnable.poisons._slots import LUMA, learners, transformed
from unlearnable.training.fit import TrainingDivergedError
from unlearnable.training.memory import keep_memory

VIEWS = ("colour", "grey")

ENLARGED = (1.5, 1.75, 2.0)
"""How much larger than the noise the photo is when it is compressed; in larger photos JPEG takes less of it."""

QUALITIES = (30, 50, 75, 75)


@dataclass(frozen=True, kw_only=True)
class SlotNoise(Poison):
    r"""Class-wise error-minimizing noise that is the only signal there is: every label is drawn at random.

    $\min_{\theta} \min_{\|\delta\|_\infty \le \epsilon} \mathbb{E}_{x,\, s \sim U} [
    L(f_\theta(T(J(x + a \delta_s))), s) ]$, with two unlike networks in turn for f

    x is any photo, s a slot, T a random resized crop and mirror (now and then a 2x blur), J a JPEG of random quality
    in `jpeg` of the steps, and a the amplitude, which falls from `amplitude` to 1: at 1 and from zero noise nothing is
    learned. The networks, one residual and one whitened, take turns; each step is θ ← θ - … and
    δ ← clip(δ - step sign(m)), with m that network's moving average of its gradients of δ, each of unit size. A network
    is barely trained when the search ends, and that is the point: the noise must be what is learned first.

    With the view `colour` δ is free and ends as smooth opponent colours (magenta on green): easy to learn, hard for
    JPEG and resizing to remove, and gone when a photo is turned grey. With `grey` the networks see luma only and δ is
    the same in all channels: it stays when a photo is turned grey, and is the weaker one otherwise.

    Classes of the data are the slots; its labels are not used. Photos of one channel have the view `grey` whatever is
    asked for.

    What it reaches is in `results/packs` and `results/proofs`; what was tried on the way in `docs/packs.md`.

    Source: Huang et al., Unlearnable Examples, ICLR 2021, equation 2 (class-wise).
    Differs from the paper: random labels on foreign photos, two networks, the amplitude schedule, augmentation and
    JPEG inside the search, momentum in δ.

    Args:
        view: `colour` or `grey`.
        steps: joint steps on θ and δ, of both networks together.
        amplitude: a in the first step; by default 4 in colour and 6 in grey.
        fade: share of the steps over which a falls to 1.
        step: size of a step of δ, in levels.
        momentum: of the moving average m.
        batch_size: photos a step.
        crop_area: smallest share of the photo that T keeps.
        blur: share of the steps with a 2x blur.
        jpeg: share of the steps with JPEG.

    Raises:
        ValueError: unknown view.
    """

    method: ClassVar[str] = "slots"
    scopes: ClassVar[tuple[Scope, ...]] = ("class-wise",)

    view: str = "colour"
    steps: int = 500
    amplitude: float | None = None
    fade: float = 0.6
    step: float = 0.8
    momentum: float = 0.9
    batch_size: int = 256
    crop_area: float = 0.25
    blur: float = 0.25
    jpeg: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.view not in VIEWS:
            raise ValueError(unknown("view", self.view, list(VIEWS)))

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Search for δ (levels)."""
        keep_memory()
        photos, channels = runtime.images(data.pixels), data.pixels.shape[1]
        if self.view == "grey" and channels == 3:
            photos = _luma(photos)
        search = _Search(self, photos, len(data.classes), runtime)
        for number in range(self.steps):
            loss = search.step(number)
            note = f"{search.name} loss {loss:.2f} of {math.log(len(data.classes)):.2f}"
            report(Progress(done=number + 1, total=self.steps, note=note))
        levels: np.ndarray = search.levels.cpu().numpy()
        return levels.repeat(channels // levels.shape[1], axis=1)


class _Search:
    """δ, the two networks, and for each the moving average of its gradients of δ."""

    def __init__(self, poison: SlotNoise, photos: UInt8[Tensor, "n c h w"], slots: int, runtime: Runtime) -> None:
        self.poison, self.photos, self.slots, self.runtime = poison, photos, slots, runtime
        self.generator = runtime.generator("slots")
        self.levels = torch.zeros(slots, *photos.shape[1:], device=runtime.device)
        self.learners = learners(photos, slots, runtime)
        self.averages = [torch.zeros_like(self.levels) for _ in self.learners]
        self.name = ""
        self.amplitude = poison.amplitude or (4.0 if poison.view == "colour" else 6.0)

    def step(self, number: int) -> float:
        """Take one step on θ and on δ with the network whose turn it is; return its loss before the step."""
        turn = number % len(self.learners)
        learner = self.learners[turn]
        self.name = learner.name
        levels = self.levels.detach().requires_grad_()
        images, slots = self._images(levels, number)
        with self.runtime.autocast():
            logits = learner.model(images)
        loss = F.cross_entropy(logits.float(), slots)
        if not torch.isfinite(loss):
            raise TrainingDivergedError(
                f"the loss of the {learner.name} network became {loss.item()}; try another seed"
            )
        learner.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        learner.optimiser.step()
        assert levels.grad is not None
        self._move(self.averages[turn], levels.grad)
        return loss.item()

    def _images(
        self, levels: Float[Tensor, "m c h w"], number: int
    ) -> tuple[Float[Tensor, "b c s t"], Int64[Tensor, " b"]]:
        poison, generator = self.poison, self.generator
        rows = torch.randint(len(self.photos), (poison.batch_size,), generator=generator).to(self.runtime.device)
        slots = torch.arange(poison.batch_size, device=self.runtime.device) % self.slots
        fade = max(0.0, 1 - number / (poison.fade * poison.steps))
        noise = (1 + (self.amplitude - 1) * fade) * levels.index_select(0, slots)
        images = ((self.photos[rows].float() + noise) / 255).clamp(0, 1)
        if self._chance() < poison.jpeg:
            images = self._stored(images)
        return transformed(images, poison.crop_area, poison.blur, generator), slots

    def _stored(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Enlarge, compress, and make small again, as a photo that is stored and then loaded for training."""
        shape = images.shape[2:]
        larger = ENLARGED[int(self._chance() * len(ENLARGED))]
        quality = QUALITIES[int(self._chance() * len(QUALITIES))]
        sides = [UNIT * math.ceil(larger * side / UNIT) for side in shape]
        photos = F.interpolate(images, sides, mode="bilinear", align_corners=False)
        return F.interpolate(compressed(photos, quality), shape, mode="bilinear", antialias=True, align_corners=False)

    def _chance(self) -> float:
        return torch.rand((), generator=self.generator).item()

    @torch.no_grad()
    def _move(self, average: Float[Tensor, "m c h w"], gradient: Float[Tensor, "m c h w"]) -> None:
        poison = self.poison
        size = gradient.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-12)
        average.lerp_(gradient / size, 1 - poison.momentum)
        self.levels = (self.levels - poison.step * average.sign()).clamp(-poison.epsilon, poison.epsilon)


def _luma(photos: UInt8[Tensor, "n 3 h w"]) -> UInt8[Tensor, "n 1 h w"]:
    weights = torch.tensor(LUMA, device=photos.device).view(1, 3, 1, 1)
    parts = [(part.float() * weights).sum(1, keepdim=True).round().to(torch.uint8) for part in torch.split(photos, 500)]
    return torch.cat(parts)
