"""The network that makes noise from an image, to be trained; `perturbation.Network` is what is stored of it."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, Report
from unlearnable.perturbation import Network
from unlearnable.perturbation.network import GRID, enlarging, shrinking
from unlearnable.poisons._base import Origin
from unlearnable.poisons._bilevel import Batches, model_step, surrogate_optimiser
from unlearnable.training.loader import to_unit
from unlearnable.training.schedules import rate_factor

WIDTHS = (32, 64, 128)
LEARNING_RATE = 0.2
"""Of the classifier, at its peak (SGD, the triangle of the recipes)."""
SHARPNESS = 3.0
"""Of the shares: nearly the likeliest class's pattern alone. A mixture of patterns is weak, and JPEG undoes it."""
SPREAD = 0.1
"""Of the first patterns: next to none. From large random ones much stays random, and a ResNet-18 does not see that."""
PART = 1000
"""Images that are classified at a time."""


class Generator(nn.Module):
    """δ = ε tanh(Σ_p s_p(x) P_p), s = softmax(3 g(x)): see `perturbation.Network`; here with gradients, not rounded.

    Args:
        channels: of the images.
        epsilon: ε in levels.
        classes: how many patterns.
    """

    def __init__(self, channels: int, epsilon: float, classes: int) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.first, self.second, self.third = (
            _Layer(before, after) for before, after in zip((channels, *WIDTHS), WIDTHS, strict=False)
        )
        self.head = nn.Linear(WIDTHS[-1], classes)
        self.patterns = nn.Parameter(SPREAD * torch.randn(classes, channels, GRID, GRID))

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Return the classifier's logits for images in [0, 1]."""
        down, across = (torch.from_numpy(shrinking(side)).to(images.device) for side in images.shape[2:])
        seen = down @ images @ across.T - 0.5
        features = self.third(self.second(self.first(seen.contiguous(memory_format=torch.channels_last))))
        logits: Tensor = self.head(features.mean((2, 3)))
        return logits

    def noise(self, shares: Float[Tensor, "n k"], size: tuple[int, int]) -> Float[Tensor, "n c h w"]:
        """Return δ in levels, with gradients to the patterns."""
        down, across = (torch.from_numpy(enlarging(side)).to(self.patterns.device) for side in size)
        mixed = (shares @ self.patterns.flatten(1)).view(-1, *self.patterns.shape[1:])
        return self.epsilon * torch.tanh(down @ mixed @ across.T)

    def added(self, images: Float[Tensor, "n c h w"], shares: Float[Tensor, "n k"]) -> Float[Tensor, "n c h w"]:
        """Return clip(x + δ, 0, 1) of images in [0, 1], channels last."""
        height, width = images.shape[2:]
        noisy = (images + self.noise(shares, (height, width)) / 255).clamp(0, 1)
        return noisy.contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def shares(self, images: UInt8[Tensor, "n c h w"], runtime: Runtime) -> Float[Tensor, "n k"]:
        """Return s of stored pixels, a part at a time; the classifier is in eval mode from then on."""
        self.eval()
        found = []
        for part in torch.split(images, PART):
            with runtime.autocast():
                logits = self(to_unit(part))
            found.append((SHARPNESS * logits.float()).softmax(1))
        return torch.cat(found)

    def teach(
        self,
        images: UInt8[Tensor, "n c h w"],
        labels: Int64[Tensor, " n"],
        *,
        steps: int,
        batches: Batches,
        runtime: Runtime,
        report: Report,
    ) -> None:
        """Train the classifier to tell the classes apart."""
        classifier = nn.ModuleList([self.first, self.second, self.third, self.head])
        optimiser = surrogate_optimiser(classifier, LEARNING_RATE)
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = LEARNING_RATE * rate_factor("triangle", step, steps)
            rows = batches.next().to(runtime.device)
            loss, wrong = model_step(self, optimiser, to_unit(images[rows]), labels[rows], runtime)
            note = f"classifier: loss {loss:.2f}, {100 * wrong:.0f} % wrong"
            report(Progress(done=step + 1, total=steps, note=note))
        self.eval()

    def stored(self, origin: Origin) -> Network:
        """Return what is kept of it; ε must be whole."""
        fields: dict[str, Any] = {**origin, **self.arrays(), "index": Network.ANY, "epsilon": int(self.epsilon)}
        return Network(**fields)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the weights as `perturbation.Network` takes them: each norm is part of the layer before it."""
        kept: dict[str, Tensor] = {}
        for name, layer in {"first": self.first, "second": self.second, "third": self.third}.items():
            norm = layer.norm
            assert norm.running_mean is not None
            assert norm.running_var is not None
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            kept[name] = layer.convolution.weight * scale[:, None, None, None]
            kept[f"{name}_bias"] = norm.bias - norm.running_mean * scale
        kept |= {
            "head": SHARPNESS * self.head.weight,
            "head_bias": SHARPNESS * self.head.bias,
            "patterns": self.patterns,
        }
        return {name: each.detach().float().cpu().contiguous().numpy()[None].copy() for name, each in kept.items()}


class _Layer(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, images: Tensor) -> Tensor:
        return F.avg_pool2d(F.relu(self.norm(self.convolution(images))), 2)
