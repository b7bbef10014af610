"""Training that fits into memory, and that is not believed when it learned nothing."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch

from unlearnable._runtime import Runtime
from unlearnable.evaluation.metrics import chance, guessing, learned_nothing
from unlearnable.imageset import ImageSet
from unlearnable.training.fit import Epoch, History, Hooks, TrainingDivergedError, fit
from unlearnable.training.recipes import Recipe

RETRIES = 2

SMALLEST_BATCH = 16

KNOWS = 0.97
"""Share of a guessing network's loss below which a network knows something of blends."""


def fitted(
    train: ImageSet,
    *,
    test: Mapping[str, ImageSet],
    recipe: Recipe,
    runtime: Runtime,
    seed: int,
    countermeasure: Hooks | None = None,
    progress: Callable[[Epoch], None] | None = None,
) -> tuple[Recipe, History]:
    """Train; where memory runs out, with half the batch; where nothing was learned, with half the learning rate.

    Half the batch takes half the learning rate with it; below `SMALLEST_BATCH` the error is raised. A training that
    learned nothing of the training images themselves, or whose loss became infinite, broke down: it would look like
    perfect protection, and an exploiter who sees it would lower the rate too.

    Returns:
        Of the trainings, `RETRIES` more than one at most, the one that an exploiter would keep, with the highest test
        accuracy of any epoch: its recipe and its history.

    Raises:
        TrainingDivergedError: the loss became infinite each time.
    """

    def once(recipe: Recipe) -> History:
        return fit(
            train,
            test=test,
            recipe=recipe,
            runtime=runtime,
            seed=seed,
            countermeasure=countermeasure,
            progress=progress,
        )

    tried: list[tuple[Recipe, History]] = []
    left = RETRIES
    while True:
        try:
            history = once(recipe)
        except TrainingDivergedError:
            if not left and not tried:
                raise
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error) or recipe.batch_size // 2 < SMALLEST_BATCH:
                raise
            recipe = replace(recipe, batch_size=recipe.batch_size // 2, learning_rate=recipe.learning_rate / 2)
            continue
        else:
            tried.append((recipe, history))
            if not broke_down(history, train, recipe, countermeasure):
                break
        if not left:
            break
        left -= 1
        recipe = replace(recipe, learning_rate=recipe.learning_rate / 2)
    return max(tried, key=lambda each: max(max(epoch.test_accs.values()) for epoch in each[1].epochs))


def broke_down(history: History, train: ImageSet, recipe: Recipe, countermeasure: Hooks | None = None) -> bool:
    """Return whether a network knows nothing even of its own training images.

    Where it was trained on blends of images, accuracy says little, and the loss decides.
    """
    if getattr(countermeasure, "blends", False):
        return history.last.train_loss > KNOWS * guessing(train.labels, len(train.classes), recipe.label_smoothing)
    return learned_nothing(history.last.train_acc, chance(train.labels))


SAY_OUT_OF_MEMORY = ("out of memory", "allocate memory", "not enough memory", "alloc_failed", "bad_alloc")
"""How the back-ends of torch say it: CUDA and MPS, Linux, Windows, cuBLAS and cuDNN, C++."""


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory ran out, which not every back-end of torch says by its type."""
    said = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in said for words in SAY_OUT_OF_MEMORY)
