"""`unlearnable protect`: write protected copies of a folder of photos."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from unlearnable._types import Progress as Now
from unlearnable._types import Report
from unlearnable._words import shown, spoken
from unlearnable.cli._app import OK, SOME_FAILED, STOPPED, say
from unlearnable.cli._options import AsJson, Quiet, emit, jobs_or_default
from unlearnable.cli._progress import progress
from unlearnable.protect import MANIFEST, Plan, Summary
from unlearnable.protect import Progress as FileDone

SHOWN = 20
"""Problems listed at the end before they are only counted; --verbose lists all."""


def protect(
    inputs: Annotated[list[Path], Parameter(help="Photos and folders of photos; folders are searched to the bottom.")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="A new folder, beside the originals.")],
    strength: Annotated[
        Literal["low", "medium", "high"], Parameter(help="How much a pixel may change: 4, 8 or 16 of 255 levels.")
    ] = "medium",
    format: Annotated[
        Literal["keep", "png", "webp"], Parameter(help="keep the file type, or lossless png or webp.")
    ] = "keep",
    category: Annotated[
        str | None, Parameter(help="One name for all photos, such as your own; default: the sub-folder's name.")
    ] = None,
    labels: Annotated[Path | None, Parameter(help="A CSV of file name and category, instead of sub-folders.")] = None,
    pack: Annotated[str, Parameter(help="The noise: a name of `unlearnable pack list`, or a file.")] = "photos-64",
    optout: Annotated[
        Literal["ai", "genai", "all"] | None,
        Parameter(help="Ask in the metadata not to train AI, generative AI, or mine at all; a request, not a lock."),
    ] = None,
    c2pa_cert: Annotated[
        Path | None, Parameter(help="Sign the request as Content Credentials: your certificate chain, PEM.")
    ] = None,
    c2pa_key: Annotated[Path | None, Parameter(help="And its private key, PEM; it is only read.")] = None,
    owner_key_file: Annotated[
        Path | None, Parameter(name="--owner-key", help="Your secret; default: made once for this user.")
    ] = None,
    jobs: Annotated[
        int | None, Parameter(name=["--jobs", "-j"], help="Worker processes; default: one per core.")
    ] = None,
    dry_run: Annotated[bool, Parameter(negative="", help="Say what would be done; write nothing.")] = False,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="", help="One line per file.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Write protected copies of photos, in the same folders with the same names.

    Originals are only read. A second run does only what is missing. Exit code: 0 ok, 1 some files failed, 2 wrong use.
    """
    from unlearnable.jobs.protecting import prepare
    from unlearnable.media import Signer

    if (c2pa_cert is None) != (c2pa_key is None):
        raise ValueError("signing needs both --c2pa-cert and --c2pa-key")
    prepared = prepare(
        inputs,
        output,
        strength=strength,
        output_format=format,
        category=category,
        labels=labels,
        pack=pack,
        owner_key_file=owner_key_file,
        optout=optout,
        signer=Signer.load(c2pa_cert, c2pa_key) if c2pa_cert and c2pa_key else None,
        dry=dry_run,
    )
    job = prepared.plan
    for failure in job.failures if as_json else ():
        emit(_failed(failure.path, failure.reason, done=0))
    for warning in job.warnings if as_json else ():
        emit({"kind": "warning", "reason": warning})
    if dry_run:
        return _describe(job, as_json)
    with progress("protecting", quiet=quiet or as_json) as report:
        told = _told(report, verbose=verbose, as_json=as_json)
        done = prepared.run(workers=jobs_or_default(jobs), progress=told)
    return _conclude(job, done, quiet=quiet, verbose=verbose, as_json=as_json)


def _describe(job: Plan, as_json: bool) -> int:
    for item in job.items if as_json else ():
        emit({"kind": "plan", "source": str(item.source.path), "output": item.output, "category": item.category})
    if not as_json:
        counts = ", ".join(f"{name} ({count})" for name, count in job.categories.items())
        say(f"{len(job.items)} photos, {job.bytes / 1e6:.1f} MB, would be written to {job.output}: {counts}")
    _list([(failure.path, failure.reason) for failure in job.failures], "could not be used", verbose=True)
    _warn(job, verbose=True)
    return SOME_FAILED if job.failures else OK


def _told(report: Report, *, verbose: bool, as_json: bool) -> Callable[[FileDone], None]:
    def tell(done: FileDone) -> None:
        if as_json and done.failure:
            emit(_failed(done.path, done.failure, done=done.done))
        elif as_json:
            state = "kept" if done.kept else "protected"
            emit({"kind": "file", "source": str(done.path), "state": state, "reason": done.warning, "done": done.done})
        elif verbose:
            state = f"failed: {done.failure}" if done.failure else "kept" if done.kept else "protected"
            say(f"{done.path}: {state}{', ' + done.warning if done.warning else ''}")
        report(Now(done=done.done, total=done.total, note=done.path.name))

    return tell


def _failed(path: Path, reason: str, *, done: int) -> dict[str, str | int]:
    return {"kind": "file", "source": str(path), "state": "failed", "reason": reason, "done": done}


def _conclude(job: Plan, done: Summary, *, quiet: bool, verbose: bool, as_json: bool) -> int:
    if as_json:
        emit(
            {
                "kind": "summary",
                "protected": done.protected,
                "kept": done.kept,
                "failed": len(done.failures),
                "warnings": len(done.warnings),
                "not_reached": done.not_reached,
                "lowest_survival": done.lowest_survival,
                "seconds": round(done.seconds, 2),
                "stopped": done.stopped,
            }
        )
    if not quiet:
        _say_summary(job, done)
    _list([(path, reason) for path, reason in done.warnings], "were written with a warning", verbose=verbose)
    if verbose:
        _list(list(done.notes), "notes", verbose=True)
    _list([(failure.path, failure.reason) for failure in done.failures], "were not protected", verbose=verbose)
    _warn(job, verbose=verbose)
    if done.stopped:
        say(f"Stopped: {done.stopped}; {done.not_reached} files were not reached. Run the same command to go on.")
    if done.stopped == "it was interrupted":
        return STOPPED
    return done.exit_code


def _say_summary(job: Plan, done: Summary) -> None:
    kept = f", {done.kept} were there already" if done.kept else ""
    say(f"{done.protected} photos protected in {spoken(done.seconds)}{kept}, in {job.output}")
    if done.protected + done.kept == 0:
        return
    if done.lossy:
        say(
            f"{done.lossy} are lossy files (JPEG and the like): ε = {job.options.epsilon:g} levels holds before "
            "compression, single pixels move further after it; --format png keeps it exactly"
        )
    say(f"Lowest share of the noise that is in a written file: {done.lowest_survival:.0%}")
    say(f"Keep {MANIFEST} to yourself: it says which noise is in which photo. Next: unlearnable prove")


def _list(problems: list[tuple[Path, str]], what: str, *, verbose: bool) -> None:
    if problems:
        named = [(shown(str(path)).replace("\n", "\\n"), reason) for path, reason in problems]
        _lines(f"{len(problems)} files {what}:", [f"{name}: {reason}" for name, reason in named], verbose=verbose)


def _warn(job: Plan, *, verbose: bool) -> None:
    if job.warnings:
        _lines("Look at the labels once more:", [shown(warning) for warning in job.warnings], verbose=verbose)


def _lines(heading: str, lines: list[str], *, verbose: bool) -> None:
    say(heading)
    listed = lines if verbose else lines[:SHOWN]
    for line in listed:
        say(f"  {line}")
    if len(listed) < len(lines):
        say(f"  … and {len(lines) - len(listed)} more (--verbose lists all)")
