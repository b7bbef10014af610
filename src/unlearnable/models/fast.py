"""A network that learns CIFAR-10 in minutes on two cores."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

PATCHES = 12
"""Principal patches that are kept; each is used with both signs."""

FLAT = 1e-8
"""Directions in which patches vary less than this share of the leading one's variance do not count."""


class Fast(nn.Module):
    """Whitened patches, then blocks of two 3x3 convolutions, then the maximum over positions.

    z = ±V Λ^(-1/2) patch(x) with V, Λ the leading eigenpairs of the patches' covariance (set by `whiten`, never
    trained); block: conv, max-pool, norm, GELU, conv, norm, GELU; logits = W max(z) / 9.

    Source: K. Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, 2024 (airbench), the architecture.
    Differs from the paper: patches are strided from 54 pixels on so that the cost stays that of 32-pixel images;
    pooling stops when nothing is left to pool (8-pixel digits); the patch bias is not trained.

    Args:
        classes: how many logits.
        channels: channels of the images.
        size: the shorter side of the images, in pixels.
        widths: channels of each block.
    """

    def __init__(self, *, classes: int, channels: int, size: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        stride = max(1, round(size / 36))
        kernel = 2 * stride
        kept = min(PATCHES, channels * kernel * kernel)
        self.patches = nn.Conv2d(channels, 2 * kept, kernel, stride=stride)
        self.patches.requires_grad_(False)
        self.blocks = nn.Sequential(
            *(_Block(before, after) for before, after in zip((2 * kept, *widths), widths, strict=False))
        )
        self.head = nn.Linear(widths[-1], classes, bias=False)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Map images in [0, 1] to logits."""
        features = self.blocks(F.gelu(self.patches(images)))
        return self.head(features.amax(dim=(2, 3))) / 9

    @torch.no_grad()
    def whiten(self, images: Float[Tensor, "n c h w"]) -> None:
        """Set the patch filters from the images (in [0, 1]) so that their outputs are uncorrelated.

        Filters are V Λ^(-1/2) of the patches' covariance, and the bias removes the mean. Where patches do not vary in
        so many directions (grey images in three equal channels vary in a third of them), the leading filters are
        repeated: an output that never varies would be divided by its own rounding error in the norm behind it, and the
        first step would end the training.
        """
        kernel = self.patches.kernel_size[0]
        patches = F.unfold(images.float().contiguous(), kernel, stride=kernel).transpose(1, 2).flatten(0, 1).cpu()
        mean = patches.mean(0)
        covariance = (patches - mean).T @ (patches - mean) / len(patches)
        values, vectors = torch.linalg.eigh(covariance.double())
        kept = self.patches.out_channels // 2
        scaled = vectors[:, -kept:].flip(1) / torch.sqrt(values[-kept:].flip(0).clamp(min=0) + 5e-4)
        filters = scaled.T.float()
        varying = max(1, int((values > FLAT * values[-1]).sum()))
        if varying < kept:
            filters = filters[torch.arange(kept) % varying]
        bias = -filters @ mean
        shape = (kept, *self.patches.weight.shape[1:])
        assert self.patches.bias is not None
        self.patches.weight.copy_(torch.cat([filters, -filters]).view(2 * kept, *shape[1:]))
        self.patches.bias.copy_(torch.cat([bias, -bias]))


class _Block(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = _convolution(before, after)
        self.first_norm = _norm(after)
        self.second = _convolution(after, after)
        self.second_norm = _norm(after)

    def forward(self, images: Tensor) -> Tensor:
        images = self.first(images)
        if min(images.shape[2:]) > 1:
            images = F.max_pool2d(images, 2)
        images = F.gelu(self.first_norm(images))
        return F.gelu(self.second_norm(self.second(images)))


def _convolution(before: int, after: int) -> nn.Conv2d:
    layer = nn.Conv2d(before, after, 3, padding=1, bias=False)
    with torch.no_grad():
        nn.init.dirac_(layer.weight[: min(before, after)])
    return layer


def _norm(channels: int) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(channels, momentum=0.4)
    layer.weight.requires_grad_(False)
    return layer


def fast(*, classes: int, channels: int, size: int) -> Fast:
    """Build the network of the `fast` recipe (1.2 M parameters for 10 classes)."""
    return Fast(classes=classes, channels=channels, size=size, widths=(64, 128, 256))


def fast_wide(*, classes: int, channels: int, size: int) -> Fast:
    """Build it at the width it was published with (2.0 M parameters), for accuracies above 93 %."""
    return Fast(classes=classes, channels=channels, size=size, widths=(64, 256, 256))


def fast_small(*, classes: int, channels: int, size: int) -> Fast:
    """Build the narrow one (0.3 M parameters): surrogates, short protocols, tests."""
    return Fast(classes=classes, channels=channels, size=size, widths=(32, 64, 128))
