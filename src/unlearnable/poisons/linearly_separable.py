"""Linearly separable noise: random patches that a linear classifier tells apart; no network, no search."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from unlearnable._runtime import Runtime
from unlearnable._scratch import scratch
from unlearnable._types import Norm, Progress, RealLevels, Report, Scope
from unlearnable.budget import parts
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison


@dataclass(frozen=True, kw_only=True)
class LinearlySeparable(AdditivePoison):
    """Noise drawn from a cluster per class, laid out as a grid of flat patches (LSP, "synthetic").

    z_i = u A_y + s v_y, u ~ N(0, I), A_y ~ U(-1, 1)^{d x d}, v_y a vertex of {-1, 1}^d of its own;
    δ_i = ε √D upsample(z_i) / ‖upsample(z_i)‖_2, with D the number of values of an image.

    Source: Yu, Zhang, Chen, Yin, Liu, Availability Attacks Create Shortcuts, KDD 2022 (the code has no licence; from
    the description). Sample-wise; ε is the root mean square in levels, 6 in the paper (‖δ‖_2 = 1.304 on
    CIFAR-10 with images in [0, 1]).
    Differs from the paper: the clusters are drawn here and not by scikit-learn (same distribution); `grid` counts
    patches per shorter side, 4 (the paper's patch of 8 pixels at 32), at any size.

    Args:
        grid: patches per shorter side.
        separation: s, half the distance between vertices along one axis.

    Raises:
        ValueError: a setting is out of range, or there are more classes than vertices.
    """

    method: ClassVar[str] = "lsp"
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    least_categories: ClassVar[int] = 1
    norm: ClassVar[Norm] = "l2"
    needs: ClassVar[tuple[str, ...]] = ("labels",)
    citation: ClassVar[str] = """@inproceedings{yu2022availability,
  title = {Availability Attacks Create Shortcuts},
  author = {Yu, Da and Zhang, Huishuai and Chen, Wei and Yin, Jian and Liu, Tie-Yan},
  booktitle = {KDD},
  year = {2022}
}"""

    scope: Scope = "sample-wise"
    epsilon: float = 6.0
    grid: int = 4
    separation: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.grid < 1:
            raise ValueError(f"grid must be at least 1 patch; got {self.grid!r}")
        if not self.separation > 0:
            raise ValueError(f"separation must be positive; got {self.separation!r}")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Draw, lay out and scale (levels)."""
        generator = np.random.default_rng([self.seed, 0x15B])
        channels, height, width = data.pixels.shape[1:]
        down, across = _cells(height, width, self.grid)
        features = channels * down * across
        vertices = _vertices(len(data.classes), features, generator)
        spread = generator.uniform(-1, 1, (len(data.classes), features, features)).astype(np.float32)
        values = generator.standard_normal((len(data), features), dtype=np.float32)
        for label in np.flatnonzero(data.counts):
            rows = data.labels == label
            values[rows] = values[rows] @ spread[label] + self.separation * vertices[label]
        rows_of = np.arange(height) * down // height
        columns_of = np.arange(width) * across // width
        levels: RealLevels = scratch(data.pixels.shape, np.float32)
        for part in parts(levels.shape):
            flat = values[part].reshape(-1, channels, down, across)[:, :, rows_of][:, :, :, columns_of]
            size = np.sqrt(np.square(flat).mean(axis=(1, 2, 3), keepdims=True))
            levels[part] = flat * (self.epsilon / size)
        report(Progress(done=1, total=1, note=f"{features} features"))
        return levels


def _cells(height: int, width: int, grid: int) -> tuple[int, int]:
    short = min(height, width)
    grid = min(grid, short)
    return max(1, round(grid * height / short)), max(1, round(grid * width / short))


def _vertices(classes: int, features: int, generator: np.random.Generator) -> Float[np.ndarray, "k d"]:
    """Draw a vertex of {-1, 1}^d for each class, all different."""
    if features < 60 and classes > 2**features:
        raise ValueError(
            f"lsp can tell {2**features} categories apart with {features} patches; there are {classes}: raise grid"
        )
    chosen: dict[bytes, np.ndarray] = {}
    while len(chosen) < classes:
        for vertex in generator.integers(0, 2, (classes, features), dtype=np.int8):
            chosen.setdefault(vertex.tobytes(), vertex)
    return (2 * np.stack(list(chosen.values())[:classes]) - 1).astype(np.float32)
