"""Options that several verbs share."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from unlearnable.cli._streams import write
from unlearnable.jobs.owner import usable_cores

FOLDERS = "The originals, one folder or several, and last the folder with their protected copies."
Folders = Annotated[list[Path], Parameter(help=FOLDERS)]
Output = Annotated[Path | None, Parameter(name=["--output", "-o"])]
Quiet = Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", help="No progress; only problems are said.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Machine-readable lines on standard output.")]
Device = Annotated[str, Parameter(help="auto, cpu, cuda, cuda:N or mps.")]


def emit(record: Mapping[str, Any]) -> None:
    """Write one JSON line to standard output."""
    write("stdout", json.dumps(record, ensure_ascii=True) + "\n")


def parted(folders: list[Path]) -> tuple[list[Path], Path]:
    """Return the originals' folders and the protected one.

    Raises:
        ValueError: there are not two folders.
    """
    if len(folders) < 2:
        raise ValueError("name the originals first, and then the folder that `unlearnable protect` wrote")
    return folders[:-1], folders[-1]


def jobs_or_default(jobs: int | None) -> int:
    """Return the number of worker processes: one per usable core unless given.

    Raises:
        ValueError: fewer than one.
    """
    if jobs is not None and jobs < 1:
        raise ValueError(f"--jobs must be at least 1; got {jobs}")
    return usable_cores() if jobs is None else jobs
