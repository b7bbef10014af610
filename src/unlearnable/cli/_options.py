"""Options that several verbs share."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from platformdirs import user_config_path

Output = Annotated[Path | None, Parameter(name=["--output", "-o"])]
Quiet = Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", help="No progress; only problems are said.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Machine-readable lines on standard output.")]
Device = Annotated[str, Parameter(help="auto, cpu, cuda, cuda:N or mps.")]

OWNER_KEY = "UNLEARNABLE_OWNER_KEY"


def emit(record: Mapping[str, Any]) -> None:
    """Write one JSON line to standard output."""
    sys.stdout.write(json.dumps(record, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def jobs_or_default(jobs: int | None) -> int:
    """Return the number of worker processes: one per usable core unless given.

    Raises:
        ValueError: fewer than one.
    """
    if jobs is None:
        usable = getattr(os, "sched_getaffinity", None)
        return max(1, len(usable(0)) if usable else os.cpu_count() or 1)
    if jobs < 1:
        raise ValueError(f"--jobs must be at least 1; got {jobs}")
    return jobs


def owner_key(file: Path | None) -> bytes:
    """Return the secret that spreads category names over the pack's slots, the same in every run of one owner.

    Taken from `file`, else from the environment variable UNLEARNABLE_OWNER_KEY (its text), else from this user's
    configuration folder, where it is made at first use (32 random bytes, readable by the user only).

    Raises:
        ValueError: the file is empty or cannot be read.
    """
    if file is None and os.environ.get(OWNER_KEY):
        return os.environ[OWNER_KEY].encode()
    place = file or user_config_path("unlearnable") / "owner.key"
    if file is None and not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
                new.write(os.urandom(32))
        except FileExistsError:  # another run made it in the meantime
            pass
    try:
        key = place.read_bytes()
    except OSError as error:
        raise ValueError(
            f"the owner key {place} cannot be read ({error.strerror}); name one with --owner-key"
        ) from error
    if not key:
        raise ValueError(f"the owner key {place} is empty; remove it and a new one is made")
    return key
