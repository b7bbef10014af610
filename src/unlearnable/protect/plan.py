"""What a run will do: which files, where to, in which category. Writes nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from unlearnable.media import FORMAT_SUFFIXES, START, refusal
from unlearnable.protect import ledger
from unlearnable.protect.categories import Categories
from unlearnable.protect.options import ProtectOptions
from unlearnable.protect.sources import Failure, Source, find

PHOTO_SUFFIXES = frozenset(suffix for suffixes in FORMAT_SUFFIXES.values() for suffix in suffixes)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One file to protect; `output` is its path below the output folder."""

    source: Source
    output: str
    category: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A checked job. `failures` are files known to be unusable already, `warnings` concern the whole job."""

    inputs: tuple[Path, ...]
    output: Path
    options: ProtectOptions
    items: tuple[Item, ...]
    failures: tuple[Failure, ...]
    warnings: tuple[str, ...] = ()

    @property
    def categories(self) -> dict[str, int]:
        """Number of files of each category, by name."""
        return dict(sorted(Counter(item.category for item in self.items).items()))

    @property
    def bytes(self) -> int:
        """Size of all inputs, in bytes."""
        return sum(item.source.size for item in self.items)


def plan(inputs: Sequence[Path], output: Path, options: ProtectOptions) -> Plan:
    """List what protecting `inputs` into `output` would do.

    Raises ValueError if an input is missing, the folders overlap, the output holds foreign files, or there is
    no photo at all.
    """
    if not inputs:
        raise ValueError("name at least one file or folder to protect")
    inputs, output = tuple(Path(path) for path in inputs), Path(output)
    check_paths(inputs, output)
    categories = Categories(options)
    sources, failures = find(inputs, avoid=output.resolve())
    others = {source.key: _refusal(source) for source in sources if source.path.suffix.lower() not in PHOTO_SUFFIXES}
    failures += [Failure(path=source.path, reason=others[source.key]) for source in sources if others.get(source.key)]
    sources = [source for source in sources if not others.get(source.key)]
    if not sources:
        why = f" ({failures[0].path}: {failures[0].reason})" if failures else ""
        raise ValueError(f"no photos found in {', '.join(str(path) for path in inputs)}{why}")
    places = _places(sources, options)
    items: list[Item] = []
    for source in sources:
        category = categories.of(source)
        if category is None:
            failures.append(Failure(path=source.path, reason=f"{options.labels} names no category for it"))
        else:
            items.append(Item(source=source, output=places[source.key], category=category))
    warnings = [f"{options.labels} names {key!r}, which is not there" for key in categories.unmatched(sources)]
    return Plan(
        inputs=inputs,
        output=output,
        options=options,
        items=tuple(items),
        failures=tuple(failures),
        warnings=tuple(warnings),
    )


def check_paths(inputs: Sequence[Path], output: Path) -> None:
    """Raise ValueError unless the inputs exist unprotected and the output is apart from all and free to use."""
    target = output.resolve()
    for path in inputs:
        if not path.exists():
            raise ValueError(f"there is no file or folder {path}")
        source = path.resolve()
        if any(ledger.is_ours(folder) for folder in (source, *source.parents) if folder != target):
            raise ValueError(f"{path} is protected already: name the originals")
        if target == source or source in target.parents or (path.is_dir() and target in source.parents):
            raise ValueError(f"the output {output} overlaps the input {path}: choose a folder beside it")
        if target in source.parents:
            raise ValueError(f"the input {path} lies inside the output {output}: choose another folder")
    if output.exists():
        if not output.is_dir():
            raise ValueError(f"the output {output} is a file: name a folder")
        if (output / ledger.MANIFEST).exists():
            ledger.read(output)
        elif any(output.iterdir()):
            raise ValueError(f"the output {output} holds files of its own: choose an empty or a new folder")


def _places(sources: Sequence[Source], options: ProtectOptions) -> dict[str, str]:
    """Output path of each key. Where a new suffix makes two names one, the old suffix stays in: `a.jpg.png`."""
    if options.output_format == "keep":
        return {source.key: source.key for source in sources}
    suffix = f".{options.output_format}"
    wanted = {source.key: str(PurePosixPath(source.key).with_suffix(suffix)) for source in sources}
    claims = Counter(wanted.values())
    # a file whose name does not change has the first right to it
    taken = {key for key, place in wanted.items() if key == place}
    places: dict[str, str] = {}
    for key, place in wanted.items():
        if key != place and (claims[place] > 1 or place in taken):
            place = key + suffix
            while place in taken:
                place = str(PurePosixPath(place).with_suffix("")) + f"-2{suffix}"
        taken.add(place)
        places[key] = place
    return places


def _refusal(source: Source) -> str:
    """Why a file that is not named like a photo is none; empty if it begins like one."""
    try:
        with source.path.open("rb") as file:
            start = file.read(START)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return refusal(start) if start else "the file is empty"
