"""The leaderboard of committed results: what each poison's strongest exploiter learned, as Markdown and as a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from types import MappingProxyType

from jinja2 import Environment, StrictUndefined

from unlearnable._types import Parameters
from unlearnable.evaluation.flags import Flag
from unlearnable.evaluation.metrics import verdict
from unlearnable.evaluation.suite_flags import suite_flags
from unlearnable.report.detection import DETECTED, Detected, detected, detection_table
from unlearnable.report.grid import FEW, MARK, MARK_SAYS, WORST, Cell, Matrix, matrix, uses_clean
from unlearnable.report.published import Published, Source, published_for, sources
from unlearnable.report.tables import md, md_table, table

OPENING = (
    "A poison is worth what the strongest exploiter leaves of it: rows are sorted by the worst case, the lowest first. "
    "Clean images through the same countermeasure are each column's ceiling. A worst case of few countermeasures says "
    f"less than one of many: rows that met fewer than {FEW}, or than half where there are few, stand last."
)
PUBLISHED = (
    "Published numbers were measured by others with other networks, recipes and noise of their own making; they are "
    "for orientation and are never mixed with ours."
)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One poison's line: its headline numbers, what was published about it, and its flags."""

    row: str
    plain: Cell | None
    worst: Cell | None
    tried: int
    ceiling: Cell | None
    verdict: str
    published: Published | None
    published_worst: Published | None
    flags: tuple[Flag, ...]


@dataclass(frozen=True, kw_only=True)
class Board:
    """One suite's part of the leaderboard."""

    name: str
    records: tuple[Parameters, ...]
    planned: tuple[str, ...] = ()
    """Columns that the suite has trials of, run or not."""

    @cached_property
    def unseen(self) -> tuple[str, ...]:
        """Planned columns that no row has a trial of."""
        return tuple(column for column in self.planned if column not in self.cells.columns)

    @cached_property
    def cells(self) -> Matrix:
        """The suite's matrix."""
        return matrix(self.records)

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """One line per poison, the lowest worst case first, and those that met few countermeasures last."""
        found = [self._standing(row) for row in self.cells.protected]
        return tuple(
            sorted(found, key=lambda each: (self.cells.few(each.row), each.worst.best.mean if each.worst else 101.0))
        )

    @cached_property
    def clean(self) -> Cell | None:
        """What unprotected images teach without a countermeasure."""
        return self.cells.ceiling(self.cells.plain) if self.cells.plain else None

    @cached_property
    def most_tried(self) -> int:
        """How many countermeasures count for the worst case, planned ones too."""
        unseen = [column for column in self.unseen if not uses_clean({"countermeasure": column})]
        return len(set(self.cells.columns) - self.cells.with_clean) + len(unseen)

    @cached_property
    def protocol(self) -> str:
        """Say what was trained on what, where, and how often."""
        record = self.records[0]
        recipe = record["recipe"]
        per_class = {each["per_class"] for each in self.records}
        images = " or ".join(f"{count} images per class" if count else "all training images" for count in per_class)
        machines = dict.fromkeys(_machine(each) for each in self.records)
        hours = sum(each["wall_seconds"] for each in self.records) / 3600
        seeds = sorted({each["seed"] for each in self.records})
        return (
            f"{record['dataset']}, {images}, {record['data']['test']} test images; {recipe['architecture']}, "
            f"{recipe['epochs']} epochs, batch {recipe['batch_size']}. {len(self.records)} trials, "
            f"{len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'}, {hours:.1f} hours of training on "
            f"{' and '.join(machines)}."
            + (f" Planned, and run against no poison yet: {'; '.join(self.unseen)}." if self.unseen else "")
        )

    @cached_property
    def detected(self) -> tuple[Detected, ...]:
        """How well a scraper told protected images from clean ones, where that was measured."""
        return detected(self.cells)

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        """The data sets that were trained on."""
        return tuple(dict.fromkeys(record["dataset"] for record in self.records))

    def _standing(self, row: str) -> Standing:
        mine = [record for record in self.records if record["row"] == row]
        clean = [record for record in self.records if record["row"] == self.cells.clean]
        worst = self.cells.worst(row)
        ceiling = self.cells.ceiling_of(worst) if worst else None
        told = sorted(published_for(mine[0]), key=lambda each: -each.accuracy)
        without_clean = [each for each in told if not uses_clean({"countermeasure": each.countermeasure})]
        return Standing(
            row=row,
            plain=self.cells.cell(row, self.cells.plain) if self.cells.plain else None,
            worst=worst,
            tried=self.cells.tried(row),
            ceiling=ceiling,
            verdict=(
                verdict(worst.best.mean, ceiling.best.mean, worst.chance)
                if worst and ceiling and self.cells.countered(row)
                else "not tested"
            ),
            published=next((each for each in published_for(mine[0]) if each.countermeasure == "none"), None),
            published_worst=without_clean[0] if without_clean else None,
            flags=suite_flags(
                mine,
                clean,
                chance=worst.chance if worst else 0.0,
                all_columns=[*self.cells.columns, *self.unseen],
            ),
        )


Planned = Mapping[str, Sequence[str]]


def _boards(suites: Mapping[str, Sequence[Parameters]], planned: Planned) -> list[Board]:
    for name, records in suites.items():
        if not records:
            raise ValueError(f"the suite {name!r} has no records: run it first, or name another")
    return [
        Board(name=name, records=tuple(records), planned=tuple(planned.get(name, ())))
        for name, records in suites.items()
    ]


def leaderboard_markdown(suites: Mapping[str, Sequence[Parameters]], planned: Planned = MappingProxyType({})) -> str:
    """Write the leaderboard as Markdown.

    Args:
        suites: the records of each suite, by name.
        planned: the columns of each suite's trials, so that what nobody has run is named.

    Raises:
        ValueError: a suite without records.
    """
    boards = _boards(suites, planned)
    parts = [f"# Leaderboard\n\n{OPENING} Generated by `unlearnable bench leaderboard`; do not edit.\n"]
    for board in boards:
        parts.append(f"## {board.name}\n\n{board.protocol}\n")
        parts.append(_headlines(board))
        parts.append(f"### Every countermeasure\n\n{table(board.records)}")
        if board.detected:
            parts.append(f"### Can a scraper tell?\n\n{DETECTED}\n\n{detection_table(board.detected)}")
        parts.append("### What speaks against these numbers\n\nThe flags are explained in [flags.md](flags.md).\n")
        parts += [_accusations(each) for each in board.standings]
    told = _sources(boards)
    if told:
        parts.append(f"## Published numbers\n\n{PUBLISHED}\n")
        parts += [_published_table(source) for source in told]
    return "\n".join(parts)


def leaderboard_html(suites: Mapping[str, Sequence[Parameters]], planned: Planned = MappingProxyType({})) -> str:
    """Return the leaderboard as one HTML file with a heat map, which needs no script and no network.

    Args:
        suites: the records of each suite, by name.
        planned: the columns of each suite's trials, so that what nobody has run is named.

    Raises:
        ValueError: a suite without records.
    """
    boards = _boards(suites, planned)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["colour"] = colour
    environment.filters["ink"] = ink
    source = (files("unlearnable.report") / "leaderboard.html").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        boards=boards,
        opening=OPENING,
        mark=MARK,
        mark_says=MARK_SAYS,
        published_says=PUBLISHED,
        detected_says=DETECTED,
        sources=_sources(boards),
        scale=[step / 10 for step in range(11)],
    )


def colour(share: float | None) -> str:
    """Return the colour of a share of the ceiling: green where nothing was learned, over pale yellow, to red."""
    if share is None:
        return "#eceff3"
    place = min(max(share, 0.0), 1.0) * (len(_SCALE) - 1)
    first = min(int(place), len(_SCALE) - 2)
    part = place - first
    mixed = [round(a + (b - a) * part) for a, b in zip(_SCALE[first], _SCALE[first + 1], strict=True)]
    return "#" + "".join(f"{value:02x}" for value in mixed)


def ink(share: float | None) -> str:
    """Return the colour of text on `colour(share)`, with a contrast of 4.5 or more."""
    paper = _luminance(colour(share))
    return "#ffffff" if 1.05 / (paper + 0.05) > (paper + 0.05) / 0.05 else "#000000"


_SCALE = ((26, 127, 90), (134, 190, 140), (246, 232, 178), (226, 140, 96), (176, 42, 48))


def _luminance(shade: str) -> float:
    """Source: WCAG 2.2, relative luminance."""
    values = [int(shade[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _headlines(board: Board) -> str:
    head = ["poison", "no countermeasure", WORST, "of so many tried", "ceiling there", "verdict"]
    rows = []
    for each in board.standings:
        rows.append(
            [
                md(each.row),
                str(each.plain) if each.plain else "not run",
                f"**{each.worst.best}** by {md(each.worst.column)}" if each.worst else "not run",
                str(each.tried),
                str(each.ceiling.best) if each.ceiling else "not run",
                each.verdict,
                _told(each.published),
                _told(each.published_worst),
            ]
        )
    head += ["published, no countermeasure", "published, worst"]
    clean = f"\nUnprotected images without a countermeasure: {board.clean}.\n" if board.clean else ""
    return md_table(head, rows) + clean


def _told(number: Published | None) -> str:
    if number is None:
        return "none"
    network = "" if number.architecture == "resnet18" else f" with {md(number.architecture)}"
    by = network if number.countermeasure == "none" else f" by {md(number.countermeasure)}"
    return f"{number.accuracy:.1f}{by} ({md(number.source)})"


def _accusations(standing: Standing) -> str:
    lines = [f"- `{flag.name}`: {md(flag.sentence)}" for flag in standing.flags]
    return f"**{md(standing.row)}**\n\n" + "\n".join(lines or ["- nothing"]) + "\n"


def _sources(boards: Sequence[Board]) -> list[Source]:
    names = dict.fromkeys(name for board in boards for name in board.datasets)
    return [source for name in names for source in sources(name)]


def _published_table(source: Source) -> str:
    rows = [
        [md(title), md(network), *(f"{each.accuracy:.1f}" if each else "" for each in cells)]
        for title, network, cells in source.rows
    ]
    notes = "".join(f"\n- {md(note)}" for note in source.notes)
    return (
        f"### {md(source.name)}\n\n{md_table(['poison', 'network', *map(md, source.columns)], rows, names=2)}{notes}\n"
    )


def _machine(record: Parameters) -> str:
    found = record["hardware"]
    threads = f"{found['threads']} {'thread' if found['threads'] == 1 else 'threads'}"
    numbers = ", bfloat16" if found.get("bf16") else ""
    return f"{found['processor']} ({found['device']}{numbers}, {threads} a trial)"
