"""Targeted noise searched through what exploiters do to images: JPEG, grey, half the size."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from unlearnable.poisons._views import rewritten
from unlearnable.poisons.targeted import Targeted


@dataclass(frozen=True, kw_only=True)
class ResilientTargeted(Targeted):
    """Noise that makes a clean-trained network see the next class, also after the image was stored again.

    min_{‖δ‖∞ ≤ ε} E_S L(f_θ(S(T(x + δ))), (y + 1) mod k), θ trained on clean images, T a random shift and
    mirror, S drawn for each step: nothing, JPEG of a random quality, grey, or half the size and back.

    Source: our own; targeted noise (Fowl et al. 2021, TAP) with the expectation over transforms of Athalye et al. 2018.

    Args:
        plain: share of steps that see the image as it is; the rest is JPEG, grey and half the size, 3 : 2 : 1.
        lowest: lowest JPEG quality; drawn evenly from here to 95.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "resilient-targeted"
    citation: ClassVar[str] = ""

    steps: int = 60
    plain: float = 0.25
    lowest: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.plain <= 1 or not 1 <= self.lowest <= 95:
            raise ValueError("plain must be from 0 to 1, lowest a JPEG quality up to 95")

    def view(self, images: Float[Tensor, "b c h w"], generator: torch.Generator) -> Float[Tensor, "b c h w"]:
        """Store the batch as someone might."""
        return rewritten(images, self.plain, self.lowest, generator)
