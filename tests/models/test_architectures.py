"""Every architecture at every size, channel count and number of classes it promises."""

from itertools import pairwise

import pytest
import torch

from unlearnable.models import ARCHITECTURES, architecture
from unlearnable.models.fast import Fast


def count(name: str, *, size: int = 32) -> int:
    with torch.device("meta"):
        model = architecture(name, classes=10, channels=3, size=size)
    return sum(parameter.numel() for parameter in model.parameters())


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


@pytest.mark.parametrize(
    ("name", "size", "published"),
    [
        ("densenet121", 32, 6_956_298),
        ("mlp", 28, 1_735_178),
        ("mobilenetv2", 32, 2_296_922),
        ("resnet18", 32, 11_173_962),
        ("resnet18-slim", 32, 701_466),
        ("resnet50", 32, 23_520_842),
        ("vgg11", 32, 9_231_114),
        ("vgg19", 32, 20_040_522),
        ("wideresnet-28-10", 32, 36_479_194),
    ],
)
def test_has_the_published_number_of_parameters(name: str, size: int, published: int) -> None:
    assert count(name, size=size) == published


def test_small_ones_have_the_size_that_tables_say() -> None:
    """`fast-small` is every benchmark's exploiter, `fast` the recipe's own network: nobody published them."""
    assert count("fast-small") == 295_096
    assert count("fast") == 1_161_272


def test_the_wide_one_has_the_size_it_was_published_with() -> None:
    assert round(count("fast-wide") / 1e6, 2) == 1.97


def test_has_the_parameters_of_its_formula() -> None:
    square = 512 * 512 + 512
    head = 512 * 10 + 10
    assert count("mlp") == (3 * 32**2 + 1) * 512 + 2 * square + head == 2_103_818
    layer = 4 * square + 2 * square + 2 * 2 * 512  # queries, keys, values, outward; MLP; norms
    embedding = (3 * 4**2 + 1) * 512 + (8**2 + 1) * 512  # patches; positions and class token
    assert count("vit") == embedding + 6 * layer + 2 * 512 + head == 9_532_426
    widths = (3, 32, 32, 64, 64, 128, 128)
    convolutions = sum(9 * before * after + 2 * after for before, after in pairwise(widths))
    assert count("vgg-small") == convolutions + 128 * 10 + 10 == 288_746


def test_vit_tells_places_apart_and_pads_with_grey() -> None:
    torch.manual_seed(0)
    model = architecture("vit", classes=10, channels=3, size=24).eval()
    images = torch.rand(2, 3, 24, 40)
    padded = torch.nn.functional.pad(images, (0, 2), value=0.45)
    with torch.no_grad():
        torch.testing.assert_close(model(images), model(padded))
        assert (model(padded) - model(padded.roll(21, dims=3))).abs().max() > 1e-3


def test_vit_has_second_derivatives() -> None:
    torch.manual_seed(0)
    model = architecture("vit", classes=2, channels=1, size=4)
    images = torch.rand(2, 1, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(model(images).logsumexp(1).sum(), images, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), images)
    assert second.abs().sum() > 0


def test_mlp_averages_larger_images() -> None:
    model = architecture("mlp", classes=10, channels=3, size=50)
    images = torch.rand(2, 3, 50, 75)
    small = torch.nn.functional.adaptive_avg_pool2d(images, 32)
    torch.testing.assert_close(model(images), model(small))


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


def test_grey_images_in_three_channels_leave_no_output_that_never_varies() -> None:
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(200, 1, 8, 8), 32, mode="bilinear").expand(-1, 3, -1, -1)
    model = architecture("fast-small", classes=10, channels=3, size=32)
    assert isinstance(model, Fast)
    model.whiten(smooth)
    with torch.no_grad():
        assert model.patches(smooth).std((0, 2, 3)).min() > 0.5
    torch.nn.functional.cross_entropy(model(smooth), torch.arange(200) % 10).backward()
    trained = [each.grad.norm() for each in model.parameters() if each.grad is not None]
    assert max(trained) < 100, "the first step would end the training"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "resnet"}, "did you mean resnet50 or resnet18"),
        ({"classes": 1}, "at least 2 classes"),
        ({"channels": 2}, "1 \\(grey\\) or 3"),
        ({"size": 3}, "at least 4 pixels"),
    ],
)
def test_shapes_no_network_takes_are_errors(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        architecture(**{"name": "fast", "classes": 2, "channels": 3, "size": 32, **settings})
