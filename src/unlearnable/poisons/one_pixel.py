"""One-pixel shortcut: one pixel of every image of a class gets one colour."""

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from unlearnable._runtime import Runtime
from unlearnable._scratch import scratch
from unlearnable._types import Pixels, Progress, Report, Scope
from unlearnable.budget import parts
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Overwrite
from unlearnable.poisons._base import Origin, Poison
from unlearnable.poisons._citations import WU_2023

FLOOR = 1e-6
"""Least standard deviation, where all images of a class have one value."""


@dataclass(frozen=True, kw_only=True)
class OnePixel(Poison[Overwrite]):
    """Set, in every image of a class, the pixel where that changes most and most evenly (OPS).

    (p, v)_y = argmax_{p, v ∈ {0, 1}^c} E[d] / sd(d), d = |x_{p, j} - v_j|, mean and standard deviation over the images
    of y and the channels j together; each pair for one class only.

    Source: Wu, Chen, Xie, Huang, One-Pixel Shortcut, ICLR 2023 (Apache-2.0). Class-wise; the budget is pixels that
    change, not ε.
    Differs from the paper: the standard deviation, over images and channels, as its released code and its numbers have
    it, where its equation has the variance of the sum over channels; several pixels are possible; all places and
    colours are scored at once.

    Args:
        pixels: how many pixels per image, the best ones first.

    Raises:
        ValueError: fewer than one pixel, or more classes than pairs of place and colour.
    """

    method: ClassVar[str] = "one-pixel"
    revision: ClassVar[int] = 2
    scopes: ClassVar[tuple[Scope, ...]] = ("class-wise",)
    least_categories: ClassVar[int] = 1
    citation: ClassVar[str] = WU_2023

    pixels: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pixels < 1:
            raise ValueError(f"pixels must be at least 1; got {self.pixels!r}")

    @classmethod
    def bound(cls) -> str:
        """Name the limit."""
        return "pixels"

    def make(self, data: ImageSet, runtime: Runtime, report: Report, origin: Origin) -> Overwrite:
        """Score every place and colour for each class, and take the best that are free."""
        channels, height, width = data.pixels.shape[1:]
        colours = torch.tensor(list(itertools.product((0.0, 1.0), repeat=channels)), device=runtime.device)
        if self.pixels * len(data.classes) > len(colours) * height * width or self.pixels > height * width:
            raise ValueError(
                f"one-pixel needs a place and a colour for each of {len(data.classes)} categories; images of "
                f"{height}x{width} have {len(colours) * height * width}: use fewer pixels"
            )
        free = torch.ones(len(colours), height * width, dtype=torch.bool, device=runtime.device)
        values = torch.zeros(len(data.classes), channels, height * width, dtype=torch.uint8)
        mask = torch.zeros(len(data.classes), height * width, dtype=torch.bool)
        for label in range(len(data.classes)):
            found = scores(runtime.images(_of_class(data, label)), colours) if data.counts[label] else None
            for _ in range(self.pixels):
                if found is None:
                    break
                place = int(torch.where(free, found, -torch.inf).argmax())
                colour, pixel = divmod(place, height * width)
                values[label, :, pixel] = (colours[colour] * 255).to(torch.uint8).cpu()
                mask[label, pixel] = True
                free[colour, pixel] = False
                found[:, pixel] = -torch.inf
            report(Progress(done=label + 1, total=len(data.classes), note="places and colours"))
        return Overwrite(
            values=values.view(-1, channels, height, width).numpy(),
            mask=mask.view(-1, height, width).numpy(),
            pixels=self.pixels,
            **origin,
        )


def _of_class(data: ImageSet, label: int) -> Pixels:
    rows = np.flatnonzero(data.labels == label)
    pixels = scratch((len(rows), *data.pixels.shape[1:]), np.uint8)
    for part in parts(pixels.shape):
        pixels[part] = data.pixels[rows[part]]
    return pixels


def scores(images: UInt8[Tensor, "n c h w"], colours: Float[Tensor, "v c"]) -> Float[Tensor, "v p"]:
    """Return mean over standard deviation, over images and channels, of each pixel's distance to each colour."""
    values = images.flatten(2)
    count, channels, places = values.shape
    return torch.cat([_scored(values[:, :, part], colours) for part in parts((places, count, channels))], dim=1)


def _scored(values: UInt8[Tensor, "n c p"], colours: Float[Tensor, "v c"]) -> Float[Tensor, "v p"]:
    unit = values.float() / 255
    found = []
    for colour in colours:
        distance = (unit - colour[:, None]).abs()
        found.append(distance.mean((0, 1)) / distance.std((0, 1), unbiased=False).clamp(min=FLOOR))
    return torch.stack(found)
