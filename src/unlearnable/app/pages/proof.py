"""The curves and the outcome of a proof."""

from abc import abstractmethod
from html import escape
from typing import Any

from nicegui import ui

from unlearnable.app import text
from unlearnable.app.pages.frame import card, title
from unlearnable.app.pages.job import JobPage
from unlearnable.app.store import Job
from unlearnable.app.work import READING

CURVES = ("clean", "random", "smooth", "protected")
COLOURS = {"clean": "#7a8699", "random": "#7b8fc9", "smooth": "#b07cc6", "protected": "#1f8a5b"}


class CurvePage(JobPage):
    """Follows a job that trains: its curves, and what came of it once."""

    def show(self) -> None:
        """Show the page."""
        self.head()
        self.before()
        with card():
            title(text.CURVES, 2)
            # as SVG, so that the page's colours hold for its words too, light and dark
            self.chart = ui.echart(options({}, []), renderer="svg").classes("curves")
            self.chart.props(f'role=img aria-label="{text.CURVES}"')
        self.result = ui.column().classes("w-full")
        self.done, self.points = False, -1
        self.follow()

    def before(self) -> None:
        """Show what comes before the curves."""

    @abstractmethod
    def outcome(self, job: Job) -> None:
        """Show what came of it."""

    def update(self, job: Job) -> None:
        """Draw new epochs, and the outcome once."""
        curves = self.store.epochs(self.name)
        points = sum(len(curve) for curve in curves.values())
        if points != self.points:
            self.points = points
            self.chart.options.clear()
            self.chart.options.update(options(curves, list(dict.fromkeys(row for row, _ in curves))))
            self.chart.update()
        if job.state == "done" and not self.done:
            self.done = True
            with self.result:
                self.outcome(job)


class ProofPage(CurvePage):
    """Follows a proof."""

    def refresh(self) -> None:
        """Change what changed; photos are counted first, and epochs then."""
        job = self.store.job(self.name)
        self.unit = "photos" if job is not None and job.note == READING else "epochs"
        super().refresh()

    def outcome(self, job: Job) -> None:
        """Show the rows, the worst first, and what is not protected."""
        _proved(job)


def options(curves: dict[tuple[str, int], list[tuple[int, float]]], names: list[str]) -> dict[str, Any]:
    """Return what the chart is drawn from: one line for each row and seed."""
    series = [
        {
            "name": text.ROWS.get(row, row),
            "type": "line",
            "symbolSize": 4,
            "data": [[epoch, round(accuracy, 1)] for epoch, accuracy in curve],
            "lineStyle": {"width": 3 if row in CURVES else 1.5},
            **({"itemStyle": {"color": COLOURS[row]}} if row in COLOURS else {}),
        }
        for (row, _), curve in curves.items()
    ]
    return {
        "animation": False,
        "tooltip": {"trigger": "axis"},
        "legend": {
            "data": [text.ROWS.get(name, name) for name in names],
            "type": "scroll",
            "top": 0,
        },
        "grid": {"left": 44, "right": 16, "top": 40, "bottom": 36},
        "xAxis": {"type": "value", "name": "epoch", "minInterval": 1},
        "yAxis": {"type": "value", "min": 0, "max": 100},
        "series": series,
    }


def _proved(job: Job) -> None:
    result = job.result
    worst = result["worst"]
    with card():
        ui.label(text.WORST.format(title=worst["title"].lower(), best=worst["best"], verdict=worst["verdict"])).classes(
            f"worst {worst['verdict']}"
        )
        ui.label(text.GUESSING.format(chance=result["chance"]))
        rows = "".join(
            f"<tr><th scope='row'>{escape(row['title'])}</th><td class='number'>{row['best']:.1f} %</td>"
            f"<td class='number'>{row['last']:.1f} %</td>"
            f"<td class='verdict {row.get('verdict', '')}'>{row.get('verdict', 'control')}</td></tr>"
            for row in result["rows"]
        )
        heads = "".join(f"<th scope='col'>{escape(words)}</th>" for words in text.TABLE)
        table = f"<table class='rows'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        ui.html(table, sanitize=False).classes("w-full")
        for flag in result["flags"]:
            ui.label(flag["sentence"]).classes("faint")
    with card():
        title(text.NOT_PROTECTED_TITLE, 2)
        ui.html("<ul>" + "".join(f"<li>{escape(words)}</li>" for words in text.NOT_PROTECTED) + "</ul>", sanitize=False)
        with ui.row():
            page = f"/report/{job.id}/report"
            button = ui.button(text.OPEN_REPORT, icon="open_in_new")
            button.on_click(lambda: ui.navigate.to(f"{page}.html", True)).props("unelevated no-caps")
            for words, suffix in ((text.DOWNLOAD_REPORT, "html"), (text.DOWNLOAD_JSON, "json")):

                def fetch(suffix: str = suffix) -> None:
                    ui.navigate.to(f"{page}.{suffix}?download=true")

                ui.button(words, icon="download", on_click=fetch).props("outline no-caps")
