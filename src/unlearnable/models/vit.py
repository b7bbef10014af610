"""A small vision transformer."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

GRID = 8
"""Patches along the shorter side, about: 4-pixel patches of 32-pixel images."""


class VisionTransformer(nn.Module):
    """Attention between the patches of an image, and a class token whose last state gives the logits.

    z = [class token, W patch(x) + positions]; layer: z + attention(LN(z)), then z + MLP(LN(z)), with
    attention = softmax(Q Kᵀ / √d) V in each head.

    Source: Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021; the sizes (4-pixel patches, 512 wide, 6
    layers, 8 heads) are those that APBench (Qin et al., TMLR 2024) trains on CIFAR-10.
    Differs from the paper: the patches grow with the images so that there are about 64; images that they do not tile
    are padded with grey at the right and below; on images of another shape the positions are interpolated; the class
    token has no position of its own (it would only add to the token); no dropout. APBench's also shifts the patches
    and masks the diagonal of the attention; this one does not.

    Args:
        classes: how many logits.
        channels: channels of the images.
        size: the shorter side of the images, in pixels.
        width: channels of each token.
        depth: layers.
        heads: heads of the attention.
        hidden: hidden units of each layer's MLP.
    """

    def __init__(
        self, *, classes: int, channels: int, size: int, width: int, depth: int, heads: int, hidden: int
    ) -> None:
        super().__init__()
        self.patch = max(1, round(size / GRID))
        side = -(-size // self.patch)
        self.patches = nn.Conv2d(channels, width, self.patch, stride=self.patch)
        self.positions = nn.Parameter(0.02 * torch.randn(1, width, side, side))
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.layers = nn.Sequential(*(_Layer(width, heads, hidden) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Map images in [0, 1] to logits."""
        height, width = images.shape[2:]
        images = F.pad((images - 0.45) / 0.25, (0, -width % self.patch, 0, -height % self.patch))
        patches = self.patches(images)
        positions: Tensor = self.positions
        if patches.shape[2:] != positions.shape[2:]:
            positions = F.interpolate(positions, patches.shape[2:], mode="bilinear")
        tokens = (patches + positions).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(tokens), -1, -1), tokens], dim=1)
        return self.head(self.norm(self.layers(tokens)[:, 0]))


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.first_norm = nn.LayerNorm(width)
        self.inward = nn.Linear(width, 3 * width)
        self.outward = nn.Linear(width, width)
        self.second_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, tokens: Tensor) -> Tensor:
        heads = self.inward(self.first_norm(tokens)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        queries, keys, values = heads.unbind()
        # written out: the fused kernels have no second derivatives
        weights = torch.softmax(queries @ keys.transpose(2, 3) / queries.shape[3] ** 0.5, dim=3)
        tokens = tokens + self.outward((weights @ values).transpose(1, 2).flatten(2))
        return tokens + self.mlp(self.second_norm(tokens))


def vit(*, classes: int, channels: int, size: int) -> VisionTransformer:
    """Build the small one: six layers of 8 heads, 512 wide throughout."""
    return VisionTransformer(classes=classes, channels=channels, size=size, width=512, depth=6, heads=8, hidden=512)
