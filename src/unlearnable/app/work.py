"""The process that does one job: `python -m unlearnable.app.work FOLDER JOB`. It needs no app to be running."""

import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from unlearnable._types import Progress
from unlearnable._words import sentence
from unlearnable.app import text
from unlearnable.app.store import FileState, Job, Store
from unlearnable.app.wishes import ENDING, TOLD, Paused, Wishes, leave
from unlearnable.evaluation.store import claimed
from unlearnable.protect import CheckProgress
from unlearnable.protect import Progress as FileDone

WEAK = "survival:"
"""How the check names a file with too little of the noise in it."""

NO_PICTURE = "it is not a picture"
"""The reason of files that nobody wants protected, such as notes and films."""

NAMED = 20
"""Files with problems that are named, of all that are counted."""

READING = "reading photos"
"""What a proof says while it counts photos, before it counts epochs."""


def lock_of(folder: Path, name: str) -> Path:
    """Return the file that a job's process holds while it lives."""
    return folder / "locks" / f"{name}.lock"


def alive(folder: Path, name: str) -> bool:
    """Return whether a job's process is there."""
    with claimed(lock_of(folder, name)) as ours:
        return not ours


def work(folder: Path, name: str) -> None:
    """Do a job to its end, or until it is asked to pause; what goes wrong is one sentence in the store."""
    store = Store(folder)
    with claimed(lock_of(folder, name)) as ours:
        job = store.job(name)
        if not ours or job is None or job.state in ("done", "failed"):
            return
        store.change(name, state="running", message="")
        try:
            KINDS[job.kind](store, job)
        except (ValueError, KeyError, OSError, RuntimeError, ImportError, MemoryError, sqlite3.Error) as error:
            with suppress(sqlite3.Error):  # then the app sees that this process is gone, and starts another
                store.change(name, state="failed", message=sentence(error), finished=time.time(), seconds_left=None)


def protect(store: Store, job: Job) -> None:
    """Protect a folder, then check what was written."""
    from unlearnable.jobs.protecting import prepare
    from unlearnable.protect import check

    spec = job.spec
    source, output = Path(spec["source"]), Path(spec["output"])
    prepared = prepare(
        [source],
        output,
        strength=spec["strength"],
        output_format=spec["format"],
        category=spec["category"],
        labels=Path(spec["labels"]) if spec.get("labels") else None,
        pack=spec["pack"],
        optout=spec.get("optout"),
    )
    items = prepared.plan.items
    rows = ((item.source.key, str(item.source.path), item.output, item.category) for item in items)
    store.plan_files(job.id, rows)
    keys = {str(item.source.path): item.source.key for item in items}
    keys |= {str(failure.path): _key(failure.path, source) for failure in prepared.plan.failures}
    refused = ((keys[str(each.path)], str(each.path), each.reason) for each in prepared.plan.failures)
    store.fail_files(job.id, ((*row, "other" if row[2] == NO_PICTURE else "failed") for row in refused))
    store.change(job.id, total=len(items), done=0)
    wishes = Wishes(store, job.id)
    with _files(store, job.id) as ended:
        summary = prepared.run(workers=spec.get("workers"), progress=ended, stop=wishes.stop, skip=wishes.skip)
    result: dict[str, Any] = {
        "protected": summary.protected + summary.kept,
        "failed": sum(failure.reason != NO_PICTURE for failure in summary.failures),
        "skipped": summary.not_reached,
        "lossy": summary.lossy,
        "lowest_survival": summary.lowest_survival,
        "seconds": round(summary.seconds, 1),
    }
    if summary.stopped == "it was interrupted":
        leave(store, job.id)
        return
    if summary.stopped:
        raise ValueError(f"{summary.stopped}: what is written is kept; make room and go on")
    if summary.protected + summary.kept:
        try:
            report = check(source, output, progress=_checked(store, job.id, wishes))
        except Paused:
            leave(store, job.id)
            return
        store.change(job.id, done=len(items) - summary.not_reached, total=len(items))
        failed = {str(failure.path) for failure in summary.failures}
        left_out = failed | {keys[path] for path in failed} | store.skipped(job.id)
        problems = [row for row in report.problems if row.source not in left_out]
        weak = [row.output for row in problems if all(WEAK in words for words in row.problems)]
        wrong = [f"{row.output or row.source}: {row.problems[0]}" for row in problems if row.output not in weak]
        result |= {
            "checked": len(report.rows) - len(report.problems) + len(weak),
            "weak": len(weak),
            "weak_names": weak[:NAMED],
            "wrong": len(wrong),
            "wrong_names": wrong[:NAMED],
        }
    store.change(job.id, state="done", result=result, note="", finished=time.time(), seconds_left=None)


def _key(path: Path, source: Path) -> str:
    """Return a path below the source as the check names it."""
    return path.relative_to(source).as_posix() if source in path.parents else path.name


def _checked(store: Store, name: str, wishes: Wishes) -> Callable[[CheckProgress], None]:
    """Return a progress callback of the check, which ends with `Paused` if that is asked for."""
    start, last = time.monotonic(), [0.0]

    def told(now: CheckProgress) -> None:
        if wishes.stop():
            raise Paused
        if time.monotonic() - last[0] >= TOLD:
            last[0] = time.monotonic()
            left = (last[0] - start) / now.done * (now.total - now.done)
            store.change(name, done=now.done, total=now.total, note=text.CHECKING, seconds_left=left)

    return told


@contextmanager
def _files(store: Store, name: str) -> Iterator[Callable[[FileDone], None]]:
    """Yield a progress callback that writes to the store now and then; the rest is written at the end."""
    waiting: list[tuple[str, FileState, str]] = []
    last, newest = [time.monotonic()], list[FileDone]()

    def write() -> None:
        if newest:
            now = newest[-1]
            store.end_files(name, waiting)
            store.change(name, done=now.done, seconds_left=now.seconds_left, note=now.path.name)
            waiting.clear()
            newest.clear()
        last[0] = time.monotonic()

    def done(now: FileDone) -> None:
        state: FileState = "failed" if now.failure else "kept" if now.kept else "protected"
        waiting.append((str(now.path), state, now.failure or now.warning))
        newest.append(now)
        if time.monotonic() - last[0] >= TOLD:
            write()

    try:
        yield done
    finally:
        write()


def prove(store: Store, job: Job) -> None:
    """Prove a protected folder."""
    from unlearnable.jobs.proving import ProveJob

    spec = job.spec
    folder = Path(spec["output"])  # of all proofs of these photos: each has its own report, and trainings are shared
    asked = ProveJob(
        source=Path(spec["source"]),
        protected=Path(spec["protected"]),
        output=folder / f"{datetime.fromtimestamp(job.created):%Y-%m-%d}-{job.id[:8]}",
        trainings=folder / "trainings",
        others=[Path(folder) for folder in spec["others"]],
        quick=spec["quick"],
        pictures=spec.get("pictures", False),
    )
    wishes = Wishes(store, job.id)
    clock: list[tuple[float, int]] = []
    last = [0.0]

    def report(now: Progress) -> None:
        if wishes.stop():
            raise Paused
        clock.append((time.monotonic(), now.done))
        if time.monotonic() - last[0] < TOLD and now.done < now.total:
            return
        last[0] = time.monotonic()
        (start, first), (end, done) = clock[0], clock[-1]
        left = (end - start) / (done - first) * (now.total - done) if done > first else None
        store.change(job.id, done=now.done, total=now.total, note=now.note, seconds_left=left)

    def watch(row: str, seed: int, epoch: int, accuracy: float) -> None:
        store.add_epoch(job.id, row, seed, epoch, accuracy)

    reads = True
    try:
        readied = asked.read(report)
        reads, last[0] = False, 0.0
        clock.clear()
        proof, page = readied.run(report, watch)
    except Paused:
        if reads:  # nothing of it is kept
            store.change(job.id, done=0, total=0)
        leave(store, job.id)
        return
    titles = {row["name"]: row["title"] for row in proof["rows"]}
    result = {"report": str(page), "worst": proof["worst"], "rows": proof["rows"], "titles": titles}
    result |= {"chance": proof["chance"], "flags": proof["flags"]}
    store.change(job.id, state="done", result=result, note="", finished=time.time(), seconds_left=None)


def lab(store: Store, job: Job) -> None:
    """Try a poison."""
    from unlearnable.jobs.lab import LabJob, made

    spec = job.spec
    settings = {name: spec[name] for name in ("data", "per_class", "countermeasure")}
    asked = LabJob(poison=made(spec["method"], spec["settings"]), folder=store.folder / "lab" / job.id, **settings)
    wishes = Wishes(store, job.id)
    total, done, last = 2 * asked.recipe.epochs, [0], [0.0]
    store.change(job.id, total=total)

    def note(words: str, left: float | None) -> None:
        if wishes.stop():
            raise Paused
        if time.monotonic() - last[0] < TOLD and left is not None:
            return
        last[0] = time.monotonic()
        store.change(job.id, note=words, seconds_left=left)

    def watch(row: str, seed: int, epoch: int, accuracy: float) -> None:
        done[0] += 1
        store.add_epoch(job.id, row, seed, epoch, accuracy)
        store.change(job.id, done=min(done[0], total))

    try:
        result = asked.run(note, watch)
    except Paused:
        leave(store, job.id)
        return
    store.change(job.id, state="done", result=result, note="", finished=time.time(), seconds_left=None, done=total)


KINDS: dict[str, Callable[[Store, Job], None]] = {"protect": protect, "prove": prove, "lab": lab}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: ENDING.set())
    work(Path(sys.argv[1]), sys.argv[2])
