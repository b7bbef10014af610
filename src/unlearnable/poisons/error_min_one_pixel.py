"""Error-minimizing noise and one pixel on top of it: two shortcuts that fall to different countermeasures."""

from dataclasses import dataclass
from typing import ClassVar

from unlearnable._runtime import Runtime
from unlearnable._types import Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Chain
from unlearnable.poisons import POISONS
from unlearnable.poisons._base import AnyPoison, Origin, Poison
from unlearnable.poisons._citations import HUANG_2021, WU_2023
from unlearnable.poisons._surrogates import phases


@dataclass(frozen=True, kw_only=True)
class ErrorMinOnePixel(Poison[Chain]):
    """Add error-minimizing noise, then set one pixel per class (CIFAR-10-S).

    x' = set_{p_y, v_y}(x + δ), δ from `error-min`, (p, v)_y from `one-pixel` on the images that already have it.

    Source: Wu, Chen, Xie, Huang, One-Pixel Shortcut, ICLR 2023 (Apache-2.0), section on composition. Class-wise.
    Differs from the paper: the error-minimizing noise is class-wise, with this package's defaults.

    Args:
        epsilon: ε of the noise, in levels.
        pixels: how many pixels per image.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "error-min-one-pixel"
    scopes: ClassVar[tuple[Scope, ...]] = ("class-wise",)
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = f"""{WU_2023}

{HUANG_2021}"""

    epsilon: float = 8.0
    pixels: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.steps()

    @classmethod
    def bound(cls) -> str:
        """Name both limits."""
        return "linf, pixels"

    @property
    def revision(self) -> int:  # type: ignore[override]
        """A new revision of either step is a new one of both."""
        return sum(step.revision for step in self.steps()) - 1

    def steps(self) -> tuple[AnyPoison, AnyPoison]:
        """Return the two methods, by their registry names."""
        return (
            POISONS.get("error-min")(epsilon=self.epsilon, seed=self.seed, luma=None),
            POISONS.get("one-pixel")(pixels=self.pixels, seed=self.seed),
        )

    def make(self, data: ImageSet, runtime: Runtime, report: Report, origin: Origin) -> Chain:
        """Craft the noise, then the pixels on the images that have it."""
        noise, pixel = self.steps()
        first, second = phases(report, [100, 1])
        added = noise.craft(data, runtime, first)
        return Chain(parts=(added, pixel.craft(added.apply(data), runtime, second)), **origin)
