"""Error-minimizing patterns: one or several per class, on the whole image or on a patch of it."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unlearnable._runtime import Runtime
from unlearnable._scratch import scratch
from unlearnable._types import RealLevels, Report
from unlearnable.imageset import ImageSet
from unlearnable.poisons._bilevel import Batches
from unlearnable.poisons._citations import HUANG_2021
from unlearnable.poisons._joint import Patterned

Place = Literal["random", "centre"]


@dataclass(frozen=True, kw_only=True)
class PatternErrorMin(Patterned):
    """Class-wise error-minimizing noise that covers a patch, or of which a class has several kinds.

    min_θ min_{‖δ‖∞ ≤ ε} E_l L(f_θ(x_i + P_l δ_{y_i, v_i}), y_i), the kind v_i drawn once for each image, P_l the
    pattern laid at the place l of an otherwise empty image; published: one place for each image.

    Source: Huang et al., Unlearnable Examples, ICLR 2021 (MIT), section 4.4 and its released settings: patches of 8, 16
    and 24 pixels at a random place, and two noises per class. The noise is kept sample-wise, since places differ.
    Differs from the paper: the joint search of `error-min`, class-wise, with slow changes only, that stops at an error
    of 0.01, where the released patches stop at 0.1.

    Args:
        patch: side of the pattern in pixels; by default, or where the image is smaller, all of it.
        place: `random` or `centre`.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "pattern-error-min"
    citation: ClassVar[str] = HUANG_2021

    patch: int | None = None
    place: Place = "random"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.place not in get_args(Place):
            raise ValueError(f"place must be {' or '.join(get_args(Place))}; got {self.place!r}")
        if self.patch is not None and self.patch < 1:
            raise ValueError(f"patch must be at least 1 pixel; got {self.patch!r}")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Search for the patterns, and lay one into every image (levels)."""
        labels = torch.from_numpy(data.labels).to(runtime.device)
        drawn = runtime.generator("patterns")
        patterns = self.drawn(labels, drawn)
        height, width = data.pixels.shape[2:]
        side = min(height, width)
        sides = (height, width) if self.patch is None else (min(self.patch, height), min(self.patch, width))

        def lay(own: Float[Tensor, "b c p q"], generator: torch.Generator) -> Float[Tensor, "b c h w"]:
            return laid(own, *self._places(len(own), (height, width), sides, generator), (height, width))

        search = self.joint(cycles=self.cycles * min(sides) / side, lay=lay, sides=sides)
        count = len(data.classes) * self.variants
        levels = search.search(data, patterns, count, runtime, report, self.checkpoint(data, runtime))
        result = torch.from_numpy(scratch(data.pixels.shape, levels.new_zeros(1).cpu().numpy().dtype))
        for rows in Batches(len(labels), self.batch_size, drawn).sweep():
            result[rows] = lay(levels[patterns[rows.to(runtime.device)]], drawn).cpu()
        return result.numpy()

    def _places(
        self, count: int, whole: tuple[int, int], sides: tuple[int, int], generator: torch.Generator
    ) -> tuple[Int64[Tensor, " b"], Int64[Tensor, " b"]]:
        free = [total - side for total, side in zip(whole, sides, strict=True)]
        if self.place == "centre":
            top, left = (torch.full((count,), room // 2) for room in free)
        else:
            top, left = (torch.randint(room + 1, (count,), generator=generator) for room in free)
        return top, left


def laid(
    patterns: Float[Tensor, "b c p q"], top: Int64[Tensor, " b"], left: Int64[Tensor, " b"], sides: tuple[int, int]
) -> Float[Tensor, "b c h w"]:
    """Lay each pattern into an empty image of `sides`, its corner at `top`, `left`.

    By products with matrices of zeros and ones: exact, and gradients are summed in one order.
    """
    rows, columns = (
        (
            torch.arange(whole)[None, :, None]
            == corner.cpu()[:, None, None] + torch.arange(patterns.shape[axis])[None, None]
        ).to(patterns)
        for whole, corner, axis in zip(sides, (top, left), (2, 3), strict=True)
    )
    return rows[:, None] @ patterns @ columns[:, None].mT
