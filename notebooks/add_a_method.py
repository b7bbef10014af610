# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Add a method, and see what it is worth
#
# A poison is a frozen dataclass of its settings with one method. The budget, rounding, seeds, saving and the benchmark
# come with it. [docs/poisons.md](../docs/poisons.md) says how it gets a line in the registry.

# %%
import os
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from unlearnable import ErrorMin, Runtime, load
from unlearnable.evaluation.trial import Trial
from unlearnable.poisons._base import AdditivePoison
from unlearnable.training import recipe

SMALL = bool(os.environ.get("UNLEARNABLE_SMALL"))
runtime = Runtime.auto()


# %% [markdown]
# ## The method
# Stripes: a wave of one direction and frequency per class. No image is looked at, nothing is searched.


# %%
@dataclass(frozen=True, kw_only=True)
class Stripes(AdditivePoison):
    """One plane wave per class: δ_y = ε sign cos(2π (u_y i + v_y j) / side), with random frequencies u_y, v_y."""

    method: ClassVar[str] = "stripes"
    highest: int = 6

    def run(self, data, runtime, report):
        """Draw a wave for each class (levels)."""
        generator = np.random.default_rng(self.seed)
        height, width = data.pixels.shape[2:]
        i, j = np.mgrid[:height, :width]
        count = len(data.classes)
        u, v = generator.integers(1, self.highest + 1, (2, count, 1, 1))
        waves = np.sign(np.cos(2 * np.pi * (u * i / height + v * j / width)))
        rows = waves if self.scope == "class-wise" else waves[data.labels]
        return self.epsilon * np.repeat(rows[:, None], data.pixels.shape[1], axis=1)


digits = load("digits")
noise = Stripes(epsilon=32).craft(digits)
noise

# %% [markdown]
# Outside its budget it would not have been made; the same seed gives the same bytes; a file of it is loaded without any
# code of ours or yours being run.

# %%
assert noise.checksum() == Stripes(epsilon=32).craft(digits).checksum()
assert abs(noise.bank.astype(int)).max() == 32

# %% [markdown]
# ## What is it worth?
# A trial is one training of an exploiter: data, poison, countermeasure, recipe, seed. Always beside clean images
# through the same countermeasure, and beside a method that is known.

# %%
try:
    if SMALL:
        raise FileNotFoundError
    load("cifar10")
    exploiter = replace(recipe("fast"), architecture="fast-small", epochs=8, batch_size=200, learning_rate=0.3)
    settings = {"dataset": "cifar10", "per_class": 300, "recipe": exploiter}
    poisons = {"clean": None, "stripes": Stripes(epsilon=8), "error-min": ErrorMin()}
except FileNotFoundError:  # scanned digits: the same steps, but strokes of 8 pixels are hard to protect
    settings = {"dataset": "digits", "recipe": replace(recipe("tiny"), epochs=2)}
    poisons = {
        "clean": None,
        "stripes": Stripes(epsilon=32),
        "error-min": ErrorMin(epsilon=32, cycles=16, batch_size=100, steps=60),
    }
print(f"{'':12s}" + "".join(f"{name:>12s}" for name in poisons) + "   % of clean test images, best epoch")
for column in ("none", "median:3", "orthogonal-projection"):
    accuracies = [
        Trial(row=name, poison=poison, countermeasure=column, **settings).run(runtime)["best"]
        for name, poison in poisons.items()
    ]
    print(f"{column[:12]:12s}" + "".join(f"{value:12.1f}" for value in accuracies))
