"""One JSON per training, whole or absent: a killed proof goes on where it was."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from unlearnable._types import Parameters


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
