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
from unlearnable.poisons._checkpoint import Checkpoint, State, restore_weights, weights
from unlearnable.poisons._views import moved
from unlearnable.training import recipe
from unlearnable.training.fit import build, cross_entropy, seeded, train_epoch
from unlearnable.training.loader import Loader, to_unit
from unlearnable.training.memory import keep_memory
from unlearnable.training.optimiser import sgd
from unlearnable.training.pgd import adversarial, room, sign_steps
from unlearnable.training.pretraining import features

ADVERSARIAL_STEPS = 5

Objective = Callable[[nn.Module, Float[Tensor, "b c h w"], Int64[Tensor, " b"]], Float[Tensor, ""]]
"""(f, images in [0, 1], their rows in the data) -> the sum over the images of what δ makes small."""


View = Callable[[Float[Tensor, "b c h w"], torch.Generator], Float[Tensor, "b c h w"]]
"""What is seen of a batch in [0, 1], with draws of its own."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Adversarial:
    """Hooks of an epoch that train adversarially if `radius` (levels) is positive."""

    radius: float

    def sanitize(self, pixels: np.ndarray, labels: np.ndarray, runtime: Runtime) -> np.ndarray:
        return pixels

    def network(self, model: nn.Module, images: Tensor, labels: np.ndarray, runtime: Runtime) -> nn.Module:
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
    checkpoint: Checkpoint,
    *,
    epochs: int,
    batch_size: int,
    radius: float = 0.0,
    checkpoints: int = 1,
    earlier: Sequence[nn.Module] = (),
) -> list[nn.Module]:
    """Train a network on clean images by the `fast` recipe, and return it as it was at even distances of training.

    Args:
        data: the clean images.
        architecture: a name in `models.ARCHITECTURES`.
        runtime: its seed is the training's.
        report: called after each epoch.
        checkpoint: where the training is kept now and then, and at its end; it goes on from there.
        epochs: passes.
        batch_size: images a step; the learning rate follows it.
        radius: of adversarial training, in levels; 0 trains normally.
        checkpoints: how many states to return, the last epoch's always among them, oldest first.
        earlier: states of the networks before this one, kept beside it; put back if the training goes on.
    """
    base = recipe("fast")
    training = replace(
        base,
        architecture=architecture,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=base.learning_rate * batch_size / base.batch_size,
    )
    hooks = _Adversarial(radius=radius)
    wanted = {round(epochs * (place + 1) / checkpoints) for place in range(checkpoints)} - {epochs}
    number = torch.tensor(len(earlier) // checkpoints)
    keep_memory()
    # as `fit` does it, but for the evaluations, which nobody reads; it cannot go on in the middle
    with seeded(runtime):
        loader = Loader(data.pixels, data.labels, len(data.classes), training, runtime)

        def fresh() -> nn.Module:
            return build(architecture, loader.images, len(data.classes), runtime, size=training.image_size)

        model = fresh()
        optimiser = sgd(model, training)
        kept: list[nn.Module] = []

        def state() -> State:
            return State(checkpoint, [*earlier, *kept, model], [optimiser], {"loader": loader.generator})

        saved, begun = checkpoint.load(), 0
        if "surrogate" in saved and saved["surrogate"] == number:
            begun = int(saved["epochs"])
            kept = [fresh().eval() for epoch in wanted if epoch <= begun]
            state().load()
        for epoch in range(begun + 1, epochs + 1):
            train_epoch(model, optimiser, loader, training, runtime, epoch, hooks)
            if epoch in wanted:
                kept.append(copy.deepcopy(model).eval())
            report(Progress(done=epoch, total=epochs, note=f"training {architecture}"))
            keep = state().keep if epoch < epochs else state().save
            keep({"surrogate": number, "epochs": torch.tensor(epoch)})
    return [*kept, model.eval()]


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
    """Train networks one after another as `trained` does, or go on where a search was that was killed.

    Returns:
        The first states of all of them, then the second ones, …
    """
    saved = checkpoint.load()

    def fresh(names: Sequence[str]) -> list[nn.Module]:
        images = runtime.images(data.pixels)
        return [build(name, images, len(data.classes), runtime).eval() for name in names]

    if saved and "surrogate" not in saved:
        models = fresh([*architectures] * checkpoints)
        restore_weights(models, saved)
        return models
    begun = int(saved["surrogate"]) if saved else 0
    # their weights are put back with those of the next one
    states = fresh([name for name in architectures[:begun] for _ in range(checkpoints)])
    parts = phases(report, [epochs] * len(architectures))
    for place, (name, told) in enumerate(zip(architectures, parts, strict=True)):
        if place >= begun:
            states += trained(
                data,
                name,
                runtime,
                told,
                checkpoint,
                epochs=epochs,
                batch_size=batch_size,
                radius=radius,
                checkpoints=checkpoints,
                earlier=tuple(states),
            )
    return [model for moment in range(checkpoints) for model in states[moment::checkpoints]]


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
        step: size of the first sign step in levels; falls linearly towards a tenth.
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
