"""What `craft` promises for every poison, whatever its `run` returns."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons.random import RandomNoise


@dataclass(frozen=True, kw_only=True)
class Wild(AdditivePoison):
    """Returns levels far outside the budget, drawn from torch's global generator."""

    method: ClassVar[str] = "wild"
    scopes: ClassVar[tuple[Scope, ...]] = ("class-wise",)
    size: float = 50.0

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        report(Progress(done=1, total=1, note="drawn"))
        return (torch.randn(len(data.classes), *data.pixels.shape[1:]) * self.size).numpy()


def images(count: int = 12, classes: int = 3, size: int = 8, channels: int = 1) -> ImageSet:
    generator = np.random.default_rng(0)
    return ImageSet(
        pixels=generator.integers(0, 256, (count, channels, size, size), dtype=np.uint8),
        labels=np.arange(count, dtype=np.int64) % classes,
        keys=tuple(f"image-{row}" for row in range(count)),
        classes=tuple(f"class-{label}" for label in range(classes)),
    )


def test_craft_rounds_into_the_budget_and_records_how() -> None:
    data, seen = images(), []
    made = Wild(epsilon=8.5, seed=3).craft(data, report=seen.append)
    assert made.bank.dtype == np.int8
    assert np.abs(made.bank).max() == 8
    assert made.index == data.classes
    assert (made.method, made.seed, made.parameters) == (
        "wild",
        3,
        {"epsilon": 8.5, "scope": "class-wise", "size": 50.0},
    )
    assert made.data_hash == data.content_hash()
    assert made.versions["torch"] == torch.__version__
    assert [progress.note for progress in seen] == ["drawn"]


def test_one_seed_one_result_and_the_callers_randomness_is_untouched() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = Wild(seed=0).craft(images())
    torch.testing.assert_close(torch.rand(3), expected)
    again = Wild(seed=0).craft(images(), Runtime.auto(seed=99))
    other = Wild(seed=1).craft(images())
    np.testing.assert_array_equal(first.bank, again.bank)
    assert (first.bank != other.bank).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scope": "sample-wise"}, "class-wise only"),
        ({"epsilon": 0.03}, "1..127 pixel levels"),
        ({"epsilon": float("nan")}, "1..127 pixel levels"),
        ({"epsilon": 200}, "1..127 pixel levels"),
    ],
)
def test_settings_out_of_range_are_errors(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Wild(**settings)


def test_data_that_cannot_be_protected_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 2 categories"):
        Wild().craft(images(classes=1))
    assert len(RandomNoise().craft(images(classes=1)).bank) == 1
    with pytest.raises(ValueError, match="at least 2 images"):
        RandomNoise().craft(images(count=1, classes=1))


def test_levels_that_are_not_finite_are_an_error() -> None:
    with pytest.raises(ValueError, match="not finite"):
        Wild(size=1e39).craft(images())


@pytest.mark.parametrize("scope", ["class-wise", "sample-wise"])
def test_random_noise_fills_the_box_with_both_signs(scope: Scope) -> None:
    data = images(count=20, size=16, channels=3)
    made = RandomNoise(epsilon=8, scope=scope, seed=0).craft(data)
    assert made.index == (data.classes if scope == "class-wise" else data.keys)
    assert (made.bank.min(), made.bank.max()) == (-8, 8)
    assert abs(made.bank.mean()) < 0.5
    assert (made.bank != RandomNoise(scope=scope, seed=1).craft(data).bank).any()
    perturbed = made.apply(data)
    difference = perturbed.pixels.astype(int) - data.pixels
    assert difference.min() < 0 < difference.max()
