"""Prove a protected folder: pair the files, train, write the report."""

import statistics
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from unlearnable._runtime import Runtime
from unlearnable._types import Parameters, Report, silent
from unlearnable.datasets.decode import decode
from unlearnable.evaluation.photos import PhotoProof, enough
from unlearnable.evaluation.proof import Plan, Watch, prove, unwatched
from unlearnable.evaluation.published import Pair
from unlearnable.evaluation.store import write_json
from unlearnable.jobs.pairs import read_helpers, read_pairs
from unlearnable.protect import Entry
from unlearnable.report import Panel, panel, render, write
from unlearnable.training.recipes import recipe as find_recipe

QUICK_EPOCHS, QUICK_PHOTOS = 15, 1200
PANELS = 3


@dataclass(frozen=True, kw_only=True)
class ProveJob:
    """What a proof of a folder is made from.

    Args:
        source: the originals.
        more: further folders of originals that were protected into the same one.
        protected: the protected copies, as published.
        output: the folder for report.html and report.json; by default beside `protected`.
        trainings: the folder for what was trained, which proofs may share; by default in `output`.
        others: folders of other people's photos, one sub-folder per category; not protected.
        category: one name for all photos.
        recipe: how the exploiter trains.
        epochs: passes over the photos; by default the recipe's.
        seeds: trainings per row.
        limit: most photos that are used, but ten of each category are.
        quick: one seed, QUICK_EPOCHS epochs, a limit of QUICK_PHOTOS photos.
        pictures: whether the report shows photos.
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        ValueError: fewer than one seed, epoch or photo, or the output is a page.
    """

    source: Path
    protected: Path
    more: Sequence[Path] = ()
    output: Path | None = None
    trainings: Path | None = None
    others: Sequence[Path] = ()
    category: str | None = None
    recipe: str = "photos"
    epochs: int | None = None
    seeds: int = 2
    limit: int = 4000
    quick: bool = False
    pictures: bool = True
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, value in (("seeds", self.seeds), ("epochs", self.epochs), ("limit", self.limit)):
            if value is not None and value < 1:
                raise ValueError(f"--{name} must be at least 1; got {value}")
        if self.folder.suffix == ".html":
            raise ValueError(f"--output is the folder for report.html and report.json; got {self.folder}")
        target = self.folder.resolve()
        for place in (self.source, *self.more, *self.others, self.protected):
            if place.resolve() in (target, *target.parents):
                raise ValueError(f"the report would lie among the photos of {place}: name a folder beside it")

    @property
    def folder(self) -> Path:
        """Where the report is written."""
        # made absolute, since `.` has no name; a link's own place counts
        return self.output or self.protected.absolute().with_name(self.protected.resolve().name + ".proof")

    def check(self) -> None:
        """Look whether a proof can be, before any photo is read.

        Raises:
            ValueError: the folders cannot be paired, or have too few photos.
        """
        pairs, _ = read_pairs([self.source, *self.more], self.protected, self.category)
        enough(pairs, read_helpers(list(self.others)))

    def read(self, report: Report = silent) -> "Readied":
        """Pair and read the files, and lay out what is trained.

        Raises:
            ValueError: there is no such device, or the folders cannot be paired, or have too few photos.
            OSError: the report's folder cannot be written.
        """
        Runtime.auto(self.device)
        pairs, entries = read_pairs([self.source, *self.more], self.protected, self.category)
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.folder):  # before the work: is there a place for what comes of it?
            pass
        chosen = find_recipe(self.recipe)
        seeds, limit, epochs = self.seeds, self.limit, self.epochs
        if self.quick:
            seeds, limit, epochs = 1, min(limit, QUICK_PHOTOS), epochs or min(QUICK_EPOCHS, chosen.epochs)
        chosen = replace(chosen, epochs=epochs or chosen.epochs)
        epsilon = max((float(entry.parameters["epsilon"]) for entry in entries), default=8.0)
        layout = PhotoProof(recipe=chosen, seeds=tuple(range(seeds)), epsilon=epsilon, limit=limit)
        about = _about(self.source, self.protected, entries)
        plan = layout.plan(pairs, helpers=read_helpers(list(self.others)), about=about, report=report)
        return Readied(job=self, plan=plan, pairs=tuple(pairs), entries=tuple(entries))


@dataclass(frozen=True, kw_only=True)
class Readied:
    """A proof whose files are read and whose trainings are laid out."""

    job: ProveJob
    plan: Plan
    pairs: tuple[Pair, ...]
    entries: tuple[Entry, ...]

    def run(self, report: Report = silent, watch: Watch = unwatched) -> tuple[Parameters, Path]:
        """Train, and write the report; a killed proof goes on where it was.

        Args:
            report: progress.
            watch: is told of every epoch.

        Returns:
            The proof and the report's page.
        """
        folder, runtime = self.job.folder, Runtime.auto(self.job.device)
        store = self.job.trainings or folder / "trainings"
        proof = prove(self.plan, runtime=runtime, store=store, report=report, watch=watch)
        proof["date"] = datetime.now(UTC).date().isoformat()
        panels = _panels(self.pairs) if self.job.pictures else []
        return proof, write_report(folder, proof, panels, file_facts(self.entries))


def write_report(folder: Path, proof: Parameters, panels: Sequence[Panel], files: Parameters | None) -> Path:
    """Write report.json and report.html into a folder and return the page's path."""
    write_json(folder / "report.json", proof)
    page = folder / "report.html"
    write(page, render(proof, panels=panels, files_check=files))
    return page


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


def _shown(pairs: Sequence[Pair]) -> list[Pair]:
    """Pick photos of different categories, evenly over their names."""
    first = {pair.category: pair for pair in reversed(pairs)}
    names = sorted(first)
    step = max(1, len(names) // PANELS)
    return [first[name] for name in names[::step][:PANELS]]


def _panels(pairs: Sequence[Pair]) -> list[Panel]:
    """Draw what can be shown: not what another tool has resized, or what is gone since it was read."""
    panels = []
    for pair in _shown(pairs):
        with suppress(ValueError, OSError):
            panels.append(_panel(pair))
    return panels


def _panel(pair: Pair) -> Panel:
    return panel(pair.key, pair.category, decode(pair.clean, size=None), decode(pair.protected, size=None))
