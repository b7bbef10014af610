"""Settings and images that a method cannot work with are refused, in a sentence."""

import math
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from unlearnable._runtime import Runtime
from unlearnable.imageset import ImageSet
from unlearnable.poisons import POISONS

RUNTIME = Runtime.auto("cpu")


def images(labels: list[int], classes: int, channels: int = 3) -> ImageSet:
    generator = np.random.default_rng(0)
    return ImageSet(
        pixels=generator.integers(0, 256, (len(labels), channels, 8, 8), dtype=np.uint8),
        labels=np.array(labels, dtype=np.int64),
        keys=tuple(f"image-{row}" for row in range(len(labels))),
        classes=tuple(f"class-{label}" for label in range(classes)),
    )


@pytest.mark.parametrize("name", list(POISONS))
@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused_by_every_method(name: str, seed: int) -> None:
    with pytest.raises(ValueError, match=f"seed must be a whole number from 0 to 2\\*\\*63 - 1; got {seed}"):
        POISONS.get(name)(seed=seed)


@pytest.mark.parametrize(
    ("name", "field"),
    [(name, field.name) for name in POISONS for field in fields(POISONS.get(name)) if "float" in str(field.type)],
)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_setting_that_is_not_finite_is_refused_by_every_method(name: str, field: str, value: float) -> None:
    if field == "cycles" and value == math.inf:
        assert POISONS.get(name)(cycles=value).cycles == value, "all frequencies"
    else:
        with pytest.raises(ValueError, match=field):
            POISONS.get(name)(**{field: value})


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("error-max", {"stop_error": 1.01}, "stop_error must be a share from 0 to 1; got 1.01"),
        ("error-max", {"stop_error": -0.1}, "stop_error must be a share from 0 to 1; got -0.1"),
        ("robust-error-min", {"ramp": 1.5}, "ramp must be a share of the rounds, from 0 to 1; got 1.5"),
        ("slots", {"steps": 0}, "one must be positive"),
        ("slots", {"steps": -1, "grey_steps": 2}, "must not be negative"),
        ("slots", {"grey_steps": -1}, "must not be negative"),
        ("slots", {"batch_size": 0}, "batch_size must be at least 2; got 0"),
        ("slots", {"momentum": 1.0}, "momentum must be from 0 up to 1; got 1.0"),
        ("slots", {"momentum": -0.1}, "momentum must be from 0 up to 1"),
        ("slots", {"amplitude": 0.5}, "amplitude and grey_amplitude must be at least 1"),
        ("slots", {"grey_amplitude": 0.0}, "amplitude and grey_amplitude must be at least 1"),
        ("slots", {"fade": 0.0}, "fade and crop_area must be shares above 0"),
        ("slots", {"crop_area": 0.0}, "fade and crop_area must be shares above 0"),
        ("slots", {"crop_area": 1.5}, "fade and crop_area must be shares above 0"),
        ("slots", {"step": 0.0}, "step must be positive levels; got 0.0"),
        ("slots", {"blur": 1.5}, "blur and jpeg must be shares from 0 to 1"),
        ("slots", {"jpeg": -0.5}, "blur and jpeg must be shares from 0 to 1"),
    ],
)
def test_a_setting_out_of_range_is_refused(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        POISONS.get(name)(**settings)


def test_slots_need_steps_in_grey_for_photos_without_colour() -> None:
    poison = POISONS.get("slots")(steps=0, grey_steps=2, batch_size=4)
    with pytest.raises(ValueError, match="steps must be at least 1 for images of one channel"):
        poison.craft(images([0, 1, 0, 1], 2, channels=1), RUNTIME)


@pytest.mark.parametrize("name", ["targeted", "resilient-targeted"])
@pytest.mark.parametrize("offset", [3, 6])
def test_an_offset_that_comes_back_to_the_own_label_is_refused(name: str, offset: int) -> None:
    data = images([0, 1, 2, 0, 1, 2], 3)
    poison = POISONS.get(name)(offset=offset, surrogate_epochs=1, steps=1, batch_size=6)
    told: list[str] = []
    with pytest.raises(ValueError, match=f"offset {offset} .* 3 categories .* own"):
        poison.craft(data, RUNTIME, lambda progress: told.append(progress.note))
    assert not told, "before anything is trained"


@pytest.mark.parametrize("name", ["targeted", "resilient-targeted"])
def test_a_class_without_images_is_nobodys_target(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from unlearnable.poisons import targeted

    aims: list[list[int]] = []

    def watched(logits: torch.Tensor, targets: torch.Tensor, **how: str) -> torch.Tensor:
        aims.append(targets.tolist())
        return F.cross_entropy(logits, targets, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(targeted, "F", SimpleNamespace(cross_entropy=watched))
    data = images([0, 1, 3, 0, 1, 3], 5)
    POISONS.get(name)(surrogate_epochs=1, steps=1, batch_size=6).craft(data, RUNTIME)
    assert aims == [[1, 3, 0, 1, 3, 0]]
    with pytest.raises(ValueError, match="among the 3 categories"):
        POISONS.get(name)(offset=3, surrogate_epochs=1, steps=1, batch_size=6).craft(data, RUNTIME)


LONE: list[tuple[str, dict[str, Any]]] = [
    ("entangled", {"surrogate_epochs": 1, "steps": 2, "batch_size": 6}),
    ("mutual-information", {"rounds": 1, "model_steps": 1, "noise_steps": 1, "batch_size": 6}),
    ("mutual-information", {"scope": "class-wise", "rounds": 1, "model_steps": 1, "noise_steps": 1, "batch_size": 6}),
]


@pytest.mark.parametrize(("name", "settings"), LONE)
def test_the_only_image_of_a_category_is_refused_where_others_are_needed(name: str, settings: dict[str, Any]) -> None:
    data = images([0, 0, 1, 2, 2, 2], 4)
    poison = POISONS.get(name)(**settings)
    with pytest.raises(ValueError, match="needs at least 2 images of a category; .* one of 'class-1'"):
        poison.craft(data, RUNTIME)
    assert poison.craft(data.subset([0, 1, 3, 4, 5]), RUNTIME) is not None


def test_features_are_pulled_to_another_category_from_a_lone_image_too() -> None:
    poison = POISONS.get("entangled")(direction="pull", surrogate_epochs=1, steps=2, batch_size=6)
    made = poison.craft(images([0, 0, 1, 2, 2, 2], 3), RUNTIME)
    assert np.abs(made.bank).max((1, 2, 3)).min() > 0
