"""The only training loop."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable.imageset import ImageSet
from unlearnable.models import architecture
from unlearnable.training.loader import Loader, resident, to_unit
from unlearnable.training.memory import keep_memory
from unlearnable.training.optimiser import set_rate, sgd
from unlearnable.training.recipes import Recipe

EVALUATION_BATCH = 500
EVALUATION_PIXELS = 5000 * 32 * 32
"""Of a batch on a GPU, which starts a large one as fast as a small one."""

WHITENING_IMAGES = 2000


class TrainingDivergedError(RuntimeError):
    """The loss became infinite or not a number."""


@runtime_checkable
class Hooks(Protocol):
    """What `fit` asks of a countermeasure; see `exploiters.Countermeasure`."""

    def sanitize(self, pixels: np.ndarray, labels: np.ndarray, runtime: Runtime) -> np.ndarray:
        """Change the stored training images, once."""
        ...

    def network(self, model: nn.Module, images: Tensor, labels: np.ndarray, runtime: Runtime) -> nn.Module:
        """Prepare the untrained network, or return another."""
        ...

    def augment(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Change a batch in [0, 1]; targets may become [n k] weights."""
        ...

    def loss(self, model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
        """Return the scalar loss of a batch."""
        ...


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One pass: mean training loss, accuracies in percent, and seconds of training (evaluation not counted).

    `test_acc` is the first test set's; `test_accs` has every one by name. `train_acc` is measured on the training
    batches as they were seen, augmented. `confusions` count test images by [true class, predicted class].
    """

    epoch: int
    train_loss: float
    train_acc: float
    test_acc: float
    test_accs: dict[str, float]
    seconds: float
    confusions: dict[str, Int64[np.ndarray, "k k"]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, kw_only=True)
class History:
    """What a training did, and the model it left (in eval mode)."""

    epochs: tuple[Epoch, ...]
    images_per_second: float
    seconds: float
    model: nn.Module

    @property
    def last(self) -> Epoch:
        """The final epoch."""
        return self.epochs[-1]

    @property
    def best(self) -> Epoch:
        """The epoch with the highest test accuracy: what an exploiter who stops early gets."""
        return max(self.epochs, key=lambda epoch: epoch.test_acc)


def fit(
    train: ImageSet,
    *,
    test: ImageSet | Mapping[str, ImageSet],
    recipe: Recipe,
    runtime: Runtime,
    seed: int = 0,
    countermeasure: Hooks | None = None,
    progress: Callable[[Epoch], None] | None = None,
) -> History:
    """Train a fresh network on `train` by `recipe` and evaluate it on `test` after every epoch.

    Test images are evaluated as they are given (resized to the recipe's size only); the countermeasure never sees
    them. One seed gives one result on one machine and thread count.

    Args:
        train: the images, as stored.
        test: one test set, or several by name; the first is the main one.
        recipe: how to train.
        runtime: device and autocast type.
        seed: initial weights, order and augmentation.
        countermeasure: what the exploiter does against the perturbation.
        progress: called after each epoch; it may raise to stop.

    Raises:
        ValueError: fewer than 2 training images, no test images, or sets that do not fit together.
        TrainingDivergedError: the loss is not finite.
    """
    tests = {"test": test} if isinstance(test, ImageSet) else dict(test)
    _require_matching(train, tests)
    keep_memory()
    runtime = runtime.with_seed(seed)
    with seeded(runtime):
        pixels = (
            train.pixels if countermeasure is None else countermeasure.sanitize(train.pixels, train.labels, runtime)
        )
        loader = Loader(pixels, train.labels, len(train.classes), recipe, runtime)
        evaluated = {
            name: (resident(data.pixels, runtime, recipe.image_size), data.labels) for name, data in tests.items()
        }
        model = build(recipe.architecture, loader.images, len(train.classes), runtime, size=recipe.image_size)
        if countermeasure is not None:
            model = countermeasure.network(model, loader.images, train.labels, runtime)
        optimiser = sgd(model, recipe)
        epochs: list[Epoch] = []
        for number in range(1, recipe.epochs + 1):
            started = time.perf_counter()
            loss, accuracy = train_epoch(model, optimiser, loader, recipe, runtime, number, countermeasure)
            seconds = time.perf_counter() - started
            confusions = {
                name: evaluate(model, images, labels, loader.classes, runtime)
                for name, (images, labels) in evaluated.items()
            }
            accuracies = {name: 100 * float(np.trace(counts)) / counts.sum() for name, counts in confusions.items()}
            epochs.append(
                Epoch(
                    epoch=number,
                    train_loss=loss,
                    train_acc=accuracy,
                    test_acc=next(iter(accuracies.values())),
                    test_accs=accuracies,
                    seconds=seconds,
                    confusions=confusions,
                )
            )
            if progress is not None:
                progress(epochs[-1])
    total = sum(epoch.seconds for epoch in epochs)
    return History(
        epochs=tuple(epochs),
        images_per_second=len(train) * recipe.epochs / total,
        seconds=total,
        model=model.eval(),
    )


def build(
    name: str, images: UInt8[Tensor, "n c h w"], classes: int, runtime: Runtime, *, size: int | None = None
) -> nn.Module:
    """Build an untrained network for these images; its first layer is whitened on them if it is that kind."""
    size = size or min(images.shape[2:])
    model = runtime.to(architecture(name, classes=classes, channels=images.shape[1], size=size))
    whiten = getattr(model, "whiten", None)
    if whiten is not None:
        whiten(to_unit(images[torch.linspace(0, len(images) - 1, min(len(images), WHITENING_IMAGES)).long()]))
    return model


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    images: UInt8[Tensor, "n c h w"],
    labels: Int64[np.ndarray, " n"],
    classes: int,
    runtime: Runtime,
) -> Int64[np.ndarray, "k k"]:
    """Count images by [true class, predicted class], in eval mode, on images as they are."""
    model.eval()
    predicted = []
    size = EVALUATION_BATCH
    if images.device.type != "cpu":
        size = max(size, EVALUATION_PIXELS // images[0, 0].numel())
    for part in torch.split(images, size):
        with runtime.autocast():
            predicted.append(model(to_unit(part)).argmax(1))
    cells = labels * classes + torch.cat(predicted).cpu().numpy()
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def cross_entropy(
    model: nn.Module, images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n k"]
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy, taken in float32: -Σ_k t_k log softmax(f(x))_k."""
    return F.cross_entropy(model(images).float(), targets)


def train_epoch(
    model: nn.Module,
    optimiser: torch.optim.SGD,
    loader: Loader,
    recipe: Recipe,
    runtime: Runtime,
    number: int,
    countermeasure: Hooks | None,
) -> tuple[float, float]:
    """Train for one epoch, `number` from 1; return its mean loss and its accuracy in percent, on batches as trained.

    Raises:
        TrainingDivergedError: the loss is not finite.
    """
    model.train()
    criterion = cross_entropy if countermeasure is None else countermeasure.loss
    steps = recipe.epochs * loader.batches
    losses, right, sizes = list[Tensor](), list[Tensor](), list[int]()  # read once at the end: no step waits for a GPU
    logits: list[Tensor] = []
    watch = model.register_forward_hook(lambda module, inputs, output: logits.append(output.detach()))
    try:
        for step, (images, labels) in enumerate(loader.epoch(), start=(number - 1) * loader.batches):
            set_rate(optimiser, recipe, step, steps)
            if countermeasure is not None:
                images, labels = countermeasure.augment(images, labels)
            targets = _weights(labels, loader.classes, recipe.label_smoothing)
            with runtime.autocast():
                loss = criterion(model, images, targets)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if recipe.gradient_clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_clip)
            optimiser.step()
            losses.append(loss.detach())
            right.append((logits[-1].argmax(1) == targets.argmax(1)).sum())
            sizes.append(len(images))
            logits.clear()
    finally:
        watch.remove()
    values = torch.stack(losses).tolist()
    broken = [value for value in values if not math.isfinite(value)]
    if broken:
        raise TrainingDivergedError(
            f"the loss became {broken[0]} in epoch {number} of recipe {recipe.name!r}; "
            f"lower its learning_rate ({recipe.learning_rate:g}) or set gradient_clip"
        )
    total = sum(value * size for value, size in zip(values, sizes, strict=True))
    return total / sum(sizes), 100 * int(torch.stack(right).sum()) / sum(sizes)


def _weights(labels: Tensor, classes: int, smoothing: float) -> Float[Tensor, "n k"]:
    weights = F.one_hot(labels, classes).float() if labels.ndim == 1 else labels.float()
    return weights * (1 - smoothing) + smoothing / classes


@contextmanager
def seeded(runtime: Runtime) -> Iterator[None]:
    """Seed torch's global generators from the runtime; on leaving, the caller's are as they were."""
    devices = [runtime.device] if runtime.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(runtime.seed)
        yield


def _require_matching(train: ImageSet, tests: Mapping[str, ImageSet]) -> None:
    if len(train) < 2:
        raise ValueError(f"training needs at least 2 images; {train.name} has {len(train)}")
    if not tests:
        raise ValueError("at least one test set is needed")
    for name, data in tests.items():
        if not len(data):
            raise ValueError(f"test set {name!r} is empty")
        if data.classes != train.classes:
            raise ValueError(f"test set {name!r} has other class names than the training images")
        if data.pixels.shape[1] != train.pixels.shape[1]:
            raise ValueError(
                f"test set {name!r} has {data.pixels.shape[1]} channels, the training images {train.pixels.shape[1]}; "
                "load both with the same number"
            )
