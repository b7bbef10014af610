"""Which files lie in the inputs: links followed once, hidden files passed over, nothing opened."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unlearnable.protect.ledger import MANIFEST, digest, is_ours

QUIETLY_IGNORED = frozenset({MANIFEST, "thumbs.db", "desktop.ini", "__macosx"})


@dataclass(frozen=True, kw_only=True)
class Source:
    """A regular file of an input. `key` is its path below the inputs; `folders` its sub-folders below its input.

    `origin` tells inputs apart and says nothing of where they are: 16 bits of a digest of the input's path.
    """

    key: str
    path: Path
    size: int
    folders: tuple[str, ...]
    home: str
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A file that was not protected, and why, in one sentence."""

    path: Path
    reason: str


def roots(inputs: Sequence[Path]) -> dict[str, Path]:
    """The inputs by the name they have in keys: a single folder has none, several have their own names.

    Two inputs of one name get numbers, in the given order.
    """
    if len(inputs) == 1 and inputs[0].is_dir():
        return {"": inputs[0]}
    named: dict[str, Path] = {}
    for path in dict.fromkeys(inputs):
        name = label = path.resolve().name or "root"
        number = 2
        while label in named:
            label = f"{Path(name).stem}-{number}{Path(name).suffix}"
            number += 1
        named[label] = path
    return named


def find(inputs: Sequence[Path], avoid: Path) -> tuple[list[Source], list[Failure]]:
    """Every regular file of the inputs in the order of its key, and what could not be looked at.

    Folders are followed through links, each real folder once; anything inside `avoid` is passed over, and so are
    folders below an input that hold protected copies.
    """
    sources: list[Source] = []
    failures: list[Failure] = []
    for label, root in roots(inputs).items():
        home = root.resolve().name if root.is_dir() else root.resolve().parent.name
        origin = digest(os.fsencode(root.resolve() if root.is_dir() else root.resolve().parent))[:4]
        for path, folders in _walk(root, avoid, failures):
            parts = [label, *folders, path.name] if root.is_dir() else [label]
            key = "/".join(part for part in parts if part)
            try:
                status = path.stat()
            except OSError as error:
                reason = "the link leads nowhere" if path.is_symlink() else f"it cannot be read: {error.strerror}"
                failures.append(Failure(path=path, reason=reason))
                continue
            if not stat.S_ISREG(status.st_mode):
                failures.append(Failure(path=path, reason="it is not a regular file"))
                continue
            found = Source(
                key=key, path=path, size=status.st_size, folders=folders, home=home or "photos", origin=origin
            )
            sources.append(found)
    return sorted(sources, key=lambda source: source.key), failures


def _walk(root: Path, avoid: Path, failures: list[Failure]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    if not root.is_dir():
        yield root, ()
        return
    seen: set[tuple[int, int]] = set()
    waiting: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    while waiting:
        folder, folders = waiting.pop()
        try:
            status = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            failures.append(Failure(path=folder, reason=f"the folder cannot be read: {error.strerror}"))
            continue
        if (status.st_dev, status.st_ino) in seen or folder.resolve() == avoid:
            continue
        seen.add((status.st_dev, status.st_ino))
        if folders and is_ours(folder):
            failures.append(Failure(path=folder, reason="it is protected already: such copies are passed over"))
            continue
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower() in QUIETLY_IGNORED:
                continue
            try:
                below = entry.is_dir()
            except OSError as error:  # a link in a circle, or to where we may not look
                failures.append(Failure(path=folder / entry.name, reason=f"it cannot be read: {error.strerror}"))
                continue
            if below:
                waiting.append((folder / entry.name, (*folders, entry.name)))
            else:
                yield folder / entry.name, folders
