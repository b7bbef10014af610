"""Packs on disk: class-wise perturbations whose rows are slots for categories that are not known yet."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from jaxtyping import Int8

from unlearnable._registry import unknown
from unlearnable.packs.codes import SYMMETRIES, transformed
from unlearnable.perturbation import Additive, PerturbationFileError

DEFAULT = "photos-64"
SUFFIX = ".safetensors"
CHANNELS = (3, 4)


class PackError(ValueError):
    """A pack is missing, damaged, or not a pack; the message says what to do."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Pack:
    """Noise for `slots` x SYMMETRIES categories at training scale, to be resampled to each photo's frame.

    Args:
        name: what reports call it.
        noise: class-wise δ [slots 4 s s]; its index names the slots. Red, green and blue, and a fourth channel that
            photos without colour get; packs of three channels give them the luma of the colours.
    """

    name: str
    noise: Additive

    @property
    def slots(self) -> int:
        """How many rows the bank has."""
        return len(self.noise.bank)

    @property
    def codes(self) -> int:
        """How many categories get noise of their own: a slot and a symmetry each."""
        return self.slots * SYMMETRIES

    @property
    def source(self) -> str:
        """The photos it was made on."""
        return self.noise.notes.get("source", "unknown")

    @property
    def licence(self) -> str:
        """Their licence."""
        return self.noise.notes.get("licence", "unknown")

    @property
    def created(self) -> str:
        """The day it was made."""
        return self.noise.notes.get("created", "unknown")


def bundled() -> list[str]:
    """Names of the packs that come with this package."""
    return sorted(
        entry.name.removesuffix(SUFFIX)
        for entry in (files("unlearnable.packs") / "data").iterdir()
        if entry.name.endswith(SUFFIX)
    )


def load_pack(name: str | Path) -> Pack:
    """Load a bundled pack by name, or any by its file.

    Raises:
        PackError: there is no such pack, or the file is damaged or something else.
    """
    if str(name) in bundled():
        with as_file(files("unlearnable.packs") / "data" / f"{name}{SUFFIX}") as file:
            return _read(file, str(name))
    path = Path(name)
    if path.suffix != SUFFIX and not path.exists():
        raise PackError(f"{unknown('pack', str(name), bundled())} (or give the path of a {SUFFIX} file)")
    return _read(path, path.stem)


def save_pack(path: Path, noise: Additive, *, source: str, licence: str, grey: Additive | None = None) -> None:
    """Write class-wise noise as a pack; `grey` is noise of one channel, slot by slot, for photos without colour.

    Raises:
        PackError: the noise is not class-wise RGB, or `grey` does not fit it.
    """
    notes = {"source": source, "licence": licence, "created": datetime.now(UTC).date().isoformat()}
    if grey is not None:
        if grey.index != noise.index or grey.bank.shape[1] != 1 or grey.bank.shape[2:] != noise.bank.shape[2:]:
            raise PackError("the noise for photos without colour must have the pack's slots and size and one channel")
        noise = replace(noise, bank=np.concatenate([noise.bank, grey.bank], axis=1))
        notes["grey"] = json.dumps({"method": grey.method, "seed": grey.seed, **grey.parameters}, sort_keys=True)
    _require_slots(noise, path)
    replace(noise, notes=notes).save(path)


def noise_of(pack: Pack, code: int) -> Int8[np.ndarray, "c s s"]:
    """Return the noise of one code (symmetry * slots + slot), in levels at the pack's ε.

    Raises:
        PackError: there is no such code.
    """
    if not 0 <= code < pack.codes:
        raise PackError(f"pack {pack.name} has the codes 0..{pack.codes - 1}; got {code}")
    return transformed(pack.noise.bank[code % pack.slots], code // pack.slots)


def _read(path: Path, name: str) -> Pack:
    try:
        noise = Additive.load(path)
    except PerturbationFileError as error:
        raise PackError(f"{error} (bundled packs: {', '.join(bundled())})") from error
    _require_slots(noise, path)
    return Pack(name=name, noise=noise)


def _require_slots(noise: Additive, path: Path) -> None:
    if noise.scope != "class-wise" or noise.bank.shape[1] not in CHANNELS:
        shape = "x".join(str(side) for side in noise.bank.shape)
        raise PackError(f"{path} is not a pack: it holds {noise.scope} noise {shape}, a pack is class-wise RGB")
