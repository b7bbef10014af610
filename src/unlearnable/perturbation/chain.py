"""One perturbation after another, as one artefact."""

from dataclasses import dataclass
from typing import Any, ClassVar

from unlearnable._registry import Entry
from unlearnable._types import Parameters
from unlearnable.perturbation._stored import KINDS, Arrays, ImagesT, Stored


@dataclass(frozen=True, eq=False, kw_only=True)
class Chain(Stored):
    """x' = f_2(f_1(x)): the parts in order, all of one scope and over the same names.

    Args:
        parts: at least two perturbations.

    Raises:
        ValueError: there are fewer, or their scopes or names differ from the chain's.
    """

    kind: ClassVar[str] = "chain"

    parts: tuple[Stored, ...]

    def __post_init__(self) -> None:
        if len(self.parts) < 2:
            raise ValueError(f"a chain needs at least 2 perturbations; got {len(self.parts)}")
        for part in self.parts:
            if isinstance(part, Chain):
                raise ValueError("a chain cannot hold a chain: give its parts")
            if part.scope != self.scope or part.index != self.index:
                raise ValueError("all parts of a chain must have its scope and its names, in one order")
        super().__post_init__()

    def __repr__(self) -> str:
        return f"Chain({', '.join(map(repr, self.parts))})"

    def arrays(self) -> Arrays:
        """Return the arrays of all parts, each name with the part's number."""
        return {
            f"{number}.{name}": array for number, part in enumerate(self.parts) for name, array in part.arrays().items()
        }

    def settings(self) -> Parameters:
        """Return kind, settings and origin of each part."""
        return {
            "parts": [
                {"kind": part.kind, "settings": part.settings(), "method": part.method, "parameters": part.parameters}
                for part in self.parts
            ]
        }

    def sealed(self) -> Parameters:
        """Return what is part of the parts' checksums, if anything."""
        found = [part.sealed() for part in self.parts]
        return {"parts": found} if any(found) else {}

    @classmethod
    def restored(cls, arrays: Arrays, settings: Parameters, common: dict[str, Any]) -> "Chain":
        """Rebuild the parts."""
        parts = []
        for number, part in enumerate(settings["parts"]):
            kind: type[Stored] = Entry(KINDS[part["kind"]], part["kind"]).load()
            own = {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith(f"{number}.")}
            origin = {"method": part["method"], "parameters": part["parameters"]}
            parts.append(kind.restored(own, part["settings"], {**common, **origin}))
        return cls(parts=tuple(parts), **common)

    def apply(self, data: ImagesT) -> ImagesT:
        """Return `data` with every part applied in turn.

        Raises:
            KeyError: a class or image key has no row.
            ValueError: the images' shape is not the parts'.
        """
        for part in self.parts:
            data = part.apply(data)
        return data
