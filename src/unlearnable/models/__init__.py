"""Networks by name. Every one takes images in [0, 1] and normalises them inside itself."""

from torch import nn

from unlearnable._registry import Entry, Registry

ARCHITECTURES = Registry(
    "architecture",
    {
        "densenet121": Entry("unlearnable.models.densenet:densenet121", "each layer sees all before it, 7.0 M"),
        "efficientnet-lite0": Entry(
            "unlearnable.models.efficientnet:efficientnet_lite0",
            "inverted bottlenecks found by search, at 64 pixels or more, 3.4 M",
        ),
        "fast": Entry("unlearnable.models.fast:fast", "airbench-like: whitened patches, six 3x3 convolutions, 1.2 M"),
        "fast-small": Entry("unlearnable.models.fast:fast_small", "the same at half the width, 0.3 M"),
        "fast-wide": Entry("unlearnable.models.fast:fast_wide", "the same at its published width, 2.0 M"),
        "mlp": Entry("unlearnable.models.mlp:mlp", "no convolutions: three hidden layers of 512 units, 2.1 M"),
        "mobilenetv2": Entry("unlearnable.models.mobilenet:mobilenetv2", "depthwise 3x3 convolutions, 2.3 M"),
        "resnet-small": Entry("unlearnable.models.resnet:resnet_small", "one block a stage, 16 to 128 wide, 0.3 M"),
        "resnet18": Entry("unlearnable.models.resnet:resnet18", "the paper's ResNet-18 with a CIFAR stem, 11.2 M"),
        "resnet18-slim": Entry("unlearnable.models.resnet:resnet18_slim", "the same, 16 to 128 wide, 0.7 M"),
        "resnet50": Entry("unlearnable.models.resnet:resnet50", "bottleneck blocks with a CIFAR stem, 23.5 M"),
        "vgg-small": Entry("unlearnable.models.vgg:vgg_small", "plain: six 3x3 convolutions in three stages, 0.3 M"),
        "vgg11": Entry("unlearnable.models.vgg:vgg11", "plain: eight 3x3 convolutions in five stages, 9.2 M"),
        "vgg19": Entry("unlearnable.models.vgg:vgg19", "plain: sixteen 3x3 convolutions in five stages, 20.0 M"),
        "vit": Entry("unlearnable.models.vit:vit", "transformer: six layers of attention over 64 patches, 9.5 M"),
        "wideresnet-28-10": Entry("unlearnable.models.wideresnet:wideresnet_28_10", "160 to 640 wide, 36.5 M"),
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
