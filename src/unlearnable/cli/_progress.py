"""Live progress with a measured time left."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from unlearnable._types import Progress, Report, silent
from unlearnable._words import spoken
from unlearnable.cli._streams import write


@contextmanager
def progress(label: str, *, quiet: bool = False) -> Iterator[Report]:
    """Show one bar on the error stream while the block runs; nothing when quiet or not on a terminal.

    The time left is measured from this run: units done since the start against seconds passed.
    """
    console = Console(file=sys.stderr)
    if quiet:
        yield silent
        return
    if not console.is_terminal or console.is_dumb_terminal:
        yield _lines(label)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None, left="", note="")
        clock = _Clock()

        def report(now: Progress) -> None:
            bar.update(task, completed=now.done, total=now.total, left=clock.left(now), note=now.note)

        yield report


class _Clock:
    def __init__(self) -> None:
        self.started = time.monotonic()
        self.first: int | None = None

    def left(self, now: Progress) -> str:
        """Say how long the rest takes at the speed measured since the first report."""
        if self.first is None or now.done < self.first:
            self.first, self.started = now.done, time.monotonic()
        done, passed = now.done - self.first, time.monotonic() - self.started
        if done <= 0 or now.done >= now.total:
            return ""
        return f"{spoken(passed / done * (now.total - now.done))} left"


def _lines(label: str) -> Callable[[Progress], None]:
    """Report every tenth of the way in a line of its own, for logs."""
    clock = _Clock()
    tenths: list[int] = [0]

    def report(now: Progress) -> None:
        left = clock.left(now)
        tenth = 10 * now.done // max(now.total, 1)
        if tenth > tenths[0]:
            tenths[0] = tenth
            parts = [f"{label}: {now.done}/{now.total}", left, now.note]
            write("stderr", ", ".join(part for part in parts if part) + "\n")
        elif tenth < tenths[0]:
            tenths[0] = tenth

    return report
