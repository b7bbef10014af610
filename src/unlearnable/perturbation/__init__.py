"""The perturbation δ: the artefact that is saved, applied and shared. One kind, one file."""

from pathlib import Path
from typing import cast

from unlearnable._registry import Entry
from unlearnable.perturbation._stored import (
    KINDS,
    ImagesT,
    Keyed,
    Perturbation,
    PerturbationFileError,
    Stored,
    read,
)
from unlearnable.perturbation.additive import Additive, add_levels
from unlearnable.perturbation.chain import Chain
from unlearnable.perturbation.filter import Filter
from unlearnable.perturbation.network import Network
from unlearnable.perturbation.overwrite import Overwrite

__all__ = [
    "Additive",
    "Chain",
    "Filter",
    "ImagesT",
    "Keyed",
    "Network",
    "Overwrite",
    "Perturbation",
    "PerturbationFileError",
    "Stored",
    "add_levels",
    "load_perturbation",
]


def load_perturbation(path: Path | str) -> Stored:
    """Read a perturbation of any kind. No code in the file is ever executed.

    Raises:
        PerturbationFileError: missing, not ours, or damaged.
    """
    header, _ = read(Path(path))
    kind = header.get("kind", "")
    if kind not in KINDS:
        raise PerturbationFileError(
            f"{path} holds a perturbation of the unknown kind {kind!r}; a newer version of this package may read it"
        )
    return cast("type[Stored]", Entry(KINDS[kind], kind).load()).load(path)
