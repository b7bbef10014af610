"""The records of a suite as a matrix of poisons and countermeasures, and the worst case of each row."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from unlearnable._types import Parameters
from unlearnable.evaluation.metrics import LEAST_TO_LEARN, learned

WITH_CLEAN = ("clean-mix", "clean-part", "detector", "dfr")
"""Countermeasures of an exploiter who also has clean images, for records from before they said so."""

MARK = "†"
"""What marks their columns."""

FEW = 12
"""Countermeasures; a row that met fewer, or not half of all, stands last, whatever its worst case is: the strongest of
many is rarely among the first few."""

WORST = "worst case"
NOT_RUN = "not run"

LEGEND = (
    "Accuracy on clean test images in percent: last epoch (best epoch), mean over seeds; ± is the seed farthest from "
    "the mean. The worst case is the highest best-epoch accuracy over all countermeasures that see protected images "
    "only."
)
MARK_SAYS = (
    f"{MARK} is given clean images too. That exploiter is another threat, so these columns do not count for the "
    "worst case."
)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One number per seed."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return sum(self.values) / len(self.values)

    @property
    def low(self) -> float:
        """The smallest."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest."""
        return max(self.values)

    @property
    def range(self) -> float:
        """From the smallest to the largest."""
        return self.high - self.low

    def __str__(self) -> str:
        if len(self.values) == 1:
            return f"{self.mean:.1f}"
        return f"{self.mean:.1f} ±{max(self.high - self.mean, self.mean - self.low):.1f}"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One poison against one countermeasure: a record per seed, all of the same settings."""

    row: str
    column: str
    records: tuple[Parameters, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in ascending order."""
        return tuple(record["seed"] for record in self.records)

    @cached_property
    def sound(self) -> tuple[Parameters, ...]:
        """The records whose training did not break down, which would look like protection."""
        return tuple(each for each in self.records if all(flag["name"] != "learned-nothing" for flag in each["flags"]))

    @property
    def broken(self) -> bool:
        """Whether every seed's training broke down: such a cell was run and shows nothing."""
        return not self.sound

    @property
    def last(self) -> Spread:
        """Accuracy at the last epoch."""
        return Spread(values=tuple(record["last"] for record in self.sound or self.records))

    @property
    def best(self) -> Spread:
        """Accuracy at the best epoch of each seed."""
        return Spread(values=tuple(record["best"] for record in self.sound or self.records))

    @property
    def chance(self) -> float:
        """What a network reaches that learned nothing, percent."""
        return chance_of(self.records[0])

    def __str__(self) -> str:
        return f"{self.last} ({self.best})"


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """The cells of a suite; rows in the order in which they first appear in its records.

    Columns that more rows have come first, otherwise likewise: what can be compared stands together.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]

    def cell(self, row: str, column: str) -> Cell | None:
        """Return a cell, None where no trial has finished."""
        return self.cells.get((row, column))

    def of_row(self, row: str) -> list[Cell]:
        """Return the cells of a row, in column order."""
        return [self.cells[row, column] for column in self.columns if (row, column) in self.cells]

    @cached_property
    def with_clean(self) -> frozenset[str]:
        """The columns whose exploiter also has clean images."""
        found = (cell for cell in self.cells.values() if uses_clean(cell.records[0]))
        return frozenset(cell.column for cell in found)

    @cached_property
    def clean(self) -> str | None:
        """The row of unprotected images: each column's ceiling."""
        return next((row for row in self.rows if self.of_row(row)[0].records[0]["poison"] is None), None)

    @property
    def protected(self) -> tuple[str, ...]:
        """All rows but those of unprotected images."""
        return tuple(row for row in self.rows if self.of_row(row)[0].records[0]["poison"] is not None)

    @cached_property
    def plain(self) -> str | None:
        """The column without a countermeasure."""
        named = [cell.column for cell in self.cells.values() if cell.records[0]["countermeasure"] == "none"]
        return "none" if "none" in named else next(iter(named), None)

    @cached_property
    def most_seeds(self) -> int:
        """Seeds of the cell that has most."""
        return max(len(cell.records) for cell in self.cells.values())

    def ceiling(self, column: str) -> Cell | None:
        """Return what clean images teach under a countermeasure."""
        return None if self.clean is None else self.cell(self.clean, column)

    def ceiling_of(self, cell: Cell) -> Cell | None:
        """Return what clean images teach there with the cell's own seeds, or with all where none is shared."""
        whole = self.ceiling(cell.column)
        shared = tuple(each for each in whole.records if each["seed"] in cell.seeds) if whole else ()
        return replace(whole, records=shared) if whole and shared else whole

    def worst(self, row: str) -> Cell | None:
        """Return the cell where the exploiter does best without clean images; None for unprotected images."""
        counted = self._counted(row)
        return max(counted, key=lambda cell: cell.best.mean) if row in self.protected and counted else None

    def tried(self, row: str) -> int:
        """Return how many countermeasures the worst case is over; what changed nothing is none."""
        return sum(not has_no_effect(cell) for cell in self._counted(row))

    def _counted(self, row: str) -> list[Cell]:
        """Return the cells that can be a worst case: without clean images, and where some training did not break."""
        return [cell for cell in self.of_row(row) if cell.column not in self.with_clean and not cell.broken]

    def few(self, row: str) -> bool:
        """Return whether a row met so few of the matrix's countermeasures that its worst case says little."""
        return self.tried(row) < min(FEW, len(set(self.columns) - self.with_clean) / 2)

    def countered(self, row: str) -> bool:
        """Return whether a row met any countermeasure that counts, beside training on images as they are."""
        counted = (cell for cell in self._counted(row) if not has_no_effect(cell))
        return any(cell.records[0]["countermeasure"] != "none" for cell in counted)

    def worst_with_clean(self, row: str) -> Cell | None:
        """Return the cell where an exploiter does best who is given clean images too."""
        given = [cell for cell in self.of_row(row) if cell.column in self.with_clean]
        return max(given, key=lambda cell: cell.best.mean) if row in self.protected and given else None

    def share(self, cell: Cell) -> float | None:
        """Return the share of the column's ceiling that was learned above chance: 0 at chance, 1 at the ceiling.

        None where there is no ceiling, or it is so near to chance that a share of it means nothing.
        """
        ceiling = self.ceiling_of(cell)
        if ceiling is None or ceiling.best.mean - cell.chance < LEAST_TO_LEARN:
            return None
        return learned(cell.best.mean, ceiling.best.mean, cell.chance)


def matrix(records: Sequence[Parameters]) -> Matrix:
    """Arrange the records of one suite.

    Raises:
        ValueError: there are none, or trials of different settings share a row, a column and maybe a seed.
    """
    if not records:
        raise ValueError("there are no finished trials to show: run the suite first")
    groups: dict[tuple[str, str], list[Parameters]] = defaultdict(list)
    for record in records:
        groups[record["row"], record["column"]].append(record)
    often = Counter(column for _, column in groups)
    return Matrix(
        rows=tuple(dict.fromkeys(row for row, _ in groups)),
        columns=tuple(sorted(often, key=lambda column: -often[column])),
        cells={place: _cell(*place, found) for place, found in groups.items()},
    )


def uses_clean(record: Parameters) -> bool:
    """Tell whether the exploiter of a record is given clean images: shown and marked, never the worst case."""
    told: bool = record.get("with_clean", record["countermeasure"].partition(":")[0] in WITH_CLEAN)
    return told


def has_no_effect(cell: Cell) -> bool:
    """Tell whether a countermeasure changed no pixel, so that it is plain training under another name."""
    return all(any(flag["name"] == "no-effect" for flag in record["flags"]) for record in cell.records)


def chance_of(record: Parameters) -> float:
    """Return the share of the largest test class, percent: what naming it always would reach."""
    rows = [sum(row) for row in record["confusion"]]
    return 100 * max(rows) / sum(rows)


def marked(column: str, cells: Matrix) -> str:
    """Return a column's name, marked where the exploiter is given clean images."""
    return f"{column} {MARK}" if column in cells.with_clean else column


def _cell(row: str, column: str, records: Sequence[Parameters]) -> Cell:
    ordered = sorted(records, key=lambda record: record["seed"])
    for record, other in pairwise(ordered):
        different = [name for name in SETTINGS if record.get(name) != other.get(name)]
        if different or record["seed"] == other["seed"]:
            raise ValueError(
                f"row {row!r}, column {column!r} has trials of different "
                f"{' and '.join(different) or 'origin with the same seed'}, which cannot be averaged: "
                "give them different titles, or different suites"
            )
    return Cell(row=row, column=column, records=tuple(ordered))


SETTINGS = (
    *("dataset", "per_class", "test_per_class", "poison", "countermeasure", "revision", "recipe"),
    *("protected", "made_on", "standing_for", "pairs"),  # said only where they are set
)
