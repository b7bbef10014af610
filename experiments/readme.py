"""The tables of the README that quote results, rewritten between their marks.

python -m experiments.readme
"""

import json
import re
from pathlib import Path
from statistics import mean

from experiments._record import RESULTS
from experiments.paper.measured import MISSING, Measured
from experiments.paper.page import PROTECTED_PEOPLE
from experiments.paper.suites import EVERYBODY
from unlearnable.report.grid import Matrix, matrix

README = RESULTS.parent / "README.md"
ROWS = {
    "two-band error-min, class-wise": "error-minimizing, class-wise",
    "error-min, class-wise": "the same of slow changes only",
    "two-band error-min, sample-wise": "error-minimizing, sample-wise",
    "slow error-min, sample-wise": "the same of slow changes only",
    "error-min, sample-wise": "the same of all frequencies, as in the paper",
    "error-max, sample-wise": "error-maximizing, sample-wise",
    "random, class-wise": "random, class-wise",
    "targeted": "targeted (TAP)",
    "resilient targeted": "resilient targeted, ours",
    "resilient error-min": "resilient error-minimizing, ours",
}
COLUMNS = {
    "none": "plain",
    "none, vgg-small": "VGG",
    "none, resnet18-slim": "ResNet-18, narrow",
    "gray": "grey",
    "jpeg:75": "JPEG 75",
    "orthogonal-projection": "linear projection",
    "diffusion:100": "diffusion",
}
WHOLE = {
    "clean": "clean",
    "class-wise": "error-minimizing, class-wise",
    "sample-wise": "error-minimizing, sample-wise, all frequencies",
}
PROOFS = {
    "faces-celeb24-color": "24 people the pack never saw (112 px WebP, lossless)",
    "photos-caltech20": "20 kinds of things (JPEG)",
}
PROVED = {
    "clean": "clean photos",
    "random": "random noise of the same ε",
    "smooth": "smooth random colours of the same ε",
    "protected": "**protected, as published**",
    "resize:0.5": "protected, half size and back",
    "jpeg:75": "protected, JPEG 75",
    "jpeg:10": "protected, JPEG 10",
    "gray": "protected, turned grey",
    "orthogonal-projection": "protected, linear signal projected out",
}


def suite(name: str, results: Path) -> Matrix:
    """Read the records of a suite."""
    return matrix(Measured(name, results, prefix="").records)


def benchmark(results: Path) -> str:
    """Return the table of the best epochs on 10,000 images."""
    found = suite("c10-10k", results)
    ceilings = [_best(found, "clean", column) for column in COLUMNS]
    head = [f"{title} ({ceiling})" for title, ceiling in zip(COLUMNS.values(), ceilings, strict=True)]
    lines = [_line(["ε = 8", *head, "**worst of all** (tried)"]), _line(["---"] * (len(head) + 2))]
    for row, title in ROWS.items():
        worst = found.worst(row)
        if worst is None:
            continue
        cells = [_best(found, row, column) for column in COLUMNS]
        told = f"**{worst.best.mean:.1f}** {COLUMNS.get(worst.column, worst.column)} ({found.tried(row)})"
        lines.append(_line([title, *cells, told]))
    return "\n".join(lines)


def whole(results: Path) -> str:
    """Return the table of the three trainings on all 50,000 images, last epoch (best)."""
    networks = {"full": "fast-small", "full-other": "vgg-small"}
    head = ["50,000 training images", "crafting, processor seconds", *(f"fresh `{each}`" for each in networks.values())]
    lines = [_line(head), _line(["---"] * len(head))]
    for noise, title in WHOLE.items():
        records = [
            json.loads((results / "error_min" / folder / f"{noise}-seed-0.json").read_text(encoding="utf-8"))
            for folder in networks
        ]
        seconds = records[0]["crafting"].get("cpu_seconds")
        reached = [f"{record['last']:.1f} ({record['best']:.1f})" for record in records]
        lines.append(_line([title, "" if seconds is None else f"{seconds:.0f}", *reached]))
    return "\n".join(lines)


def proofs(results: Path) -> str:
    """Return the table of the proofs on photos, last epoch (best) and verdict."""
    reports = [
        json.loads((results / "proofs" / name / "photos-64" / "report.json").read_text(encoding="utf-8"))
        for name in PROOFS
    ]
    lines = [_line(["trained on", *PROOFS.values()]), _line(["---"] * (len(PROOFS) + 1))]
    for name, title in PROVED.items():
        cells = [title]
        for report in reports:
            row = next((row for row in report["rows"] if row["name"] == name), None)
            strong = "**" if name == "protected" else ""
            told = f"{strong}{row['last']:.1f} ({row['best']:.1f}){strong}" if row else MISSING
            cells.append(f"{told} {row['verdict']}" if row and "verdict" in row else told)
        lines.append(_line(cells))
    lines.append(_line(["guessing", *(f"{report['chance']:.1f}" for report in reports)]))
    return "\n".join(lines)


def picture(results: Path) -> str:
    """Return the sentence on all 50,000 images of the suite c10."""
    found = suite("c10", results)
    plain, projected, stored = (
        {
            row: _best(found, row, column)
            for row in (
                "clean",
                "error-min, class-wise",
                "error-min, sample-wise",
                "resilient error-min",
                "resilient targeted",
            )
        }
        for column in ("none", "orthogonal-projection", "jpeg:75")
    )
    small = _best(suite("c10-10k", results), "resilient targeted", "jpeg:75")
    return (
        "With all 50,000 images ([leaderboard](docs/leaderboard.md)): class-wise "
        f"{plain['error-min, class-wise']} plain and {projected['error-min, class-wise']} after the projection (clean "
        f"{projected['clean']}), sample-wise {plain['error-min, sample-wise']} plain and "
        f"{stored['error-min, sample-wise']} after JPEG 75 (clean {stored['clean']}); resilient "
        f"error-minimizing {plain['resilient error-min']} and {stored['resilient error-min']}, resilient targeted "
        f"{plain['resilient targeted']} and {stored['resilient targeted']} (on 10,000 images {small})."
    )


def elsewhere(results: Path) -> str:
    """Return what the paper's other figures come to, from its suites."""
    faces, transfer, patterns = (Measured(name, results) for name in ("faces", "transfer", "patterns"))
    before, own, strangers, others = (
        _mean(faces, row, "none", PROTECTED_PEOPLE, others=rest)
        for row, rest in (
            ("clean", False),
            ("noise of their own", False),
            ("noise of other people", False),
            ("noise of other people", True),
        )
    )
    areas = [mean(record["verification"]["all"]["auc"] for record in faces.of(row)) for row in (EVERYBODY, "clean")]
    ships = [_mean(transfer, row, "CIFAR-100 and ships", [20]) for row in ("protected ships", "clean ships")]
    made = _mean(transfer, "noise of CIFAR-100", "CIFAR-10", None)
    found = transfer.mean("noise of CIFAR-100", "CIFAR-10")
    patch = [patterns.mean("patch of 8", what=what) for what in ("last", "best")]
    if found is None or None in patch:
        raise ValueError("the suites transfer and patterns have not been run")
    return "\n".join(
        (
            f"* Of 16 people 8 protect their photos: they are recognised in {own:.1f} % of clean photos, {before:.1f} "
            f"before, and in {strangers:.1f} with",
            f"  noise that was made on photos of 8 strangers; the others then in {others:.1f} % (last epoch, "
            f"{_seeds(faces, 'noise of their own')}, ε = 16).",
            "* Where all 16 protect, a network trained on them tells two photos of one person from two of two in",
            f"  {100 * areas[0]:.1f} % of comparisons (area under the ROC curve; guessing is 50), {100 * areas[1]:.1f} "
            "before.",
            f"* Ships among the classes of CIFAR-100: {ships[0]:.1f} %, {ships[1]:.1f} before (last epoch, "
            f"{_seeds(transfer, 'protected ships')}).",
            f"* Noise made on classes of CIFAR-100 and laid on CIFAR-10: {made:.1f} % ({found:.1f}) of all images.",
            f"* A patch of 8 x 8 pixels at a random place: {patch[0]:.1f} % ({patch[1]:.1f}).",
        )
    )


def _seeds(measured: Measured, row: str) -> str:
    count = len({record["seed"] for record in measured.of(row)})
    return f"{count} {'seed' if count == 1 else 'seeds'}"


def _mean(measured: Measured, row: str, column: str, chosen: list[int] | None, *, others: bool = False) -> float:
    return mean(measured.class_means(row, column, chosen, others=others))


BLOCKS = {"proofs": proofs, "benchmark": benchmark, "whole": whole, "picture": picture, "elsewhere": elsewhere}


def rewritten(text: str, results: Path) -> str:
    """Return the README with every block between `<!-- NAME -->` and `<!-- end of NAME -->` made anew.

    Raises:
        ValueError: a block's marks are not there.
    """
    for name, make in BLOCKS.items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end of {name} -->)", re.DOTALL)
        body = make(results)
        text, count = marks.subn(lambda match, body=body: match[1] + body + match[2], text)
        if count != 1:
            raise ValueError(f"the marks of {name} are there {count} times; they must be there once")
    return text


def _best(found: Matrix, row: str, column: str) -> str:
    cell = found.cell(row, column)
    return f"{cell.best.mean:.1f}" if cell else MISSING


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text(encoding="utf-8"), RESULTS), encoding="utf-8")
