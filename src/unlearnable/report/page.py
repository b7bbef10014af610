"""The report: one HTML file that needs nothing else, no script, no network."""

import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from unlearnable._types import Parameters
from unlearnable.report.figures import bars, curves
from unlearnable.report.panels import Panel

VERDICTS = {
    "held": "the network learned at most a quarter of what clean photos teach",
    "weakened": "it learned between a quarter and 60 %",
    "failed": "it learned more than 60 %",
    "not tested": "the clean control did not learn enough to tell",
}


def render(proof: Parameters, *, panels: Sequence[Panel] = (), files_check: Mapping[str, Any] | None = None) -> str:
    """Return the report of a proof as HTML.

    Args:
        proof: what `evaluation.proof.prove` returned.
        panels: photos to show.
        files_check: summary of `check` on the protected files, if it was run.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["pct"] = lambda value: f"{value:.1f} %"
    source = (files("unlearnable.report") / "template.html").read_text(encoding="utf-8")
    rows = {row["name"]: row for row in proof["rows"]}
    return environment.from_string(source).render(
        proof=proof,
        clean=rows["clean"],
        protected=rows["protected"],
        random=rows.get("random"),
        smooth=rows.get("smooth"),
        worst=rows[proof["worst"]["name"]],
        attacked=[row for row in proof["rows"] if "verdict" in row],
        panels=panels,
        files_check=files_check,
        verdicts=VERDICTS,
        bars=bars(proof["rows"], chance=proof["chance"]),
        curves=curves(proof["trainings"], chance=proof["chance"]),
    )


def write(path: Path, html: str) -> None:
    """Write the report, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(html, encoding="utf-8", errors="backslashreplace")  # a file's name may be no text
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
