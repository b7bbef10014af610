"""Read every file of a manifest again and say what is wrong with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int8

from unlearnable import media
from unlearnable.media import Picture, Refused
from unlearnable.protect import ledger
from unlearnable.protect.plan import PHOTO_SUFFIXES
from unlearnable.protect.sources import find
from unlearnable.protect.worker import ENOUGH_SURVIVAL

LINF_SLACK = 0.01  # levels: manifests round to four places


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file. `problems` fail the check, `remarks` do not; both are one short sentence each."""

    output: str
    source: str
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """A row for every photo in the output folder and for every source file that is not protected."""

    rows: tuple[Row, ...]

    @property
    def problems(self) -> tuple[Row, ...]:
        """The rows that fail."""
        return tuple(row for row in self.rows if row.problems)

    @property
    def exit_code(self) -> int:
        """0 if all is well, 1 if a file fails."""
        return 1 if self.problems else 0


@dataclass(frozen=True, kw_only=True)
class CheckProgress:
    """One more row is known."""

    done: int
    total: int
    row: Row


def _ignore(progress: CheckProgress) -> None:
    """Report nothing."""


def check(
    sources: Path | Sequence[Path],
    output: Path,
    *,
    noise_for: Mapping[str, Int8[np.ndarray, "c h w"]] | None = None,
    progress: Callable[[CheckProgress], None] = _ignore,
) -> CheckReport:
    """Compare the output folder with its manifest and with the sources it was made from.

    Each file: exists, has the recorded hash, and against its original: size, mode, orientation, ICC profile,
    alpha, budget, share of the noise that survived. Survival is measured anew where `noise_for` gives the
    category's noise; otherwise the recorded value counts, which the hash vouches for.

    Raises ValueError if there is no manifest or no source.
    """
    inputs = [sources] if isinstance(sources, Path) else list(sources)
    for path in inputs:
        if not path.exists():
            raise ValueError(f"there is no file or folder {path}")
    entries = ledger.read(output)
    found, failures = find(inputs, avoid=output.resolve())
    paths = {source.key: source.path for source in found}
    missing = sorted(set(paths) - {entry.source for entry in entries.values()})
    newest = ledger.newest(entries)
    entries = {  # an outdated copy may well be gone
        name: entry for name, entry in entries.items() if entry is newest[entry.source] or (output / name).exists()
    }
    strays = _strays(output, entries)
    total = len(strays) + len(entries) + len(missing) + len(failures)
    rows: list[Row] = []

    def add(row: Row) -> None:
        rows.append(row)
        progress(CheckProgress(done=len(rows), total=total, row=row))

    for entry in sorted(entries.values(), key=lambda entry: entry.output):
        row = check_one(entry, output, paths.get(entry.source), noise_for)
        newer = newest[entry.source].output
        if newer != entry.output:
            row = replace(row, problems=(*row.problems, f"outdated: {newer} is a newer copy of the same photo"))
        add(row)
    for name in strays:
        add(Row(output=name, source="", problems=("no line of the manifest says that it is protected",)))
    for key in missing:
        add(Row(output="", source=key, problems=("it is not protected",)))
    for failure in failures:
        add(Row(output="", source=str(failure.path), problems=(failure.reason,)))
    return CheckReport(rows=tuple(rows))


def _strays(output: Path, entries: Mapping[str, ledger.Entry]) -> list[str]:
    """Photos in the output folder that the manifest does not know: they may be anybody's originals."""
    there = find([output], avoid=output / "nowhere")[0]
    return [each.key for each in there if each.path.suffix.lower() in PHOTO_SUFFIXES and each.key not in entries]


def check_one(
    entry: ledger.Entry, folder: Path, source: Path | None, noise_for: Mapping[str, np.ndarray] | None = None
) -> Row:
    """Compare one file of the output folder with its entry and with the photo that it was made from, see `check`."""
    problems: list[str] = []
    remarks = list(entry.notes)
    try:
        data = (folder / entry.output).read_bytes()
    except FileNotFoundError:
        return Row(output=entry.output, source=entry.source, problems=("the protected file is gone",))
    except OSError as error:
        reason = f"the protected file cannot be read: {error.strerror}"
        return Row(output=entry.output, source=entry.source, problems=(reason,))
    if ledger.digest(data) != entry.output_blake2:
        problems.append("hash: the protected file was changed after it was written")
    try:
        protected = media.decode(data)
    except Refused as refusal:
        problems.append(f"the protected file cannot be opened: {refusal}")
        return Row(output=entry.output, source=entry.source, problems=tuple(problems))
    if entry.measured["survival"] < ENOUGH_SURVIVAL and noise_for is None:
        problems.append(f"survival: only {int(100 * entry.measured['survival'])} % of the noise survived")
    original = _original(entry, source, problems)
    if original is not None:
        noise = noise_for.get(entry.category) if noise_for is not None else None
        _compare(entry, original, protected, noise, problems, remarks)
    return Row(output=entry.output, source=entry.source, problems=tuple(problems), remarks=tuple(remarks))


def _original(entry: ledger.Entry, source: Path | None, problems: list[str]) -> Picture | None:
    if source is None:
        problems.append("the original is not among the sources, so nothing could be compared")
        return None
    try:
        data = source.read_bytes()
        if ledger.digest(data) != entry.source_blake2:
            problems.append("the original was changed since: protect it again")
            return None
        return media.decode(data)
    except (OSError, Refused) as error:
        problems.append(f"the original cannot be read: {error}")
        return None


def _compare(
    entry: ledger.Entry,
    original: Picture,
    protected: Picture,
    noise: np.ndarray | None,
    problems: list[str],
    remarks: list[str],
) -> None:
    if protected.orientation != 1:
        problems.append(f"orientation: it is {protected.orientation}, not upright")
    if protected.size != original.size:
        problems.append(f"size: {protected.size}, the original has {original.size}")
        return
    widened = original.mode == "L" and protected.mode == "RGB" and protected.format in ("WEBP", "AVIF")
    if (protected.mode, protected.depth) != (original.mode, original.depth) and not widened:
        problems.append(f"mode: {protected.kind}, the original has {original.kind}")
        return
    if protected.metadata.icc != original.metadata.icc:
        problems.append("ICC: the colour profile is not the original's")
    if not media.same_alpha(original, protected):
        problems.append("alpha: the transparency is not the original's")
    pixels = protected.pixels[..., :1] if widened else protected.pixels
    epsilon, pack_epsilon = (float(entry.parameters[name]) for name in ("epsilon", "pack_epsilon"))
    blank = np.zeros((1, 1, 1), dtype=np.int8)
    pattern = media.fit(
        blank if noise is None else noise,
        original.size,
        original.mode,
        grey=media.is_grey(original.pixels),
        scale=epsilon / pack_epsilon,
    )
    measured = media.measure(original.pixels, pixels, pattern, original.alpha)
    if entry.lossless and measured.linf > epsilon:
        problems.append(f"budget: a pixel moved by {measured.linf:.1f} levels, more than {epsilon:g}")
    elif not entry.lossless:
        remarks.append(f"lossy: compression moved a pixel by up to {measured.linf:.1f} levels")
        if measured.linf > entry.measured["linf"] + LINF_SLACK:
            problems.append(f"budget: a pixel moved by {measured.linf:.1f} levels, not {entry.measured['linf']:.1f}")
    if noise is not None and measured.survival < ENOUGH_SURVIVAL:
        problems.append(f"survival: only {measured.survival:.0%} of the noise survived")
