"""Which protected file belongs to which original: from the manifest, or by equal paths."""

from collections.abc import Sequence
from pathlib import Path

from unlearnable.evaluation.published import Pair
from unlearnable.protect import MANIFEST, Entry, ledger
from unlearnable.protect.plan import PHOTO_SUFFIXES
from unlearnable.protect.sources import find


def read_pairs(sources: Sequence[Path], protected: Path, category: str | None) -> tuple[list[Pair], list[Entry]]:
    """Pair the files of the originals' folders with those of the protected one.

    With a manifest, its newest line of each photo decides; without one (photos protected by another tool) files of the
    same relative path are pairs and the first sub-folder is the category.

    Raises:
        ValueError: a folder is missing, or there is not one pair.
    """
    for folder in (*sources, protected):
        if not folder.exists():
            raise ValueError(f"there is no folder {folder}")
    originals = {found.key: found for found in find(sources, avoid=protected.resolve())[0]}
    entries: list[Entry] = []
    if (protected / MANIFEST).exists():
        there = {name: entry for name, entry in ledger.read(protected).items() if (protected / name).is_file()}
        entries = list(ledger.newest(there).values())
        pairs = [
            Pair(
                key=entry.source,
                category=category or entry.category,
                clean=originals[entry.source].path,
                protected=protected / entry.output,
            )
            for entry in entries
            if entry.source in originals
        ]
    else:
        pairs = [
            Pair(
                key=key,
                category=category or (found.folders[0] if found.folders else found.home),
                clean=found.path,
                protected=protected / key,
            )
            for key, found in originals.items()
            if found.path.suffix.lower() in PHOTO_SUFFIXES and (protected / key).is_file()
        ]
    if not pairs:
        raise ValueError(
            f"no photo of {', '.join(map(str, sources))} has a protected copy in {protected}: "
            "these are not the originals of that folder, or they were moved"
        )
    return sorted(pairs, key=lambda pair: pair.key), entries


def read_helpers(folders: list[Path]) -> list[Pair]:
    """Read folders of other people's photos, one category per sub-folder; nothing in them is protected.

    Raises:
        ValueError: a folder is missing or has no sub-folder with photos.
    """
    pairs: list[Pair] = []
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"there is no folder {folder} of other people's photos")
        found = [
            item
            for item in find([folder], avoid=folder / "never")[0]
            if item.folders and item.path.suffix.lower() in PHOTO_SUFFIXES
        ]
        if not found:
            raise ValueError(f"{folder} has no sub-folders of photos: other people's need one for each category")
        pairs += [
            Pair(
                key=f"{folder.name}/{item.key}",
                category=f"with {item.folders[0]}",
                clean=item.path,
                protected=item.path,
            )
            for item in found
        ]
    return pairs
