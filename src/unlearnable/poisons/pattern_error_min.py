"""Error-minimizing patterns: one or several per class, on the whole image or on a patch of it."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unlearnable._runtime import Runtime
from unlearnable._scratch import scratch
from unlearnable._types import RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._bilevel import Batches
from unlearnable.poisons._joint import Joint

Place = Literal["random", "centre"]


@dataclass(frozen=True, kw_only=True)
class PatternErrorMin(AdditivePoison):
    """Class-wise error-minimizing noise that covers a patch, or of which a class has several kinds.

    min_θ min_{‖δ‖∞ ≤ ε} E_l L(f_θ(x_i + P_l δ_{y_i, v_i}), y_i), the kind v_i drawn once for each image, P_l the
    pattern laid at the place l of an otherwise empty image; published: one place for each image.

    Source: Huang et al., Unlearnable Examples, ICLR 2021, section 4.4 and its released settings: patches of 8, 16 and
    24 pixels at a random place, and two noises per class. The noise is kept sample-wise, since places differ.
    Differs from the paper: the joint search of `error-min`, class-wise; a new place for each image and step.

    Args:
        patch: side of the pattern in pixels; by default, or where the image is smaller, all of it.
        place: `random` or `centre`.
        variants: kinds per class.
        surrogates: architectures of f_θ that take turns, names in `models.ARCHITECTURES`.
        steps: joint steps on θ and δ at most.
        step: size of a sign step in levels; by default ε / 10.
        cycles: of δ's gradient, the highest frequency that is used, in cycles per image.
        batch_size: images a step.
        learning_rate: of θ.
        stop_error: stop when the surrogates' error over the last 20 batches falls below this share; 0 never.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "pattern-error-min"
    scopes: ClassVar[tuple[Scope, ...]] = ("sample-wise",)
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = """@inproceedings{huang2021unlearnable,
  title = {Unlearnable Examples: Making Personal Data Unexploitable},
  author = {Huang, Hanxun and Ma, Xingjun and Erfani, Sarah Monazam and Bailey, James and Wang, Yisen},
  booktitle = {ICLR},
  year = {2021}
}"""

    scope: Scope = "sample-wise"
    patch: int | None = None
    place: Place = "random"
    variants: int = 1
    surrogates: tuple[str, ...] = ("fast-small",)
    steps: int = 200
    step: float | None = None
    cycles: float = 8.0
    batch_size: int = 500
    learning_rate: float = 0.1
    stop_error: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.place not in get_args(Place):
            raise ValueError(f"place must be {' or '.join(get_args(Place))}; got {self.place!r}")
        if not self.surrogates:
            raise ValueError("surrogates must name at least one architecture")
        if min(self.variants, self.steps) < 1 or self.batch_size < 2 or (self.patch is not None and self.patch < 1):
            raise ValueError("patch, variants and steps must be at least 1, batch_size at least 2")
        if not self.learning_rate > 0 or (self.step is not None and not self.step > 0):
            raise ValueError("learning_rate and step must be positive")
        if not self.cycles >= 1 or not 0 <= self.stop_error < 1:
            raise ValueError("cycles must be at least 1 per image, and stop_error a share from 0 up to 1")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Search for the patterns, and lay one into every image (levels)."""
        labels = torch.from_numpy(data.labels).to(runtime.device)
        drawn = runtime.generator("patterns")
        variant = torch.randint(self.variants, (len(labels),), generator=drawn).to(runtime.device)
        patterns = labels * self.variants + variant
        height, width = data.pixels.shape[2:]
        side = min(height, width)
        sides = (height, width) if self.patch is None else (min(self.patch, height), min(self.patch, width))

        def lay(own: Float[Tensor, "b c p q"], generator: torch.Generator) -> Float[Tensor, "b c h w"]:
            return laid(own, *self._places(len(own), (height, width), sides, generator), (height, width))

        search = Joint(
            networks=self.surrogates,
            epsilon=self.epsilon,
            step=self.epsilon / 10 if self.step is None else self.step,
            steps=self.steps,
            cycles=self.cycles * min(sides) / side,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            stop_error=self.stop_error,
            lay=lay,
            sides=sides,
        )
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
