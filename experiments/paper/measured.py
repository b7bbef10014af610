"""What was measured, read from results/paper-*.jsonl."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from experiments._record import RESULTS

MISSING = "not run"


@dataclass(frozen=True)
class Measured:
    """The records of one suite.

    Args:
        name: of the suite, without `paper-`.
        folder: where results are.
        prefix: what its file's name begins with.
    """

    name: str
    folder: Path = RESULTS
    prefix: str = "paper-"

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """All records there are, in the file's order; none if the suite was never run."""
        path = self.folder / f"{self.prefix}{self.name}.jsonl"
        if not path.is_file():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def of(self, row: str, column: str | None = None) -> list[dict[str, Any]]:
        """Return the records of a row and a column, or of all columns, seed by seed."""
        found = [each for each in self.records if each["row"] == row and column in (None, each["column"])]
        return sorted(found, key=lambda record: int(record["seed"]))

    @property
    def rows(self) -> list[str]:
        """Names of the rows, as they come."""
        return list(dict.fromkeys(record["row"] for record in self.records))

    @property
    def columns(self) -> list[str]:
        """Names of the columns, as they come."""
        return list(dict.fromkeys(record["column"] for record in self.records))

    def cell(self, row: str, column: str | None = None, what: str = "best") -> str:
        """Return a number's mean over seeds, with the smallest and largest where there are several."""
        return spread([record[what] for record in self.of(row, column)])

    def both(self, row: str, column: str | None = None) -> str:
        """Return a cell at the last epoch, and at the best one in brackets."""
        last, best = self.cell(row, column, "last"), self.cell(row, column)
        if last == MISSING:
            return MISSING
        return f"{last.replace('(', '[').replace(')', ']')} ({best.replace('(', '[').replace(')', ']')})"

    def after(self, row: str, epoch: int, column: str | None = None) -> str:
        """Return the accuracy after an epoch, counted from 1, over seeds."""
        return spread([record["curve"][epoch - 1]["test_acc"] for record in self.of(row, column)])

    def mean(self, row: str, column: str | None = None, what: str = "best") -> float | None:
        """Return the mean over seeds, if there are any."""
        values = [record[what] for record in self.of(row, column)]
        return sum(values) / len(values) if values else None

    def classes(self, row: str, column: str, chosen: list[int] | None, *, others: bool = False) -> str:
        """Return the mean accuracy of some classes after the last epoch (or of all but those), over seeds."""
        return spread(self.class_means(row, column, chosen, others=others))

    def class_means(self, row: str, column: str, chosen: list[int] | None, *, others: bool = False) -> list[float]:
        """Return that accuracy seed by seed, every image of them counting alike; nothing where it was not run."""
        values = []
        for record in self.of(row, column):
            rows = record["confusion"]
            kept = [place for place in range(len(rows)) if chosen is None or (place in chosen) != others]
            values.append(100 * sum(rows[place][place] for place in kept) / sum(sum(rows[place]) for place in kept))
        return values

    def verification(self, row: str, group: str) -> str:
        """Return the area under the ROC curve of pairs, over seeds."""
        return spread([record["verification"][group]["auc"] for record in self.of(row)], digits=3)

    @property
    def cost(self) -> str:
        """Return how many trainings there were, with which seeds, on what, and how long they took."""
        if not self.records:
            return "Not run yet."
        seeds = sorted({record["seed"] for record in self.records})
        time = _time(sum(record["wall_seconds"] for record in self.records))
        searched = {each["checksum"]: each["seconds"] for each in self._crafting if "checksum" in each}
        searching = f" and {_time(sum(searched.values()))} of searching noise" if searched else ""
        chips = sorted({_chip(record) for record in self.records})
        threads = sorted({record["hardware"]["threads"] for record in self.records})
        counts: dict[int, set[int]] = {}
        for record in self.records:
            counts.setdefault(record["trained_by"]["epochs"], set()).add(record["data"]["train"])
        images = ", ".join(f"{_range(found)} images for {epochs} epochs" for epochs, found in sorted(counts.items()))
        tested = _range({record["data"]["test"] for record in self.records})
        return (
            f"{len(self.records)} trainings, {'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}; "
            f"{images}, {tested} test images; {time} of training{searching} on {' and on '.join(chips)}, "
            f"{' or '.join(map(str, threads))} thread{'' if threads == [1] else 's'} each, beside other work."
            f"{self._weak}"
        )

    @property
    def _crafting(self) -> list[dict[str, Any]]:
        return [record["crafting"] for record in self.records]

    @property
    def _weak(self) -> str:
        """Return what the records say against themselves, in a sentence for each flag; nothing where there is none."""
        cells: dict[str, set[tuple[str, str]]] = {}
        for record in self.records:
            for flag in record["flags"]:
                cells.setdefault(flag["name"], set()).add((record["row"], record["column"]))
        whole = {(record["row"], record["column"]) for record in self.records}
        told = [
            f"`{name}` in " + (f"all {len(whole)} cells" if found == whole else f"{len(found)} of {len(whole)} cells")
            for name, found in sorted(cells.items())
        ]
        return f" [Flags](flags.md): {', '.join(told)}." if told else ""


def _chip(record: dict[str, Any]) -> str:
    hardware = record["hardware"]
    return f"{hardware.get('gpu') or hardware['processor']} in {'bfloat16' if hardware.get('bf16') else 'float32'}"


def _range(counts: set[int]) -> str:
    return f"{min(counts):,}" if len(counts) == 1 else f"{min(counts):,} to {max(counts):,}"


def _time(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes / 60:.1f} hours" if minutes > 90 else f"{minutes:.0f} minute{'' if round(minutes) == 1 else 's'}"


def spread(values: list[float], digits: int = 1) -> str:
    """Return the mean, with the smallest and largest when there are several."""
    if not values:
        return MISSING
    mean = f"{sum(values) / len(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.{digits}f} to {max(values):.{digits}f})"
