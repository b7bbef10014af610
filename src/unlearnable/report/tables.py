"""The matrix of a suite as Markdown, CSV or LaTeX."""

import csv
import html
import io
from collections.abc import Callable, Sequence

from unlearnable._registry import unknown
from unlearnable._types import Parameters
from unlearnable.report.grid import LEGEND, MARK, MARK_SAYS, NOT_RUN, WORST, Cell, Matrix, marked, matrix


def table(records: Sequence[Parameters], format: str = "md") -> str:
    """Write the matrix of a suite as text.

    `md` has poisons as rows, `latex` as columns, since tens of countermeasures do not fit across a page; `csv` has a
    line per cell and plain numbers.

    Args:
        records: of one suite.
        format: `md`, `csv` or `latex` (needs booktabs and longtable).

    Raises:
        ValueError: no such format, or records that make no matrix.
    """
    if format not in _FORMATS:
        raise ValueError(unknown("format", format, _FORMATS))
    return _FORMATS[format](matrix(records))


def md(text: str) -> str:
    """Escape text for a Markdown table."""
    escaped = html.escape(" ".join(text.split()), quote=False)
    for sign in "\\`*_[]|":
        escaped = escaped.replace(sign, f"\\{sign}")
    return escaped


def md_row(cells: Sequence[str]) -> str:
    """Return one line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def md_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, names: int = 1) -> str:
    """Return a Markdown table whose first `names` columns are text and the others numbers."""
    rule = ["---"] * names + ["--:"] * (len(head) - names)
    return "\n".join([md_row(head), md_row(rule), *(md_row(row) for row in rows)]) + "\n"


def shown(cell: Cell | None, cells: Matrix) -> str:
    """Return a cell's numbers, with n where it has fewer seeds than others."""
    if cell is None:
        return NOT_RUN
    fewer = f" n={len(cell.records)}" if len(cell.records) < cells.most_seeds else ""
    return f"{cell}{fewer}"


def _markdown(cells: Matrix) -> str:
    rows = []
    for row in cells.rows:
        worst = cells.worst(row)
        last = f"**{worst.best}** by {md(worst.column)}" if worst else "" if row in cells.protected else "(ceiling)"
        numbers = [shown(cells.cell(row, column), cells) for column in cells.columns]
        rows.append([md(row), *numbers, last])
    head = ["poison", *(md(marked(column, cells)) for column in cells.columns), WORST]
    legend = [LEGEND, MARK_SAYS] if cells.with_clean else [LEGEND]
    return md_table(head, rows) + "\n" + "\n".join(legend) + "\n"


def _csv(cells: Matrix) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    of_spread = (f"{what}_{of}" for what in ("last", "best") for of in ("mean", "min", "max"))
    writer.writerow(["row", "column", "seeds", *of_spread, "ceiling_best", "with_clean", "worst"])
    for row in cells.rows:
        worst = cells.worst(row)
        for cell in cells.of_row(row):
            ceiling = cells.ceiling_of(cell)
            numbers = [
                f"{value:.2f}" for spread in (cell.last, cell.best) for value in (spread.mean, spread.low, spread.high)
            ]
            most = f"{ceiling.best.mean:.2f}" if ceiling else ""
            facts = [int(cell.column in cells.with_clean), int(cell is worst)]
            writer.writerow([row, cell.column, len(cell.records), *numbers, most, *facts])
    return text.getvalue()


def _latex(cells: Matrix) -> str:
    def numbers(text: str) -> str:
        return text.replace("±", "$\\pm$")

    lines = []
    for column in cells.columns:
        sign = "$^\\dagger$" if column in cells.with_clean else ""
        found = [numbers(shown(cells.cell(row, column), cells)) for row in cells.rows]
        lines.append(" & ".join([_tex(column) + sign, *found]) + r" \\")
    worst = [cells.worst(row) for row in cells.rows]
    last = [f"{numbers(str(cell.best))}, {_tex(cell.column)}" if cell else "" for cell in worst]
    legend = [_tex(LEGEND), _tex(MARK_SAYS).replace(MARK, "$^\\dagger$")] if cells.with_clean else [_tex(LEGEND)]
    return (
        "\n".join(
            [
                *(f"% {numbers(line)}" for line in legend),
                rf"\begin{{longtable}}{{l{'r' * len(cells.rows)}}}",
                r"\toprule",
                " & ".join(["countermeasure", *(_tex(row) for row in cells.rows)]) + r" \\",
                r"\midrule",
                r"\endhead",
                *lines,
                r"\midrule",
                " & ".join([WORST, *last]) + r" \\",
                r"\bottomrule",
                r"\end{longtable}",
            ]
        )
        + "\n"
    )


_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def _tex(text: str) -> str:
    return "".join(_TEX.get(sign, sign) for sign in " ".join(text.split()))


_FORMATS: dict[str, Callable[[Matrix], str]] = {"md": _markdown, "csv": _csv, "latex": _latex}
