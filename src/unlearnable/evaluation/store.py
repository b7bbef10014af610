"""One JSON per training, whole or absent: what was killed goes on where it was, and two processes share a folder."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unlearnable._types import Parameters

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: two runs at once may do the same trial twice there
    fcntl = None  # type: ignore[assignment]


def key_of(description: Mapping[str, Any]) -> str:
    """Digest of what a training depends on: the resume key."""
    return hashlib.blake2b(json.dumps(description, sort_keys=True).encode(), digest_size=12).hexdigest()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file atomically (temporary file in the same folder, then rename)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def resumed(
    folder: Path | None, description: Mapping[str, Any], run: Callable[[], Parameters]
) -> tuple[Parameters, bool]:
    """Return the stored result of `description`, or run it and store it.

    Args:
        folder: where results are kept; None keeps none.
        description: what the result depends on, JSON-serialisable.
        run: makes the result, JSON-serialisable.

    Returns:
        The result, and whether it came from the store. A file that is damaged, or of another description, is made
        again.
    """
    if folder is None:
        return run(), False
    path = folder / f"{key_of(description)}.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["description"] == json.loads(json.dumps(description)):
            return stored["result"], True
    except (OSError, ValueError, KeyError, TypeError):
        pass
    result = run()
    write_json(path, {"description": description, "result": result})
    return result, False


@contextmanager
def claimed(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a lock file while the block runs; the system drops it when the process dies, however it does.

    Args:
        path: the lock file; it is made, and left there.
        wait: for another process that holds it.

    Yields:
        Whether it is ours.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
        yield True
