"""What a search looks at instead of the image itself: views that training, storing or attacking make of it."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable.poisons._jpeg import UNIT, compressed
from unlearnable.training.augment import resized_crop_flip
from unlearnable.training.pgd import room, sign_steps

LUMA = (0.299, 0.587, 0.114)


def moved(images: Float[Tensor, "b c h w"], shift: int, generator: torch.Generator) -> Float[Tensor, "b c h w"]:
    """Move the whole batch by up to `shift` pixels each way, borders reflected, and mirror it half the time."""
    shift = min(shift, min(images.shape[2:]) - 1)
    if shift < 1:
        return images
    down, across = torch.randint(0, 2 * shift + 1, (2,), generator=generator).tolist()
    height, width = images.shape[2:]
    padded = F.pad(images, (shift, shift, shift, shift), mode="reflect")
    seen = padded[:, :, down : down + height, across : across + width]
    if torch.rand((), generator=generator) < 0.5:
        seen = seen.flip(3)
    return seen.contiguous(memory_format=torch.channels_last)


def grey(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Return the luma of colour images in every channel."""
    if images.shape[1] == 1:
        return images
    weights = torch.tensor(LUMA, device=images.device, dtype=images.dtype).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True).expand_as(images)


def blurred(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Halve the size and double it again."""
    half = F.avg_pool2d(images, 2)
    return F.interpolate(half, images.shape[2:], mode="bilinear", align_corners=False)


def stored(images: Float[Tensor, "b c h w"], quality: int) -> Float[Tensor, "b c h w"]:
    """Compress to JPEG and back; sides are padded by repetition to whole blocks."""
    height, width = images.shape[2:]
    below, right = -height % UNIT, -width % UNIT
    with torch.autocast(images.device.type, enabled=False):
        whole = F.pad(images.float(), (0, right, 0, below), mode="replicate")
        return compressed(whole, quality)[:, :, :height, :width]


def rewritten(
    images: Float[Tensor, "b c h w"], plain: float, lowest: int, generator: torch.Generator
) -> Float[Tensor, "b c h w"]:
    """Return the batch as someone might have stored it: as it is, as a JPEG, in grey, or at half the size and back.

    Args:
        images: in [0, 1].
        plain: chance that nothing is done; the rest is divided 3 : 2 : 1 among JPEG, grey and half the size.
        lowest: lowest JPEG quality; drawn evenly from here to 95.
        generator: of the draws.
    """
    draw = (float(torch.rand((), generator=generator)) - plain) / max(1 - plain, 1e-9)
    quality = int(torch.randint(lowest, 96, (), generator=generator))
    if draw >= 5 / 6:
        images = blurred(images)
    elif draw >= 1 / 2:
        images = grey(images)
    elif draw >= 0:
        images = stored(images, quality)
    return images.contiguous(memory_format=torch.channels_last)


def contrasted(
    images: Float[Tensor, "b c h w"], strength: float, generator: torch.Generator
) -> Float[Tensor, "b c s s"]:
    """Return the strong views of contrastive learning, with gradients; every image by itself.

    A random resized crop of at least 1 - 0.9 s of the area, mirrored half the time; brightness, contrast and saturation
    changed by up to 0.4 s; grey with probability 0.2 s.
    """
    size = min(images.shape[2:])
    seen = resized_crop_flip(images.float(), size, 1 - 0.9 * strength, generator)
    factors = 1 + 0.4 * strength * (2 * torch.rand(3, len(images), 1, 1, 1, generator=generator) - 1)
    brightness, contrast, saturation = factors.to(images.device)
    seen = seen * brightness
    middle = grey(seen).mean((1, 2, 3), keepdim=True)
    seen = middle + (seen - middle) * contrast
    colourless = torch.rand(len(images), 1, 1, 1, generator=generator).to(images.device) < 0.2 * strength
    luma = grey(seen)
    seen = torch.where(colourless, luma, luma + (seen - luma) * saturation)
    return seen.clamp(0, 1).contiguous(memory_format=torch.channels_last)


def attacked(
    model: nn.Module,
    images: Float[Tensor, "b c h w"],
    labels: Int64[Tensor, " b"],
    *,
    radius: float,
    steps: int,
) -> Float[Tensor, "b c h w"]:
    """Return clip(x + a, 0, 1) with a, of up to `radius` levels, that raises the loss: PGD from a random start.

    The network is in eval mode meanwhile; gradients reach the images as if a were a constant.
    """
    if radius <= 0:
        return images
    size = radius / 255
    training = model.training
    model.eval()
    fixed = images.detach()

    def gradient(delta: Tensor) -> Tensor:
        loss = F.cross_entropy(model((fixed + delta).clamp(0, 1)).float(), labels, reduction="sum")
        return torch.autograd.grad(loss, delta)[0]

    bounds = room(fixed, size, top=1)
    start = torch.clamp(torch.empty_like(fixed).uniform_(-size, size), *bounds)
    found = sign_steps(start, gradient, bounds=bounds, step=2.5 * size / steps, steps=steps)
    model.train(training)
    return (images + found).clamp(0, 1)
