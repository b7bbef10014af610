"""The paper's ResNet-18, and a deeper and a narrower one."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class ResNet(nn.Module):
    """Residual network of two-convolution blocks or of bottlenecks, with a 3x3 stem.

    y = ReLU(F(x) + shortcut(x)); stages of 64, 128, 256, 512 channels, mean over positions, linear. A bottleneck's F
    is a 1x1, a 3x3 and a 1x1 convolution, the last four times as wide.

    Source: He et al., Deep Residual Learning, CVPR 2016; the CIFAR stem of Huang et al., ICLR 2021. For RGB and 10
    classes ResNet-18 has 11,173,962 parameters and ResNet-50 has 23,520,842.
    Differs from the paper: from 54 pixels on the stem is strided so that the stages see about 32 pixels; in a
    bottleneck the 3x3 convolution is strided, not the 1x1 before it.

    Args:
        classes: how many logits.
        channels: channels of the images.
        size: the shorter side of the images, in pixels.
        depths: blocks of each stage.
        width: channels of the first stage; each further stage has twice as many.
        bottleneck: whether the blocks are bottlenecks.
    """

    def __init__(
        self,
        *,
        classes: int,
        channels: int,
        size: int,
        depths: tuple[int, ...],
        width: int = 64,
        bottleneck: bool = False,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, width, 3, stride=max(1, round(size / 36)), padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(width)
        blocks: list[nn.Module] = []
        first = width
        block = _Bottleneck if bottleneck else _Block
        for stage, depth in enumerate(depths):
            for position in range(depth):
                inner = first * 2**stage
                blocks.append(block(width, inner, stride=2 if stage and not position else 1))
                width = inner * block.expansion
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Map images in [0, 1] to logits."""
        features = self.blocks(F.relu(self.stem_norm(self.stem(images))))
        return self.head(features.mean(dim=(2, 3)))


class _Block(nn.Module):
    expansion = 1

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)
        self.shortcut = _shortcut(before, after, stride)

    def forward(self, images: Tensor) -> Tensor:
        features = F.relu(self.first_norm(self.first(images)))
        return F.relu(self.second_norm(self.second(features)) + self.shortcut(images))


class _Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, before: int, inner: int, *, stride: int) -> None:
        super().__init__()
        after = inner * self.expansion
        self.first = nn.Conv2d(before, inner, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(inner)
        self.second = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(inner)
        self.third = nn.Conv2d(inner, after, 1, bias=False)
        self.third_norm = nn.BatchNorm2d(after)
        self.shortcut = _shortcut(before, after, stride)

    def forward(self, images: Tensor) -> Tensor:
        features = F.relu(self.first_norm(self.first(images)))
        features = F.relu(self.second_norm(self.second(features)))
        return F.relu(self.third_norm(self.third(features)) + self.shortcut(images))


def _shortcut(before: int, after: int, stride: int) -> nn.Module:
    if stride == 1 and before == after:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after))


def resnet18(*, classes: int, channels: int, size: int) -> ResNet:
    """Build ResNet-18: two blocks a stage."""
    return ResNet(classes=classes, channels=channels, size=size, depths=(2, 2, 2, 2))


def resnet18_slim(*, classes: int, channels: int, size: int) -> ResNet:
    """Build ResNet-18 at a quarter of its width (0.7 M parameters): what a processor can afford in its place."""
    return ResNet(classes=classes, channels=channels, size=size, depths=(2, 2, 2, 2), width=16)


def resnet50(*, classes: int, channels: int, size: int) -> ResNet:
    """Build ResNet-50: 3, 4, 6 and 3 bottlenecks."""
    return ResNet(classes=classes, channels=channels, size=size, depths=(3, 4, 6, 3), bottleneck=True)


def resnet_small(*, classes: int, channels: int, size: int) -> ResNet:
    """Build one block a stage at a quarter of the width (0.3 M parameters): a surrogate unlike the whitened nets."""
    return ResNet(classes=classes, channels=channels, size=size, depths=(1, 1, 1, 1), width=16)
