"""EfficientNet-Lite0: the network whose ImageNet weights an exploiter can install as a package."""

import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
"""Expansion, channels, blocks, stride and kernel of each stage."""

SIDE = 64
"""Smaller images are enlarged to this many pixels: five strides of 2 leave nothing of 32."""

MEAN, DEVIATION = 127 / 255, 128 / 255
"""Of every channel, as the published weights were trained; the usual means of ImageNet cost 6 % of its accuracy."""


class EfficientNet(nn.Module):
    """MobileNetV2's inverted bottlenecks with widths, depths and kernels found by search.

    y = BN(conv1x1(ReLU6(BN(depthwise(ReLU6(BN(conv1x1(x)))))))) + x where shape allows; a 1x1 convolution to 1280
    channels, mean over positions, linear.

    Source: Tan and Le, EfficientNet, ICML 2019; its Lite0 form has neither squeeze-and-excitation nor swish. For 1000
    classes it has 4,652,008 parameters.
    Differs from the paper: images with a shorter side below 64 pixels are enlarged to it; grey ones are repeated; no
    dropout.

    Args:
        classes: how many logits.
    """

    def __init__(self, *, classes: int) -> None:
        super().__init__()
        width = 32
        self.stem = _Same(3, width, 3, stride=2)
        self.stem_norm = _norm(width)
        blocks: list[nn.Module] = []
        for expansion, after, depth, stride, kernel in STAGES:
            for position in range(depth):
                blocks.append(_Block(width, after, expansion, stride=1 if position else stride, kernel=kernel))
                width = after
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Conv2d(width, 1280, 1, bias=False)
        self.last_norm = _norm(1280)
        self.head = nn.Linear(1280, classes)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Map images in [0, 1] to logits."""
        shorter = min(images.shape[2:])
        if shorter < SIDE:
            shape = [max(SIDE, round(side * SIDE / shorter)) for side in images.shape[2:]]
            images = F.interpolate(images, shape, mode="bilinear", align_corners=False)
        images = images if images.shape[1] == 3 else images.expand(-1, 3, -1, -1)
        images = images.contiguous(memory_format=torch.channels_last)
        features = F.relu6(self.stem_norm(self.stem((images - MEAN) / DEVIATION)))
        features = F.relu6(self.last_norm(self.last(self.blocks(features))))
        return self.head(features.mean(dim=(2, 3)))


class _Same(nn.Conv2d):
    """A convolution whose output has ⌈side / stride⌉ pixels; what must be padded more goes right and below.

    Depthwise ones are computed in float32: training takes 2.4 times as long with their bf16 gradients on a CPU.
    """

    def __init__(self, before: int, after: int, kernel: int, *, stride: int, groups: int = 1) -> None:
        super().__init__(
            before, after, kernel, stride=stride, padding=kernel // 2 if stride == 1 else 0, groups=groups, bias=False
        )

    def forward(self, images: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride > 1:
            needed = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in images.shape[:1:-1]]
            images = F.pad(images, [part for each in needed for part in (each // 2, each - each // 2)])
        if self.groups == 1:
            return super().forward(images)
        with torch.autocast(images.device.type, enabled=False):
            return super().forward(images.float())


class _Block(nn.Module):
    def __init__(self, before: int, after: int, expansion: int, *, stride: int, kernel: int) -> None:
        super().__init__()
        inner = before * expansion
        if expansion > 1:
            self.first = nn.Conv2d(before, inner, 1, bias=False)
            self.first_norm = _norm(inner)
        self.second = _Same(inner, inner, kernel, stride=stride, groups=inner)
        self.second_norm = _norm(inner)
        self.third = nn.Conv2d(inner, after, 1, bias=False)
        self.third_norm = _norm(after)
        self.expands, self.adds = expansion > 1, stride == 1 and before == after

    def forward(self, images: Tensor) -> Tensor:
        features = F.relu6(self.first_norm(self.first(images))) if self.expands else images
        features = F.relu6(self.second_norm(self.second(features)))
        features = self.third_norm(self.third(features))
        return features + images if self.adds else features


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


def efficientnet_lite0(*, classes: int, channels: int, size: int) -> EfficientNet:
    """Build it; it takes 1 or 3 channels and any size."""
    return EfficientNet(classes=classes)


_NAMES = (
    (r"^_conv_stem", "stem"),
    (r"^_bn0", "stem_norm"),
    (r"^_conv_head", "last"),
    (r"^_bn1", "last_norm"),
    (r"^_fc", "head"),
    (r"^_blocks", "blocks"),
    (r"\._expand_conv", ".first"),
    (r"\._depthwise_conv", ".second"),
    (r"\._project_conv", ".third"),
    (r"\._bn0", ".first_norm"),
    (r"\._bn1", ".second_norm"),
    (r"\._bn2", ".third_norm"),
)


def renamed(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the weights that L. Melas-Kyriazi's code and its Lite variant publish the names they have here."""
    state = {}
    for name, values in published.items():
        for pattern, ours in _NAMES:
            name = re.sub(pattern, ours, name)
        state[name] = values
    return state
