"""Reports accuse themselves: each flag says what is weak about a measurement, with its threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unlearnable._types import Parameters
from unlearnable.evaluation.metrics import LEAST_TO_LEARN

UNDERTRAINED = 90.0
"""Percent of training accuracy on protected data below which the exploiter had not finished learning it."""

AS_WELL = 2.0
"""Points above random noise within which the protection did no better than it."""

CLEAN_BASELINE = 50.0
"""Percent of clean test accuracy below which the exploiter is too weak to be a convincing control."""


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One weakness of a measurement: a registry word, and a sentence for a person."""

    name: str
    sentence: str


def find_flags(rows: Sequence[Parameters], *, chance: float, seeds: int, untested: Sequence[str]) -> tuple[Flag, ...]:
    """Look for weaknesses in the summary rows of a proof.

    Args:
        rows: summaries with `name`, `kind`, `best`, `last`, `train_acc` (means over seeds, percent), `broken_seeds`.
        chance: accuracy of a network that learned nothing, percent.
        seeds: trainings per row.
        untested: countermeasures that were left out.
    """
    named: Mapping[str, Parameters] = {row["name"]: row for row in rows}
    clean, protected, random = named.get("clean"), named.get("protected"), named.get("random")
    flags = []
    if clean and clean["best"] - chance < LEAST_TO_LEARN:
        flags.append(
            Flag(
                name="clean-baseline-low",
                sentence=f"Even clean photos teach this exploiter only {clean['best']:.1f} % (chance {chance:.1f} %), "
                "so a low number on protected ones shows nothing; use more photos or more categories.",
            )
        )
    elif clean and clean["best"] < CLEAN_BASELINE:
        flags.append(
            Flag(
                name="clean-baseline-low",
                sentence=f"Clean photos teach this exploiter {clean['best']:.1f} %: it is a weak one, and a stronger "
                "one might also learn more from the protected photos.",
            )
        )
    broken = [(row["name"], seed) for row in rows for seed in row["broken_seeds"]]
    if broken:
        flags.append(
            Flag(
                name="learned-nothing",
                sentence=f"In {', '.join(f'{name} (seed {seed})' for name, seed in broken)} the exploiter knows "
                "nothing even of its own training photos: its training broke down, and that shows no protection. Where "
                "another seed's did not, it is left out of the mean.",
            )
        )
    if protected and protected["train_acc"] < UNDERTRAINED:
        flags.append(
            Flag(
                name="undertrained",
                sentence=f"On protected photos the exploiter reached {protected['train_acc']:.0f} % training accuracy "
                f"(below {UNDERTRAINED:.0f} %): longer training could change the result.",
            )
        )
    controls = [row for row in (random, named.get("smooth")) if row]
    if protected and any(row["best"] <= protected["best"] + AS_WELL for row in controls):
        flags.append(
            Flag(
                name="random-noise-does-as-well",
                sentence="Random noise of the same size does as well as the protection here, so this test does not "
                "show what the optimised noise adds.",
            )
        )
    if seeds < 2:
        flags.append(
            Flag(name="single-seed", sentence="Each row is one training; another seed can differ by several points.")
        )
    if untested:
        flags.append(
            Flag(
                name="countermeasure-not-run",
                sentence=f"Not tested here: {', '.join(untested)}. A verdict covers only what was run.",
            )
        )
    return tuple(flags)


def trial_flags(
    record: Parameters, *, shared: int, halved: bool, restarted: bool, nothing: bool, idle: bool, blends: bool = False
) -> tuple[Flag, ...]:
    """Look for weaknesses that one trial shows by itself.

    Args:
        record: with `train_acc`, `column`, `poison` and `trained_by`.
        shared: images that are in the training and in the test set, pixel for pixel.
        halved: the batch did not fit into memory.
        restarted: training learned nothing at first and was repeated with a lower learning rate.
        nothing: it learned nothing then either.
        blends: it was trained on blends of images, of which training accuracy says little.
        idle: the countermeasure left test images as they were, where it is one that treats them.
    """
    flags = []
    if nothing:
        flags.append(
            Flag(
                name="learned-nothing",
                sentence=f"The exploiter knows nothing even of its own training images ({record['train_acc']:.0f} %): "
                "its training broke down, and that shows no protection.",
            )
        )
    elif restarted:
        flags.append(
            Flag(
                name="restarted",
                sentence="Training broke down and was repeated with the lower learning rate "
                f"{record['trained_by']['learning_rate']:g}.",
            )
        )
    if shared:
        flags.append(
            Flag(
                name="train-test-overlap",
                sentence=f"{shared} test images are also among the training images, pixel for pixel: accuracies are "
                "too high.",
            )
        )
    if record["train_acc"] < UNDERTRAINED and not blends:
        flags.append(
            Flag(
                name="undertrained",
                sentence=f"The exploiter reached {record['train_acc']:.0f} % training accuracy (below "
                f"{UNDERTRAINED:.0f} %): longer training could change the result.",
            )
        )
    if halved:
        flags.append(batch_flag(record["trained_by"]))
    if idle:
        flags.append(
            Flag(
                name="no-effect",
                sentence=f"At this strength {record['column']} changes no pixel of these images: this is plain "
                "training.",
            )
        )
    return tuple(flags)


def restart_flag(rows: Sequence[str]) -> Flag:
    """Say that trainings of these rows learned nothing at first and were repeated."""
    return Flag(
        name="restarted",
        sentence=f"In {', '.join(dict.fromkeys(rows))} a training learned nothing at first and was repeated with a "
        "lower learning rate.",
    )


def batch_flag(trained_by: Mapping[str, Any]) -> Flag:
    """Accuse a training whose batch did not fit into memory, by the recipe (as a mapping) that did."""
    return Flag(
        name="batch-halved",
        sentence=f"Memory ran out: the batch and the learning rate were halved to {trained_by['batch_size']} and "
        f"{trained_by['learning_rate']:g}.",
    )


def overlap_flag(train_keys: Sequence[str], duplicates: int) -> Flag | None:
    """Accuse test photos that are also in training (`duplicates` of them, pixel for pixel)."""
    if not duplicates:
        return None
    return Flag(
        name="train-test-overlap",
        sentence=f"{duplicates} test photos are also among the {len(train_keys)} training photos, pixel for pixel: "
        "all accuracies are too high.",
    )
