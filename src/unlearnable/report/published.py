"""Numbers that others published, as data, for reading beside ours: they were measured with other recipes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby

from unlearnable._types import Parameters


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published accuracy on clean test images, in percent.

    Args:
        poison: our name of the method where we have it, else the field's; `clean` for unprotected images.
        called: the name in the source where it is another than ours.
        scope: `class-wise` or `sample-wise`; empty where the source does not say.
        epsilon: the budget in levels (linf), None where it is another norm or is not stated.
        countermeasure: our name of it where we have it, else the field's; settings may differ from ours.
        dataset: a name of the dataset registry, or `cifar100`.
        architecture: what was trained; our name of it where we have it.
        accuracy: percent, last epoch unless `note` says otherwise.
        source: where the number stands.
        paper: where the poison was published.
        note: how far to trust it, such as `second-hand, from a note`; empty for a number read at its source.
    """

    poison: str
    called: str
    scope: str
    epsilon: float | None
    countermeasure: str
    dataset: str
    architecture: str
    accuracy: float
    source: str
    paper: str
    note: str

    @property
    def title(self) -> str:
        """The row's name in tables."""
        name = self.called or self.poison
        return f"{name}, {self.scope}" if self.scope else name


@dataclass(frozen=True, kw_only=True)
class Source:
    """The numbers of one source on one dataset, as a table: rows are (poison, architecture)."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[Published | None, ...]], ...]
    notes: tuple[str, ...]


@cache
def published() -> tuple[Published, ...]:
    """Return all of them; of several for one cell, the one to quote comes first."""
    text = (files("unlearnable.report") / "published.json").read_text(encoding="utf-8")
    return tuple(Published(**entry) for entry in json.loads(text))


def published_for(record: Parameters) -> tuple[Published, ...]:
    """Return what was published about the poison and dataset of a record: same method and scope, any countermeasure.

    ε is the same, or the source does not state it.

    Args:
        record: of a trial, with `dataset` and `poison`.
    """
    poison = record["poison"]
    if poison is None:
        return ()
    asked = (poison["method"], poison.get("scope"), record["dataset"])
    return tuple(
        each
        for each in published()
        if (each.poison, each.scope, each.dataset) == asked and each.epsilon in (None, poison.get("epsilon"))
    )


def sources(dataset: str) -> tuple[Source, ...]:
    """Return one table per source of published numbers on a dataset, in stored order."""
    mine = [each for each in published() if each.dataset == dataset]
    order = list(dict.fromkeys(each.source for each in mine))
    ranked = sorted(mine, key=lambda each: order.index(each.source))
    return tuple(_source(name, tuple(group)) for name, group in groupby(ranked, key=lambda each: each.source))


def _source(name: str, entries: Sequence[Published]) -> Source:
    columns = tuple(dict.fromkeys(each.countermeasure for each in entries))
    cells = {(each.title, each.architecture, each.countermeasure): each for each in entries}
    rows = dict.fromkeys((each.title, each.architecture) for each in entries)
    notes = dict.fromkeys(each.note for each in entries if each.note)
    return Source(
        name=name,
        columns=columns,
        rows=tuple((*row, tuple(cells.get((*row, column)) for column in columns)) for row in rows),
        notes=tuple(_said(note, entries) for note in notes),
    )


def _said(note: str, entries: Sequence[Published]) -> str:
    """Say what a note is about: everything, whole columns, or single cells."""
    noted = [each for each in entries if each.note == note]
    if len(noted) == len(entries):
        return note
    columns = dict.fromkeys(each.countermeasure for each in noted)
    if len(noted) == sum(each.countermeasure in columns for each in entries):
        return f"{', '.join(columns)}: {note}"
    cells = dict.fromkeys(f"{each.title}, {each.countermeasure}" for each in noted)
    return f"{'; '.join(cells)}: {note}"
