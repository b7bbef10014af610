"""What every poison of the registry keeps, on any shape of images."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unlearnable._runtime import Runtime
from unlearnable._types import Progress
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Additive, Network, Stored, load_perturbation
from unlearnable.poisons import POISONS

RUNTIME = Runtime.auto("cpu")
ALTERNATING = {"rounds": 2, "model_steps": 1, "noise_steps": 1, "batch_size": 16}
BEGUN = {"passes": 1, "lessons": 3, "start": 2, "batch_size": 16}
QUICK: dict[str, dict[str, Any]] = {
    "error-min": {"steps": 4, "rounds": 2, "model_steps": 2, "noise_steps": 2, "batch_size": 16},
    "error-max": {"surrogate_epochs": 1, "rounds": 2, "noise_steps": 2, "batch_size": 16},
    "pil": {"model_steps": 4, "steps": 4, "batch_size": 16},
    "targeted": {"surrogate_epochs": 1, "steps": 3, "batch_size": 16},
    "resilient-targeted": {"surrogate_epochs": 1, "steps": 3, "batch_size": 16},
    "self-ensemble": {"surrogate_epochs": 2, "checkpoints": 2, "steps": 4, "batch_size": 16},
    "hypocritical": {"surrogate_epochs": 1, "steps": 3, "batch_size": 16},
    "entangled": {"surrogate_epochs": 1, "steps": 3, "batch_size": 16},
    "robust-error-min": {**ALTERNATING, "attack_steps": 1},
    "stable-error-min": {**ALTERNATING, "attack_steps": 1},
    "gray-augmented": ALTERNATING,
    "mutual-information": ALTERNATING,
    "resilient-error-min": ALTERNATING,
    "augmented-error-min": ALTERNATING,
    "contrastive": ALTERNATING,
    "transferable": ALTERNATING,
    "clusters": {"clusters": 3, "source": "images", "extractor_epochs": 1, "steps": 4, "batch_size": 16},
    "pretrained-aware": {"source": "imagenet", "rounds": 3, "noise_steps": 2, "batch_size": 16},
    "generator": {**BEGUN, "steps": 3, "inner": 1},
    "deep-confuse": {**BEGUN, "rounds": 2, "path": 2},
    "neural-tangent": {"block": 20, "steps": 2, "time": 4},
    "paired-error-min": {"steps": 4, "variants": 2, "batch_size": 16},
    "pattern-error-min": {"steps": 4, "patch": 5, "variants": 2, "batch_size": 16},
    "slots": {"steps": 4, "batch_size": 16},
}
"""Settings that make the search short; methods without an entry run as they are."""

CASES = [(name, scope) for name in POISONS for scope in POISONS.get(name).scopes]


def images(count: int = 32, size: int = 8, channels: int = 3, classes: int = 4) -> ImageSet:
    generator = np.random.default_rng(0)
    labels = generator.permutation(np.arange(count, dtype=np.int64) % classes)
    return ImageSet(
        pixels=generator.integers(0, 256, (count, channels, size, size), dtype=np.uint8),
        labels=labels,
        keys=tuple(f"image-{row}" for row in range(count)),
        classes=tuple(f"class-{label}" for label in range(classes)),
    )


def crafted(name: str, scope: str, data: ImageSet, seed: int = 3) -> Stored:
    made = POISONS.get(name)(scope=scope, seed=seed, **QUICK.get(name, {})).craft(data, RUNTIME)
    assert isinstance(made, Stored)
    return made


@cache
def usual(name: str, scope: str) -> Stored:
    """Craft for `images()`, once for all tests that look at what comes out."""
    return crafted(name, scope, images())


@pytest.mark.parametrize(("name", "scope"), CASES)
@pytest.mark.parametrize(("size", "channels", "classes"), [(8, 1, 2), (20, 3, 4)])
def test_any_shape_one_result_per_seed(name: str, scope: str, size: int, channels: int, classes: int) -> None:
    data = images(size=size, channels=channels, classes=classes)
    reports: list[Progress] = []
    poison = POISONS.get(name)(scope=scope, seed=3, **QUICK.get(name, {}))
    made = poison.craft(data, RUNTIME, reports.append)
    if isinstance(made, Network):
        assert made.index == Network.ANY
    else:
        assert made.index == (data.classes if scope == "class-wise" else data.keys)
    assert (made.method, made.scope, made.seed) == (name, scope, 3)
    assert made.data_hash == data.content_hash()
    assert 1 <= reports[-1].done <= reports[-1].total
    assert [report.done for report in reports] == sorted(report.done for report in reports)
    assert poison.craft(data, RUNTIME).checksum() == made.checksum()
    protected = made.apply(data)
    assert protected.pixels.shape == data.pixels.shape
    assert (protected.pixels != data.pixels).any(axis=(1, 2, 3)).mean() > 0.5
    if isinstance(made, Additive):
        assert made.budget.contains(made.bank)
        assert made.bank.min() < 0 < made.bank.max()
        if made.budget.norm == "linf":
            assert np.abs(protected.pixels.astype(int) - data.pixels).max() <= poison.epsilon
        else:
            moved = protected.pixels.astype(float) - data.pixels
            assert np.sqrt(np.square(moved).mean(axis=(1, 2, 3))).max() <= poison.epsilon


@pytest.mark.parametrize(("name", "scope"), [case for case in CASES if case[0] != "one-pixel"])
def test_another_seed_is_another_perturbation_where_anything_is_drawn(name: str, scope: str) -> None:
    data = images()
    assert usual(name, scope).checksum() != crafted(name, scope, data, 4).checksum()


@pytest.mark.parametrize(("name", "scope"), CASES)
def test_saved_and_loaded_it_does_the_same(name: str, scope: str, tmp_path: Path) -> None:
    data, made = images(), usual(name, scope)
    made.save(tmp_path / "noise.safetensors")
    loaded = load_perturbation(tmp_path / "noise.safetensors")
    assert type(loaded) is type(made)
    assert (loaded.apply(data).pixels == made.apply(data).pixels).all()
    assert loaded.parameters == {
        name: list(value) if isinstance(value, tuple) else value for name, value in made.parameters.items()
    }


@pytest.mark.parametrize(("name", "scope"), CASES)
def test_the_order_of_the_images_is_not_what_counts(name: str, scope: str) -> None:
    data = images()
    made, order = usual(name, scope), np.random.default_rng(1).permutation(len(data))
    straight = made.apply(data).subset(order)
    assert (straight.pixels == made.apply(data.subset(order)).pixels).all()


@pytest.mark.parametrize(("name", "scope"), CASES)
@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_images_stay_images(name: str, scope: str, level: int) -> None:
    data = images()
    flat = data.with_pixels(np.full_like(data.pixels, level))
    protected = crafted(name, scope, flat).apply(flat)
    assert protected.pixels.shape == flat.pixels.shape


@pytest.mark.parametrize(("name", "scope"), CASES)
def test_one_image_is_refused_and_one_category_is_too_where_others_are_needed(name: str, scope: str) -> None:
    with pytest.raises(ValueError, match="at least 2 images"):
        crafted(name, scope, images(count=1, classes=1))
    alone = images(classes=2)
    alone = alone.subset(alone.labels == 0)
    if POISONS.get(name).least_categories > 1:
        with pytest.raises(ValueError, match="at least 2 categories"):
            crafted(name, scope, alone)
    else:
        assert crafted(name, scope, alone).apply(alone).pixels.shape == alone.pixels.shape


@pytest.mark.parametrize(("name", "scope"), CASES)
def test_a_class_without_images_does_no_harm(name: str, scope: str) -> None:
    data = images(classes=4)
    three = data.subset(data.labels != 2)
    assert crafted(name, scope, three).apply(three).pixels.shape == three.pixels.shape


@pytest.mark.parametrize("name", list(POISONS))
def test_it_says_where_it_comes_from(name: str) -> None:
    kind = POISONS.get(name)
    assert kind.method == name
    assert "Source:" in kind.__doc__
    if "our own" not in kind.__doc__:
        assert kind.citation.startswith("@")
        assert "Differs from the paper:" in kind.__doc__
        source = " ".join(kind.__doc__.split()).partition("Source:")[2].partition("Differs")[0]
        assert re.search("MIT|Apache-2|no licence|academic|[Nn]on-commercial|research", source), "the code's licence"
