"""Standard streams that are closed, whose reader has gone, or that cannot say every letter."""

import io
import os
import sys
from pathlib import Path
from typing import Literal

Stream = Literal["stdout", "stderr"]
NAMES: tuple[Stream, ...] = ("stdout", "stderr")


def prepare() -> None:
    """Let a closed stream swallow what is said, and escape the letters that a stream has no place for."""
    for name in NAMES:
        stream = getattr(sys, name)
        if stream is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8", errors="replace")  # noqa: SIM115 - stays open
            setattr(sys, name, nowhere)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write(name: Stream, text: str) -> None:
    """Write to a stream; where its reader has gone, the work goes on unheard."""
    stream = getattr(sys, name)
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
