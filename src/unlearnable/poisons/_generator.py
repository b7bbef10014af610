"""The network that makes noise from an image, to be trained; `perturbation.Network` is what is stored of it."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unlearnable.perturbation import Network
from unlearnable.poisons._base import Origin

HIDDEN, LOW = 16, 32


class Generator(nn.Module):
    """δ = ε tanh(G(x)): see `perturbation.Network` for G; here with gradients and before rounding.

    The classes share all layers but the last.

    Args:
        channels: of the images.
        epsilon: ε in levels.
        rows: last layers, one for each class; 1 is for all images.
    """

    def __init__(self, channels: int, epsilon: float, rows: int = 1) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.rows = rows
        self.first = nn.Conv2d(channels, HIDDEN, 3, bias=False)
        self.second = nn.Conv2d(HIDDEN, LOW, 3, bias=False)
        self.third = nn.Conv2d(HIDDEN + LOW, HIDDEN, 3, bias=False)
        self.fourth = nn.Conv2d(HIDDEN, rows * channels, 3, bias=False)
        # torch's own start gives noise of a tenth of a level, which is rounded to nothing
        for layer in (self.first, self.second, self.third, self.fourth):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, images: Float[Tensor, "n c h w"], labels: Int64[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
        """Return δ in levels for images in [0, 1]; labels count where there is more than one row."""
        height, width = images.shape[2:]
        full = F.relu(self.first(_padded(images - 0.5)))
        even = F.pad(full, (0, width % 2, 0, height % 2), mode="replicate")
        low = F.relu(self.second(_padded(F.avg_pool2d(even, 2))))
        joined = torch.cat([full, F.interpolate(low, scale_factor=2, mode="nearest")[:, :, :height, :width]], dim=1)
        made = self.fourth(_padded(F.relu(self.third(_padded(joined)))))
        if self.rows > 1:
            each = made.view(len(made), self.rows, -1, height, width)
            made = each[torch.arange(len(labels), device=labels.device), labels]
        return self.epsilon * torch.tanh(made)

    def stored(self, origin: Origin) -> Network:
        """Return what is kept of it; ε must be whole."""
        index = origin["index"] if self.rows > 1 else Network.ANY
        fields: dict[str, Any] = {**origin, **self.arrays(), "index": index, "epsilon": int(self.epsilon)}
        return Network(**fields)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the weights as `perturbation.Network` takes them: each row with a copy of what the rows share."""
        shared = {"first": self.first, "second": self.second, "third": self.third}
        kept = {name: layer.weight[None].expand(self.rows, -1, -1, -1, -1) for name, layer in shared.items()}
        kept["fourth"] = self.fourth.weight.view(self.rows, -1, HIDDEN, 3, 3)
        return {name: weights.detach().float().cpu().numpy().copy() for name, weights in kept.items()}


def _padded(images: Tensor) -> Tensor:
    return F.pad(images, (1, 1, 1, 1), mode="replicate")
