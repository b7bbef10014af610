"""What every stored perturbation shares: rows found by name, one file that is whole or absent, a checksum."""

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, final, get_args, runtime_checkable

import numpy as np
from jaxtyping import Int, Shaped
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from unlearnable._types import Labels, Parameters, Pixels, Scope

FORMAT = "unlearnable-perturbation/1"
HEADER = "unlearnable"
KINDS = {
    "additive": "unlearnable.perturbation.additive:Additive",
    "overwrite": "unlearnable.perturbation.overwrite:Overwrite",
    "filter": "unlearnable.perturbation.filter:Filter",
    "network": "unlearnable.perturbation.network:Network",
    "chain": "unlearnable.perturbation.chain:Chain",
}
"""Kinds a file may hold."""

Arrays = dict[str, Shaped[np.ndarray, "..."]]


class PerturbationFileError(ValueError):
    """A perturbation file is missing, is not one of ours, or is damaged."""


@runtime_checkable
class Keyed(Protocol):
    """Images that know who they are: what `apply` takes and returns."""

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


ImagesT = TypeVar("ImagesT", bound=Keyed)
StoredT = TypeVar("StoredT", bound="Stored")


@runtime_checkable
class Perturbation(Protocol):
    """What is done to images: pure, deterministic, keyed by image or class, never by position."""

    def apply(self, data: ImagesT) -> ImagesT:
        """Return the perturbed images; `data` is not changed."""
        ...

    def save(self, path: Path | str) -> None:
        """Write one file that `load_perturbation` reads back."""
        ...

    def checksum(self) -> str:
        """Digest of what is applied."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Stored(ABC):
    """A perturbation as named rows of arrays, and how it was made.

    Args:
        scope: `class-wise` or `sample-wise`.
        index: the class name or image key of each row, unique.
        method: the registry name of the poison.
        parameters: its hyper-parameters, JSON-serialisable.
        seed: the seed it was made with.
        data_hash: `ImageSet.content_hash()` of the data it was made on.
        versions: versions of this package, numpy and torch.
        notes: licence, source and the like, for packs.

    Raises:
        ValueError: the scope is unknown, or the index does not fit the rows.
    """

    kind: ClassVar[str]

    scope: Scope
    index: tuple[str, ...]
    method: str
    parameters: Parameters = field(default_factory=dict)
    seed: int = 0
    data_hash: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.scope not in get_args(Scope):
            raise ValueError(f"scope must be class-wise or sample-wise; got {self.scope!r}")
        rows = {name: len(array) for name, array in self.arrays().items()}
        for name, count in rows.items():
            if count != len(self.index):
                raise ValueError(f"{name} has {count} rows but the index names {len(self.index)}")
        if len(set(self.index)) != len(self.index):
            raise ValueError(f"each {self._row_word} must be named once; got {_first_duplicate(self.index)!r} twice")

    @abstractmethod
    def arrays(self) -> Arrays:
        """Return what is stored, one row per name."""

    @abstractmethod
    def apply(self, data: ImagesT) -> ImagesT:
        """Return the perturbed images; `data` is not changed."""

    def settings(self) -> Parameters:
        """Return what the header holds beside the fields of every kind."""
        return {}

    def sealed(self) -> Parameters:
        """Return the settings that what is applied depends on, beside the arrays; they are part of the checksum."""
        return {}

    @classmethod
    def restored(cls: type[StoredT], arrays: Arrays, settings: Parameters, common: dict[str, Any]) -> StoredT:
        """Rebuild from `arrays()`, `settings()` and the fields of every kind."""
        fields: dict[str, Any] = {**arrays, **settings, **common}
        return cls(**fields)

    def where(self, data: Keyed) -> Int[np.ndarray, " n"]:
        """Find the row of each image: by its class's name or by its key. Classes without images need none.

        Raises:
            KeyError: some have no row.
        """
        if self.scope == "sample-wise":
            return self.rows(data.keys)
        used = np.unique(data.labels)
        rows = np.zeros(len(data.classes), dtype=np.int64)
        rows[used] = self.rows([data.classes[label] for label in used])
        return rows[data.labels]

    def rows(self, names: Sequence[str]) -> Int[np.ndarray, " n"]:
        """Find the row of each class name or image key.

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

    @property
    def _row_word(self) -> str:
        return "class" if self.scope == "class-wise" else "image"

    def require_shape(self, own: tuple[int, ...], data: Keyed) -> None:
        """Check that images have the shape [c h w] this was made for.

        Raises:
            ValueError: they have another.
        """
        if data.pixels.shape[1:] != own:
            raise ValueError(
                f"the perturbation is for images of {_sides(own)}, these are {_sides(data.pixels.shape[1:])}; "
                "craft one at this size, or use `protect` with a pack, which resamples"
            )

    @final
    def checksum(self) -> str:
        """Digest of the arrays and the index: what `save` records and loading verifies."""
        digest = hashlib.blake2b(digest_size=16)
        if sealed := self.sealed():
            digest.update(json.dumps(sealed, sort_keys=True).encode())
        for _, array in sorted(self.arrays().items()):
            digest.update(json.dumps([list(array.shape), self.scope, list(self.index)]).encode())
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()

    @final
    def save(self, path: Path | str) -> None:
        """Write one safetensors file, whole or not at all (temporary file, then rename)."""
        target = Path(path)
        header = {
            "format": FORMAT,
            "kind": self.kind,
            "scope": self.scope,
            "settings": self.settings(),
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
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays().items()}
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            save_file({**arrays, "index": names}, temporary, metadata=metadata)
            temporary.replace(target)
        except SafetensorError as error:
            raise OSError(f"{target} cannot be written ({error})") from error
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls: type[StoredT], path: Path | str) -> StoredT:
        """Read a file that `save` of this class wrote. No code in it is ever executed.

        Raises:
            PerturbationFileError: missing, not ours, another kind, or damaged.
        """
        target = Path(path)
        header, arrays = read(target)
        kind = header.get("kind", "additive")
        if kind != cls.kind:
            raise PerturbationFileError(f"{target} holds a perturbation of the kind {kind!r}, not {cls.kind!r}")
        try:
            index = tuple(json.loads(arrays.pop("index").tobytes()))
            loaded = cls.restored(
                arrays,
                header["settings"],
                {
                    "scope": header["scope"],
                    "index": index,
                    **{name: header[name] for name in ("method", "parameters", "seed", "data_hash")},
                    **{name: header[name] for name in ("versions", "notes")},
                },
            )
        except (KeyError, ValueError, TypeError) as error:
            raise PerturbationFileError(f"{target} is damaged or not a perturbation file: {error}") from error
        if loaded.checksum() != header.get("checksum"):
            raise PerturbationFileError(f"{target} is damaged: its checksum does not match; fetch or craft it again")
        return loaded


def read(target: Path) -> tuple[dict[str, Any], Arrays]:
    """Read the header and the arrays of a perturbation file of any kind.

    Raises:
        PerturbationFileError: missing, unreadable, not ours, or damaged.
    """
    if not target.is_file():
        raise PerturbationFileError(f"there is no perturbation file at {target}")
    try:
        with safe_open(target, framework="numpy") as file:
            header: dict[str, Any] = json.loads((file.metadata() or {}).get(HEADER, "{}"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except OSError as error:
        raise PerturbationFileError(f"{target} cannot be read: {error.strerror or error}") from error
    except (SafetensorError, ValueError) as error:
        raise PerturbationFileError(f"{target} is damaged or not a perturbation file: {error}") from error
    if header.get("format") != FORMAT:
        raise PerturbationFileError(
            f"{target} is a safetensors file but not a perturbation of this package "
            f"(format {header.get('format')!r}, expected {FORMAT!r})"
        )
    return header, arrays


def _sides(shape: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in shape)


def _first_duplicate(names: Sequence[str]) -> str:
    seen: set[str] = set()
    return next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
