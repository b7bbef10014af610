"""Training that is not believed when it learned nothing."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from unlearnable._runtime import Runtime
from unlearnable.evaluation.metrics import chance, learned_nothing
from unlearnable.imageset import ImageSet
from unlearnable.training.fit import Epoch, History, Hooks, fit
from unlearnable.training.recipes import Recipe

RETRIES = 2


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
    """Train; where nothing was learned of the training images themselves, again with half the learning rate.

    A training that broke down would look like perfect protection, and an exploiter who sees it would lower the rate
    too.

    Returns:
        Of the trainings, `RETRIES` more than one at most, the one that an exploiter would keep, with the highest test
        accuracy of any epoch: its recipe and its history.
    """
    tried: list[tuple[Recipe, History]] = []
    for again in range(RETRIES + 1):
        gentler = replace(recipe, learning_rate=recipe.learning_rate / 2**again)
        history = fit(
            train,
            test=test,
            recipe=gentler,
            runtime=runtime,
            seed=seed,
            countermeasure=countermeasure,
            progress=progress,
        )
        tried.append((gentler, history))
        if not learned_nothing(history.last.train_acc, chance(train.labels)):
            break
    return max(tried, key=lambda each: max(max(epoch.test_accs.values()) for epoch in each[1].epochs))
