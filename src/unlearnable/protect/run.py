"""Carry out a plan: hand files to workers, write the manifest, say how far it is, end cleanly."""

import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from jaxtyping import Int8

from unlearnable.protect import ledger, pool
from unlearnable.protect.plan import Plan, check_paths
from unlearnable.protect.sources import Failure
from unlearnable.protect.worker import FULL, Outcome, Task, work


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One more file is finished: how far the job is, and what became of that file.

    `seconds_left` comes from the bytes a second measured so far, None before the first file. `kept` files were
    there already; `failure` and `warning` are empty or one sentence about `path`.
    """

    done: int
    total: int
    seconds_left: float | None
    path: Path
    kept: bool
    failure: str
    warning: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run did. `stopped` says why it ended early, empty if it did not."""

    protected: int
    kept: int
    failures: tuple[Failure, ...]
    warnings: tuple[tuple[Path, str], ...]
    notes: tuple[tuple[Path, str], ...]
    lossy: int
    lowest_survival: float
    seconds: float
    stopped: str
    not_reached: int

    @property
    def exit_code(self) -> int:
        """0 if every file is protected, 1 otherwise."""
        return 1 if self.failures or self.stopped or self.not_reached else 0


@dataclass(kw_only=True)
class _Tally:
    entries: list[ledger.Entry] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    warnings: list[tuple[Path, str]] = field(default_factory=list)
    notes: list[tuple[Path, str]] = field(default_factory=list)
    kept: int = 0
    done: int = 0
    stopped: str = ""


def _ignore(progress: Progress) -> None:
    """Report nothing."""


def _never() -> bool:
    return False


def _skips_nothing(key: str) -> bool:
    return False


def protect(
    plan: Plan,
    noise_for: Mapping[str, Int8[np.ndarray, "c h w"]],
    codes: Mapping[str, int],
    *,
    jobs: int = 1,
    progress: Callable[[Progress], None] = _ignore,
    stop: Callable[[], bool] = _never,
    skip: Callable[[str], bool] = _skips_nothing,
) -> Summary:
    """Write protected copies of the plan's files into its output folder; the sources are only read.

    `noise_for` and `codes` give each category its noise (levels at `options.pack_epsilon`) and its code. Files
    that the manifest already holds with the same input, noise and parameters are kept. `progress` is called after
    each file; `stop` is asked before each, and Ctrl-C asks likewise: files under way are finished and recorded.
    `skip` is asked for each file's key, and those it names are left out of this run and count as not reached.

    Raises ValueError for a category without noise or with more than the pack's budget, for two categories in one
    code, and if the output cannot be used.
    """
    _check(plan, noise_for, codes, jobs)
    check_paths(plan.inputs, plan.output)
    start = time.perf_counter()
    tally = _Tally(failures=list(plan.failures))
    with closing(_finished(plan, noise_for, codes, jobs, tally, stop, skip)) as finished:
        for now in finished:  # what the caller's own code raises is not the output's fault
            progress(now)
    return _summary(plan, tally, time.perf_counter() - start)


def _finished(
    plan: Plan,
    noise_for: Mapping[str, Int8[np.ndarray, "c h w"]],
    codes: Mapping[str, int],
    jobs: int,
    tally: _Tally,
    stop: Callable[[], bool],
    skip: Callable[[str], bool],
) -> Generator[Progress, None, None]:
    """Do the work, and tell of each file that is finished. Raises ValueError if the output cannot be used."""
    release = version("unlearnable")
    try:
        plan.output.mkdir(parents=True, exist_ok=True)
        with ledger.Ledger(plan.output) as book, _Interrupt() as interrupt:
            previous = ledger.read(plan.output)
            book.start(release, plan.options.parameters())

            def tasks() -> Iterator[Task]:
                for item in plan.items:
                    if interrupt.asked or stop():
                        tally.stopped = tally.stopped or "it was interrupted"
                    if tally.stopped:
                        return
                    if skip(item.source.key):
                        continue
                    yield Task(
                        source=item.source.path,
                        key=item.source.key,
                        folder=plan.output,
                        output=item.output,
                        category=item.category,
                        code=codes[item.category],
                        noise=noise_for[item.category],
                        options=plan.options,
                        version=release,
                        previous=previous.get(item.output),
                        origin=item.source.origin,
                    )

            newest = ledger.newest(previous)
            sizes = {item.source.key: item.source.size for item in plan.items}
            clock = _Clock(total=sum(sizes.values()))
            outcomes = pool.run(tasks(), jobs) if jobs > 1 else ((task, work(task)) for task in tasks())
            for task, outcome in outcomes:
                _record(task, outcome, tally, book, newest.get(task.key))
                clock.add(sizes[task.key], worked=not outcome.kept)
                yield Progress(
                    done=tally.done,
                    total=len(plan.items),
                    seconds_left=clock.left(),
                    path=task.source,
                    kept=outcome.kept,
                    failure=outcome.failure,
                    warning=outcome.warning,
                )
    except OSError as error:
        raise ValueError(f"the output {plan.output} cannot be written: {error.strerror or error}") from error


def _check(plan: Plan, noise_for: Mapping[str, Any], codes: Mapping[str, int], jobs: int) -> None:
    if jobs < 1:
        raise ValueError(f"jobs is at least 1, got {jobs!r}")
    slots: dict[int, str] = {}
    for category in plan.categories:
        if category not in noise_for or category not in codes:
            raise ValueError(f"the category {category!r} has no noise: give it a code of the pack")
        loudest = int(np.abs(noise_for[category].astype(np.int16)).max(initial=0))
        if loudest > plan.options.pack_epsilon:
            limit = plan.options.pack_epsilon
            raise ValueError(f"the noise of {category!r} reaches {loudest} levels, its pack allows {limit:g}")
        other = slots.setdefault(codes[category], category)
        if other != category:
            raise ValueError(
                f"the categories {other!r} and {category!r} share code {codes[category]}: give each its own"
            )


def _record(task: Task, outcome: Outcome, tally: _Tally, book: ledger.Ledger, newest: ledger.Entry | None) -> None:
    tally.done += 1
    if outcome.entry is None:
        tally.failures.append(Failure(path=task.source, reason=outcome.failure))
        if outcome.disk_full:
            tally.stopped = "the disk is full"
        return
    tally.kept += outcome.kept
    if outcome.entry != newest:  # what is kept may have a newer copy in another format, and is the newest from now on
        try:
            book.add(outcome.entry)
        except OSError as error:
            if error.errno not in FULL:
                raise
            tally.failures.append(Failure(path=task.source, reason="the disk is full"))
            tally.stopped = "the disk is full"
            return
    book.settle(task.output, new=not outcome.kept)
    tally.entries.append(outcome.entry)
    tally.notes += [(task.source, note) for note in outcome.entry.notes]
    if outcome.warning:
        tally.warnings.append((task.source, outcome.warning))


def _summary(plan: Plan, tally: _Tally, seconds: float) -> Summary:
    return Summary(
        protected=len(tally.entries) - tally.kept,
        kept=tally.kept,
        failures=tuple(sorted(tally.failures, key=lambda failure: str(failure.path))),
        warnings=tuple(tally.warnings),
        notes=tuple(tally.notes),
        lossy=sum(not entry.lossless for entry in tally.entries),
        lowest_survival=min((entry.measured["survival"] for entry in tally.entries), default=1.0),
        seconds=seconds,
        stopped=tally.stopped,
        not_reached=len(plan.items) - tally.done,
    )


class _Clock:
    """Seconds left, from the bytes a second of the files that were worked on; the time of kept ones does not count."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._worked = 0
        self._spent = 0.0
        self._last = time.perf_counter()

    def add(self, size: int, worked: bool) -> None:
        now = time.perf_counter()
        self._left -= size
        if worked:
            self._worked += size
            self._spent += now - self._last
        self._last = now

    def left(self) -> float | None:
        if not self._left:
            return 0.0
        return self._left * self._spent / self._worked if self._worked else None


class _Interrupt:
    """Turns the first Ctrl-C into a question; the second one stops at once. Main thread only, else no change."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> "_Interrupt":
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
