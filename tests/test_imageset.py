import numpy as np
import pytest

from unlearnable.imageset import ImageSet


def images(count: int = 20) -> ImageSet:
    return ImageSet(
        pixels=np.random.default_rng(0).integers(0, 256, (count, 1, 4, 4), dtype=np.uint8),
        labels=np.arange(count, dtype=np.int64) % 2,
        keys=tuple(f"{row:03d}" for row in range(count)),
        classes=("a", "b"),
    )


def test_float_images_are_refused() -> None:
    """Evaluation sees exactly the published bytes: nothing but uint8 can be an image set."""
    data = images()
    with pytest.raises(Exception, match="uint8|UInt8"):
        ImageSet(pixels=data.pixels / 255, labels=data.labels, keys=data.keys, classes=data.classes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"keys": ("x",) * 20}, "unique"),
        ({"keys": ("x",)}, "keys"),
        ({"labels": np.full(20, 2)}, "0..1"),
        ({"labels": np.zeros(3, np.int64)}, "labels|pixels"),
        ({"pixels": np.zeros((20, 2, 4, 4), np.uint8)}, "channels"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict, said: str) -> None:
    data = images()
    options = {"pixels": data.pixels, "labels": data.labels, "keys": data.keys, "classes": data.classes} | change
    with pytest.raises(Exception, match=said):
        ImageSet(**options)


def test_split_is_stratified_disjoint_and_seeded() -> None:
    data = images()
    first, second = data.split(0.8, seed=3)
    assert first.counts.tolist() == [8, 8]
    assert second.counts.tolist() == [2, 2]
    assert not set(first.keys) & set(second.keys)
    assert data.split(0.8, seed=3)[0].keys == first.keys
    assert data.split(0.8, seed=4)[0].keys != first.keys


def test_a_single_image_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="'b' has one image"):
        images(3).split(0.5)


def test_the_content_hash_ignores_order_and_sees_pixels_and_labels() -> None:
    data = images()
    assert data.subset(list(range(20))[::-1]).content_hash() == data.content_hash()
    assert data.with_pixels(255 - data.pixels).content_hash() != data.content_hash()
    assert data.subset(range(19)).content_hash() != data.content_hash()


def test_mix_replaces_just_the_named() -> None:
    data = images()
    other = data.with_pixels(255 - data.pixels)
    mixed = data.mix(other, ["003", "007"])
    changed = (mixed.pixels != data.pixels).any(axis=(1, 2, 3))
    assert np.flatnonzero(changed).tolist() == [3, 7]


def test_subset_by_mask_and_by_keys() -> None:
    data = images()
    assert data.subset(data.labels == 1).keys == data.keys[1::2]
    assert data.by_keys(["005", "001"]).keys == ("005", "001")
    with pytest.raises(KeyError, match="nope"):
        data.by_keys(["nope"])
