"""The perturbation δ: the artefact that is saved, applied and shared."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, get_args, runtime_checkable

import numpy as np
from jaxtyping import Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from unlearnable._types import Labels, Levels, Parameters, Pixels, Scope
from unlearnable.budget import Budget

FORMAT = "unlearnable-perturbation/1"
HEADER = "unlearnable"


class PerturbationFileError(ValueError):
    """A perturbation file is missing, is not one of ours, or is damaged."""


ImagesT = TypeVar("ImagesT", bound="Keyed")


@runtime_checkable
class Keyed(Protocol):
    """Images that know who they are: what `Additive.apply` takes and returns."""

    @property
    def pixels(self) -> Pixels:
        """Stored pixels."""
        ...

    @property
    def labels(self) -> Labels:
        """Positions in `classes`."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """What identifies each image."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Category names."""
        ...

    def with_pixels(self: "ImagesT", pixels: Pixels) -> "ImagesT":
        """Return the same images with other pixels."""
        ...


@runtime_checkable
class Perturbation(Protocol):
    """What is done to images: pure, deterministic, keyed by image or class, never by position."""

    def apply(self, data: ImagesT) -> ImagesT:
        """Return the perturbed images; `data` is not changed."""
        ...

    def save(self, path: Path | str) -> None:
        """Write one file that `load` reads back."""
        ...


def add_levels(pixels: Pixels, levels: Int[np.ndarray, "..."]) -> Pixels:
    """Add signed levels to stored pixels: clip(int(x) + δ, 0, 255).

    Both signs survive: the sum is taken in 16 bits. (The paper's released code multiplies δ by 255 and clamps it to
    0..255 before it is added, which drops its negative half.)
    """
    total = pixels.astype(np.int16)
    total += levels
    return np.clip(total, 0, 255, out=total).astype(np.uint8)


@dataclass(frozen=True, eq=False, kw_only=True)
class Additive:
    """δ as a bank of signed 8-bit levels: one row per class, or one per image key.

    x' = clip(x + δ[row], 0, 255), where row is found by the class's name (class-wise) or the image's key
    (sample-wise), so shuffling, subsetting and relabelling never misalign it.

    Args:
        bank: [m c h w] signed levels.
        scope: `class-wise` or `sample-wise`.
        index: the class name or image key of each row, unique.
        budget: what every row was checked against.
        method: the registry name of the poison.
        parameters: its hyper-parameters, JSON-serialisable.
        seed: the seed it was made with.
        data_hash: `ImageSet.content_hash()` of the data it was made on.
        versions: versions of this package, numpy and torch.
        notes: licence, source and the like, for packs.

    Raises:
        ValueError: the index does not fit the bank, or a row is outside the budget.
    """

    bank: Levels
    scope: Scope
    index: tuple[str, ...]
    budget: Budget
    method: str
    parameters: Parameters = field(default_factory=dict)
    seed: int = 0
    data_hash: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.bank.dtype != np.int8 or self.bank.ndim != 4:
            raise ValueError(f"bank must be int8 [m c h w]; got {self.bank.dtype} {list(self.bank.shape)}")
        if self.scope not in get_args(Scope):
            raise ValueError(f"scope must be class-wise or sample-wise; got {self.scope!r}")
        if len(self.index) != len(self.bank):
            raise ValueError(f"bank has {len(self.bank)} rows but the index names {len(self.index)}")
        if len(set(self.index)) != len(self.index):
            raise ValueError(f"each {self._row_word} must be named once; got {_first_duplicate(self.index)!r} twice")
        if not self.budget.contains(self.bank):
            raise ValueError(f"the bank is outside its budget {self.budget}")

    def __repr__(self) -> str:
        rows, channels, height, width = self.bank.shape
        return (
            f"Additive({self.method} {self.scope}, {rows} x {channels}x{height}x{width}, "
            f"ε={self.budget.epsilon:g} {self.budget.norm}, seed={self.seed}, {self.parameters})"
        )

    @property
    def _row_word(self) -> str:
        return "class" if self.scope == "class-wise" else "image"

    def rows(self, names: Sequence[str]) -> Int[np.ndarray, " n"]:
        """Find the bank row of each class name or image key.

        Raises:
            KeyError: some names have no row.
        """
        place = {name: row for row, name in enumerate(self.index)}
        missing = [name for name in names if name not in place]
        if missing:
            raise KeyError(
                f"no perturbation for {len(missing)} of {len(names)} {self._row_word} names, such as {missing[0]!r}; "
                f"this one knows {len(self.index)}, such as {self.index[0]!r}: craft one on this data"
            )
        return np.asarray([place[name] for name in names], dtype=np.int64)

    def apply(self, data: ImagesT) -> ImagesT:
        """Return `data` with δ added to its stored pixels.

        Raises:
            KeyError: a class or image key has no row.
            ValueError: the images' shape is not the bank's.
        """
        if data.pixels.shape[1:] != self.bank.shape[1:]:
            raise ValueError(
                f"the perturbation is for images of {_sides(self.bank.shape)}, these are {_sides(data.pixels.shape)}; "
                "craft one at this size, or use `protect` with a pack, which resamples"
            )
        if self.scope == "class-wise":
            used = np.unique(data.labels)
            rows = np.zeros(len(data.classes), dtype=np.int64)
            rows[used] = self.rows([data.classes[label] for label in used])
            levels = self.bank[rows[data.labels]]
        else:
            levels = self.bank[self.rows(data.keys)]
        return data.with_pixels(add_levels(data.pixels, levels))

    def checksum(self) -> str:
        """Digest of the bank and index: what `save` records and `load` verifies."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(json.dumps([list(self.bank.shape), self.scope, list(self.index)]).encode())
        digest.update(np.ascontiguousarray(self.bank).tobytes())
        return digest.hexdigest()

    def save(self, path: Path | str) -> None:
        """Write one safetensors file, whole or not at all (temporary file, then rename)."""
        target = Path(path)
        header = {
            "format": FORMAT,
            "scope": self.scope,
            "budget": {"epsilon": self.budget.epsilon, "norm": self.budget.norm},
            "method": self.method,
            "parameters": self.parameters,
            "seed": self.seed,
            "data_hash": self.data_hash,
            "versions": dict(self.versions),
            "notes": dict(self.notes),
            "checksum": self.checksum(),
        }
        names = np.frombuffer(json.dumps(list(self.index)).encode(), dtype=np.uint8)
        # one metadata entry: safetensors writes several in a random order, and the same noise must be the same bytes
        metadata = {HEADER: json.dumps(header, sort_keys=True)}
        content = to_safetensors({"bank": np.ascontiguousarray(self.bank), "index": names}, metadata=metadata)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(content)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path | str) -> "Additive":
        """Read a file that `save` wrote. No code in it is ever executed.

        Raises:
            PerturbationFileError: missing, not ours, or damaged.
        """
        target = Path(path)
        if not target.is_file():
            raise PerturbationFileError(f"there is no perturbation file at {target}")
        try:
            with safe_open(target, framework="numpy") as file:
                header: dict[str, Any] = json.loads((file.metadata() or {}).get(HEADER, "{}"))
                if header.get("format") != FORMAT:
                    raise PerturbationFileError(
                        f"{target} is a safetensors file but not a perturbation of this package "
                        f"(format {header.get('format')!r}, expected {FORMAT!r})"
                    )
                bank = file.get_tensor("bank")
                index = tuple(json.loads(file.get_tensor("index").tobytes()))
            loaded = cls(
                bank=bank,
                scope="class-wise" if header["scope"] == "class-wise" else "sample-wise",
                index=index,
                budget=Budget(**header["budget"]),
                method=header["method"],
                parameters=header["parameters"],
                seed=header["seed"],
                data_hash=header["data_hash"],
                versions=header["versions"],
                notes=header["notes"],
            )
        except PerturbationFileError:
            raise
        except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
            raise PerturbationFileError(f"{target} is damaged or not a perturbation file: {error}") from error
        if loaded.checksum() != header.get("checksum"):
            raise PerturbationFileError(f"{target} is damaged: its checksum does not match; fetch or craft it again")
        return loaded


def _sides(shape: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in shape[1:])


def _first_duplicate(names: Sequence[str]) -> str:
    seen: set[str] = set()
    return next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
