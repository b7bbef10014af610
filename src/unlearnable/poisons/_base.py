"""What every poison promises, kept in one place."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar, final, get_args

import numpy as np

from unlearnable._runtime import Runtime, versions
from unlearnable._types import SCOPES, Parameters, RealLevels, Report, Scope, silent
from unlearnable.budget import Budget
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Additive
from unlearnable.training.fit import seeded


@dataclass(frozen=True, kw_only=True)
class Poison(ABC):
    """A method that crafts δ: a frozen dataclass whose fields are its hyper-parameters.

    A subclass names itself in `method`, lists the scopes it can do in `scopes`, and implements `run`. `craft` is
    final: it validates, seeds, rounds into the budget, checks, and records.

    Args:
        epsilon: ε in pixel levels, 8 means 8/255.
        scope: `class-wise` (one δ per class) or `sample-wise` (one per image).
        seed: seed of every random number in the search.

    Raises:
        ValueError: ε or the scope is out of range.
    """

    method: ClassVar[str]
    scopes: ClassVar[tuple[Scope, ...]] = SCOPES
    least_categories: ClassVar[int] = 2
    revision: ClassVar[int] = 1
    """Part of a trial's resume key: raise it when the same settings give other noise than before."""

    epsilon: float = 8.0
    scope: Scope = "class-wise"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.scope not in get_args(Scope):
            raise ValueError(f"scope must be class-wise or sample-wise; got {self.scope!r}")
        if self.scope not in self.scopes:
            raise ValueError(f"{self.method} is {' or '.join(self.scopes)} only; got scope {self.scope!r}")
        if not np.isfinite(self.epsilon) or not 1 <= self.epsilon <= 127:
            raise ValueError(f"epsilon must be 1..127 pixel levels (8 means 8/255); got {self.epsilon!r}")

    @property
    def budget(self) -> Budget:
        """The set that every row of δ lies in."""
        return Budget(epsilon=self.epsilon)

    @abstractmethod
    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Search for δ and return it in levels: one row per class name or per image, in the order of `data`."""

    @final
    def craft(self, data: ImageSet, runtime: Runtime | None = None, report: Report | None = None) -> Additive:
        """Craft δ for `data`: inside the budget after rounding, the same for the same seed on one machine.

        Args:
            data: the images to protect; all classes together.
            runtime: device and autocast type (default: the fastest there is); the seed is this poison's own.
            report: called now and then with how far the search is.

        Raises:
            ValueError: the data cannot be protected by this method, or the search diverged.
        """
        _require_crafting_data(data, self.scope, self.least_categories)
        runtime = (runtime or Runtime.auto()).with_seed(self.seed)
        with seeded(runtime):
            real = self.run(data, runtime, report or silent)
        index = data.classes if self.scope == "class-wise" else data.keys
        assert real.shape == (len(index), *data.pixels.shape[1:]), f"{self.method} made {real.shape}"
        bank = self.budget.quantise(real)
        assert self.budget.contains(bank), f"{self.method} left its budget"
        return Additive(
            bank=bank,
            scope=self.scope,
            index=index,
            budget=self.budget,
            method=self.method,
            parameters=self.parameters(),
            seed=self.seed,
            data_hash=data.content_hash(),
            versions=versions(),
        )

    def parameters(self) -> Parameters:
        """The hyper-parameters as they are recorded: every field but the seed, which has its own place."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "seed"}


def _require_crafting_data(data: ImageSet, scope: Scope, least_categories: int) -> None:
    if len(data) < 2:
        raise ValueError(f"crafting needs at least 2 images; {data.name} has {len(data)}")
    if scope == "class-wise" and np.count_nonzero(data.counts) < least_categories:
        raise ValueError(
            f"class-wise noise needs images of at least 2 categories; {data.name} has one: "
            "add pictures of other categories as helpers, or use a pack"
        )
