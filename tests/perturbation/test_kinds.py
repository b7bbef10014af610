"""Perturbations that do not add: pixels set, images convolved, one after another."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unlearnable.budget import Budget
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import (
    Additive,
    Chain,
    Filter,
    Network,
    Overwrite,
    Perturbation,
    PerturbationFileError,
    Stored,
    load_perturbation,
)

CLASSES = ("ant", "bee", "cat")
COMMON: dict[str, Any] = {
    "scope": "class-wise",
    "index": CLASSES,
    "method": "test",
    "seed": 7,
    "notes": {"licence": "CC0"},
}
ANY: dict[str, Any] = {**COMMON, "scope": "sample-wise", "index": Network.ANY}


def images(count: int = 7, channels: int = 3) -> ImageSet:
    return ImageSet(
        pixels=np.random.default_rng(0).integers(0, 256, (count, channels, 6, 5), dtype=np.uint8),
        labels=np.arange(count, dtype=np.int64)[::-1].copy() % 3,
        keys=tuple(f"photo-{row}" for row in range(count)),
        classes=CLASSES,
    )


def overwrite(**changed: Any) -> Overwrite:
    values, mask = np.zeros((3, 3, 6, 5), np.uint8), np.zeros((3, 6, 5), np.bool_)
    for row in range(3):
        mask[row, row, 2 * row] = True
        values[row, :, row, 2 * row] = (255, 0, 9)
    return Overwrite(**{"values": values, "mask": mask, "pixels": 1, **COMMON, **changed})


def kernels(side: int = 3) -> np.ndarray:
    return np.random.default_rng(2).uniform(0, 1, (3, side, side)).astype(np.float32)


def added() -> Additive:
    return Additive(
        bank=np.random.default_rng(1).integers(-8, 9, (3, 3, 6, 5)).astype(np.int8), budget=Budget(epsilon=8), **COMMON
    )


def network() -> Network:
    generator = np.random.default_rng(5)
    shapes: dict[str, tuple[int, ...]] = {
        "first": (4, 3, 3, 3),
        "second": (6, 4, 3, 3),
        "third": (5, 6, 3, 3),
        "first_bias": (4,),
        "second_bias": (6,),
        "third_bias": (5,),
        "head": (2, 5),
        "head_bias": (2,),
        "patterns": (2, 3, 16, 16),
    }
    weights = {name: generator.normal(0, 0.9, (1, *shape)).astype(np.float32) for name, shape in shapes.items()}
    return Network(epsilon=8, **weights, **ANY)


def every_kind() -> list[Stored]:
    return [
        network(),
        added(),
        overwrite(),
        Filter(kernels=kernels(), **COMMON),
        Chain(parts=(added(), overwrite(), Filter(kernels=kernels(5), **COMMON)), **COMMON),
    ]


def test_overwrite_sets_its_pixels_and_no_other() -> None:
    data = images()
    made = overwrite().apply(data).pixels
    for row, label in enumerate(data.labels):
        changed = np.zeros((6, 5), np.bool_)
        changed[label, 2 * label] = True
        assert tuple(made[row, :, label, 2 * label]) == (255, 0, 9)
        assert (made[row][:, ~changed] == data.pixels[row][:, ~changed]).all()


def test_a_filter_is_a_convolution_scaled_to_its_brightest_value() -> None:
    data, weights = images(), kernels()
    made = Filter(kernels=weights, **COMMON).apply(data).pixels
    for row, label in enumerate(data.labels):
        padded = np.pad(data.pixels[row].astype(float), ((0, 0), (1, 1), (1, 1)), mode="edge")
        slow = np.zeros((3, 6, 5))
        for channel in range(3):
            for i in range(6):
                for j in range(5):
                    slow[channel, i, j] = (weights[label] * padded[channel, i : i + 3, j : j + 3]).sum()
        slow *= 255 / slow.max()
        assert made[row].max() == 255
        assert np.abs(made[row] - slow).max() <= 0.51


def test_a_filter_of_a_single_one_only_stretches_the_brightness() -> None:
    weights = np.zeros((3, 3, 3), np.float32)
    weights[:, 1, 1] = 0.5
    data = images()
    made = Filter(kernels=weights, **COMMON).apply(data).pixels
    peak = data.pixels.max(axis=(1, 2, 3), keepdims=True)
    assert (made == np.rint(data.pixels * (255 / peak)).astype(np.uint8)).all()
    black = data.with_pixels(np.zeros_like(data.pixels))
    assert (Filter(kernels=weights, **COMMON).apply(black).pixels == 0).all()


def test_a_network_gives_each_image_its_own_noise_whoever_is_beside_it() -> None:
    made, data = network(), images()
    whole = made.apply(data).pixels
    moved = whole.astype(int) - data.pixels
    assert 4 < np.abs(moved).max() <= 8
    for row in range(len(data)):
        assert (made.apply(data.subset([row])).pixels[0] == whole[row]).all()
    relabelled = replace(data, labels=np.zeros_like(data.labels))
    assert (made.apply(relabelled).pixels == whole).all(), "no label is read"
    with pytest.raises(ValueError, match="3 channels, these have 1"):
        made.apply(images(channels=1))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("first", (1, 4, 2, 3, 3)),
        ("second", (1, 6, 5, 3, 3)),
        ("third_bias", (1, 6)),
        ("head", (1, 3, 5)),
        ("head_bias", (1, 3)),
        ("patterns", (1, 2, 3, 8, 8)),
    ],
)
def test_a_network_whose_parts_do_not_fit_is_refused(name: str, shape: tuple[int, ...]) -> None:
    wrong: dict[str, Any] = {name: np.zeros(shape, np.float32)}
    with pytest.raises(ValueError, match=r"must be \[1"):
        replace(network(), **wrong)


def test_a_network_of_before_is_refused_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = network()
    monkeypatch.setattr(Network, "arrays", lambda self: {"fourth": made.first})
    made.save(tmp_path / "old.safetensors")
    monkeypatch.undo()
    with pytest.raises(PerturbationFileError, match=r"of an older version, .*craft it again"):
        load_perturbation(tmp_path / "old.safetensors")


def test_noise_of_a_network_changes_slowly_at_any_size() -> None:
    made, side = network(), 256
    grey = replace(images(), pixels=np.full((len(images()), 3, side, side), 128, np.uint8))
    moved = made.apply(grey).pixels.astype(int) - 128
    assert np.abs(np.diff(moved, axis=3)).max() <= 2, "from pixel to pixel"
    assert np.abs(moved).max() > 4


def test_a_chain_applies_its_parts_in_order() -> None:
    data = images()
    one, two = added(), Filter(kernels=kernels(), **COMMON)
    made = Chain(parts=(one, two), **COMMON).apply(data).pixels
    assert (made == two.apply(one.apply(data)).pixels).all()
    assert (made != one.apply(two.apply(data)).pixels).any()


@pytest.mark.parametrize("kind", range(len(every_kind())))
def test_every_kind_is_saved_whole_and_loaded_by_what_it_is(kind: int, tmp_path: Path) -> None:
    made, data = every_kind()[kind], images()
    assert isinstance(made, Perturbation)
    made.save(tmp_path / "one")
    made.save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    loaded = load_perturbation(tmp_path / "one")
    assert type(loaded) is type(made)
    assert loaded.checksum() == made.checksum()
    assert (loaded.apply(data).pixels == made.apply(data).pixels).all()
    for name in ("scope", "index", "method", "parameters", "seed", "notes"):
        assert getattr(loaded, name) == getattr(made, name)
    content = bytearray((tmp_path / "one").read_bytes())
    content[-20] ^= 1
    (tmp_path / "one").write_bytes(content)
    with pytest.raises(PerturbationFileError, match="damaged"):
        load_perturbation(tmp_path / "one")


def test_loading_one_kind_as_another_says_what_it_is(tmp_path: Path) -> None:
    overwrite().save(tmp_path / "pixel")
    with pytest.raises(PerturbationFileError, match="'overwrite', not 'additive'"):
        Additive.load(tmp_path / "pixel")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: overwrite(mask=np.ones((3, 6, 5), np.bool_)), "more than 1 pixels"),
        (lambda: overwrite(mask=np.zeros((3, 6, 5), np.bool_)), "zero outside"),
        (lambda: replace(network(), epsilon=0), "1..127"),
        (lambda: replace(network(), second=network().third), "second must be .1, 5, 4"),
        (lambda: Filter(kernels=kernels(2), **COMMON), "s odd"),
        (lambda: Filter(kernels=-kernels(), **COMMON), "no negative"),
        (lambda: Filter(kernels=kernels()[:2], **COMMON), "2 rows but"),
        (lambda: Chain(parts=(added(),), **COMMON), "at least 2"),
        (lambda: Chain(parts=(added(), Chain(parts=(added(), added()), **COMMON)), **COMMON), "cannot hold a chain"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_the_budget_of_a_network_is_part_of_its_checksum() -> None:
    """Its weights do not hold it, and what is applied depends on it."""
    made = network()
    louder = replace(made, epsilon=16)
    assert louder.checksum() != made.checksum()
    chains = [Chain(parts=(part, made), **ANY) for part in (made, louder)]
    assert chains[0].checksum() != chains[1].checksum()
