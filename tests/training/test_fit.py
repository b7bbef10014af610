"""The training loop: it learns, repeats itself, reports every epoch, and refuses what cannot work."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from unlearnable._runtime import Runtime
from unlearnable.exploiters import Countermeasure, countermeasure
from unlearnable.imageset import ImageSet
from unlearnable.training import RECIPES, Epoch, TrainingDivergedError, fit, recipe
from unlearnable.training.loader import Loader
from unlearnable.training.schedules import rate_factor

RUNTIME = Runtime.auto("cpu")
SHORT = replace(recipe("tiny"), epochs=3, batch_size=32)


def stripes(count: int = 96, size: int = 12, channels: int = 3, classes: int = 2, seed: int = 0) -> ImageSet:
    """Class k has noise plus stripes of period k + 2: learnable, not by colour."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % classes
    wave = np.arange(size)[None, :] % (labels[:, None] + 2) == 0
    pixels = generator.integers(0, 60, (count, channels, size, size)) + 120 * wave[:, None, None, :]
    return ImageSet(
        pixels=pixels.astype(np.uint8),
        labels=labels,
        keys=tuple(f"{seed}/{row}" for row in range(count)),
        classes=tuple(f"period {label + 2}" for label in range(classes)),
    )


def test_learns_and_records_every_epoch() -> None:
    seen: list[Epoch] = []
    train = stripes()
    history = fit(
        train,
        test={"fresh": stripes(seed=1), "train": train},
        recipe=replace(SHORT, epochs=5),
        runtime=RUNTIME,
        progress=seen.append,
    )
    assert [epoch.epoch for epoch in seen] == [1, 2, 3, 4, 5]
    assert history.epochs == tuple(seen)
    assert history.last.test_acc > 90
    assert history.last.test_acc == history.last.test_accs["fresh"]
    assert set(history.last.test_accs) == {"fresh", "train"}
    assert history.epochs[-1].train_loss < history.epochs[0].train_loss
    assert history.best.test_acc == max(epoch.test_acc for epoch in seen)
    assert history.seconds > 0
    assert history.images_per_second == pytest.approx(5 * len(train) / history.seconds)
    assert not history.model.training


def test_one_seed_one_curve() -> None:
    def run(seed: int) -> list[float]:
        history = fit(stripes(), test=stripes(seed=1), recipe=SHORT, runtime=RUNTIME, seed=seed)
        return [epoch.train_loss for epoch in history.epochs]

    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    first = run(0)
    torch.testing.assert_close(torch.rand(2), expected)
    assert run(0) == first
    assert run(1) != first


@pytest.mark.parametrize("augment", ["none", "crop-flip", "resized-crop-flip"])
@pytest.mark.parametrize(("size", "channels"), [(8, 1), (40, 3)])
def test_any_size_channels_and_fewer_images_than_a_batch(augment: str, size: int, channels: int) -> None:
    few = stripes(count=6, size=size, channels=channels)
    history = fit(
        few, test=few, recipe=replace(SHORT, epochs=1, batch_size=500, augment=augment, image_size=16), runtime=RUNTIME
    )
    assert np.isfinite(history.last.train_loss)


def test_every_step_is_taken_as_the_recipe_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rate, decay and clipping of each step, and the targets: every published number depends on them."""
    chosen = replace(
        SHORT,
        epochs=2,
        learning_rate=0.5,
        weight_decay=0.01,
        norm_bias_rate=8.0,
        gradient_clip=0.25,
        label_smoothing=0.2,
    )
    steps: list[list[tuple[float, float, float]]] = []
    norms: list[float] = []
    targets: list[torch.Tensor] = []
    real = torch.optim.SGD.step

    def step(self: torch.optim.SGD, *values: object) -> object:
        groups = self.param_groups
        steps.append([(group["lr"], group["weight_decay"], group["momentum"]) for group in groups])
        gradients = [each.grad for group in groups for each in group["params"] if each.grad is not None]
        norms.append(float(torch.stack([gradient.norm() for gradient in gradients]).norm()))
        return real(self, *values)

    class Watch(Countermeasure):
        name = "watch"

        def loss(self, model: torch.nn.Module, images: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
            targets.append(weights)
            return 100 * super().loss(model, images, weights)

    monkeypatch.setattr(torch.optim.SGD, "step", step)
    fit(stripes(), test=stripes(seed=1), recipe=chosen, runtime=RUNTIME, countermeasure=Watch())
    assert len(steps) == 6
    for number, (plain, norm_biases) in enumerate(steps):
        factor = rate_factor(chosen.schedule, number, 6)
        assert plain == pytest.approx((0.5 * factor, 0.01, chosen.momentum))
        assert norm_biases == pytest.approx((4.0 * factor, 0.01 / 8, chosen.momentum))
    assert norms == pytest.approx([0.25] * 6, rel=1e-3)
    assert sorted(targets[0][0].tolist()) == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize(
    ("augment", "size", "seen"),
    [("none", None, (12, 12)), ("none", 8, (8, 8)), ("crop-flip", 8, (8, 8)), ("resized-crop-flip", 8, (8, 8))],
)
def test_batches_have_the_recipes_size_and_augmentation(augment: Any, size: int | None, seen: tuple[int, int]) -> None:
    data = stripes()
    loader = Loader(data.pixels, data.labels, 2, replace(SHORT, augment=augment, image_size=size), RUNTIME)
    batches = [images for images, _ in loader.epoch()]
    assert {tuple(images.shape[2:]) for images in batches} == {seen}
    plain = Loader(data.pixels, data.labels, 2, replace(SHORT, augment="none", image_size=size), RUNTIME)
    same = all(
        torch.equal(one, other) for one, other in zip(batches, (images for images, _ in plain.epoch()), strict=True)
    )
    assert same == (augment == "none")
    assert (loader.images.shape[2:] == data.pixels.shape[2:]) == (augment == "resized-crop-flip" or size is None)


def test_every_recipe_runs() -> None:
    for each in RECIPES.values():
        small = replace(each, epochs=1, architecture="fast-small")
        data = stripes(count=8, size=16)
        assert len(fit(data, test=data, recipe=small, runtime=RUNTIME).epochs) == 1


def test_wrong_labels_are_not_learned() -> None:
    data = stripes()
    shuffled = replace(data, labels=np.random.default_rng(0).permutation(data.labels))
    history = fit(shuffled, test=stripes(seed=1), recipe=SHORT, runtime=RUNTIME)
    assert history.last.test_acc < 75


class Recorder(Countermeasure):
    """Notes what each hook saw; trains on black images with mixed targets."""

    name = "recorder"
    calls: list[tuple[str, tuple[int, ...]]] = []  # noqa: RUF012

    def sanitize(self, pixels: np.ndarray, labels: np.ndarray, runtime: Runtime) -> np.ndarray:
        self.calls.append(("sanitize", pixels.shape))
        return np.zeros_like(pixels)

    def augment(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.calls.append(("augment", tuple(labels.shape)))
        assert images.max() == 0
        return images, torch.nn.functional.one_hot(labels, 2).float()

    def loss(self, model: torch.nn.Module, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        self.calls.append(("loss", tuple(targets.shape)))
        return super().loss(model, images, targets)


def test_a_countermeasure_sees_training_images_only_and_is_obeyed() -> None:
    Recorder.calls.clear()
    data = stripes(count=64)
    history = fit(
        data,
        test=stripes(count=32, seed=1),
        recipe=replace(SHORT, epochs=2),
        runtime=RUNTIME,
        countermeasure=Recorder(),
    )
    assert Recorder.calls == [("sanitize", (64, 3, 12, 12))] + 4 * [("augment", (32,)), ("loss", (32, 2))]
    assert history.last.train_loss == pytest.approx(np.log(2), abs=0.3)


def test_test_images_are_evaluated_as_given() -> None:
    data, test = stripes(), stripes(seed=1)
    colour = test.pixels.copy()
    fit(data, test=test, recipe=replace(SHORT, epochs=1), runtime=RUNTIME, countermeasure=countermeasure("gray"))
    np.testing.assert_array_equal(test.pixels, colour)


class NotANumber(Countermeasure):
    name = "nan"

    def loss(self, model: torch.nn.Module, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return super().loss(model, images, targets) * float("nan")


def test_divergence_is_a_clear_error() -> None:
    with pytest.raises(TrainingDivergedError, match=r"the loss became nan in epoch 1 .* lower its learning_rate"):
        fit(stripes(), test=stripes(), recipe=SHORT, runtime=RUNTIME, countermeasure=NotANumber())


def test_sets_that_do_not_fit_together_are_errors() -> None:
    data = stripes()
    for test, message in [
        (stripes(classes=3), "other class names"),
        (stripes(channels=1), "channels"),
        (data.subset([]), "is empty"),
        ({}, "at least one test set"),
    ]:
        with pytest.raises(ValueError, match=message):
            fit(data, test=test, recipe=SHORT, runtime=RUNTIME)
    with pytest.raises(ValueError, match="at least 2 images"):
        fit(data.subset([0]), test=data, recipe=SHORT, runtime=RUNTIME)
