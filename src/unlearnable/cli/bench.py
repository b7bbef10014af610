"""`unlearnable bench`: poisons against countermeasures, with resume."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from unlearnable.cli._app import OK, SOME_FAILED, say
from unlearnable.cli._options import AsJson, Device, Quiet, emit
from unlearnable.cli._progress import progress

app = App(name="bench", help="Poisons against countermeasures: every trial once, resumable, worst case first.")

SuiteName = Annotated[str, Parameter(help="A function of experiments/suites.py, MODULE:FUNCTION, or FILE.py:FUNCTION.")]
Runs = Annotated[Path, Parameter(help="Folder for one JSON per trial, and for crafted noise.")]
Results = Annotated[Path, Parameter(help="Folder for one JSON-lines file per suite.")]


@app.command(name="list")
def list_suites(*, as_json: AsJson = False) -> int:
    """List the suites here, and every countermeasure."""
    from unlearnable.cli._suites import home, suites_of
    from unlearnable.exploiters import COUNTERMEASURES

    suites = {name.replace("_", "-"): made() for name, made in suites_of(home("suites")).items()}
    if as_json:
        for name, suite in suites.items():
            emit({"suite": name, "trials": len(suite.trials)})
        for name in COUNTERMEASURES:
            emit({"countermeasure": name, "summary": COUNTERMEASURES.entry(name).summary})
        return OK
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("suite", "trials"):
        table.add_column(column)
    for name, suite in suites.items():
        table.add_row(name, str(len(suite.trials)))
    others = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("countermeasure", "what the exploiter does"):
        others.add_column(column)
    for name in COUNTERMEASURES:
        others.add_row(name, COUNTERMEASURES.entry(name).summary)
    console = Console(highlight=False)
    console.print(table)
    console.print()
    console.print(others)
    return OK


@app.command
def run(
    suite: SuiteName,
    /,
    *,
    resume: Annotated[bool, Parameter(help="Keep the trials that are done; --no-resume runs all again.")] = True,
    jobs: Annotated[int, Parameter(name=["--jobs", "-j"], help="Processes; each gets its share of the cores.")] = 1,
    device: Device = "auto",
    runs: Runs = Path("runs"),
    results: Results = Path("results"),
    quiet: Quiet = False,
) -> int:
    """Run the trials of a suite that have no result yet; stop it when you like, and go on by the same command."""
    from unlearnable._runtime import Runtime
    from unlearnable.cli._suites import find_suite
    from unlearnable.evaluation.grid import Place
    from unlearnable.evaluation.grid import run as run_suite

    chosen = find_suite(suite)
    place = Place(runs=runs, results=results)
    with progress(chosen.name, quiet=quiet) as report:
        records = run_suite(
            chosen, place, runtime=Runtime.auto(device), jobs=jobs, resume=resume, report=report, say=say
        )
    missing = len(chosen.trials) - len(records)
    if not quiet:
        say(f"{len(records)} of {len(chosen.trials)} trials are in {place.gathered(chosen.name)}")
    return SOME_FAILED if missing else OK


@app.command
def gather(suite: SuiteName, /, *, runs: Runs = Path("runs"), results: Results = Path("results")) -> int:
    """Write what has finished into the suite's JSON-lines file, while it runs or after."""
    from unlearnable.cli._suites import find_suite
    from unlearnable.evaluation.grid import Place
    from unlearnable.evaluation.grid import gather as gather_suite

    chosen, place = find_suite(suite), Place(runs=runs, results=results)
    records = gather_suite(chosen, place, say)
    say(f"{len(records)} of {len(chosen.trials)} trials are in {place.gathered(chosen.name)}")
    return OK


@app.command
def table(
    suite: Annotated[str, Parameter(help="A suite's name, or its JSON-lines file.")],
    /,
    *,
    format: Annotated[str, Parameter(help="md, csv or latex.")] = "md",
    results: Results = Path("results"),
) -> int:
    """Print rows of poisons, columns of countermeasures, and the worst case."""
    from unlearnable.report.tables import table as as_table

    sys.stdout.write(as_table(_records(suite, results), format))
    return OK


@app.command
def diff(
    before: Annotated[str, Parameter(help="A suite's name, or a JSON-lines file.")],
    after: Annotated[str, Parameter(help="Another one.")],
    /,
    *,
    results: Results = Path("results"),
) -> int:
    """Print what changed between two result files, largest first."""
    from unlearnable.report.difference import diff as as_diff

    sys.stdout.write(as_diff(_records(before, results), _records(after, results)))
    return OK


@app.command
def leaderboard(
    suites: Annotated[list[str] | None, Parameter(help="Names or JSON-lines files; default: c10-10k and c10.")] = None,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The Markdown page; HTML goes beside it.")] = Path(
        "docs/leaderboard.md"
    ),
    results: Results = Path("results"),
) -> int:
    """Write the leaderboard from committed results: Markdown, and HTML with a heat map."""
    from unlearnable.cli._suites import planned_columns
    from unlearnable.report.leaderboard import leaderboard_html, leaderboard_markdown

    chosen = suites or [name for name in ("c10-10k", "c10") if (results / f"{name}.jsonl").is_file()]
    if not chosen:
        raise ValueError(f"there is no {results}/c10-10k.jsonl: run `unlearnable bench run c10-10k`, or name a file")
    stems = [Path(name).stem for name in chosen]
    if len(set(stems)) < len(stems):
        raise ValueError("two of these suites have one name: rename a file")
    records = {Path(name).stem: _records(name, results) for name in chosen}
    planned = {name: columns for name in records if (columns := planned_columns(name))}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(leaderboard_markdown(records, planned), encoding="utf-8")
    output.with_suffix(".html").write_text(leaderboard_html(records, planned), encoding="utf-8")
    say(f"wrote {output} and {output.with_suffix('.html')}")
    return OK


@app.command
def choose(
    suite: Annotated[str, Parameter(help="A suite's name, or its JSON-lines file.")] = "c10-10k",
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The Markdown page.")] = Path(
        "docs/choose-a-poison.md"
    ),
    results: Results = Path("results"),
) -> int:
    """Write which poison needs, costs and withstands what, from the registry and committed results."""
    from unlearnable.poisons import POISONS
    from unlearnable.report.choose import Facts
    from unlearnable.report.choose import choose as as_page

    facts = {}
    for name in POISONS:
        kind = POISONS.get(name)
        facts[name] = Facts(
            summary=POISONS.entry(name).summary, scopes=kind.scopes, needs=kind.needs, bound=kind.bound()
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(as_page(_records(suite, results), facts), encoding="utf-8")
    say(f"wrote {output}")
    return OK


def _records(name: str, results: Path) -> Sequence[dict[str, Any]]:
    from unlearnable.evaluation.grid import read_records

    path = Path(name) if name.endswith(".jsonl") else results / f"{name}.jsonl"
    if not path.is_file():
        raise ValueError(f"there are no results at {path}: run `unlearnable bench run {name}` first, or name a file")
    return read_records(path, say)
