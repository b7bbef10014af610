from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save_file

from unlearnable.budget import Budget
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Additive, Perturbation, PerturbationFileError, add_levels

CLASSES = ("ant", "bee", "cat")


def images(count: int = 7, seed: int = 0) -> ImageSet:
    generator = np.random.default_rng(seed)
    return ImageSet(
        pixels=generator.integers(0, 256, (count, 3, 4, 5), dtype=np.uint8),
        labels=np.arange(count, dtype=np.int64) % 3,
        keys=tuple(f"photo-{row}" for row in range(count)),
        classes=CLASSES,
    )


def noise(scope: str, index: tuple[str, ...], seed: int = 1) -> Additive:
    bank = np.random.default_rng(seed).integers(-8, 9, (len(index), 3, 4, 5)).astype(np.int8)
    return Additive(
        bank=bank,
        scope=scope,
        index=index,
        budget=Budget(epsilon=8),
        method="random",
        parameters={"epsilon": 8},
        seed=1,
    )


@given(
    pixels=hnp.arrays(np.uint8, (2, 1, 3, 3)),
    levels=hnp.arrays(np.int8, (2, 1, 3, 3), elements=st.integers(-127, 127)),
)
def test_adding_is_the_signed_sum_clipped(pixels: np.ndarray, levels: np.ndarray) -> None:
    expected = [min(255, max(0, int(x) + int(d))) for x, d in zip(pixels.ravel(), levels.ravel(), strict=True)]
    assert add_levels(pixels, levels).ravel().tolist() == expected


def test_the_negative_half_survives() -> None:
    """The paper's released code drops it: mul(255).clamp(0, 255)."""
    data = images().with_pixels(np.full((7, 3, 4, 5), 100, np.uint8))
    bank = np.full((3, 3, 4, 5), -8, np.int8)
    protected = Additive(bank=bank, scope="class-wise", index=CLASSES, budget=Budget(epsilon=8), method="random").apply(
        data
    )
    assert (protected.pixels == 92).all()
    assert (data.pixels == 100).all()


@given(order=st.permutations(range(7)), scope=st.sampled_from(["class-wise", "sample-wise"]))
def test_shuffling_never_misaligns(order: list[int], scope: str) -> None:
    data = images()
    delta = noise(scope, CLASSES if scope == "class-wise" else data.keys)
    straight = delta.apply(data).subset(order)
    shuffled = delta.apply(data.subset(order))
    assert (straight.pixels == shuffled.pixels).all()
    assert straight.keys == shuffled.keys


def test_class_wise_follows_the_name_not_the_number() -> None:
    data = images()
    renumbered = ImageSet(pixels=data.pixels, labels=2 - data.labels, keys=data.keys, classes=CLASSES[::-1])
    delta = noise("class-wise", CLASSES)
    assert (delta.apply(data).pixels == delta.apply(renumbered).pixels).all()


def test_a_missing_key_is_an_error() -> None:
    data = images()
    delta = noise("sample-wise", data.keys[:-1])
    with pytest.raises(KeyError, match="photo-6"):
        delta.apply(data)
    assert len(delta.apply(data.subset(range(6)))) == 6


def test_a_class_without_images_needs_no_row() -> None:
    data = images()
    delta = noise("class-wise", CLASSES[:2])
    assert len(delta.apply(data.subset(data.labels < 2))) == 5
    with pytest.raises(KeyError, match="cat"):
        delta.apply(data)


def test_another_size_is_an_error_that_says_what_to_do() -> None:
    data = images().with_pixels(np.zeros((7, 3, 8, 8), np.uint8))
    with pytest.raises(ValueError, match="3x4x5.*3x8x8"):
        noise("class-wise", CLASSES).apply(data)


def test_a_bank_outside_its_budget_cannot_exist() -> None:
    bank = np.full((3, 3, 4, 5), 9, np.int8)
    with pytest.raises(ValueError, match="outside its budget"):
        Additive(bank=bank, scope="class-wise", index=CLASSES, budget=Budget(epsilon=8), method="random")


@pytest.mark.parametrize("index", [("ant", "bee"), ("ant", "bee", "bee")])
def test_an_index_that_does_not_fit_is_refused(index: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="rows but|twice"):
        Additive(
            bank=np.zeros((3, 3, 4, 5), np.int8), scope="class-wise", index=index, budget=Budget(epsilon=8), method="x"
        )


def test_save_and_load_keep_everything(tmp_path: Path) -> None:
    data = images()
    delta = noise("sample-wise", tuple(f"naïve\n{key}" for key in data.keys))
    delta.save(tmp_path / "noise.safetensors")
    loaded = Additive.load(tmp_path / "noise.safetensors")
    assert (loaded.bank == delta.bank).all()
    for name in ("scope", "index", "budget", "method", "parameters", "seed", "data_hash", "versions", "notes"):
        assert getattr(loaded, name) == getattr(delta, name)
    assert isinstance(loaded, Perturbation)
    assert [file.name for file in tmp_path.iterdir()] == ["noise.safetensors"]


def test_the_same_noise_is_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        noise("class-wise", CLASSES).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "noise.safetensors"
    delta = noise("class-wise", CLASSES)
    delta.save(file)
    content = bytearray(file.read_bytes())
    place = bytes(content).index(delta.bank.tobytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(PerturbationFileError, match="damaged"):
        Additive.load(file)


def test_other_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    save_file({"x": np.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "pickle").write_bytes(b"\x80\x04K\x01.")
    for name in ("other.safetensors", "empty", "pickle", "absent"):
        with pytest.raises(PerturbationFileError, match=name) as caught:
            Additive.load(tmp_path / name)
        assert "\n" not in str(caught.value)
