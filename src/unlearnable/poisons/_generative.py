"""What methods that train a generator share: its budget, the network it is taught by, and what they record."""

from dataclasses import dataclass
from typing import ClassVar

from unlearnable._runtime import Runtime
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Network
from unlearnable.poisons._base import Poison
from unlearnable.poisons._generator import Generator


@dataclass(frozen=True, kw_only=True)
class Generative(Poison[Network]):
    """A generator of noise: a new image is protected by one pass through it, with no search.

    Class-wise it has a last layer for each class, so the noise of an image depends on the image and on its class;
    sample-wise it is told the image alone.

    Args:
        epsilon: ε in whole levels.
        surrogate: architecture of the network it is taught by, a name in `models.ARCHITECTURES`.
        learning_rate: of the generator (Adam).
        ceiling: largest loss of a clean image that still counts.
        batch_size: images a step.

    Raises:
        ValueError: a setting is out of range.
    """

    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")

    epsilon: int = 8
    surrogate: str = "fast-small"
    learning_rate: float = 1e-3
    ceiling: float = 5.0
    batch_size: int = 250

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.epsilon <= 127 or int(self.epsilon) != self.epsilon:
            raise ValueError(f"epsilon must be 1..127 whole pixel levels; got {self.epsilon!r}")
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2; got {self.batch_size!r}")
        if not min(self.learning_rate, self.ceiling) > 0:
            raise ValueError("learning_rate and ceiling must be positive")

    def fresh(self, data: ImageSet, runtime: Runtime) -> Generator:
        """Return an untrained generator for these images."""
        rows = len(data.classes) if self.scope == "class-wise" else 1
        return runtime.to(Generator(data.pixels.shape[1], float(self.epsilon), rows))

    @classmethod
    def bound(cls) -> str:
        """Name the norm."""
        return "linf"
