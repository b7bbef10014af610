"""Protect photos and datasets with error-minimizing noise, and prove by training that it works.

Names are imported on first use, so `import unlearnable` does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "Additive": "unlearnable.perturbation",
    "Budget": "unlearnable.budget",
    "ErrorMax": "unlearnable.poisons.error_max",
    "ErrorMin": "unlearnable.poisons.error_min",
    "ImageSet": "unlearnable.imageset",
    "Perturbation": "unlearnable.perturbation",
    "RandomNoise": "unlearnable.poisons.random",
    "Runtime": "unlearnable._runtime",
    "load": "unlearnable.datasets",
}

if TYPE_CHECKING:
    from unlearnable._runtime import Runtime
    from unlearnable.budget import Budget
    from unlearnable.datasets import load
    from unlearnable.imageset import ImageSet
    from unlearnable.perturbation import Additive, Perturbation
    from unlearnable.poisons.error_max import ErrorMax
    from unlearnable.poisons.error_min import ErrorMin
    from unlearnable.poisons.random import RandomNoise

__all__ = [
    "Additive",
    "Budget",
    "ErrorMax",
    "ErrorMin",
    "ImageSet",
    "Perturbation",
    "RandomNoise",
    "Runtime",
    "__version__",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'unlearnable' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
