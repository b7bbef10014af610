"""Noise for categories that are not known yet: slots, searched on unlabelled photos with random labels."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import Poison
from unlearnable.poisons._slots import LUMA, surrogate, transformed
from unlearnable.training.fit import TrainingDivergedError
from unlearnable.training.memory import keep_memory

View = Literal["grey", "colour"]


@dataclass(frozen=True, kw_only=True)
class SlotNoise(Poison):
    r"""Class-wise error-minimizing noise that is the only signal there is: every label is drawn at random.

    $\min_{\theta_g, \theta_c} \min_{\|\delta\|_\infty \le \epsilon} \mathbb{E}_{x,\, s \sim U} [
    L(f_{\theta_g}(T(Y(x + a \delta_s))), s) + L(f_{\theta_c}(T(x + a \delta_s)), s) ]$

    x is any photo, s a slot drawn for it at each step, T a random resized crop and mirror (now and then a 2x blur),
    Y the luma and a the amplitude, which falls from `amplitude` to 1: at 1 and from zero noise nothing is learned.
    Two barely trained networks see the noise, one in grey and one in colour, and take turns. δ has two planes,
    δ = (u, u, v) in red, green and blue: the grey network moves u, which is nearly all of the luma, and the colour
    one v, which is next to none of it. Left to itself the search makes it all colour (magenta on green, one luma),
    which an exploiter drops by going grey. Each step is θ ← Adam(θ) and δ ← clip(δ - step sign(m)), with m the
    moving average of the network's gradients of δ, each of unit size.

    Classes of the data are the slots; its labels are not used. Grey data have the one plane u.

    What it reaches is in `results/packs` and `results/proofs`. Tried on the way, one run each, so leads and not
    results: u's steps free in frequency (u drifts to longer waves; an exploiter in grey did better); u between 10 and
    28 or 16 and 32 cycles (the search converges less, and the noise is learned later); v up to 8 cycles (better on
    faces after JPEG-75 and in grey, far worse on photos of things); 450 further steps instead of 300 (better on faces
    as published, worse on photos of things); fresh networks every 60 steps (they did not learn the noise in that
    time); one plane for all channels; hand-made gratings and plaids (worse in colour than what is searched).

    Source: Huang et al., Unlearnable Examples, ICLR 2021, equation 2 (class-wise).
    Differs from the paper: random labels on foreign photos, the amplitude schedule, two views of two planes,
    augmentation inside the search, momentum in δ.

    Args:
        grey_steps: first steps, of the grey network alone.
        steps: further steps, grey and colour in turn.
        amplitude: a in the first steps; it falls over 80 % of the further ones, and is 1 in the rest.
        step: size of a step of δ, in levels.
        luma_share: largest |u| as a share of ε; |v| may be ε.
        lowest_cycles: the longest waves in u's steps, in cycles per 64 pixels: below, photos drown them.
        highest_cycles: the shortest: above, enlarging the noise smoothly loses them.
        momentum: of the moving average m.
        batch_size: photos a step.
        learning_rate: of θ, Adam's.
        crop_area: smallest share of the photo that T keeps.
        blur: share of the steps with a 2x blur.
    """

    method: ClassVar[str] = "slots"
    scopes: ClassVar[tuple[Scope, ...]] = ("class-wise",)

    grey_steps: int = 80
    steps: int = 300
    amplitude: float = 4.0
    step: float = 0.8
    luma_share: float = 1.0
    lowest_cycles: float = 10.0
    highest_cycles: float = 20.0
    momentum: float = 0.9
    batch_size: int = 256
    learning_rate: float = 2e-3
    crop_area: float = 0.25
    blur: float = 0.25

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Search for δ (levels)."""
        keep_memory()
        slots, channels = len(data.classes), data.pixels.shape[1]
        search = _Search(self, runtime.images(data.pixels), slots, runtime)
        views: tuple[View, ...] = ("grey", "colour") if channels == 3 else ("grey",)
        total = self.grey_steps + self.steps
        for step in range(total):
            further = step - self.grey_steps
            view = views[further % len(views)] if further >= 0 else "grey"
            fade = min(1.0, max(0, further) / max(1.0, 0.8 * self.steps))
            loss = search.step(view, self.amplitude + (1 - self.amplitude) * fade)
            report(Progress(done=step + 1, total=total, note=f"{view} loss {loss:.2f} of {np.log(slots):.2f}"))
        return search.levels.cpu().numpy()


class _Search:
    """δ, and one network, optimiser and moving average for each view."""

    def __init__(self, poison: SlotNoise, photos: UInt8[Tensor, "n c h w"], slots: int, runtime: Runtime) -> None:
        self.poison, self.photos, self.slots, self.runtime = poison, photos, slots, runtime
        self.generator = runtime.generator("slots")
        self.levels = torch.zeros(slots, *photos.shape[1:], device=runtime.device)
        weights = LUMA if photos.shape[1] == 3 else (1.0,)
        self.luma = torch.tensor(weights, device=runtime.device).view(1, -1, 1, 1)
        blue = torch.tensor([float(row == 2) for row in range(len(weights))], device=runtime.device).view(1, -1, 1, 1)
        self.moved: dict[View, Tensor] = {"grey": 1 - blue, "colour": blue}
        self.largest = poison.epsilon * (poison.luma_share * (1 - blue) + blue)
        self.models: dict[View, nn.Module] = {}
        self.optimisers: dict[View, torch.optim.Adam] = {}
        self.averages: dict[View, Tensor] = {}
        inputs: dict[View, int] = {"grey": 1, "colour": photos.shape[1]}
        for view, channels in inputs.items():
            model = runtime.to(surrogate(channels, slots))
            self.models[view] = model
            self.optimisers[view] = torch.optim.Adam(model.parameters(), lr=poison.learning_rate)
            self.averages[view] = torch.zeros_like(self.levels[:, :channels])

    def step(self, view: View, amplitude: float) -> float:
        """Take one step on θ and on δ with the view's network; return its loss before the step."""
        rows, labels = self._draw()
        photos, levels = self.photos[rows].float(), self.levels
        if view == "grey":
            photos, levels = self._grey(photos), self._grey(levels)
        levels = levels.detach().requires_grad_()
        images = ((photos + amplitude * levels.index_select(0, labels)) / 255).clamp(0, 1)
        model, optimiser = self.models[view].train(), self.optimisers[view]
        with self.runtime.autocast():
            logits = model(transformed(images, self.poison.crop_area, self.poison.blur, self.generator))
        loss = F.cross_entropy(logits.float(), labels)
        if not torch.isfinite(loss):
            raise TrainingDivergedError(f"the surrogate's loss became {loss.item()}; lower the learning_rate")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        assert levels.grad is not None
        self._move(view, levels.grad)
        return loss.item()

    @torch.no_grad()
    def _move(self, view: View, gradient: Float[Tensor, "m c h w"]) -> None:
        poison = self.poison
        size = gradient.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-12)
        average = self.averages[view].lerp_(gradient / size, 1 - poison.momentum)
        if view == "grey":
            average = _between(average, poison.lowest_cycles, poison.highest_cycles)
        moved = self.levels - poison.step * average.sign() * self.moved[view]
        self.levels = moved.clamp(-self.largest, self.largest)

    def _draw(self) -> tuple[Int64[Tensor, " b"], Int64[Tensor, " b"]]:
        count = self.poison.batch_size
        rows = torch.randint(len(self.photos), (count,), generator=self.generator)
        return rows.to(self.runtime.device), torch.arange(count, device=self.runtime.device) % self.slots

    def _grey(self, values: Float[Tensor, "m c h w"]) -> Float[Tensor, "m 1 h w"]:
        return (values * self.luma).sum(1, keepdim=True)


def _between(planes: Float[Tensor, "m c h w"], lowest: float, highest: float) -> Float[Tensor, "m c h w"]:
    """Keep the waves of `lowest` to `highest` cycles per 64 pixels."""
    height, width = planes.shape[2:]
    down = torch.fft.fftfreq(height, device=planes.device).view(-1, 1) * 64
    across = torch.fft.rfftfreq(width, device=planes.device) * 64
    cycles = torch.hypot(down, across)
    kept = torch.fft.rfft2(planes) * ((cycles >= lowest) & (cycles <= highest))
    planes_between: Tensor = torch.fft.irfft2(kept, s=(height, width))
    return planes_between
