"""What every poison promises, kept in one place."""

import hashlib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, TypedDict, TypeVar, final, get_args

import numpy as np

from unlearnable._runtime import Runtime, versions
from unlearnable._types import SCOPES, Norm, Parameters, RealLevels, Report, Scope, silent
from unlearnable.budget import Budget
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Additive, Stored
from unlearnable.poisons._checkpoint import Checkpoint
from unlearnable.training.fit import seeded

MadeT = TypeVar("MadeT", bound=Stored)

SEEDS = 2**63


class Origin(TypedDict):
    """How a perturbation was made: what every kind of it records."""

    scope: Scope
    index: tuple[str, ...]
    method: str
    parameters: Parameters
    seed: int
    data_hash: str
    versions: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Poison(ABC, Generic[MadeT]):
    """A method that crafts a perturbation: a frozen dataclass whose fields are its hyper-parameters.

    A subclass names itself in `method`, lists the scopes it can do in `scopes`, says in `citation` where it comes
    from, and implements `make`; one that adds noise is an `AdditivePoison` and implements `run`. `craft` is final: it
    validates, seeds and records.

    Args:
        scope: `class-wise` (one row per class) or `sample-wise` (one per image).
        seed: seed of every random number in the search.

    Raises:
        ValueError: the scope is not one of the method's, or a number is out of range.
    """

    method: ClassVar[str]
    scopes: ClassVar[tuple[Scope, ...]] = SCOPES
    least_categories: ClassVar[int] = 2
    citation: ClassVar[str] = ""
    """BibTeX of the source."""
    needs: ClassVar[tuple[str, ...]] = ("labels", "images")
    """What crafting reads: `labels`, `images`, and `surrogate` if it trains a network."""
    revision: ClassVar[int] = 1
    """Part of a trial's resume key: raise it when the same settings give other noise than before."""
    endless: ClassVar[tuple[str, ...]] = ("cycles",)
    """Settings that may be infinite."""
    later: ClassVar[tuple[str, ...]] = ()
    """Settings that are not recorded where they are None: noise from before there were any is the same."""

    scope: Scope = "class-wise"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.scope not in get_args(Scope):
            raise ValueError(f"scope must be class-wise or sample-wise; got {self.scope!r}")
        if self.scope not in self.scopes:
            raise ValueError(f"{self.method} is {' or '.join(self.scopes)} only; got scope {self.scope!r}")
        if not 0 <= self.seed < SEEDS:
            raise ValueError(f"seed must be a whole number from 0 to 2**63 - 1; got {self.seed!r}")
        for name, value in self.parameters().items():
            endless = name in self.endless and value == math.inf
            if isinstance(value, float) and not math.isfinite(value) and not endless:
                raise ValueError(f"{name} must be a finite number; got {value!r}")

    @classmethod
    def bound(cls) -> str:
        """Name what limits the change: a norm, a number of pixels, or nothing."""
        return "nothing"

    @abstractmethod
    def make(self, data: ImageSet, runtime: Runtime, report: Report, origin: Origin) -> MadeT:
        """Search, and return the perturbation with its `origin`."""

    def require(self, data: ImageSet) -> None:
        """Refuse data that this method cannot protect, with a ValueError, before anything is searched."""

    @final
    def craft(self, data: ImageSet, runtime: Runtime | None = None, report: Report | None = None) -> MadeT:
        """Craft a perturbation for `data`: the same for the same seed on one processor with one thread count.

        On CUDA some sums are taken in any order, so that two searches may differ in the last digits, and signs with
        them.

        Args:
            data: the images to protect; all classes together.
            runtime: device and autocast type (default: the fastest there is); the seed is this poison's own.
            report: called now and then with how far the search is.

        Raises:
            ValueError: the data cannot be protected by this method, or the search diverged.
        """
        _require_crafting_data(data, self.scope, self.least_categories)
        self.require(data)
        runtime = (runtime or Runtime.auto()).with_seed(self.seed)
        origin: Origin = {
            "scope": self.scope,
            "index": data.classes if self.scope == "class-wise" else data.keys,
            "method": self.method,
            "parameters": self.parameters(),
            "seed": self.seed,
            "data_hash": data.content_hash(),
            "versions": versions(),
        }
        with seeded(runtime):
            return self.make(data, runtime, report or silent, origin)

    def checkpoint(self, data: ImageSet, runtime: Runtime) -> Checkpoint:
        """Return where this search keeps its state; it knows its own by method, settings, seed and data."""
        if runtime.checkpoint is None:
            return Checkpoint(None, {})
        order = hashlib.blake2b("\0".join(data.keys).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        identity = {
            "method": self.method,
            "revision": self.revision,
            "seed": self.seed,
            **self.parameters(),
            "data": data.content_hash(),
            "order": order,  # noise is kept by place
            "device": str(runtime.device),
            "dtype": str(runtime.dtype),
        }
        return Checkpoint(runtime.checkpoint, identity)

    def parameters(self) -> Parameters:
        """The hyper-parameters as they are recorded: every field but the seed, which has its own place."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "seed"}
        return {name: value for name, value in values.items() if value is not None or name not in self.later}


@dataclass(frozen=True, kw_only=True)
class AdditivePoison(Poison[Additive]):
    """A method that crafts δ to be added to the pixels: inside its budget after rounding.

    Args:
        epsilon: ε in pixel levels, 8 means 8/255. Where the method's norm is l2: the root mean square over all
            values of an image, so that it means the same at any size.

    Raises:
        ValueError: ε is out of range.
    """

    norm: ClassVar[Norm] = "linf"

    epsilon: float = 8.0

    def __post_init__(self) -> None:
        if not 1 <= self.epsilon <= 127:
            raise ValueError(f"epsilon must be 1..127 pixel levels (8 means 8/255); got {self.epsilon!r}")
        super().__post_init__()

    @classmethod
    def bound(cls) -> str:
        """Name the norm."""
        return cls.norm

    def budget(self, data: ImageSet) -> Budget:
        """Return the set that every row of δ lies in."""
        if self.norm == "l2":
            return Budget(epsilon=self.epsilon * float(np.sqrt(np.prod(data.pixels.shape[1:]))), norm="l2")
        return Budget(epsilon=self.epsilon, norm=self.norm)

    @abstractmethod
    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Search for δ and return it in levels: one row per class name or per image, in the order of `data`."""

    @final
    def make(self, data: ImageSet, runtime: Runtime, report: Report, origin: Origin) -> Additive:
        """Run, and round into the budget."""
        real = self.run(data, runtime, report)
        assert real.shape == (len(origin["index"]), *data.pixels.shape[1:]), f"{self.method} made {real.shape}"
        budget = self.budget(data)
        bank = budget.quantise(real)
        assert budget.contains(bank), f"{self.method} left its budget"
        return Additive(bank=bank, budget=budget, **origin)


def require_company(data: ImageSet, method: str) -> None:
    """Refuse data with a category of one image, where noise comes from what images of a category have in common."""
    alone = [name for name, count in zip(data.classes, data.counts.tolist(), strict=True) if count == 1]
    if alone:
        raise ValueError(
            f"{method} needs at least 2 images of a category; {data.name} has one of {alone[0]!r}: add more of it, "
            "leave it out, or use another method"
        )


AnyPoison = Poison[Any]
"""Any method of the registry."""


def _require_crafting_data(data: ImageSet, scope: Scope, least_categories: int) -> None:
    if len(data) < 2:
        raise ValueError(f"crafting needs at least 2 images; {data.name} has {len(data)}")
    if np.count_nonzero(data.counts) < least_categories:
        raise ValueError(
            f"{scope} noise needs images of at least {least_categories} categories here; {data.name} has "
            f"{np.count_nonzero(data.counts)}: add pictures of other categories as helpers, or use a pack"
        )
