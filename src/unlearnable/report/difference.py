"""Two results of one suite, compared cell by cell."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from unlearnable._types import Parameters
from unlearnable.report.grid import SETTINGS, Cell, matrix
from unlearnable.report.tables import md, md_table


def diff(before: Sequence[Parameters], after: Sequence[Parameters]) -> str:
    """Compare two results of a suite cell by cell, as Markdown: what changed most comes first.

    Says too which cells only one of them has, and in which settings, data, versions or machines the trials differ.

    Raises:
        ValueError: records that make no matrix.
    """
    old, new = matrix(before), matrix(after)
    both = [(cell, new.cells[place]) for place, cell in old.cells.items() if place in new.cells]
    both.sort(key=_most, reverse=True)
    only = {
        "before": [cell for place, cell in old.cells.items() if place not in new.cells],
        "after": [cell for place, cell in new.cells.items() if place not in old.cells],
    }
    parts = [f"{len(both)} cells are in both, {len(only['before'])} only before, {len(only['after'])} only after.\n"]
    different = _differences(both)
    parts.append("\n".join(["What else differs:\n", *different]) + "\n" if different else "Nothing else differs.\n")
    if both:
        parts.append(
            "Accuracy in percent, mean over seeds. `beyond spread`: the change is larger than the range over seeds "
            "on either side.\n"
        )
        parts.append(_changes(both))
    for side, cells in only.items():
        if cells:
            lines = [f"- {md(cell.row)}, {md(cell.column)}: {cell}" for cell in cells]
            parts.append(f"Only {side}, last (best):\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _moved(old: Cell, new: Cell, what: str) -> float:
    change: float = getattr(new, what).mean - getattr(old, what).mean
    return change


def _most(pair: tuple[Cell, Cell]) -> float:
    old, new = pair
    return max(abs(_moved(old, new, "last")), abs(_moved(old, new, "best")))


def _changes(both: Sequence[tuple[Cell, Cell]]) -> str:
    head = ["poison", "countermeasure", "last before", "after", "change", "best before", "after", "change"]
    rows = []
    for old, new in both:
        last, best = _moved(old, new, "last"), _moved(old, new, "best")
        numbers = [str(old.last), str(new.last), f"{last:+.1f}", str(old.best), str(new.best), f"{best:+.1f}"]
        rows.append([md(old.row), md(old.column), *numbers, _beyond(old, new)])
    return md_table([*head, "beyond spread"], rows, names=2)


def _beyond(old: Cell, new: Cell) -> str:
    if min(len(old.records), len(new.records)) < 2:
        return "one seed: unknown" if _moved(old, new, "last") or _moved(old, new, "best") else ""
    changed = [
        what
        for what in ("last", "best")
        if abs(_moved(old, new, what)) > max(getattr(old, what).range, getattr(new, what).range)
    ]
    return " and ".join(changed)


def _differences(both: Sequence[tuple[Cell, Cell]]) -> list[str]:
    """Say in what the trials differ that are compared: those of one seed, else the first ones of a cell."""
    pairs: list[tuple[Parameters, Parameters]] = []
    seeds: dict[tuple[str, str], int] = defaultdict(int)
    for old, new in both:
        if old.seeds != new.seeds:
            seeds[", ".join(map(str, old.seeds)), ", ".join(map(str, new.seeds))] += 1
        later = {record["seed"]: record for record in new.records}
        shared = [(record, later[record["seed"]]) for record in old.records if record["seed"] in later]
        pairs += shared or [(old.records[0], new.records[0])]
    lines = [f"- seeds: {first} before, {second} after (in {count} cells)" for (first, second), count in seeds.items()]
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    for one, other in pairs:
        for name in (*SETTINGS, "data", "versions", "hardware"):
            facts, others = _flat(name, one.get(name)), _flat(name, other.get(name))
            for fact in sorted({*facts, *others}):
                if facts.get(fact) != others.get(fact):
                    said = ("", "") if fact == "data.hash" else (_value(facts.get(fact)), _value(others.get(fact)))
                    found[fact, *said] += 1
    for (fact, was, now), count in found.items():
        change = f" {was} before, {now} after" if was or now else " of the training images differs"
        lines.append(f"- {md(fact)}:{change} (in {count} of {len(pairs)} trials)")
    return lines


def _flat(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {fact: each for key, inner in value.items() for fact, each in _flat(f"{name}.{key}", inner).items()}
    return {name: value}


def _value(value: Any) -> str:
    return "none" if value is None else md(str(value)) or "empty"
