"""A proof on a folder of photos: split, load what was published, and lay out the rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unlearnable._types import Parameters, Progress, Report, silent
from unlearnable.evaluation.controls import random_control, smooth_control
from unlearnable.evaluation.proof import Plan, Row
from unlearnable.evaluation.published import Pair, image_set, load_files
from unlearnable.imageset import ImageSet
from unlearnable.training.recipes import RECIPES, Recipe

LEAST_PHOTOS = 10
"""Photos a category needs: 7 or 8 to train on and 2 or 3 to test."""

LEAST_CATEGORIES = 2

STORED = 9 / 8
"""Photos are loaded this much larger than they are trained on, as training pipelines do before they crop."""

EXPORTS = {
    "gray": "Turned grey",
    "resize:0.5": "Half size and back",
    "jpeg:75": "JPEG, quality 75",
    "jpeg:10": "JPEG, quality 10",
}
"""What an exploiter may do to the protected files before training, by countermeasure name."""


LOADED = {"orthogonal-projection": "Linear signal projected out"}
"""What he may do to all of them together while loading them for training."""


class TooFewPhotosError(ValueError):
    """The folder is too small for a proof; the message says what is needed and how to get there."""


@dataclass(frozen=True, kw_only=True)
class PhotoProof:
    """How a proof on photos is laid out.

    Args:
        recipe: how the exploiter trains.
        seeds: trainings per row.
        epsilon: budget of the protection in levels.
        test_fraction: share of each category's clean photos that is kept for testing.
        exports: countermeasures applied to the protected files, at 720 pixels of the shorter side at most.
        loaded: countermeasures applied to all protected photos together, at the size they are trained on.
        limit: at most so many photos are used, drawn evenly from the categories, but LEAST_PHOTOS of each.
        split_seed: seed of the split and of the draw.
    """

    recipe: Recipe = RECIPES["photos"]
    seeds: tuple[int, ...] = (0, 1)
    epsilon: float = 8.0
    test_fraction: float = 0.25
    exports: tuple[str, ...] = tuple(EXPORTS)
    loaded: tuple[str, ...] = tuple(LOADED)
    limit: int = 4000
    split_seed: int = 0

    def plan(
        self, pairs: Sequence[Pair], *, helpers: Sequence[Pair] = (), about: Parameters, report: Report = silent
    ) -> Plan:
        """Read the files and lay out the rows.

        Accuracy is measured on clean photos of the protected categories only. `helpers` are other people's
        categories, unprotected in every row.

        Args:
            pairs: the protected photos.
            helpers: photos of further categories (`protected` is not read).
            about: provenance for the record; counts are added.
            report: progress of reading.

        Raises:
            TooFewPhotosError: too few photos or categories.
            ValueError: a file cannot be decoded.
        """
        own, others, left_out = enough(pairs, helpers)
        own, others = self._drawn(own, others)
        classes = tuple(sorted({pair.category for pair in (*own, *others)}))
        train, test = _split(own, self.test_fraction, self.split_seed)
        size = round(STORED * (self.recipe.image_size or 64))
        count = 2 * len(train) + len(test) + len(others)
        sizes: Parameters = {"size": size, "report": _joined(report, count)}
        originals = load_files([pair.clean for pair in train], sanitise=self.exports, **sizes)
        clean, *costs = [
            image_set([versions[column] for versions in originals], train, classes, "clean")
            for column in range(1 + len(self.exports))
        ]
        published = load_files([pair.protected for pair in train], sanitise=self.exports, **sizes)
        kept = load_files([pair.clean for pair in test], sanitise=self.exports, **sizes)
        rest, *treated = [
            image_set([versions[column] for versions in kept], test, classes, "test")
            for column in range(1 + len(self.exports))
        ]
        aside = self._helpers(others, classes, sizes)
        random = random_control(clean, epsilon=self.epsilon, scope="class-wise")
        smooth = smooth_control(clean, epsilon=self.epsilon)
        rows = [
            Row(name="clean", title="Clean photos", kind="control", train=clean),
            Row(name="random", title="Random noise of the same size", kind="control", train=random),
            Row(name="smooth", title="Smooth random colours of the same size", kind="control", train=smooth),
        ]
        for column, name in enumerate(("protected", *self.exports)):
            images = image_set([versions[column] for versions in published], train, classes, name)
            title = "Protected photos, as published" if column == 0 else EXPORTS.get(name, name)
            rows.append(
                Row(
                    name=name,
                    title=title,
                    kind="countermeasure" if column else "protected",
                    train=images,
                    treated_test=treated[column - 1] if column else None,
                )
            )
        protected = next(row.train for row in rows if row.name == "protected")
        for name in self.loaded:
            title = LOADED.get(name, name)
            rows.append(Row(name=name, title=title, kind="countermeasure", train=protected, countermeasure=name))
        ceilings = [
            replace(row, kind="control", title=f"Clean photos: {row.title}", train=images)
            for row in rows
            if row.kind == "countermeasure"
            for images in [clean if row.name in self.loaded else costs[self.exports.index(row.name)]]
        ]
        counts = Counter(pair.category for pair in own)
        return Plan(
            rows=tuple(replace(row, train=_with(row.train, aside.get(row.name))) for row in rows),
            ceilings=tuple(replace(row, train=_with(row.train, aside.get(row.name))) for row in ceilings),
            test=rest,
            recipe=self.recipe,
            seeds=self.seeds,
            epsilon=self.epsilon,
            chance=_chance(train, others) if others else None,
            about={
                **about,
                "categories": len(counts),
                "helper_categories": len({pair.category for pair in others}),
                "photos": len(own),
                "photos_given": len(pairs),
                "categories_left_out": sorted(left_out),
            },
        )

    def _helpers(self, others: Sequence[Pair], classes: tuple[str, ...], sizes: Parameters) -> dict[str, ImageSet]:
        """Read other people's photos for each row, treated as the owner's are: only these grey would name the owner."""
        if not others:
            return {}
        versions = load_files([pair.clean for pair in others], sanitise=self.exports, **sizes)
        keyed = [replace(pair, key=f"with/{pair.key}") for pair in others]
        plain, *treated = [
            image_set([each[column] for each in versions], keyed, classes, "helpers")
            for column in range(1 + len(self.exports))
        ]
        rows = ("clean", "random", "smooth", "protected", *self.loaded)
        return {**dict.fromkeys(rows, plain), **dict(zip(self.exports, treated, strict=True))}

    def _drawn(self, own: list[Pair], others: list[Pair]) -> tuple[list[Pair], list[Pair]]:
        total = len(own) + len(others)
        if total <= self.limit:
            return own, others
        share = self.limit / total
        return _sample(own, share, self.split_seed), _sample(others, share, self.split_seed)


def enough(pairs: Sequence[Pair], helpers: Sequence[Pair]) -> tuple[list[Pair], list[Pair], set[str]]:
    """Return the photos of categories that are large enough, helpers likewise, and the names of those left out.

    Raises:
        TooFewPhotosError: too few photos or categories.
    """
    own, left_out = _large_enough(pairs)
    others, _ = _large_enough(helpers)
    categories = {pair.category for pair in own}
    if not categories or len(categories | {pair.category for pair in others}) < LEAST_CATEGORIES:
        raise TooFewPhotosError(_too_few(pairs, len(left_out), bool(categories)))
    return own, others, left_out


def _large_enough(pairs: Sequence[Pair]) -> tuple[list[Pair], set[str]]:
    counts = Counter(pair.category for pair in pairs)
    left_out = {category for category, count in counts.items() if count < LEAST_PHOTOS}
    return [pair for pair in pairs if pair.category not in left_out], left_out


def _too_few(pairs: Sequence[Pair], left_out: int, one: bool) -> str:
    given = len({pair.category for pair in pairs})
    small = f", {left_out} of them with fewer than {LEAST_PHOTOS} photos" if left_out else ""
    others = f", or name a folder of other people's, one sub-folder of {LEAST_PHOTOS} or more each (not protected)"
    return (
        f"there are {len(pairs)} protected photos in {given} {'category' if given == 1 else 'categories'}{small}: "
        f"a proof needs at least {LEAST_CATEGORIES} categories of {LEAST_PHOTOS} photos or more; add photos of yours"
        f"{others if one else ''}"
    )


def _joined(report: Report, total: int) -> Report:
    """Report several readings, one after the other, as one of `total` photos."""
    before = last = 0

    def joined(now: Progress) -> None:
        nonlocal before, last
        before, last = before + (last if now.done <= last else 0), now.done
        report(replace(now, done=before + last, total=total))

    return joined


def _rows_by_category(pairs: Sequence[Pair], seed: int) -> list[list[Pair]]:
    generator = np.random.default_rng([seed, 0x5B117])
    groups: dict[str, list[Pair]] = {}
    for pair in sorted(pairs, key=lambda pair: (pair.category, pair.key)):
        groups.setdefault(pair.category, []).append(pair)
    return [[group[place] for place in generator.permutation(len(group))] for group in groups.values()]


def _split(pairs: Sequence[Pair], fraction: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    train: list[Pair] = []
    test: list[Pair] = []
    for group in _rows_by_category(pairs, seed):
        cut = min(max(1, round(fraction * len(group))), len(group) - 1)
        test += group[:cut]
        train += group[cut:]
    return train, test


def _sample(pairs: Sequence[Pair], share: float, seed: int) -> list[Pair]:
    return [
        pair
        for group in _rows_by_category(pairs, seed)
        for pair in group[: max(LEAST_PHOTOS, round(share * len(group)))]
    ]


def _with(train: ImageSet, helpers: ImageSet | None) -> ImageSet:
    if helpers is None:
        return train
    return ImageSet(
        pixels=np.concatenate([train.pixels, helpers.pixels]),
        labels=np.concatenate([train.labels, helpers.labels]),
        keys=train.keys + helpers.keys,
        classes=train.classes,
        name=train.name,
    )


def _chance(train: Sequence[Pair], others: Sequence[Pair]) -> float:
    """Percent a network gets right on the protected categories by guessing as often as it saw them."""
    counts = Counter(pair.category for pair in train)
    return 100 * max(counts.values()) / (len(train) + len(others))
