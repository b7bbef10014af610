"""`unlearnable prove`: train on the protected files and say what was learned."""

import statistics
import webbrowser
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from unlearnable._types import Parameters
from unlearnable.cli._app import OK, say
from unlearnable.cli._options import AsJson, Device, Output, Quiet, emit
from unlearnable.cli._progress import progress, spoken
from unlearnable.protect import Entry

QUICK_EPOCHS, QUICK_PHOTOS = 15, 1200
PANELS = 3


def prove(
    source: Annotated[Path, Parameter(help="The originals.")],
    protected: Annotated[Path, Parameter(help="The protected copies, as published.")],
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
    limit: Annotated[int, Parameter(help="Use at most so many photos.")] = 4000,
    quick: Annotated[
        bool, Parameter(negative="", help=f"One seed, {QUICK_EPOCHS} epochs, at most {QUICK_PHOTOS} photos.")
    ] = False,
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
    from unlearnable._runtime import Runtime
    from unlearnable.cli._pairs import read_helpers, read_pairs
    from unlearnable.evaluation.photos import PhotoProof
    from unlearnable.evaluation.proof import prove as run
    from unlearnable.training.recipes import recipe as find_recipe

    if seeds < 1:
        raise ValueError(f"--seeds must be at least 1; got {seeds}")
    pairs, entries = read_pairs(source, protected, category)
    chosen = find_recipe(recipe)
    if quick:
        seeds, limit, epochs = 1, min(limit, QUICK_PHOTOS), epochs or min(QUICK_EPOCHS, chosen.epochs)
    chosen = replace(chosen, epochs=epochs or chosen.epochs)
    epsilon = float(entries[0].parameters["epsilon"]) if entries else 8.0
    layout = PhotoProof(recipe=chosen, seeds=tuple(range(seeds)), epsilon=epsilon, limit=limit)
    folder = output or protected.with_name(protected.resolve().name + ".proof")
    if folder.suffix == ".html":
        raise ValueError(f"--output is the folder for report.html and report.json; got {folder}")
    about = _about(source, protected, entries)
    with progress("reading", quiet=quiet or as_json) as report:
        plan = layout.plan(pairs, helpers=read_helpers(others or []), about=about, report=report)
    with progress("training", quiet=quiet or as_json) as report:
        proof = run(plan, runtime=Runtime.auto(device), store=folder / "trainings", report=report)
    proof["date"] = datetime.now(UTC).date().isoformat()
    panels = [] if no_pictures else [_panel(pair) for pair in _shown(pairs)]
    page = write_report(folder, proof, panels, file_facts(entries))
    if as_json:
        emit({"kind": "proof", "report": str(page), **{k: proof[k] for k in ("chance", "rows", "worst", "flags")}})
    else:
        tell(proof, page)
    if open_report:
        webbrowser.open(page.resolve().as_uri())
    return OK


def write_report(folder: Path, proof: Parameters, panels: Sequence[Any], files: Parameters | None) -> Path:
    """Write report.json and report.html into a folder and return the page's path."""
    from unlearnable.evaluation.store import write_json
    from unlearnable.report import render, write

    write_json(folder / "report.json", proof)
    page = folder / "report.html"
    write(page, render(proof, panels=panels, files_check=files))
    return page


def tell(proof: Parameters, page: Path) -> None:
    """Say the outcome in a few lines, the worst row as plainly as the best."""
    for row in proof["rows"]:
        word = f"  {row['verdict']}" if "verdict" in row else ""
        say(f"  {row['title']:<34} best epoch {row['best']:5.1f} %   last {row['last']:5.1f} %{word}")
    say(f"  {'Guessing':<34}            {proof['chance']:5.1f} %")
    worst = proof["worst"]
    say(f"Worst case: {worst['title'].lower()}, {worst['best']:.1f} %: {worst['verdict']}.")
    for flag in proof["flags"]:
        say(f"Note ({flag['name']}): {flag['sentence']}")
    say(f"Report after {spoken(proof['seconds'])} of work: {page}")


def _about(source: Path, protected: Path, entries: Sequence[Entry]) -> Parameters:
    about: Parameters = {"name": protected.name, "noun": "photos", "originals": source.name}
    if entries:
        first = entries[0]
        about |= {
            "pack": first.parameters.get("pack", ""),
            "pack_checksum": first.parameters.get("pack_hash", ""),
            "output_format": first.parameters.get("format", ""),
            "protected_with": f"unlearnable {first.version}",
        }
    return about


def file_facts(entries: Sequence[Entry]) -> Parameters | None:
    """Summarise what `protect` measured on the written files, for the report."""
    if not entries:
        return None
    measured = {name: [entry.measured[name] for entry in entries] for name in ("psnr", "ssim", "survival", "linf")}
    lossless = sum(entry.lossless for entry in entries)
    return {
        "files": f"{len(entries)}, {lossless} of them lossless",
        "largest change": f"{max(measured['linf']):.0f} of 255 levels in any pixel of any decoded file",
        "PSNR": f"median {statistics.median(measured['psnr']):.1f} dB, lowest {min(measured['psnr']):.1f} dB",
        "SSIM": f"median {statistics.median(measured['ssim']):.3f}, lowest {min(measured['ssim']):.3f}",
        "noise in the files": f"median {statistics.median(measured['survival']):.0%}, "
        f"lowest {min(measured['survival']):.0%} of what was intended",
    }


def _shown(pairs: Sequence[Any]) -> list[Any]:
    """Pick photos of different categories, evenly over their names."""
    first = {pair.category: pair for pair in reversed(pairs)}
    names = sorted(first)
    step = max(1, len(names) // PANELS)
    return [first[name] for name in names[::step][:PANELS]]


def _panel(pair: Any) -> Any:
    from unlearnable.datasets.decode import decode
    from unlearnable.report import panel

    return panel(pair.key, pair.category, decode(pair.clean, size=None), decode(pair.protected, size=None))
