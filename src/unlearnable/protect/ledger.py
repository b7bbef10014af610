"""The manifest: JSON lines in the output folder, appended one file at a time.

It holds no absolute path. A line is written after its file is in place, so a run killed at any moment leaves
at most one whole file per worker without a line, and one torn last line, which the next run cuts off.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: two runs at once are not noticed there
    fcntl = None  # type: ignore[assignment]

MANIFEST = "manifest.jsonl"
SYNC_SECONDS = 1.0  # between fsyncs, against power failure; one for each file slows folders of small photos
TEMPORARY_PREFIX, TEMPORARY_SUFFIX, CLAIM_SUFFIX = ".unlearnable-", ".tmp", ".placed"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One protected file. Hashes are BLAKE2b of 32 bytes, `size` is width and height as displayed, in pixels.

    `origin` is that of its `Source`; empty in manifests of earlier versions.
    """

    source: str
    output: str
    category: str
    code: int
    source_blake2: str
    output_blake2: str
    noise_blake2: str
    bytes: int
    format: str
    lossless: bool
    mode: str
    size: tuple[int, int]
    orientation: int
    parameters: dict[str, Any]
    measured: dict[str, float]
    notes: tuple[str, ...] = field(default=())
    version: str = ""
    origin: str = ""


def digest(data: bytes) -> str:
    """BLAKE2b of 32 bytes, in hexadecimal."""
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def short(target: Path) -> str:
    """A name for what lies beside a file for a while; the file's own may be as long as a name can be."""
    return digest(os.fsencode(target.name))[:16]


def claim(target: Path) -> Path:
    """Where a worker says which bytes it is about to put in place, until the manifest says so."""
    return target.parent / f"{TEMPORARY_PREFIX}{short(target)}{CLAIM_SUFFIX}"


def is_ours(folder: Path) -> bool:
    """Whether the folder holds a manifest of this package; others call files so too."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            return json.loads(file.readline())["kind"] in ("run", "file")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read(folder: Path) -> dict[str, Entry]:
    """The newest entry of each output of this folder's manifest, by output path, the newest last.

    A torn last line is ignored.

    Raises ValueError if there is no manifest or it is not one of ours.
    """
    path = folder / MANIFEST
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise ValueError(f"{folder} has no {MANIFEST}: it was not written by `unlearnable protect`") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    entries: dict[str, Entry] = {}
    for number, line in enumerate(raw.split(b"\n")[:-1], 1):
        try:
            record = json.loads(line)
            if record.pop("kind") == "file":
                entry = _entry(record)
                entries.pop(entry.output, None)
                entries[entry.output] = entry
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"line {number} of {path} is not a manifest line: restore or remove the file") from error
    return entries


def newest(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The newest of each source's entries, by source; a source has several after a change of the format."""
    return {entry.source: entry for entry in entries.values()}


_KINDS: dict[type, tuple[str, ...]] = {
    str: ("source", "output", "category", "source_blake2", "output_blake2", "noise_blake2", "format", "mode"),
    int: ("code", "bytes", "orientation"),
    dict: ("parameters", "measured"),
}


def _entry(record: dict[str, Any]) -> Entry:
    """Raises TypeError or KeyError for a line that was edited by hand, and wrongly."""
    width, height = record["size"]
    entry = Entry(**{**record, "size": (width, height), "notes": tuple(record["notes"])})
    wrong = [name for kind, names in _KINDS.items() for name in names if not isinstance(getattr(entry, name), kind)]
    numbers = [entry.parameters[name] for name in ("epsilon", "pack_epsilon")] if not wrong else []
    numbers += [entry.measured[name] for name in ("linf", "psnr", "ssim", "survival")] if not wrong else []
    if wrong or not all(isinstance(number, int | float) for number in numbers):
        raise TypeError(f"of the wrong kind: {', '.join(wrong) or 'a number'}")
    return entry


class Ledger:
    """The manifest of a running job, opened for appending and locked against a second job in the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: Any = None
        self._synced = 0.0
        self._claims: set[str] = set()

    def __enter__(self) -> "Ledger":
        """Open, lock and repair; removes temporary files of a killed run. Raises ValueError or OSError."""
        # it says which noise is in which photo: only its owner reads it
        self._file = open(self.folder / MANIFEST, "a+b", opener=lambda path, flags: os.open(path, flags, 0o600))
        if fcntl is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                self._file.close()
                raise ValueError(f"another run is writing to {self.folder}: wait for it or stop it") from error
        self._repair()
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if name.startswith(TEMPORARY_PREFIX) and name.endswith(TEMPORARY_SUFFIX):
                    with contextlib.suppress(OSError):
                        os.unlink(os.path.join(folder, name))
                elif name.startswith(TEMPORARY_PREFIX) and name.endswith(CLAIM_SUFFIX):
                    self._claims.add(os.path.join(folder, name))
        return self

    def settle(self, output: str, *, new: bool) -> None:
        """Take away the claim of a file that the manifest holds, one of a killed run too."""
        place = claim(self.folder / output)
        if new or str(place) in self._claims:
            with contextlib.suppress(OSError):
                place.unlink(missing_ok=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._sync()
        with contextlib.suppress(OSError):  # a full disk again: closing writes what is left
            self._file.close()

    def _repair(self) -> None:
        self._file.seek(0)
        raw = self._file.read()
        whole = raw.rfind(b"\n") + 1
        if whole < len(raw):
            self._file.truncate(whole)

    def start(self, version: str, parameters: dict[str, object]) -> None:
        """Say that a run begins, before any file is written."""
        self._append({"kind": "run", "version": version, "parameters": parameters})

    def add(self, entry: Entry) -> None:
        """Record a file that is in place."""
        self._append({"kind": "file", **asdict(entry)})

    def _append(self, record: dict[str, Any]) -> None:
        # ASCII keeps names that are not UTF-8 (lone surrogates) intact
        self._file.write(json.dumps(record, ensure_ascii=True, allow_nan=False).encode() + b"\n")
        self._file.flush()  # from here on killing the process loses nothing
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._sync()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()
