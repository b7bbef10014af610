"""What a search for slots needs: photos without labels, two networks that are barely trained, crops and blurs."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._types import Report, silent
from unlearnable.datasets import load
from unlearnable.imageset import ImageSet
from unlearnable.poisons._views import LUMA
from unlearnable.training.augment import resized_crop_flip
from unlearnable.training.fit import build

WIDTHS = (16, 32, 64, 128)
PACK_SIZE = 64


def transformed(
    images: Float[Tensor, "b c h w"], crop_area: float, blur: float, generator: torch.Generator
) -> Float[Tensor, "b c s s"]:
    """Crop at random and mirror every image in [0, 1], and now and then blur the batch."""
    size = min(images.shape[2:])
    crops = resized_crop_flip(images, size, crop_area, generator)
    if torch.rand((), generator=generator) < blur:
        half = F.avg_pool2d(crops, 2)
        crops = F.interpolate(half, size=(size, size), mode="bilinear", align_corners=False)
    return crops.contiguous(memory_format=torch.channels_last)


class _Block(nn.Module):
    """Two 3x3 convolutions beside a 1x1 one, at half the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.long = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, 2, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d s t"]:
        """Halve the size."""
        return F.relu(self.long(images) + self.short(images))


def surrogate(channels: int, slots: int) -> nn.Module:
    """Return a small residual network, unlike every architecture that exploiters use here."""
    return nn.Sequential(
        _Centred(),
        nn.Conv2d(channels, WIDTHS[0], 5, 2, 2, bias=False),
        nn.BatchNorm2d(WIDTHS[0]),
        nn.ReLU(),
        *(_Block(inputs, outputs) for inputs, outputs in itertools.pairwise(WIDTHS)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(WIDTHS[-1], slots),
    )


class _Centred(nn.Module):
    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return (images - 0.45) / 0.25


@dataclass(frozen=True, eq=False, kw_only=True)
class Learner:
    """One network of a search and its optimiser."""

    name: str
    model: nn.Module
    optimiser: torch.optim.Optimizer


def learners(photos: UInt8[Tensor, "n c h w"], slots: int, runtime: Runtime) -> tuple[Learner, ...]:
    """Return the residual network with Adam and the whitened one with SGD, as their like are usually trained.

    One network alone finds noise that the other kind learns later: see docs/packs.md.
    """
    residual = runtime.to(surrogate(photos.shape[1], slots)).train()
    whitened = build("fast-small", photos, slots, runtime).train()
    trained = [parameter for parameter in whitened.parameters() if parameter.requires_grad]
    sgd = torch.optim.SGD(trained, lr=0.2, momentum=0.85, nesterov=True, weight_decay=1e-3)
    adam = torch.optim.Adam(residual.parameters(), lr=2e-3)
    return (
        Learner(name="residual", model=residual, optimiser=adam),
        Learner(name="whitened", model=whitened, optimiser=sgd),
    )


def grey(images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 1 h w"]:
    """Return the luma of colour images."""
    if images.shape[1] == 1:
        return images
    return (images * torch.tensor(LUMA, device=images.device).view(1, 3, 1, 1)).sum(1, keepdim=True)


def luma(photos: UInt8[Tensor, "n c h w"]) -> UInt8[Tensor, "n 1 h w"]:
    """Return the luma of stored photos."""
    return torch.cat([grey(part.float()).round().to(torch.uint8) for part in torch.split(photos, 500)])


def in_grey(data: ImageSet) -> ImageSet:
    """Return the photos with one channel, to search noise for photos without colour on."""
    return data.with_pixels(luma(torch.from_numpy(np.ascontiguousarray(data.pixels))).numpy())


def load_photos(path: Path | str, slots: int = 64, size: int = PACK_SIZE, report: Report = silent) -> ImageSet:
    """Load photos for a pack, from a folder or a Parquet file: every photo whole, at `size`; classes are the slots.

    Raises:
        FileNotFoundError: there is nothing at `path`.
        ValueError: the photos cannot be read, or there are fewer than 2 slots.
    """
    if slots < 2:
        raise ValueError(f"a pack needs at least 2 slots; got {slots!r}")
    if Path(path).suffix == ".parquet":
        photos = load("parquet", path=path, size=size, label_column=None, report=report)
    else:
        photos = load("folder", path=path, size=size, report=report)
    if photos.pixels.shape[1] != 3:
        raise ValueError(f"a pack is made on photos with colour; all of {path} have none")
    names = tuple(f"slot-{slot:02d}" for slot in range(slots))
    labels = np.arange(len(photos), dtype=np.int64) % slots
    return ImageSet(pixels=photos.pixels, labels=labels, keys=photos.keys, classes=names, name=photos.name)
