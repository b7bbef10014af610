"""Networks by name. Every one takes images in [0, 1] and normalises them inside itself."""

from torch import nn

from unlearnable._registry import Entry, Registry

ARCHITECTURES = Registry(
    "architecture",
    {
        "fast": Entry("unlearnable.models.fast:fast", "airbench-like: whitened patches, six 3x3 convolutions, 1.2 M"),
        "fast-small": Entry("unlearnable.models.fast:fast_small", "the same at half the width, 0.3 M"),
        "resnet-small": Entry("unlearnable.models.resnet:resnet_small", "one block a stage, 16 to 128 wide, 0.3 M"),
        "resnet18": Entry("unlearnable.models.resnet:resnet18", "the paper's ResNet-18 with a CIFAR stem, 11.2 M"),
        "vgg-small": Entry("unlearnable.models.vgg:vgg_small", "plain: six 3x3 convolutions in three stages, 0.3 M"),
    },
    group="unlearnable.architectures",
)

SMALLEST = 4
"""Height or width, in pixels, below which no architecture here works."""


def architecture(name: str, *, classes: int, channels: int, size: int) -> nn.Module:
    """Build an untrained network.

    Args:
        name: one of `ARCHITECTURES`.
        classes: how many logits.
        channels: 1 (grey) or 3 (RGB).
        size: the shorter side of the images it will see, in pixels.

    Raises:
        ValueError: unknown name, or a shape no network can take.
    """
    if classes < 2:
        raise ValueError(f"a classifier needs at least 2 classes; got {classes!r}")
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (RGB); got {channels!r}")
    if size < SMALLEST:
        raise ValueError(f"images must be at least {SMALLEST} pixels high and wide; got {size!r}")
    network: nn.Module = ARCHITECTURES.get(name)(classes=classes, channels=channels, size=size)
    return network
