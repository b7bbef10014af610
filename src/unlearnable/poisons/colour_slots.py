"""Noise for categories that are not known yet, smooth and coloured: it survives JPEG and resizing, not grey."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import Poison
from unlearnable.poisons._slots import LUMA, surrogate, transformed
from unlearnable.training.fit import TrainingDivergedError
from unlearnable.training.memory import keep_memory


@dataclass(frozen=True, kw_only=True)
class ColourSlotNoise(Poison):
    r"""Class-wise error-minimizing noise on random labels, free in all three colours.

    $\min_\theta \min_{\|\delta\|_\infty \le \epsilon} \mathbb{E}_{x,\, s \sim U} [ L(f_\theta(T(x + a \delta_s)), s) ]$

    As `SlotNoise`, with one network and no planes: δ ← clip(δ - step sign(∇_δ L)). It ends as smooth stripes of magenta
    on green of one luma: easy to learn, hard for JPEG and resizing to remove, and gone when a photo is turned grey,
    although `grey` of the steps are. 250 steps: the less the network is trained, the better δ works on fresh ones.

    Source: Huang et al., Unlearnable Examples, ICLR 2021, equation 2 (class-wise).
    Differs from the paper: random labels on foreign photos, the amplitude schedule, augmentation inside the search.

    Args:
        steps: joint steps on θ and δ.
        amplitude: a in the first step; it falls to 1 over the first 60 % of the steps.
        step: size of a sign step of δ, in levels.
        batch_size: photos a step.
        learning_rate: of θ, Adam's.
        crop_area: smallest share of the photo that T keeps.
        blur: share of the steps with a 2x blur.
        grey: share of the steps in grey.
    """

    method: ClassVar[str] = "colour-slots"
    scopes: ClassVar[tuple[Scope, ...]] = ("class-wise",)

    steps: int = 250
    amplitude: float = 4.0
    step: float = 0.8
    batch_size: int = 256
    learning_rate: float = 2e-3
    crop_area: float = 0.25
    blur: float = 0.25
    grey: float = 0.25

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Search for δ (levels)."""
        keep_memory()
        photos, slots, generator = runtime.images(data.pixels), len(data.classes), runtime.generator("slots")
        model = runtime.to(surrogate(photos.shape[1], slots)).train()
        optimiser = torch.optim.Adam(model.parameters(), lr=self.learning_rate)
        levels = torch.zeros(slots, *photos.shape[1:], device=runtime.device)
        luma = torch.tensor(LUMA if photos.shape[1] == 3 else (1.0,), device=runtime.device).view(1, -1, 1, 1)
        for number in range(self.steps):
            rows = torch.randint(len(photos), (self.batch_size,), generator=generator).to(runtime.device)
            labels = torch.randint(slots, (self.batch_size,), generator=generator).to(runtime.device)
            fade = 1 + (self.amplitude - 1) * max(0.0, 1 - number / (0.6 * self.steps))
            levels.requires_grad_()
            noisy = ((photos[rows].float() + fade * levels.index_select(0, labels)) / 255).clamp(0, 1)
            images = transformed(noisy, self.crop_area, self.blur, generator)
            if torch.rand((), generator=generator) < self.grey:
                images = (images * luma).sum(1, keepdim=True).expand_as(images)
            with runtime.autocast():
                logits = model(images)
            loss = F.cross_entropy(logits.float(), labels)
            if not torch.isfinite(loss):
                raise TrainingDivergedError(f"the surrogate's loss became {loss.item()}; lower the learning_rate")
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            assert levels.grad is not None
            levels = (levels.detach() - self.step * levels.grad.sign()).clamp(-self.epsilon, self.epsilon)
            report(Progress(done=number + 1, total=self.steps, note=f"loss {loss.item():.2f} of {np.log(slots):.2f}"))
        return levels.detach().cpu().numpy()
