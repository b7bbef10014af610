"""Error-minimizing noise hides the images from fresh networks; error-maximizing noise is its opposite."""

import math
import re

import numpy as np
import pytest
import torch

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, Scope
from unlearnable.datasets import load
from unlearnable.imageset import ImageSet
from unlearnable.poisons import POISONS
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._bilevel import smoothed
from unlearnable.poisons.error_max import ErrorMax
from unlearnable.poisons.error_min import ErrorMin
from unlearnable.poisons.mutual_information import MutualInformation
from unlearnable.poisons.random import RandomNoise
from unlearnable.poisons.targeted import Targeted
from unlearnable.training import fit, recipe

RUNTIME = Runtime.auto("cpu")
QUICK = {
    "error-min": {"steps": 4, "rounds": 2, "model_steps": 2, "noise_steps": 2, "batch_size": 16},
    "error-max": {"surrogate_epochs": 1, "rounds": 2, "noise_steps": 2, "batch_size": 16},
    "random": {},
}


def images(count: int = 40, size: int = 10, channels: int = 3, classes: int = 4) -> ImageSet:
    generator = np.random.default_rng(0)
    return ImageSet(
        pixels=generator.integers(0, 256, (count, channels, size, size), dtype=np.uint8),
        labels=np.arange(count, dtype=np.int64) % classes,
        keys=tuple(f"image-{row}" for row in range(count)),
        classes=tuple(f"class-{label}" for label in range(classes)),
    )


@pytest.mark.parametrize("scope", ["class-wise", "sample-wise"])
@pytest.mark.parametrize("name", list(QUICK))
@pytest.mark.parametrize(("size", "channels", "classes"), [(8, 1, 2), (20, 3, 4)])
def test_any_shape_within_budget_and_repeatable(
    name: str, scope: Scope, size: int, channels: int, classes: int
) -> None:
    data = images(size=size, channels=channels, classes=classes)
    reports: list[Progress] = []
    made = POISONS.get(name)(scope=scope, epsilon=4, seed=3, **QUICK[name]).craft(data, RUNTIME, reports.append)
    assert made.bank.shape == ((classes if scope == "class-wise" else len(data)), channels, size, size)
    assert -4 <= made.bank.min() < 0 < made.bank.max() <= 4
    assert made.method == name
    assert 1 <= reports[-1].done <= reports[-1].total
    assert [report.done for report in reports] == sorted(report.done for report in reports)
    again = POISONS.get(name)(scope=scope, epsilon=4, seed=3, **QUICK[name]).craft(data, RUNTIME)
    np.testing.assert_array_equal(made.bank, again.bank)
    other = POISONS.get(name)(scope=scope, epsilon=4, seed=4, **QUICK[name]).craft(data, RUNTIME)
    assert (made.bank != other.bank).any()


def test_a_class_without_images_gets_no_noise() -> None:
    data = images(classes=4)
    three = data.subset(data.labels != 2)
    made = ErrorMin(**QUICK["error-min"]).craft(three, RUNTIME)
    assert not made.bank[2].any()
    assert made.bank[[0, 1, 3]].any(axis=(1, 2, 3)).all()


def test_fewer_images_than_a_batch() -> None:
    for scope in ("class-wise", "sample-wise"):
        made = ErrorMin(scope=scope, steps=2, rounds=1, model_steps=1, noise_steps=1).craft(images(count=6), RUNTIME)
        assert made.bank.any()


@pytest.mark.parametrize("poison", [ErrorMin(scope="sample-wise"), ErrorMax(scope="sample-wise"), Targeted()], ids=str)
def test_white_and_black_parts_of_a_photo_get_noise_too(poison: AdditivePoison) -> None:
    data = load("digits", split="test", size=16).subset(list(range(64)))
    pixels = data.pixels.copy()
    pixels[:, :, :5] = 255
    pixels[:, :, -5:] = 0
    data = data.with_pixels(pixels)
    change = poison.craft(data, RUNTIME).apply(data).pixels.astype(np.int16) - pixels
    assert (change[:, :, :5] < 0).mean() > 0.3
    assert (change[:, :, -5:] > 0).mean() > 0.3


@pytest.mark.parametrize("scope", ["class-wise", "sample-wise"])
def test_error_min_stops_when_the_error_is_small_enough(scope: Scope) -> None:
    data = images(count=64, size=16, classes=2)
    settings = {"scope": scope, "steps": 400, "rounds": 40, "batch_size": 16, "epsilon": 32}
    reports: list[Progress] = []
    ErrorMin(stop_error=0.4, **settings).craft(data, RUNTIME, reports.append)
    assert reports[-1].done < reports[-1].total


def error_reports(poison: ErrorMax, data: ImageSet) -> list[int]:
    notes: list[str] = []
    poison.craft(data, RUNTIME, lambda progress: notes.append(progress.note))
    return [int(found[1]) for found in (re.match(r"error (\d+) %", note) for note in notes) if found]


@pytest.mark.parametrize("scope", ["class-wise", "sample-wise"])
def test_error_max_raises_the_surrogates_error_and_stops_there(scope: Scope) -> None:
    data = load("digits", split="test", size=16)
    poison = ErrorMax(
        scope=scope, epsilon=32, surrogate_epochs=12, rounds=15, noise_steps=1, step=3, batch_size=64, stop_error=0.7
    )
    errors = error_reports(poison, data)
    assert errors[-1] > errors[0]
    assert errors[-1] >= 70 or len(errors) == 15
    assert all(error <= 70 for error in errors[:-1])  # reported in whole percent


CRAFTS = {
    "class-wise": ErrorMin(epsilon=16, batch_size=128, steps=30, step=2, cycles=100),
    "sample-wise": ErrorMin(
        epsilon=24,
        batch_size=128,
        scope="sample-wise",
        cycles=100,
        surrogates=("fast-small",),
        rounds=2,
        model_steps=3,
        stop_error=0,
    ),
    "control": RandomNoise(epsilon=16, scope="sample-wise"),
}


@pytest.mark.parametrize("name", list(CRAFTS))
def test_a_fresh_network_learns_from_random_noise_only(name: str) -> None:
    train, test = load("digits", size=24), load("digits", split="test", size=24)
    train = train.subset(np.arange(0, len(train), 3))
    training = recipe("tiny")
    protected = CRAFTS[name].craft(train, RUNTIME).apply(train)
    history = fit(protected, test=test, recipe=training, runtime=RUNTIME, seed=1)
    assert history.last.train_acc > 95
    assert (history.last.test_acc > 90) if name == "control" else (history.last.test_acc < 65)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"noise_steps": 0}, "noise_steps must be at least 1"),
        ({"batch_size": 1}, "batch_size must be at least 2"),
        ({"step": 0.0}, "step must be positive"),
        ({"learning_rate": -1.0}, "learning_rate must be positive"),
        ({"cycles": 0.5}, "cycles must be at least 1"),
        ({"stop_error": 1.0}, "stop_error must be a share"),
        ({"surrogates": ("resnet",)}, "did you mean resnet"),
        ({"surrogates": ()}, "at least one architecture"),
    ],
)
def test_settings_out_of_range_are_errors(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ErrorMin(**settings).craft(images(), RUNTIME)


@pytest.mark.parametrize("scope", ["class-wise", "sample-wise"])
def test_surrogates_take_turns(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    from unlearnable.poisons import _alternating, _joint

    stepped: list[str] = []
    real = _joint.model_step

    def watched(model: torch.nn.Module, *rest: object) -> tuple[float, float]:
        stepped.append(type(model).__name__)
        return real(model, *rest)

    for module in (_joint, _alternating):
        monkeypatch.setattr(module, "model_step", watched)
    settings = {"scope": scope, "steps": 4, "rounds": 2, "model_steps": 1, "noise_steps": 1, "stop_error": 0}
    ErrorMin(surrogates=("fast-small", "resnet-small"), **settings).craft(images(), RUNTIME)
    assert sorted(stepped) == ["Fast", "Fast", "ResNet", "ResNet"]
    assert stepped[0] == stepped[2] != stepped[1]


def wave(cycles: int, height: int, width: int) -> torch.Tensor:
    """A wave along the width, the same in every row."""
    return torch.cos(2 * math.pi * cycles * torch.arange(width) / width).expand(1, 2, height, width)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (10, 17)])
def test_smoothed_keeps_slow_changes_and_nothing_else(height: int, width: int) -> None:
    for cycles in (0, 1, 3):
        torch.testing.assert_close(smoothed(wave(cycles, height, width), 3), wave(cycles, height, width))
    for cycles in (4, 6):
        assert smoothed(wave(cycles, height, width), 3).abs().max() < 1e-5
    assert smoothed(wave(4, height, width).transpose(2, 3), 3).abs().max() < 1e-5
    gradient = torch.randn(3, 1, height, width)
    assert smoothed(gradient, math.inf) is gradient
    assert not smoothed(torch.zeros(1, 1, height, width), 3).any()


def test_two_bands_are_slow_colour_and_fast_brightness_of_one_size() -> None:
    def both(grey: int, colour: int) -> tuple[torch.Tensor, torch.Tensor]:
        brightness = wave(grey, 16, 16)[:, :1].expand(1, 3, 16, 16)
        return brightness, wave(colour, 16, 16)[:, :1] * torch.tensor([1.0, 1.0, -2.0]).view(1, 3, 1, 1)

    brightness, colour = both(5, 2)
    seen = smoothed(brightness + 7 * colour, 3, 4)
    for band in (brightness, colour):
        share = (seen * band).sum() / (band.square().sum() * seen.square().sum()).sqrt()
        torch.testing.assert_close(share, torch.tensor(0.5).sqrt(), msg="both, equally strong whatever they were")
    torch.testing.assert_close(seen.square().mean(), torch.tensor(0.5))
    brightness, colour = both(3, 4)
    assert smoothed(brightness + colour, 3, 4).abs().max() < 1e-3, "slow brightness and fast colour are neither"
    for band, kept in zip(both(4, 3), both(8, 1), strict=True):
        assert smoothed(band, 3, 4).square().mean() == pytest.approx(0.25), "both limits belong to their bands"
        assert smoothed(kept, 3, 100).square().mean() == pytest.approx(0.25), "a quarter of the side is the most"
    alone = torch.randn(2, 1, 16, 16)
    assert torch.equal(smoothed(alone, 3, 4), smoothed(alone, 3)), "a single channel has no colour"


@pytest.mark.parametrize("scope", ["class-wise", "sample-wise"])
def test_noise_of_two_bands_is_fast_in_grey_alone(scope: Scope) -> None:
    def roughness(luma: float | None) -> tuple[float, float]:
        poison = ErrorMin(scope=scope, cycles=2, luma=luma, **QUICK["error-min"])
        bank = poison.craft(images(size=24), RUNTIME).bank.astype(float)
        grey = bank.mean(1, keepdims=True)
        return tuple(np.diff(part, axis=3).std() / part.std() for part in (grey, bank - grey))

    (one_grey, one_colour), (two_grey, two_colour) = roughness(None), roughness(6)
    assert two_grey > 2 * one_grey
    assert two_colour < 1.5 * one_colour


def test_a_later_setting_leaves_the_record_as_it_was() -> None:
    assert "luma" not in ErrorMin(luma=None).parameters()
    assert ErrorMin().parameters()["luma"] == 8
    with pytest.raises(ValueError, match="luma must not be negative; got -1"):
        ErrorMin(luma=-1)


@pytest.mark.parametrize("scope", ["class-wise", "sample-wise"])
def test_noise_of_few_cycles_is_smoother(scope: Scope) -> None:
    def roughness(cycles: float) -> float:
        poison = ErrorMin(scope=scope, cycles=cycles, luma=None, **QUICK["error-min"])
        bank = poison.craft(images(size=24), RUNTIME).bank
        return np.diff(bank.astype(float), axis=3).std() / bank.std()

    assert roughness(2) < 0.7 * roughness(100)


def test_noise_is_smooth_unless_asked() -> None:
    assert ErrorMin().highest == ErrorMin(scope="sample-wise").highest == 8
    assert ErrorMin(cycles=9).highest == 9


def test_steps_scale_with_epsilon_unless_given() -> None:
    assert ErrorMin(epsilon=16).step_levels == pytest.approx(1.6)
    assert ErrorMin(epsilon=4, scope="sample-wise").step_levels == pytest.approx(1.5)
    assert ErrorMin(epsilon=4, step=1.0).step_levels == 1.0


@pytest.mark.parametrize(
    "poison",
    [
        ErrorMin(steps=3, batch_size=128),
        ErrorMax(surrogate_epochs=1, rounds=1, batch_size=128),
        MutualInformation(scope="class-wise", rounds=1, model_steps=1, noise_steps=3, batch_size=128),
    ],
    ids=lambda poison: poison.method,
)
def test_one_seed_is_one_gradient_with_several_threads_too(
    poison: AdditivePoison, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of gradients whose parts are summed in any order few signs differ at first, and the whole search in the end."""
    before, sign = torch.get_num_threads(), torch.Tensor.sign
    data = images(128, size=24, classes=10)

    def gradients() -> list[torch.Tensor]:
        seen: list[torch.Tensor] = []

        def noted(gradient: torch.Tensor) -> torch.Tensor:
            seen.append(gradient.clone())
            return sign(gradient)

        with monkeypatch.context() as patch:
            patch.setattr(torch.Tensor, "sign", noted)
            poison.craft(data, RUNTIME)
        return seen

    torch.set_num_threads(2)
    try:
        first, again = gradients(), gradients()
    finally:
        torch.set_num_threads(before)
    assert len(first) == len(again) > 0
    assert all(map(torch.equal, first, again))
