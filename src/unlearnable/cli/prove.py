"""`unlearnable prove`: train on the protected files and say what was learned."""

import webbrowser
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unlearnable._types import Parameters
from unlearnable._words import spoken
from unlearnable.cli._app import OK, say
from unlearnable.cli._options import AsJson, Device, Folders, Output, Quiet, emit, parted
from unlearnable.cli._progress import progress

QUICK = "One seed, 15 epochs, --limit 1200."


def prove(
    folders: Folders,
    /,
    *,
    output: Output = None,
    others: Annotated[
        list[Path] | None,
        Parameter(name="--with", help="Folders of other people's photos, one sub-folder per category; not protected."),
    ] = None,
    category: Annotated[str | None, Parameter(help="One name for all your photos.")] = None,
    recipe: Annotated[str, Parameter(help="How the exploiter trains.")] = "photos",
    epochs: Annotated[int | None, Parameter(help="Passes over the photos; default: the recipe's.")] = None,
    seeds: Annotated[int, Parameter(help="Trainings per row.")] = 2,
    limit: Annotated[int, Parameter(help="Use at most so many photos, but ten of each category.")] = 4000,
    quick: Annotated[bool, Parameter(negative="", help=QUICK)] = False,
    no_pictures: Annotated[
        bool, Parameter(negative="", help="Leave photos out of the report, to share the numbers only.")
    ] = False,
    open_report: Annotated[bool, Parameter(name="--open", negative="", help="Open the report in a browser.")] = False,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Train the same network on clean, random-noise and protected photos, and write report.html and report.json.

    Clean photos are split into training and test; the network sees the protected training files as they were
    published, and as they are after being turned grey, made small and large again, or compressed. Nothing is sent
    anywhere. A killed proof goes on where it was.
    """
    from unlearnable.evaluation.photos import TooFewPhotosError
    from unlearnable.jobs.proving import ProveJob

    sources, protected = parted(folders)
    job = ProveJob(
        source=sources[0],
        more=sources[1:],
        protected=protected,
        output=output,
        others=others or (),
        category=category,
        recipe=recipe,
        epochs=epochs,
        seeds=seeds,
        limit=limit,
        quick=quick,
        pictures=not no_pictures,
        device=device,
    )
    try:
        with progress("reading", quiet=quiet or as_json) as report:
            readied = job.read(report)
    except TooFewPhotosError as error:
        raise TooFewPhotosError(f"{error}; --with FOLDER names other people's photos") from error
    with progress("training", quiet=quiet or as_json) as report:
        proof, page = readied.run(report)
    if as_json:
        emit({"kind": "proof", "report": str(page), **{k: proof[k] for k in ("chance", "rows", "worst", "flags")}})
    else:
        tell(proof, page)
    if open_report:
        webbrowser.open(page.resolve().as_uri())
    return OK


def tell(proof: Parameters, page: Path) -> None:
    """Say the outcome in a few lines, the worst row as plainly as the best."""
    width = max(len(row["title"]) for row in proof["rows"])
    for row in proof["rows"]:
        word = f"  {row['verdict']}" if "verdict" in row else ""
        say(f"  {row['title']:<{width}} best epoch {row['best']:5.1f} %   last {row['last']:5.1f} %{word}")
    say(f"  {'Guessing':<{width}}            {proof['chance']:5.1f} %")
    worst = proof["worst"]
    say(f"Worst case: {worst['title'].lower()}, {worst['best']:.1f} %: {worst['verdict']}.")
    for flag in proof["flags"]:
        say(f"Note ({flag['name']}): {flag['sentence']}")
    say(f"Report after {spoken(proof['seconds'])} of work: {page}")
