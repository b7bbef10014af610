"""Every architecture at every size, channel count and number of classes it promises."""

import pytest
import torch

from unlearnable.models import ARCHITECTURES, architecture
from unlearnable.models.fast import Fast


@pytest.mark.parametrize("name", list(ARCHITECTURES))
@pytest.mark.parametrize(
    ("size", "channels", "classes"), [(8, 1, 10), (32, 3, 10), (64, 3, 24), (224, 3, 2), (4, 1, 2)]
)
def test_maps_images_to_logits_and_gradients_to_every_layer(name: str, size: int, channels: int, classes: int) -> None:
    torch.manual_seed(0)
    model = architecture(name, classes=classes, channels=channels, size=size)
    images = torch.rand(2, channels, size, size, requires_grad=True)
    logits = model(images)
    assert logits.shape == (2, classes)
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
    for parameter in model.parameters():
        assert parameter.grad is not None or not parameter.requires_grad


def test_images_need_not_be_square() -> None:
    for name in ARCHITECTURES:
        assert architecture(name, classes=3, channels=3, size=24)(torch.rand(2, 3, 24, 40)).shape == (2, 3)


def test_resnet18_is_the_papers() -> None:
    model = architecture("resnet18", classes=10, channels=3, size=32)
    assert sum(parameter.numel() for parameter in model.parameters()) == 11_173_962


def test_whitened_patches_are_uncorrelated_with_unit_variance() -> None:
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(200, 3, 8, 8), 32, mode="bilinear")
    model = architecture("fast", classes=10, channels=3, size=32)
    assert isinstance(model, Fast)
    model.whiten(smooth)
    with torch.no_grad():
        patches = model.patches(smooth)[:, :, ::2, ::2].transpose(0, 1).flatten(1)
    half = len(patches) // 2
    torch.testing.assert_close(patches[:half], -patches[half:])
    covariance = torch.cov(patches[:3])
    torch.testing.assert_close(covariance, torch.eye(3), atol=0.1, rtol=0)
    assert abs(patches.mean()) < 1e-3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "resnet"}, "did you mean resnet18"),
        ({"classes": 1}, "at least 2 classes"),
        ({"channels": 2}, "1 \\(grey\\) or 3"),
        ({"size": 3}, "at least 4 pixels"),
    ],
)
def test_shapes_no_network_takes_are_errors(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        architecture(**{"name": "fast", "classes": 2, "channels": 3, "size": 32, **settings})
