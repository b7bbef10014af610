"""What a person chooses when protecting photos, and the record of it."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from unlearnable.media import OPTOUT_VALUES, OptOut, Signer, Target

Strength = Literal["low", "medium", "high"]
STRENGTHS: dict[Strength, float] = {"low": 4.0, "medium": 8.0, "high": 16.0}
"""ε in pixel levels."""


@dataclass(frozen=True, kw_only=True)
class ProtectOptions:
    """How photos are protected.

    `epsilon` is the budget in pixel levels; noise made at `pack_epsilon` is scaled to it. `category` puts every
    photo in one category, `labels` reads them from a CSV file of two columns (file, category), and with neither
    the sub-folder is the category. `optout` writes a request not to train into the metadata: ai, genai or all;
    `signer` signs the same, and that noise was added, as Content Credentials, last of all.
    `pack` and `pack_hash` only go into the record.

    Raises ValueError for an unusable value or for `category` and `labels` together.
    """

    epsilon: float = STRENGTHS["medium"]
    output_format: Target = "keep"
    category: str | None = None
    labels: Path | None = None
    optout: OptOut | None = None
    signer: Signer | None = None
    pack: str = ""
    pack_hash: str = ""
    pack_epsilon: float = 8.0

    def __post_init__(self) -> None:
        for name in ("epsilon", "pack_epsilon"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 1 <= value <= 64):
                raise ValueError(f"{name} is in pixel levels and lies between 1 and 64, got {value!r}")
        if self.output_format not in get_args(Target):
            raise ValueError(f"the output format is one of {', '.join(get_args(Target))}, got {self.output_format!r}")
        if self.optout is not None and self.optout not in OPTOUT_VALUES:
            raise ValueError(f"the opt-out is one of {', '.join(OPTOUT_VALUES)}, got {self.optout!r}")
        if self.category is not None and self.labels is not None:
            raise ValueError("got a category and a labels file: choose one of them")
        if self.category is not None and not self.category.strip():
            raise ValueError("the category has an empty name")

    def parameters(self) -> dict[str, object]:
        """What decides the output's bytes, for the manifest; a change of it protects the file again."""
        return {
            "epsilon": self.epsilon,
            "format": self.output_format,
            "pack": self.pack,
            "pack_hash": self.pack_hash,
            "pack_epsilon": self.pack_epsilon,
            # left out where there is none: folders of earlier versions are not written again
            **({"optout": self.optout} if self.optout else {}),
            **({"signed_by": hashlib.blake2b(self.signer.cert, digest_size=8).hexdigest()} if self.signer else {}),
        }
