"""One photo: read, protect, write, read again, measure, put in place. A pure function of its task."""

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int8

from unlearnable import media
from unlearnable.media import Picture, Refused
from unlearnable.protect.ledger import TEMPORARY_PREFIX, TEMPORARY_SUFFIX, Entry, claim, digest, short
from unlearnable.protect.options import ProtectOptions

ENOUGH_SURVIVAL = 0.6  # share of the noise; below it there is a warning
LARGEST = 2 << 30
"""Bytes of a file that are read at most."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """Everything a worker needs. `previous` is the manifest's entry for this output, if there is one."""

    source: Path
    key: str
    folder: Path
    output: str
    category: str
    code: int
    noise: Int8[np.ndarray, "c h w"]
    options: ProtectOptions
    version: str
    previous: Entry | None
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a task: an entry (`kept` if the file was there already) or a failure in one sentence."""

    entry: Entry | None = None
    kept: bool = False
    failure: str = ""
    disk_full: bool = False
    warning: str = ""
    seconds: float = 0.0


def work(task: Task) -> Outcome:
    """Protect one file. Never raises for what is wrong with the file or the disk."""
    start = time.perf_counter()
    try:
        outcome = _work(task)
    except Refused as refusal:
        outcome = Outcome(failure=str(refusal))
    except MemoryError:
        outcome = Outcome(failure="there is not enough memory for it")
    except OSError as error:
        outcome = Outcome(failure=_sentence(error), disk_full=error.errno in FULL)
    except Exception as error:  # one odd file must never stop the rest
        said = " ".join(str(error).split())[:80]
        outcome = Outcome(failure=f"it could not be protected ({type(error).__name__}: {said})")
    return replace(outcome, seconds=time.perf_counter() - start)


def _sentence(error: OSError) -> str:
    if error.errno in FULL:
        return "the disk is full"
    if error.errno == errno.ENAMETOOLONG:
        return "its name is too long for the output folder"
    return f"it cannot be read or written: {error.strerror or error}"


def _work(task: Task) -> Outcome:
    data = _read(task.source)
    target = task.folder / task.output
    noise_hash = digest(repr(task.noise.shape).encode() + np.ascontiguousarray(task.noise).tobytes())
    before = Entry(
        source=task.key,
        output=task.output,
        category=task.category,
        code=task.code,
        source_blake2=digest(data),
        output_blake2="",
        noise_blake2=noise_hash,
        bytes=0,
        format="",
        lossless=False,
        mode="",
        size=(0, 0),
        orientation=1,
        parameters=task.options.parameters(),
        measured={},
        version=task.version,
        origin=task.origin,
    )
    if task.previous is not None and _still_good(task.previous, before, target):
        return Outcome(entry=task.previous, kept=True, warning=_warning(task.previous))
    if task.previous is not None and _of_another_folder(task.previous, before) and target.exists():
        raise Refused(
            "a photo of this name from another folder is protected in its place: name another output folder, or move "
            f"{task.output!r} away"
        )
    original = media.decode(data)
    pattern = media.fit(
        task.noise,
        original.size,
        original.mode,
        grey=media.is_grey(original.pixels),
        scale=task.options.epsilon / task.options.pack_epsilon,
    )
    changed = replace(original, pixels=media.add(original.pixels, pattern, original.alpha))
    lost: tuple[str, ...] = ()
    if task.options.optout is not None:
        xmp, lost = media.with_optout(original.metadata.xmp, task.options.optout)
        changed = replace(changed, metadata=replace(original.metadata, xmp=xmp))
    encoded, kind, lossless = media.encode(changed, task.options.output_format)
    if task.options.signer is not None:
        encoded = task.options.signer.sign(encoded, kind)
    with temporary(target, task.folder) as path:
        status = task.source.stat()
        _private(path, status.st_mode)
        _write(path, encoded)
        written = path.read_bytes()
        again = media.decode(written)
        measured = _verify(original, again, pattern, lossless, task.options.epsilon)
        _verify_optout(again, task.options)
        if target.exists() and not _ours(target, written, task.previous):
            what = (
                "its protected copy was changed since" if task.previous else "a file that is not ours is in its place"
            )
            raise Refused(f"{what}: move {task.output!r} away")
        with claim(target).open("a", encoding="ascii") as note:  # should we be killed before the manifest has it
            note.write(f"{digest(written)}\n")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.replace(path, target)
    entry = replace(
        before,
        output_blake2=digest(written),
        bytes=len(written),
        format=kind,
        lossless=lossless,
        mode=again.kind,
        size=again.size,
        orientation=original.orientation,
        measured=measured,
        notes=original.notes + lost + media.unheld(changed, kind),
    )
    return Outcome(entry=entry, warning=_warning(entry))


def _read(source: Path) -> bytes:
    """The bytes of a file that may be a photo; of any other, such as a film, only the first few are read."""
    with source.open("rb") as file:
        start = file.read(media.START)
        if start and (reason := media.refusal(start)):
            raise Refused(reason)
        if os.fstat(file.fileno()).st_size > LARGEST:
            raise Refused("it is larger than 2 GB, which no photo is")
        file.seek(0)
        return file.read()


def _of_another_folder(previous: Entry, wanted: Entry) -> bool:
    """Whether this is another photo than the one protected here, not a new version of it."""
    known = previous.origin and wanted.origin
    return bool(known) and previous.origin != wanted.origin and previous.source_blake2 != wanted.source_blake2


def _ours(target: Path, written: bytes, previous: Entry | None) -> bool:
    """Whether the file there may go: the manifest knows it, or a killed run or a power failure left it."""
    there = target.read_bytes()
    if there == written:
        return True
    known = digest(there)
    if previous is not None and (known == previous.output_blake2 or _torn(there, previous)):
        return True
    try:
        return known in claim(target).read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return False


def _torn(there: bytes, previous: Entry) -> bool:
    """Whether it is what is left of a file that did not get to the disk."""
    if len(there) > previous.bytes:
        return False
    try:
        media.decode(there)
    except Refused:
        return True
    return False


def _still_good(previous: Entry, wanted: Entry, target: Path) -> bool:
    same = all(
        getattr(previous, name) == getattr(wanted, name)
        for name in ("source", "category", "code", "source_blake2", "noise_blake2", "parameters")
    )
    return same and target.is_file() and digest(target.read_bytes()) == previous.output_blake2


def _verify(
    original: Picture, again: Picture, pattern: media.Pattern, lossless: bool, epsilon: float
) -> dict[str, float]:
    """Measure the file as it will be read; raise Refused if it is not what it should be."""
    pixels = again.pixels
    if original.mode == "L" and again.mode == "RGB":
        pixels = pixels[..., :1]  # WebP and AVIF with alpha have no grey of their own
    same_kind = pixels.shape == original.pixels.shape and pixels.dtype == original.pixels.dtype
    if not same_kind or not media.same_alpha(original, again):
        raise Refused(f"the written {again.format} did not hold it unchanged, so it was removed")
    measured = media.measure(original.pixels, pixels, pattern, original.alpha)
    if lossless and measured.linf > epsilon:
        raise Refused(f"the written {again.format} left the budget ({measured.linf:.1f} levels), so it was removed")
    values = {name: round(value, 4) for name, value in asdict(measured).items()}
    return {name: min(value, 999.0) for name, value in values.items()}


def _verify_optout(again: Picture, options: ProtectOptions) -> None:
    if options.optout is not None and media.read_optout(again.metadata.xmp) != media.OPTOUT_VALUES[options.optout]:
        raise Refused(f"the written {again.format} did not keep the opt-out, so it was removed")


def _warning(entry: Entry) -> str:
    share = entry.measured["survival"]
    return f"only {int(100 * share)} % of the noise survived" if share < ENOUGH_SURVIVAL else ""


@contextlib.contextmanager
def temporary(target: Path, folder: Path) -> Iterator[Path]:
    """A path beside the target that is gone afterwards, whatever happens; makes the folders in between.

    Raises Refused if a link would lead the file out of the output folder.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if folder.resolve() not in (target.parent.resolve(), *target.parent.resolve().parents):
        raise Refused("a link in the output folder leads out of it")
    path = target.parent / f"{TEMPORARY_PREFIX}{short(target)}-{os.getpid()}{TEMPORARY_SUFFIX}"
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def _private(path: Path, mode: int) -> None:
    """Make an empty file that nobody may read who may not read the original; its owner always may."""
    path.touch()
    with contextlib.suppress(OSError):  # not every disk knows permissions
        path.chmod(path.stat().st_mode & (mode | 0o600))


def _write(path: Path, data: bytes) -> None:
    # no fsync: should the power fail, the manifest's hash betrays a lost file and the next run writes it again
    path.write_bytes(data)
