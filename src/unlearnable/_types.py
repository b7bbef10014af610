"""Array aliases and the axis legend.

Axes: n images, m rows of a noise bank, c channels, h height, w width, k classes.
Numpy arrays are at rest (stored, applied, shared), torch tensors in motion (trained, crafted).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int8, Int64, UInt8

Pixels: TypeAlias = UInt8[np.ndarray, "n c h w"]
"""Images as stored on disk, 0..255."""

Levels: TypeAlias = Int8[np.ndarray, "m c h w"]
"""A noise bank in pixel levels: -127..127."""

RealLevels: TypeAlias = Float[np.ndarray, "m c h w"]
"""A noise bank in pixel levels before it is rounded."""

Labels: TypeAlias = Int64[np.ndarray, " n"]

Norm = Literal["linf", "l2", "l0"]
Scope = Literal["class-wise", "sample-wise"]
SCOPES: tuple[Scope, ...] = ("class-wise", "sample-wise")

Parameters: TypeAlias = dict[str, Any]
"""JSON-serialisable hyper-parameters."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a long job is: `done` of `total` units, and one phrase for a person."""

    done: int
    total: int
    note: str = ""


Report: TypeAlias = Callable[[Progress], None]
"""What a long job calls now and then; it may raise to stop the job."""


def silent(progress: Progress) -> None:
    """Report nothing."""
