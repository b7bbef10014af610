"""What is trained for each figure and table of the paper. All images are CIFAR-10's unless a function says otherwise.

The small protocol is that of the suite c10-10k: 1,000 training images per class, all test images, fast-small, 8 epochs.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from experiments.paper.data import people
from experiments.paper.noises import LostSign
from experiments.suites import EVERY_FREQUENCY, exploiter
from unlearnable._types import Scope
from unlearnable.datasets.cifar10 import CLASSES
from unlearnable.evaluation.grid import Suite
from unlearnable.evaluation.trial import Trial
from unlearnable.poisons._base import AnyPoison
from unlearnable.poisons.deep_confuse import DeepConfuse
from unlearnable.poisons.error_max import ErrorMax
from unlearnable.poisons.error_min import ErrorMin
from unlearnable.poisons.generator import GeneratorNoise
from unlearnable.poisons.pattern_error_min import PatternErrorMin
from unlearnable.poisons.random import RandomNoise
from unlearnable.training import recipe

SEEDS = (0, 1, 2)
SCOPES: tuple[Scope, ...] = ("class-wise", "sample-wise")
SMALL: dict[str, Any] = {"dataset": "cifar10", "per_class": 1000, "recipe": exploiter("fast-small", 8)}
EIGHT_EPOCHS = replace(recipe("reference"), epochs=8)
ARCHITECTURES = {"VGG-11": "vgg11", "ResNet-18": "resnet18", "ResNet-50": "resnet50", "DenseNet-121": "densenet121"}
SHARES = (20, 40, 60, 80)
"""Percent of the images that are protected."""

FOUR = ("airplane", "automobile", "ship", "truck")
LIKE = {
    "airplane": "cloud",
    "automobile": "lawn_mower",
    "bird": "bee",
    "cat": "fox",
    "deer": "camel",
    "dog": "hamster",
    "frog": "crocodile",
    "horse": "bear",
    "ship": "bottle",
    "truck": "bicycle",
}
"""The class of the CIFAR-100 subset whose noise each class of CIFAR-10 gets: as like as the subset has them."""

PATCHES = (8, 16, 24)
EPSILONS = (4, 8, 16, 24)
SLOW = "slow error-min, sample-wise"
EVERYBODY = "noise of their own, everybody protects"


def error_min(scope: Scope) -> ErrorMin:
    """Return the paper's noise: sample-wise, of all frequencies; class-wise those protect from one network only."""
    return ErrorMin(scope=scope, cycles=EVERY_FREQUENCY if scope == "sample-wise" else None, luma=None)


def _suite(name: str, trials: Iterable[Trial]) -> Suite:
    return Suite(name=f"paper-{name}", trials=tuple(trials))


def figure1() -> Suite:
    """Figure 1: every kind of noise on all 50,000 images, `fast`, 3 seeds; a seed is whole before the next begins."""
    rows: dict[str, AnyPoison | None] = {"clean": None}
    for scope in SCOPES:
        rows[f"error-min, {scope}"] = error_min(scope)
        rows[f"random, {scope}"] = RandomNoise(scope=scope)
        rows[f"error-max, {scope}"] = ErrorMax(scope=scope)
    return _suite(
        "figure1",
        (
            Trial(row=row, dataset="cifar10", poison=poison, recipe=recipe("fast"), seed=seed)
            for seed in SEEDS
            for row, poison in rows.items()
        ),
    )


def reference() -> Suite:
    """Figure 1 with the paper's network and optimiser as far as a processor gets: 8 epochs of 10,000 images."""
    rows: dict[str, AnyPoison | None] = {
        "clean": None,
        **{f"error-min, {scope}": error_min(scope) for scope in SCOPES},
        SLOW: ErrorMin(scope="sample-wise", luma=None),
    }
    return _suite(
        "reference",
        (
            Trial(row=row, dataset="cifar10", per_class=1000, poison=poison, recipe=EIGHT_EPOCHS)
            for row, poison in rows.items()
        ),
    )


def table1() -> Suite:
    """Table 1: noise made with small networks, exploited by others, on three data sets; the paper's optimiser.

    VGG-11 first: the others take from 20 minutes to hours each on a processor.
    """
    data: dict[str, dict[str, Any]] = {
        "CIFAR-10": {"dataset": "cifar10", "per_class": 1000},
        "CIFAR-100": {"dataset": "cifar100-20c"},
        "photos": {"dataset": "experiments.paper.data:things"},
    }
    rows: dict[str, AnyPoison | None] = {"clean": None, **{scope: error_min(scope) for scope in SCOPES}}
    epochs = {"CIFAR-10": 8, "CIFAR-100": 12, "photos": 30}
    return _suite(
        "table1",
        (
            Trial(
                row=f"{title}, {row}",
                column=network,
                **options,
                poison=poison,
                recipe=replace(
                    EIGHT_EPOCHS,
                    architecture=name,
                    epochs=epochs[title],
                    **({"augment": "resized-crop-flip", "image_size": 64} if title == "photos" else {}),
                ),
            )
            for network, name in ARCHITECTURES.items()
            for title, options in data.items()
            for row, poison in rows.items()
        ),
    )


def augmentations() -> Suite:
    """Table 3, adversarial training and early stopping: what an exploiter does in training."""
    columns = (
        "none",
        "cutout:0.5",
        "cutmix:1",
        "mixup:1",
        "randaugment:9",
        "ueraser:1",
        *(f"adversarial-training:{radius}" for radius in (4, 2, 8)),
    )
    rows: dict[str, AnyPoison | None] = {"clean": None, **{f"error-min, {scope}": error_min(scope) for scope in SCOPES}}
    return _suite(
        "augmentations",
        (
            Trial(row=row, poison=poison, countermeasure=column, seed=seed, **SMALL)
            for seed in SEEDS
            for column in columns
            for row, poison in rows.items()
            if not (seed and column.startswith("adversarial"))
        ),
    )


def percentage() -> Suite:
    """Table 2: a share of the images is protected, beside training on the unprotected part alone."""
    poison = error_min("sample-wise")
    trials = []
    for seed in SEEDS:
        trials += [
            Trial(row="protected and clean", column="0", seed=seed, **SMALL),
            Trial(row="protected and clean", column="100", poison=poison, seed=seed, **SMALL),
        ]
        for share in SHARES:
            left = f"{(100 - share) / 100:g}"
            trials += [
                Trial(
                    row=row,
                    column=str(share),
                    poison=poison,
                    countermeasure=f"{name}:{left}",
                    seed=seed,
                    **SMALL,
                )
                for row, name in (("protected and clean", "clean-mix"), ("clean part alone", "clean-part"))
            ]
    return _suite("percentage", trials)


def classes() -> Suite:
    """One class protected (bird), and four (airplane, automobile, ship, truck), beside none: confusion matrices."""
    trials = []
    for seed in SEEDS:
        trials.append(Trial(row="clean", column="none", seed=seed, **SMALL))
        trials += [
            Trial(
                row=f"error-min, {scope}",
                column=", ".join(chosen),
                poison=error_min(scope),
                protected=chosen,
                seed=seed,
                **SMALL,
            )
            for chosen in (("bird",), FOUR)
            for scope in SCOPES
        ]
    return _suite("classes", trials)


def transfer() -> Suite:
    """Noise made elsewhere: of CIFAR-100's classes on CIFAR-10's, and ships of CIFAR-10 among CIFAR-100's classes."""
    trials = []
    ships: dict[str, Any] = {"dataset": "experiments.paper.data:with_ships", "recipe": exploiter("fast-small", 12)}
    # all 10,000 images of the subset, so the images here are named by a function too
    ten: dict[str, Any] = {**SMALL, "dataset": "experiments.paper.data:ten_thousand", "per_class": None}
    for seed in SEEDS:
        trials += [
            Trial(
                row="noise of CIFAR-100",
                column="CIFAR-10",
                poison=error_min("class-wise"),
                made_on="cifar100-20c",
                standing_for=tuple(LIKE.items()),
                seed=seed,
                **ten,
            ),
            Trial(row="random noise", column="CIFAR-10", poison=RandomNoise(), seed=seed, **ten),
            Trial(row="clean ships", column="CIFAR-100 and ships", seed=seed, **ships),
            Trial(
                row="protected ships",
                column="CIFAR-100 and ships",
                poison=error_min("sample-wise"),
                made_on="experiments.paper.data:ten_thousand",
                protected=("ship",),
                seed=seed,
                **ships,
            ),
        ]
    return _suite("transfer", trials)


def unseen() -> Suite:
    """Images that the noise was not made on: class-wise they get their class's, a generator reads no label."""
    first = "experiments.paper.data:ten_thousand"
    rows: dict[str, tuple[AnyPoison | None, str]] = {
        "clean": (None, ""),
        "error-min, class-wise": (error_min("class-wise"), first),
        "generator": (GeneratorNoise(), first),
        "deep-confuse": (DeepConfuse(), first),
        "generator, made on 30,000": (GeneratorNoise(), "experiments.paper.data:last_three_thousand"),
    }
    return _suite(
        "unseen",
        (
            Trial(
                row=row,
                dataset="experiments.paper.data:next_thousand",
                poison=poison,
                made_on=made_on,
                recipe=exploiter("fast-small", 8),
                seed=seed,
            )
            for row, (poison, made_on) in rows.items()
            for seed in SEEDS
        ),
    )


def patterns() -> Suite:
    """Noise on patches, two kinds per class, and strengths, beside clean images."""
    rows: dict[str, AnyPoison | None] = {"clean": None}
    rows.update({f"patch of {side}": PatternErrorMin(patch=side) for side in PATCHES})
    rows["two kinds per class"] = PatternErrorMin(variants=2)
    for scope in SCOPES:
        for epsilon in EPSILONS:
            noise = error_min(scope)
            # 8 and 8.0 are two keys
            rows[f"ε = {epsilon}, {scope}"] = noise if epsilon == noise.epsilon else replace(noise, epsilon=epsilon)
    return _suite(
        "patterns",
        (Trial(row=row, poison=poison, seed=seed, **SMALL) for seed in SEEDS for row, poison in rows.items()),
    )


def sign() -> Suite:
    """The released code's lost sign: noise in [0, ε] as it is published there, and in [-ε, ε]."""
    rows: dict[str, AnyPoison] = {}
    for scope in SCOPES:
        rows[f"[0, ε], {scope}"] = LostSign(scope=scope)
        rows[f"[-ε, ε], {scope}"] = error_min(scope)
    return _suite(
        "sign", (Trial(row=row, poison=poison, seed=seed, **SMALL) for seed in SEEDS for row, poison in rows.items())
    )


def faces() -> Suite:
    """Some people protect their photos, with noise of their own or made on other people's; then everybody does.

    Random noise, one pattern a person, is the control.
    """
    protected, helpers = people()
    common: dict[str, Any] = {
        "dataset": "experiments.paper.data:faces",
        "recipe": recipe("photos"),
        "protected": protected,
        "pairs": True,
    }
    trials = []
    for seed in SEEDS:
        trials += [
            Trial(row="clean", seed=seed, **common),
            Trial(row="random noise", poison=RandomNoise(epsilon=16), seed=seed, **common),
            Trial(row="noise of their own", poison=ErrorMin(epsilon=16, luma=None), seed=seed, **common),
            Trial(
                row="noise of other people",
                poison=ErrorMin(epsilon=16, luma=None),
                made_on="experiments.paper.data:helpers",
                standing_for=tuple(zip(protected, helpers, strict=True)),
                seed=seed,
                **common,
            ),
            Trial(row=EVERYBODY, poison=ErrorMin(epsilon=16, luma=None), seed=seed, **{**common, "protected": ()}),
        ]
    return _suite("faces", trials)


assert set(LIKE) == set(CLASSES)
