"""Augmentation of whole batches: no loop over images."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor


def resize(images: Float[Tensor, "n c h w"], size: int) -> Float[Tensor, "n c s t"]:
    """Resample so that the shorter side is `size` pixels (bilinear, antialiased)."""
    height, width = images.shape[2:]
    if min(height, width) == size:
        return images
    scale = size / min(height, width)
    shape = (max(size, round(height * scale)), max(size, round(width * scale)))
    return F.interpolate(images, shape, mode="bilinear", antialias=True, align_corners=False)


def crop_flip(images: UInt8[Tensor, "n c h w"], padding: int, generator: torch.Generator) -> UInt8[Tensor, "n c h w"]:
    """Shift each image by up to `padding` pixels each way, borders reflected, and mirror half of them."""
    count, _, height, width = images.shape
    rows = _shifted(count, height, padding, generator)
    columns = _shifted(count, width, padding, generator)
    mirrored = torch.rand(count, 1, generator=generator) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    rows, columns = rows.to(images.device), columns.to(images.device)  # a GPU multiplies them itself
    image = torch.arange(count, device=images.device).view(-1, 1, 1)
    places = (image * height + rows.unsqueeze(2)) * width + columns.unsqueeze(1)
    flat = images.permute(0, 2, 3, 1).reshape(count * height * width, -1)
    picked = flat.index_select(0, places.flatten())
    return picked.view(count, height, width, -1).permute(0, 3, 1, 2)


def _shifted(count: int, size: int, padding: int, generator: torch.Generator) -> Int[Tensor, "n s"]:
    padding = min(padding, size - 1)
    shift = torch.randint(-padding, padding + 1, (count, 1), generator=generator)
    place = (torch.arange(size) + shift).abs()
    return (size - 1) - ((size - 1) - place).abs()


def resized_crop_flip(
    images: Float[Tensor, "n c h w"], size: int, area: float, generator: torch.Generator
) -> Float[Tensor, "n c s s"]:
    """Resample a random part of each image (its share from `area` to 1, aspect 3:4 to 4:3) to `size`; mirror half.

    One bilinear affine sampling for the whole batch. Source: Szegedy et al., Going Deeper with Convolutions, 2015.
    """
    count = len(images)
    height, width = images.shape[2:]
    share = area + (1 - area) * torch.rand(count, generator=generator)
    aspect = torch.exp((torch.rand(count, generator=generator) * 2 - 1) * math.log(4 / 3))
    side = torch.sqrt(share * height * width)
    across = (side * aspect.sqrt() / width).clamp(max=1)
    down = (side / aspect.sqrt() / height).clamp(max=1)
    left = (torch.rand(count, generator=generator) * 2 - 1) * (1 - across)
    top = (torch.rand(count, generator=generator) * 2 - 1) * (1 - down)
    mirror = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    zero = torch.zeros(count)
    affine = torch.stack([across * mirror, zero, left, zero, down, top], dim=1).view(count, 2, 3)
    with torch.autocast(images.device.type, enabled=False):  # bfloat16 has too few digits for a place in an image
        grid = F.affine_grid(affine.to(images.device), [count, images.shape[1], size, size], align_corners=False)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
