"""Chance, intervals and verdicts. Accuracies are in percent."""

import math
from typing import Literal

import numpy as np

from unlearnable._types import Labels

Verdict = Literal["held", "weakened", "failed", "not tested"]

HELD, WEAKENED = 0.25, 0.60
"""A row held when the network learned at most a quarter of what clean photos teach, failed above 60 %."""

LEAST_TO_LEARN = 15.0
"""Points above chance that clean photos must teach; below, a low protected accuracy shows nothing."""


NOTHING = 2.0
"""Points above chance in training accuracy that a network must reach to have learned anything."""


def chance(labels: Labels) -> float:
    """Accuracy of always naming the test set's largest category, what a network that learned nothing can reach."""
    return 100 * float(np.bincount(labels).max()) / len(labels)


def guessing(labels: Labels, classes: int, smoothing: float) -> float:
    """Loss of a network that knows how frequent the categories are and nothing else: -Σ p log p, in nats.

    p = (1 - s) n_k / n + s / k, with labels smoothed by s.
    """
    shares = (1 - smoothing) * np.bincount(labels, minlength=classes) / len(labels) + smoothing / classes
    return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())


def interval(accuracy: float, count: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of an accuracy measured on `count` test images.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927.
    """
    share, z = accuracy / 100, 1.959964
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)


def learned(accuracy: float, clean: float, chance_level: float) -> float:
    """Return the share of what clean photos teach that was learned: 0 at chance, 1 at the clean accuracy."""
    return max(0.0, accuracy - chance_level) / max(clean - chance_level, 1e-9)


def learned_nothing(train_acc: float, chance_level: float) -> bool:
    """Return whether a network knows nothing even of its own training images."""
    return train_acc < chance_level + NOTHING


def verdict(accuracy: float, clean: float, chance_level: float) -> Verdict:
    """Name the outcome of one row from its worst epoch for the owner, that is the exploiter's best."""
    if clean - chance_level < LEAST_TO_LEARN:
        return "not tested"
    share = learned(accuracy, clean, chance_level)
    return "held" if share <= HELD else "weakened" if share <= WEAKENED else "failed"
