"""Densely connected layers."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class DenseNet(nn.Module):
    """Blocks in which every layer sees the outputs of all layers before it, halved in between.

    x_l = conv3x3(ReLU(BN(conv1x1(ReLU(BN([x_0, ..., x_(l-1)])))))), the 1x1 convolution four times as wide as the 3x3;
    between blocks a 1x1 convolution to half of the channels and the mean of 2x2 positions; norm, ReLU, mean over
    positions, linear.

    Source: Huang et al., Densely Connected Convolutional Networks, CVPR 2017 (DenseNet-BC). DenseNet-121 with a CIFAR
    stem has 6,956,298 parameters for RGB and 10 classes.
    Differs from the paper: the 121-layer network's stem is that of the CIFAR networks, one 3x3 convolution, strided
    from 54 pixels on; halving stops when nothing is left to halve.

    Args:
        classes: how many logits.
        channels: channels of the images.
        size: the shorter side of the images, in pixels.
        depths: layers of each block.
        growth: channels that each layer adds.
    """

    def __init__(self, *, classes: int, channels: int, size: int, depths: tuple[int, ...], growth: int) -> None:
        super().__init__()
        width = 2 * growth
        self.stem = nn.Conv2d(channels, width, 3, stride=max(1, round(size / 36)), padding=1, bias=False)
        layers: list[nn.Module] = []
        for block, depth in enumerate(depths):
            if block:
                layers.append(_Transition(width, width // 2))
                width //= 2
            for _ in range(depth):
                layers.append(_Layer(width, growth))
                width += growth
        self.layers = nn.Sequential(*layers)
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Map images in [0, 1] to logits."""
        features = self.layers(self.stem((images - 0.45) / 0.25))
        return self.head(F.relu(self.norm(features)).mean(dim=(2, 3)))


class _Layer(nn.Module):
    def __init__(self, before: int, growth: int) -> None:
        super().__init__()
        self.first_norm = nn.BatchNorm2d(before)
        self.first = nn.Conv2d(before, 4 * growth, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(4 * growth)
        self.second = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        features = self.first(F.relu(self.first_norm(images)))
        return torch.cat([images, self.second(F.relu(self.second_norm(features)))], dim=1)


class _Transition(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(before)
        self.convolution = nn.Conv2d(before, after, 1, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        images = self.convolution(F.relu(self.norm(images)))
        return F.avg_pool2d(images, 2) if min(images.shape[2:]) > 1 else images


def densenet121(*, classes: int, channels: int, size: int) -> DenseNet:
    """Build DenseNet-121: blocks of 6, 12, 24 and 16 layers that add 32 channels each."""
    return DenseNet(classes=classes, channels=channels, size=size, depths=(6, 12, 24, 16), growth=32)
