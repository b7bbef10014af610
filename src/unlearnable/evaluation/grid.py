"""Many trials with resume: a suite can be stopped anywhere, run by several processes, and gathered into one file."""

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from unlearnable._runtime import Runtime
from unlearnable._types import Parameters, Progress, Report, silent
from unlearnable._words import sentence
from unlearnable.evaluation.fitting import out_of_memory
from unlearnable.evaluation.store import claimed, write_json
from unlearnable.evaluation.trial import Trial

POLL_SECONDS = 1.0

TOO_LARGE = "memory ran out; close other programs, or take fewer --jobs"


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A named list of trials; the order is the order they run in."""

    name: str
    trials: tuple[Trial, ...]

    def __post_init__(self) -> None:
        keys: dict[str, Trial] = {}
        for trial in self.trials:
            other = keys.setdefault(trial.key, trial)
            if other is not trial:
                raise ValueError(
                    f"suite {self.name!r} has the same trial twice: {trial.row}, {trial.countermeasure}, "
                    f"seed {trial.seed}; leave one out"
                )


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a suite is kept.

    Args:
        runs: one JSON per trial while the suite runs, and the noise that was crafted; not for version control.
        results: one JSON-lines file per suite, for version control.
    """

    runs: Path = Path("runs")
    results: Path = Path("results")

    def trial(self, suite: Suite, trial: Trial) -> Path:
        """Return the file of one trial."""
        return self.runs / suite.name / f"{trial.key}.json"

    def gathered(self, suite: str) -> Path:
        """Return the file of a whole suite."""
        return self.results / f"{suite}.jsonl"

    @property
    def noises(self) -> Path:
        """Return the folder of crafted noise, shared by all suites."""
        return self.runs / "noise"


def finished(suite: Suite, place: Place, complain: Callable[[str], None] = lambda text: None) -> dict[str, Parameters]:
    """Read the records of a suite's trials that are done, by key; those of other suites at the place count as well.

    A damaged file is named to `complain` and left out, so its trial runs again.
    """
    records: dict[str, Parameters] = {}
    for file in sorted(place.results.glob("*.jsonl"), key=lambda file: file == place.gathered(suite.name)):
        ours = file == place.gathered(suite.name)
        records |= {record["key"]: record for record in read_records(file, complain if ours else _silently)}
    found: dict[str, Parameters] = {}
    for trial in suite.trials:
        path = place.trial(suite, trial)
        record = _read(path, complain) if path.is_file() else records.get(trial.key)
        if record is None:
            others = (_read(other, _silently) for other in place.runs.glob(f"*/{trial.key}.json"))
            record = next((other for other in others if other is not None), None) or records.get(trial.key)
        if record is not None:
            # what a row or column is called may change without a new run
            found[trial.key] = {**record, "row": trial.row, "column": trial.column or record["countermeasure"]}
    return found


def _silently(text: str) -> None:
    """Say nothing."""


def run(
    suite: Suite,
    place: Place,
    *,
    runtime: Runtime,
    jobs: int = 1,
    resume: bool = True,
    report: Report = silent,
    say: Callable[[str], None] = lambda text: None,
) -> list[Parameters]:
    """Run what has no record yet, gather the suite's file, and return the records.

    Args:
        suite: what to run.
        place: where records are kept.
        runtime: device and autocast type.
        jobs: processes, each with its share of the cores.
        resume: keep the records there are; False runs every trial again.
        report: trials done of all.
        say: is told of damaged files, of trials that failed with one sentence each (the others go on), and of what a
            trial accuses itself of, such as a batch that did not fit into memory.

    Raises:
        ValueError: fewer than one job.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1; got {jobs!r}")
    before = place.gathered(suite.name)
    old = before.with_suffix(".jsonl.old")
    if not resume and before.is_file() and not old.is_file():  # what is there of an earlier such run is no loss
        before.replace(old)  # until all of it is there anew
    done = finished(suite, place, say) if resume else {}
    waiting = [trial for trial in suite.trials if trial.key not in done]
    for trial in waiting:
        _discard(place.trial(suite, trial), whole_too=not resume)
        place.trial(suite, trial).with_suffix(".failed").unlink(missing_ok=True)
    report(Progress(done=len(done), total=len(suite.trials), note=f"{len(waiting)} trials to run"))
    if jobs == 1 or len(waiting) < 2:
        _work(suite, waiting, place, runtime, report, say, len(done))
    else:
        _share(suite, waiting, place, runtime, jobs, report)
    for trial in waiting:
        name = f"{trial.row}, {trial.column or trial.countermeasure}, seed {trial.seed}"
        failed = place.trial(suite, trial).with_suffix(".failed")
        if failed.is_file() and not place.trial(suite, trial).is_file():
            say(f"{name}: {failed.read_text()}")
            continue
        record = _read(place.trial(suite, trial), _silently)
        for flag in record.get("flags", ()) if record else ():
            if flag["name"] != "undertrained":  # short trainings all are
                say(f"{name}: {flag['sentence']}")
    records = gather(suite, place, say, own=not resume)
    if len(records) == len(suite.trials):
        old.unlink(missing_ok=True)
    return records


def gather(
    suite: Suite, place: Place, say: Callable[[str], None] = lambda text: None, *, own: bool = False
) -> list[Parameters]:
    """Write the records there are into the suite's JSON-lines file, in the suite's order, and return them.

    Args:
        suite: whose.
        place: where records are kept.
        say: is told of damaged files.
        own: take only what this suite has run, and no record of another.
    """
    # beside the file that is read and written: others may gather into it from a `runs` of their own
    with claimed(place.gathered(suite.name).with_name(f".{suite.name}.lock"), wait=True):
        records = finished(suite, place, say)
        if own:
            records = {trial.key: records[trial.key] for trial in suite.trials if place.trial(suite, trial).is_file()}
        ordered = [records[trial.key] for trial in suite.trials if trial.key in records]
        target = place.gathered(suite.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(f".{os.getpid()}.tmp")
        try:
            temporary.write_text("".join(json.dumps(each, sort_keys=True) + "\n" for each in ordered), encoding="utf-8")
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    return ordered


def read_records(path: Path, complain: Callable[[str], None] = lambda text: None) -> list[Parameters]:
    """Read a JSON-lines file of records; a damaged line is named to `complain` and left out.

    Raises:
        FileNotFoundError: there is no such file.
    """
    records = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            record = json.loads(line)
            record["key"], record["best"]
            records.append(record)
        except (ValueError, KeyError, TypeError):
            complain(f"line {number} of {path} is damaged: its trial runs again")
    return records


def _read(path: Path, complain: Callable[[str], None]) -> Parameters | None:
    try:
        record: Parameters = json.loads(path.read_text(encoding="utf-8"))
        if record["key"] == path.stem and "best" in record:
            return record
    except (OSError, ValueError, KeyError, TypeError):
        pass
    complain(f"{path} is damaged: its trial runs again")
    return None


def _discard(path: Path, *, whole_too: bool) -> None:
    """Remove a damaged record, or any, so that it does not count as done; one that another process holds is left."""
    if path.is_file():
        with claimed(path.with_suffix(".lock")) as ours:
            if ours and (whole_too or _read(path, _silently) is None):
                path.unlink(missing_ok=True)


def _work(
    suite: Suite,
    waiting: Sequence[Trial],
    place: Place,
    runtime: Runtime,
    report: Report,
    say: Callable[[str], None],
    before: int,
) -> None:
    """Run trials that nobody else has claimed; one that fails leaves a sentence, and the others go on.

    Then wait for those that others claimed, and run what they leave undone when they die. A process whose parent was
    killed ends after its trial.
    """
    queue, elsewhere = list(waiting), list[Trial]()
    while queue or elsewhere:
        second = not queue
        # whose noise is being crafted by another process has to wait: others go first
        trial = elsewhere.pop(0) if second else queue.pop(_first_free(queue, place.noises))
        path = place.trial(suite, trial)
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            return
        note = f"{trial.row}, {trial.column or trial.countermeasure}, seed {trial.seed}"
        done = before + len(waiting) - len(queue) - len(elsewhere) - 1
        report(Progress(done=done, total=len(suite.trials), note=note))
        with claimed(path.with_suffix(".lock"), wait=second) as ours:
            if not ours:
                elsewhere.append(trial)
                continue
            if path.is_file() or path.with_suffix(".failed").is_file():  # of this run: older ones are gone
                continue
            try:
                record = trial.run(runtime, noises=place.noises)
            except Exception as error:  # whatever is wrong with one trial, the others go on
                said = TOO_LARGE if out_of_memory(error) else sentence(error)
                path.with_suffix(".failed").write_text(said, encoding="utf-8")
                continue
            write_json(path, record)
            path.with_suffix(".failed").unlink(missing_ok=True)
    report(Progress(done=before + len(waiting), total=len(suite.trials), note="done"))


def _first_free(queue: Sequence[Trial], noises: Path) -> int:
    """Return the place of the first trial that need not wait for another's noise, or 0."""
    with suppress(Exception):  # the trial itself says what is wrong with its data
        return next((place for place, trial in enumerate(queue) if not trial.held_up(noises)), 0)
    return 0


def _share(suite: Suite, waiting: Sequence[Trial], place: Place, runtime: Runtime, jobs: int, report: Report) -> None:
    """Let `jobs` processes work on the same list; whoever claims a trial first runs it."""
    jobs = min(jobs, len(waiting))
    threads = max(1, torch.get_num_threads() // jobs)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_worker, args=(suite, waiting, place, runtime, threads)) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    before = len(suite.trials) - len(waiting)
    try:
        while any(worker.is_alive() for worker in workers):
            done = sum(place.trial(suite, trial).is_file() for trial in waiting)
            report(Progress(done=before + done, total=len(suite.trials), note=f"{jobs} processes"))
            workers[0].join(POLL_SECONDS)
            if not workers[0].is_alive():
                time.sleep(POLL_SECONDS)
    except BaseException:
        for worker in workers:
            worker.terminate()
        raise
    crashed = [worker.exitcode for worker in workers if worker.exitcode]
    if crashed:
        raise RuntimeError(
            f"{len(crashed)} of {jobs} processes ended with code {crashed[0]}; what they finished is kept, "
            "run the same command again to go on"
        )


def _worker(suite: Suite, waiting: Sequence[Trial], place: Place, runtime: Runtime, threads: int) -> None:
    torch.set_num_threads(threads)
    with suppress(KeyboardInterrupt):
        _work(suite, waiting, place, runtime, silent, lambda text: None, 0)
