"""Networks that are trained before a search, and searches against them while they are fixed."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, RealLevels, Report
from unlearnable.imageset import ImageSet
from unlearnable.poisons._bilevel import Batches, noise_store, perturbed
from unlearnable.poisons._checkpoint import Checkpoint, restore_weights, weights
from unlearnable.poisons._views import moved
from unlearnable.training import fit, recipe
from unlearnable.training.fit import Epoch, build, cross_entropy
from unlearnable.training.loader import to_unit
from unlearnable.training.memory import keep_memory
from unlearnable.training.pgd import adversarial, room, sign_steps
from unlearnable.training.pretraining import features

ADVERSARIAL_STEPS = 5

Objective = Callable[[nn.Module, Float[Tensor, "b c h w"], Int64[Tensor, " b"]], Float[Tensor, ""]]
"""(f, images in [0, 1], their rows in the data) -> the sum over the images of what δ makes small."""


View = Callable[[Float[Tensor, "b c h w"], torch.Generator], Float[Tensor, "b c h w"]]
"""What is seen of a batch in [0, 1], with draws of its own."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Watched:
    """Hooks of `fit` that train adversarially if `radius` (levels) is positive, and hold on to the network."""

    radius: float
    seen: list[nn.Module]

    def sanitize(self, pixels: np.ndarray, labels: np.ndarray, runtime: Runtime) -> np.ndarray:
        return pixels

    def network(self, model: nn.Module, images: Tensor, labels: np.ndarray, runtime: Runtime) -> nn.Module:
        self.seen.append(model)
        return model

    def augment(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return images, labels

    def loss(self, model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
        if self.radius > 0:
            size = self.radius / 255
            step = 2.5 * size / ADVERSARIAL_STEPS
            images = adversarial(model, images, targets, epsilon=size, step=step, steps=ADVERSARIAL_STEPS)
        return cross_entropy(model, images, targets)


def trained(
    data: ImageSet,
    architecture: str,
    runtime: Runtime,
    report: Report,
    *,
    epochs: int,
    batch_size: int,
    radius: float = 0.0,
    checkpoints: int = 1,
) -> list[nn.Module]:
    """Train a network on clean images by the `fast` recipe, and return it as it was at even distances of training.

    Args:
        data: the clean images.
        architecture: a name in `models.ARCHITECTURES`.
        runtime: its seed is the training's.
        report: called after each epoch.
        epochs: passes.
        batch_size: images a step; the learning rate follows it.
        radius: of adversarial training, in levels; 0 trains normally.
        checkpoints: how many states to return, the last epoch's always among them, oldest first.
    """
    base = recipe("fast")
    training = replace(
        base,
        architecture=architecture,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=base.learning_rate * batch_size / base.batch_size,
    )
    watched = _Watched(radius=radius, seen=[])
    wanted = {round(epochs * (place + 1) / checkpoints) for place in range(checkpoints)}
    kept: list[nn.Module] = []

    def after(epoch: Epoch) -> None:
        if epoch.epoch in wanted and epoch.epoch < epochs:
            kept.append(copy.deepcopy(watched.seen[-1]).eval())
        report(Progress(done=epoch.epoch, total=epochs, note=f"training {architecture}"))

    history = fit(
        data,
        test=data.subset([*range(min(len(data), 100))]),
        recipe=training,
        runtime=runtime,
        seed=runtime.seed,
        countermeasure=watched,
        progress=after,
    )
    return [*kept, history.model]


def ensemble(
    data: ImageSet,
    architectures: Sequence[str],
    runtime: Runtime,
    report: Report,
    checkpoint: Checkpoint,
    *,
    epochs: int,
    batch_size: int,
    radius: float = 0.0,
    checkpoints: int = 1,
) -> list[nn.Module]:
    """Train networks one after another as `trained` does, or take them from the checkpoint of a search that was killed.

    Returns:
        The first states of all of them, then the second ones, …
    """
    saved = checkpoint.load()
    if saved:
        images, classes = runtime.images(data.pixels), len(data.classes)
        models = [build(name, images, classes, runtime) for _ in range(checkpoints) for name in architectures]
        restore_weights(models, saved)
        return [model.eval() for model in models]
    parts = phases(report, [epochs] * len(architectures))
    states = [
        trained(
            data,
            name,
            runtime,
            next(parts),
            epochs=epochs,
            batch_size=batch_size,
            radius=radius,
            checkpoints=checkpoints,
        )
        for name in architectures
    ]
    models = [model for together in zip(*states, strict=True) for model in together]
    checkpoint.save(weights(models))
    return models


def searched(
    data: ImageSet,
    models: Sequence[nn.Module],
    objective: Objective,
    runtime: Runtime,
    report: Report,
    checkpoint: Checkpoint,
    *,
    epsilon: float,
    step: float,
    steps: int,
    batch_size: int,
    shift: int = 0,
    view: View | None = None,
) -> RealLevels:
    """Take sign steps on every image's δ that make the objective small; the networks take turns, step by step.

    Args:
        data: the clean images.
        models: fixed networks.
        objective: what is made small.
        runtime: device and seed.
        report: called after each batch.
        checkpoint: where networks and noise are kept now and then.
        epsilon: ε in levels.
        step: size of the first sign step in levels; falls to a tenth, linearly.
        steps: sign steps.
        batch_size: images at once.
        shift: each step sees the batch moved by up to so many pixels, and mirrored half the time, as exploiters do.
        view: what each step sees of that.
    """
    keep_memory()
    images = runtime.images(data.pixels)
    levels = noise_store(data.pixels.shape, replace(runtime, device=torch.device("cpu")))
    batches = Batches(len(images), batch_size, runtime.generator("batches"))
    generator = runtime.generator("views")
    saved, begun = checkpoint.load(), 0
    if "levels" in saved:
        levels.copy_(saved["levels"])
        begun = int(saved["batches"])
        generator.set_state(saved["random.views"])
    for model in models:
        model.eval().requires_grad_(False)
    for number, rows in enumerate(batches.sweep()[begun:], start=begun + 1):
        part, rows_there = images[rows], rows.to(runtime.device)
        found, bounds = torch.zeros(part.shape, device=runtime.device), room(part.float(), epsilon)
        for turn in range(steps):
            size = step * (1 - 0.9 * turn / steps)
            model = models[turn % len(models)]

            def gradient(
                delta: Tensor, model: nn.Module = model, part: Tensor = part, at: Tensor = rows_there
            ) -> Tensor:
                seen = moved(perturbed(part, delta), shift, generator)
                if view is not None:
                    seen = view(seen, generator)
                with runtime.autocast():
                    loss = objective(model, seen, at)
                return torch.autograd.grad(loss, delta)[0]

            found = sign_steps(found, gradient, bounds=bounds, step=-size, steps=1)
        levels[rows] = found.half().cpu()
        report(Progress(done=number, total=batches.batches, note="noise"))
        if checkpoint.due:
            state = {"levels": levels, "batches": torch.tensor(number), "random.views": generator.get_state()}
            checkpoint.save({**weights(models), **state})
    return levels.numpy()


@torch.no_grad()
def centroids(
    model: nn.Module,
    images: UInt8[Tensor, "n c h w"],
    labels: Int64[Tensor, " n"],
    classes: int,
    runtime: Runtime,
    part: int = 500,
) -> Float[Tensor, "k d"]:
    """Return the mean of the features of each class's images, model in eval mode; zero for a class without any."""
    model.eval()
    sums: Tensor | None = None
    for rows in torch.split(torch.arange(len(images)), part):
        with runtime.autocast():
            found, _ = features(model, to_unit(images[rows]))
        if sums is None:
            sums = torch.zeros(classes, found.shape[1], device=found.device)
        sums.index_add_(0, labels[rows], found)
    assert sums is not None
    counts = torch.bincount(labels, minlength=classes).clamp(min=1)
    return sums / counts[:, None]


def phases(report: Report, shares: Sequence[int]) -> Iterator[Report]:
    """Yield a report for each phase of a job; together they run from 0 to the sum of `shares`."""
    before = 0
    for share in shares:

        def inner(progress: Progress, before: int = before, share: int = share) -> None:
            done = before + share * progress.done // progress.total
            report(Progress(done=done, total=sum(shares), note=progress.note))

        yield inner
        before += share
