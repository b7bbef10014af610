"""A network without convolutions."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

LARGEST = 32
"""Side, in pixels, to which larger images are averaged."""


class Mlp(nn.Module):
    """Fully connected layers with ReLU on the pixels.

    Source: Zhang et al., Understanding deep learning requires rethinking generalization, ICLR 2017 (MLP 3 x 512).
    1,735,178 parameters for its 28-pixel crops, 2,103,818 for 32 pixels, RGB and 10 classes.
    Differs from the paper: images that are not square or larger than 32 pixels are averaged to a square of at most 32.

    Args:
        classes: how many logits.
        channels: channels of the images.
        size: the shorter side of the images, in pixels.
        widths: units of each hidden layer.
    """

    def __init__(self, *, classes: int, channels: int, size: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.side = min(size, LARGEST)
        before = channels * self.side**2
        layers: list[nn.Module] = []
        for width in widths:
            layers += [nn.Linear(before, width), nn.ReLU()]
            before = width
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Map images in [0, 1] to logits."""
        if images.shape[2:] != (self.side, self.side):
            images = _averaged(images, self.side)
        return self.head(self.layers(((images - 0.45) / 0.25).flatten(1)))


def _averaged(images: Tensor, side: int) -> Tensor:
    # as a product: not every device averages over windows of unequal size
    rows, columns = (F.adaptive_avg_pool1d(torch.eye(length), side).to(images) for length in images.shape[2:])
    return rows.T @ images @ columns


def mlp(*, classes: int, channels: int, size: int) -> Mlp:
    """Build three hidden layers of 512 units."""
    return Mlp(classes=classes, channels=channels, size=size, widths=(512, 512, 512))
