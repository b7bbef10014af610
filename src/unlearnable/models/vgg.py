"""Plain stacks of 3x3 convolutions."""

from jaxtyping import Float
from torch import Tensor, nn


class Vgg(nn.Module):
    """Stages of 3x3 convolutions with batch norm and ReLU, halved in between, mean over positions, linear.

    Source: Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015; VGG-11 and VGG-19 are its
    configurations A and E. With batch norm and one linear layer they have 9,231,114 and 20,040,522 parameters for RGB
    and 10 classes.
    Differs from the paper: batch norm, one linear layer; from 54 pixels on the first convolution is strided; halving
    stops when nothing is left to halve.

    Args:
        classes: how many logits.
        channels: channels of the images.
        size: the shorter side of the images, in pixels.
        widths: channels of each stage.
        depths: convolutions of each stage.
        bias: whether the convolutions have biases (which the norms make idle).
    """

    def __init__(
        self,
        *,
        classes: int,
        channels: int,
        size: int,
        widths: tuple[int, ...],
        depths: tuple[int, ...],
        bias: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        side, before = max(1, size // max(1, round(size / 36))), channels
        for width, depth in zip(widths, depths, strict=True):
            for _ in range(depth):
                stride = max(1, round(size / 36)) if not layers else 1
                layers += [nn.Conv2d(before, width, 3, stride, 1, bias=bias), nn.BatchNorm2d(width), nn.ReLU()]
                before = width
            if side > 1:
                layers.append(nn.MaxPool2d(2))
                side //= 2
        self.stages = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Map images in [0, 1] to logits."""
        return self.head(self.stages((images - 0.45) / 0.25).mean(dim=(2, 3)))


def vgg_small(*, classes: int, channels: int, size: int) -> Vgg:
    """Build three stages of two convolutions (0.3 M parameters): an exploiter unlike the surrogates."""
    return Vgg(classes=classes, channels=channels, size=size, widths=(32, 64, 128), depths=(2, 2, 2))


def vgg11(*, classes: int, channels: int, size: int) -> Vgg:
    """Build VGG-11: eight convolutions."""
    return _published(classes, channels, size, (1, 1, 2, 2, 2))


def vgg19(*, classes: int, channels: int, size: int) -> Vgg:
    """Build VGG-19: sixteen convolutions."""
    return _published(classes, channels, size, (2, 2, 4, 4, 4))


def _published(classes: int, channels: int, size: int, depths: tuple[int, ...]) -> Vgg:
    widths = (64, 128, 256, 512, 512)
    return Vgg(classes=classes, channels=channels, size=size, widths=widths, depths=depths, bias=True)
