"""Wide residual networks."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class WideResNet(nn.Module):
    """Residual network of few, wide two-convolution blocks with norm and ReLU before each convolution.

    y = conv(ReLU(BN(conv(ReLU(BN(x)))))) + x; the first block of a stage has a 1x1 convolution of ReLU(BN(x)) in place
    of x. Stages of 16, 32, 64 channels times the widening; norm, ReLU, mean over positions, linear.

    Source: Zagoruyko and Komodakis, Wide Residual Networks, BMVC 2016. WRN-28-10 has 36,479,194 parameters for RGB and
    10 classes.
    Differs from the paper: from 54 pixels on the stem is strided so that the stages see about 32 pixels; no dropout
    (the paper has it as an option).

    Args:
        classes: how many logits.
        channels: channels of the images.
        size: the shorter side of the images, in pixels.
        depth: layers as the paper counts them, 6 n + 4 for n blocks a stage.
        widening: how many times wider than 16, 32, 64 the stages are.
    """

    def __init__(self, *, classes: int, channels: int, size: int, depth: int, widening: int) -> None:
        super().__init__()
        width = 16
        self.stem = nn.Conv2d(channels, width, 3, stride=max(1, round(size / 36)), padding=1, bias=False)
        blocks: list[nn.Module] = []
        for stage in range(3):
            for position in range((depth - 4) // 6):
                after = 16 * widening * 2**stage
                blocks.append(_Block(width, after, stride=2 if stage and not position else 1))
                width = after
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Map images in [0, 1] to logits."""
        features = self.blocks(self.stem((images - 0.45) / 0.25))
        return self.head(F.relu(self.norm(features)).mean(dim=(2, 3)))


class _Block(nn.Module):
    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.first_norm = nn.BatchNorm2d(before)
        self.first = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.shortcut: nn.Module | None = None
        if before != after:
            self.shortcut = nn.Conv2d(before, after, 1, stride=stride, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        active = F.relu(self.first_norm(images))
        features = self.second(F.relu(self.second_norm(self.first(active))))
        return features + (images if self.shortcut is None else self.shortcut(active))


def wideresnet_28_10(*, classes: int, channels: int, size: int) -> WideResNet:
    """Build WRN-28-10: four blocks a stage, ten times as wide."""
    return WideResNet(classes=classes, channels=channels, size=size, depth=28, widening=10)
