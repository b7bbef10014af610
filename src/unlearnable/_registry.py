"""Names to import paths: what `--method`, `load` and `jpeg:10` look up, without importing anything early."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any


@dataclass(frozen=True)
class Entry:
    """Where a thing lives, as `module:attribute`, and what it is in one line."""

    target: str
    summary: str

    def load(self) -> Any:
        """Import and return the thing."""
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute)


@dataclass(frozen=True)
class Registry:
    """A named family of entries; third parties add to it through the entry-point `group`.

    Args:
        kind: the word for one member in messages, such as "poison".
        entries: name to entry, in the order they are listed.
        group: entry-point group of outside packages; the entry point's name is the member's name.
    """

    kind: str
    entries: Mapping[str, Entry]
    group: str

    def __iter__(self) -> Iterator[str]:
        yield from self.entries
        yield from (name for name in self._outside() if name not in self.entries)

    def __contains__(self, name: object) -> bool:
        return any(name == known for known in self)

    def entry(self, name: str) -> Entry:
        """Look up one entry.

        Raises:
            ValueError: no such name; the message lists near ones.
        """
        if name in self.entries:
            return self.entries[name]
        known = {**self._outside(), **self.entries}
        if name not in known:
            raise ValueError(unknown(self.kind, name, known))
        return known[name]

    def get(self, name: str) -> Any:
        """Import and return the thing called `name` (raises ValueError as `entry` does)."""
        return self.entry(name).load()

    def _outside(self) -> dict[str, Entry]:
        points = entry_points(group=self.group)
        return {point.name: Entry(point.value, f"from {point.value.split(':')[0]}") for point in points}


def unknown(kind: str, name: str, known: Iterator[str] | Mapping[str, Any] | list[str]) -> str:
    """Say that `name` is not a known `kind`, with near names or all of them."""
    names = list(known)
    near = get_close_matches(name, names, n=2, cutoff=0.5)
    way_out = f"did you mean {' or '.join(near)}?" if near else f"choose one of: {', '.join(names)}"
    return f"unknown {kind} {name!r}: {way_out}"
