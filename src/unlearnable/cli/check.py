"""`unlearnable check`: re-read every protected file."""

from typing import Annotated

from cyclopts import Parameter

from unlearnable._types import Progress as Now
from unlearnable._words import shown
from unlearnable.cli._app import say
from unlearnable.cli._options import AsJson, Folders, Quiet, emit, parted
from unlearnable.cli._progress import progress
from unlearnable.protect import CheckProgress
from unlearnable.protect import check as run


def check(
    folders: Folders,
    /,
    *,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="", help="One line per file.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Re-read every file of the manifest and compare it with its original.

    Each file: exists, hash, size, mode, orientation, ICC profile, alpha, budget, share of the noise that survived.
    Exit code: 0 all is well, 1 a file has a problem, 2 wrong use.
    """
    sources, protected = parted(folders)
    with progress("checking", quiet=quiet or as_json) as report:

        def told(done: CheckProgress) -> None:
            if as_json:
                row = done.row
                emit({"kind": "file", "output": row.output, "source": row.source, "problems": list(row.problems)})
            report(Now(done=done.done, total=done.total, note=done.row.output))

        result = run(sources, protected, progress=told)
    for row in result.rows:
        name = shown(row.output or row.source).replace("\n", "\\n")
        for problem in row.problems:
            say(f"{name}: {problem}")
        if verbose and not row.problems:
            say(f"{name}: ok{''.join(', ' + remark for remark in row.remarks)}")
    good = len(result.rows) - len(result.problems)
    if as_json:
        emit({"kind": "summary", "checked": len(result.rows), "good": good, "problems": len(result.problems)})
    elif not quiet:
        say(f"{good} of {len(result.rows)} files are as they should be")
    return result.exit_code
