"""Noise for categories that are not known yet: what packs hold."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._checkpoint import Checkpoint, State
from unlearnable.poisons._citations import HUANG_2021
from unlearnable.poisons._jpeg import UNIT, compressed
from unlearnable.poisons._slots import grey, learners, luma, transformed
from unlearnable.training.fit import TrainingDivergedError
from unlearnable.training.memory import keep_memory

ENLARGED = (1.5, 1.75, 2.0)
"""How much larger than the noise the photo is when it is compressed; in larger photos JPEG takes less of it."""

QUALITIES = (30, 50, 75, 75)


@dataclass(frozen=True, kw_only=True)
class SlotNoise(AdditivePoison):
    r"""Class-wise error-minimizing noise that is the only signal there is: every label is drawn at random.

    $\min_{\theta} \min_{\|\delta\|_\infty \le \epsilon} \mathbb{E}_{x,\, s \sim U} [
    L(f_\theta(T(J(x + a \delta_s))), s) ]$, with two unlike networks in turn for f

    x is any photo, s a slot, T a random resized crop and mirror (now and then a 2x blur), J a JPEG of random quality
    in `jpeg` of the steps, and a the amplitude, which falls from `amplitude` to 1: at 1 and from zero noise nothing is
    learned. The networks, one residual and one whitened, take turns; each step is θ ← θ - … and
    δ ← clip(δ - step sign(m)), with m that network's moving average of its gradients of δ, each of unit size. A network
    is barely trained when the search ends, and that is the point: the noise must be what is learned first.

    δ is free and ends as smooth opponent colours (magenta on green): easy to learn, hard for JPEG and resizing to
    remove, and gone when a photo is turned grey. With `grey_steps`, two networks that see luma only search first, and
    move red and green, which is nearly all of the luma; then the two in colour move blue, which is next to none of it,
    and find red and green as they are. That noise stays when a photo is turned grey, and is weaker otherwise.

    Classes of the data are the slots; its labels are not used. Photos of one channel have the grey search alone,
    of `steps` steps: the noise for photos without colour.

    What it reaches is in `results/packs` and `results/proofs`; what was tried on the way in `docs/packs.md`.

    Source: Huang et al., Unlearnable Examples, ICLR 2021 (MIT), equation 2 (class-wise).
    Differs from the paper: random labels on foreign photos, two networks, the amplitude schedule, augmentation and
    JPEG inside the search, momentum in δ.

    Args:
        steps: joint steps on θ and δ, of both networks together; of one channel too. 0 leaves the steps in luma.
        grey_steps: such steps in luma before, on red and green.
        amplitude: a in the first step.
        grey_amplitude: a in the first step in luma, where photos drown more.
        fade: share of the steps over which a falls to 1.
        step: size of a step of δ, in levels.
        momentum: of the moving average m.
        batch_size: photos a step.
        crop_area: smallest share of the photo that T keeps.
        blur: share of the steps with a 2x blur.
        jpeg: share of the steps with JPEG.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "slots"
    citation: ClassVar[str] = HUANG_2021
    needs: ClassVar[tuple[str, ...]] = ("images", "surrogate")
    scopes: ClassVar[tuple[Scope, ...]] = ("class-wise",)

    steps: int = 500
    grey_steps: int = 0
    amplitude: float = 4.0
    grey_amplitude: float = 6.0
    fade: float = 0.6
    step: float = 0.8
    momentum: float = 0.9
    batch_size: int = 256
    crop_area: float = 0.25
    blur: float = 0.25
    jpeg: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.steps, self.grey_steps) < 0 or self.steps + self.grey_steps == 0:
            raise ValueError(
                f"steps and grey_steps must not be negative, and one must be positive; got {self.steps!r} and "
                f"{self.grey_steps!r}"
            )
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2; got {self.batch_size!r}")
        if not self.step > 0:
            raise ValueError(f"step must be positive levels; got {self.step!r}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be from 0 up to 1; got {self.momentum!r}")
        if min(self.amplitude, self.grey_amplitude) < 1:
            raise ValueError(
                f"amplitude and grey_amplitude must be at least 1, to which they fall; got {self.amplitude!r} and "
                f"{self.grey_amplitude!r}"
            )
        if not 0 < self.fade <= 1 or not 0 < self.crop_area <= 1:
            raise ValueError(
                f"fade and crop_area must be shares above 0 and up to 1; got {self.fade!r} and {self.crop_area!r}"
            )
        if not 0 <= self.blur <= 1 or not 0 <= self.jpeg <= 1:
            raise ValueError(f"blur and jpeg must be shares from 0 to 1; got {self.blur!r} and {self.jpeg!r}")

    def require(self, data: ImageSet) -> None:
        """Refuse a search without steps."""
        if data.pixels.shape[1] == 1 and not self.steps:
            raise ValueError(f"steps must be at least 1 for images of one channel, as those of {data.name} are; got 0")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Search for δ (levels)."""
        keep_memory()
        photos, slots = runtime.images(data.pixels), len(data.classes)
        levels = torch.zeros(slots, *photos.shape[1:], device=runtime.device)
        generator = runtime.generator("slots")
        phases = _phases(self, photos.shape[1], runtime)
        done, total = 0, sum(phase.steps for phase in phases)
        checkpoint = self.checkpoint(data, runtime)
        saved = checkpoint.load()
        for place, phase in enumerate(phases):
            done += phase.steps
            if saved and place < int(saved["phase"]):
                continue
            search = _Search(self, phase, photos, levels, generator, runtime)
            state, begun = search.state(checkpoint), 0
            if saved and place == int(saved["phase"]):
                search.restore(state.load())
                begun = int(saved["steps"])
            for number in range(begun, phase.steps):
                name, loss = search.step(number)
                note = f"{name} loss {loss:.2f} of {math.log(slots):.2f}"
                report(Progress(done=done - phase.steps + number + 1, total=total, note=note))
                state.keep({**search.tensors(), "phase": torch.tensor(place), "steps": torch.tensor(number + 1)})
            levels = search.levels
        return levels.cpu().numpy()


@dataclass(frozen=True, eq=False, kw_only=True)
class _Phase:
    """A part of the search: in luma or not, which channels of δ move, from which amplitude, in how many steps."""

    name: str
    luma: bool
    moved: Float[Tensor, "1 c 1 1"]
    amplitude: float
    steps: int


def _phases(poison: SlotNoise, channels: int, runtime: Runtime) -> list[_Phase]:
    every = torch.ones(1, channels, 1, 1, device=runtime.device)
    if channels == 1:
        return [_Phase(name="grey", luma=True, moved=every, amplitude=poison.grey_amplitude, steps=poison.steps)]
    blue = torch.tensor([0.0, 0.0, 1.0], device=runtime.device).view(1, 3, 1, 1)
    moved = blue if poison.grey_steps else every
    colour = _Phase(name="colour", luma=False, moved=moved, amplitude=poison.amplitude, steps=poison.steps)
    if not poison.grey_steps:
        return [colour]
    steps, amplitude = poison.grey_steps, poison.grey_amplitude
    return [_Phase(name="grey", luma=True, moved=1 - blue, amplitude=amplitude, steps=steps), colour]


class _Search:
    """δ, the two networks of one phase, and for each the moving average of its gradients of δ."""

    def __init__(
        self,
        poison: SlotNoise,
        phase: _Phase,
        photos: UInt8[Tensor, "n c h w"],
        levels: Float[Tensor, "m c h w"],
        generator: torch.Generator,
        runtime: Runtime,
    ) -> None:
        self.poison, self.phase, self.photos, self.levels = poison, phase, photos, levels
        self.generator, self.runtime = generator, runtime
        self.learners = learners(luma(photos) if phase.luma else photos, len(levels), runtime)
        self.averages = [torch.zeros_like(levels) for _ in self.learners]

    def state(self, checkpoint: Checkpoint) -> State:
        """Return what remembers the networks and the draws."""
        models, optimisers = [each.model for each in self.learners], [each.optimiser for each in self.learners]
        return State(checkpoint, models, optimisers, {"slots": self.generator})

    def tensors(self) -> dict[str, Tensor]:
        """Return δ and the moving averages, for a checkpoint."""
        return {"levels": self.levels, **{f"average.{turn}": each for turn, each in enumerate(self.averages)}}

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Put back what `tensors` returned."""
        self.levels = saved["levels"].to(self.levels.device)
        for turn, average in enumerate(self.averages):
            average.copy_(saved[f"average.{turn}"])

    def step(self, number: int) -> tuple[str, float]:
        """Take one step on θ and on δ with the network whose turn it is; return its name and its loss before."""
        turn = number % len(self.learners)
        learner = self.learners[turn]
        levels = self.levels.detach().requires_grad_()
        images, slots = self._images(levels, number)
        with self.runtime.autocast():
            logits = learner.model(images)
        loss = F.cross_entropy(logits.float(), slots)
        name = f"{self.phase.name} {learner.name}"
        if not torch.isfinite(loss):
            raise TrainingDivergedError(f"the loss of the {name} network became {loss.item()}; try another seed")
        learner.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        assert levels.grad is not None
        found = [levels.grad, *(each.grad for each in learner.model.parameters() if each.grad is not None)]
        # photos that are all one colour leave the norms nothing to divide by, and gradients can overflow: no step then
        if torch.stack([each.isfinite().all() for each in found]).all():
            learner.optimiser.step()
            self._move(self.averages[turn], levels.grad, slots)
        return name, loss.item()

    def _images(
        self, levels: Float[Tensor, "m c h w"], number: int
    ) -> tuple[Float[Tensor, "b d s t"], Int64[Tensor, " b"]]:
        poison, phase, generator = self.poison, self.phase, self.generator
        rows = torch.randint(len(self.photos), (poison.batch_size,), generator=generator).to(self.runtime.device)
        # where there are more slots than images in a batch, they take turns, and every network sees all of them
        turn = number // len(self.learners)
        first = turn * poison.batch_size if len(levels) > poison.batch_size else 0
        slots = (first + torch.arange(poison.batch_size, device=self.runtime.device)) % len(levels)
        fade = max(0.0, 1 - number / (poison.fade * phase.steps))
        amplitude = 1 + (phase.amplitude - 1) * fade * phase.moved
        noise = (amplitude * levels).index_select(0, slots)
        images = ((self.photos[rows].float() + noise) / 255).clamp(0, 1)
        if phase.luma:
            images = grey(images)
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
    def _move(
        self, average: Float[Tensor, "m c h w"], gradient: Float[Tensor, "m c h w"], slots: Int64[Tensor, " b"]
    ) -> None:
        """Step on the slots that were in the batch; of the others nothing new is known."""
        poison = self.poison
        seen = torch.zeros(len(average), 1, 1, 1, dtype=torch.bool, device=average.device)
        seen[slots] = True
        size = gradient.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-12)
        average.copy_(torch.where(seen, average.lerp(gradient / size, 1 - poison.momentum), average))
        moved = self.levels - poison.step * average.sign() * self.phase.moved
        self.levels = torch.where(seen, moved.clamp(-poison.epsilon, poison.epsilon), self.levels)
