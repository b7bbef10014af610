"""Inverted residuals: wide depthwise convolutions between narrow layers."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

STAGES = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks and stride of each stage."""


class MobileNetV2(nn.Module):
    """Blocks of a 1x1 convolution that widens, a 3x3 depthwise one, and a 1x1 one that narrows without ReLU.

    y = BN(conv1x1(ReLU6(BN(depthwise3x3(ReLU6(BN(conv1x1(x)))))))) + shortcut(x) where the stride is 1; a 1x1
    convolution to 1280 channels, mean over positions, linear.

    Source: Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018. In the usual form for
    CIFAR it has 2,296,922 parameters for RGB and 10 classes.
    Differs from the paper: the stem and the second stage have stride 1, but from 54 pixels on the stem is strided so
    that the stages see about 32 pixels; where the stride is 1 and the channels change, the shortcut is a 1x1
    convolution with norm, where the paper has none (the CIFAR form's count includes these 59,152 parameters); no
    dropout.

    Args:
        classes: how many logits.
        channels: channels of the images.
        size: the shorter side of the images, in pixels.
    """

    def __init__(self, *, classes: int, channels: int, size: int) -> None:
        super().__init__()
        width = 32
        self.stem = nn.Conv2d(channels, width, 3, stride=max(1, round(size / 36)), padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(width)
        blocks: list[nn.Module] = []
        for expansion, after, depth, stride in STAGES:
            for position in range(depth):
                blocks.append(_Block(width, after, expansion=expansion, stride=1 if position else stride))
                width = after
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Conv2d(width, 1280, 1, bias=False)
        self.last_norm = nn.BatchNorm2d(1280)
        self.head = nn.Linear(1280, classes)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Map images in [0, 1] to logits."""
        features = self.blocks(F.relu6(self.stem_norm(self.stem((images - 0.45) / 0.25))))
        return self.head(F.relu6(self.last_norm(self.last(features))).mean(dim=(2, 3)))


class _Block(nn.Module):
    def __init__(self, before: int, after: int, *, expansion: int, stride: int) -> None:
        super().__init__()
        inner = expansion * before
        self.first = nn.Conv2d(before, inner, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(inner)
        self.second = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner, bias=False)
        self.second_norm = nn.BatchNorm2d(inner)
        self.third = nn.Conv2d(inner, after, 1, bias=False)
        self.third_norm = nn.BatchNorm2d(after)
        self.shortcut: nn.Module | None = None
        if stride == 1:
            self.shortcut = nn.Identity()
            if before != after:
                self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))

    def forward(self, images: Tensor) -> Tensor:
        features = F.relu6(self.first_norm(self.first(images)))
        features = F.relu6(self.second_norm(self.second(features)))
        features = self.third_norm(self.third(features))
        return features if self.shortcut is None else features + self.shortcut(images)


def mobilenetv2(*, classes: int, channels: int, size: int) -> MobileNetV2:
    """Build MobileNetV2 at its full width."""
    return MobileNetV2(classes=classes, channels=channels, size=size)
