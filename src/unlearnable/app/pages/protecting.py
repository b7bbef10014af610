"""The files of a job that protects, and what comes after it."""

import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nicegui import ui

from unlearnable._words import sentence, shown
from unlearnable.app import text
from unlearnable.app.desk import Desk
from unlearnable.app.pages.frame import aside, card, title
from unlearnable.app.pages.job import JobPage
from unlearnable.app.store import File, FileState, Job

PAGE = 50
"""Files shown at once."""


class ProtectPage(JobPage):
    """Follows the protection of a folder, file by file."""

    def show(self) -> None:
        """Show the page."""
        self.head()
        self.result = ui.column().classes("w-full")
        self.filter: list[FileState] = []
        self.rows: dict[tuple[int, str], _Row] = {}
        self.start = 0
        with card():
            title("Files", 2)
            self.which = ui.toggle({0: text.ALL_FILES, 1: text.PROBLEMS, 2: text.TO_DO}, value=0)
            self.which.props("unelevated no-caps").on_value_change(lambda event: self._choose(event.value))
            self.list = ui.column().classes("w-full").style("gap: 0")
            self.none = ui.label(text.NO_FILES).classes("faint")
            with ui.row():
                self.back = ui.button(text.PREVIOUS, on_click=lambda: self._turn(-PAGE)).props("flat no-caps")
                self.more = ui.button(text.MORE, on_click=lambda: self._turn(PAGE)).props("flat no-caps")
        self.done = False
        self.follow()

    def _choose(self, which: int) -> None:
        chosen: list[list[FileState]] = [[], ["failed", "skipped"], ["waiting"]]
        self.filter, self.start = chosen[which], 0
        self.refresh()

    def _turn(self, by: int) -> None:
        self.start = max(0, self.start + by)
        self.refresh()

    def update(self, job: Job) -> None:
        """Change the lines of files that changed, and show the outcome once."""
        files = self.store.files(self.name, states=self.filter, start=self.start, count=PAGE + 1)
        self.back.set_visibility(self.start > 0)
        self.more.set_visibility(len(files) > PAGE)
        self._list(files[:PAGE], running=job.state in ("running", "waiting", "paused"))
        if job.state == "done" and not self.done:
            self.done = True
            with self.result:
                finished(self.desk, job, lambda: self.which.set_value(1))
        elif job.state != "done" and self.done:
            self.done = False
            self.result.clear()

    def _list(self, files: list[File], *, running: bool) -> None:
        """Keep the lines that stay, so that the focus and a click under way stay with them."""
        now = {(file.place, file.key): file for file in files}
        for gone in self.rows.keys() - now.keys():
            self.rows.pop(gone).line.delete()
        for index, (which, file) in enumerate(now.items()):
            if which not in self.rows:
                with self.list:
                    self.rows[which] = _Row(self, file)
                self.rows[which].line.move(target_index=index)
            self.rows[which].change(file, running=running)
        self.none.set_visibility(not files)


class _Row:
    """The line of one file."""

    def __init__(self, page: ProtectPage, file: File) -> None:
        self.page, self.file = page, file
        self.shown: tuple[FileState, str, bool] | None = None
        self.line = ui.element("div").classes("file")
        with self.line:
            picture = f'<img src="/thumb/{page.name}/{file.place}" alt="" loading="lazy" width="56" height="56">'
            ui.html('<div class="blank"></div>' if file.state == "other" else picture, sanitize=False)
            with ui.column().style("gap: 0; min-width: 0"):
                ui.label(shown(file.key)).classes("name")
                self.reason = ui.label().classes("note")
            self.state = ui.label()
            self.button = ui.button(on_click=self._turn).props("flat dense no-caps").classes("act")

    def _turn(self) -> None:
        self.page.store.skip(self.page.name, self.file.place, skip=self.file.state == "waiting")
        self.page.refresh()

    def change(self, file: File, *, running: bool) -> None:
        """Show what has become of the file."""
        now = (file.state, file.reason, running)
        if now == self.shown:
            return
        self.file, self.shown = file, now
        colour = "failed" if file.state == "failed" else "faint"
        self.reason.set_text(file.reason)
        self.state.set_text(text.FILE_STATES[file.state])
        for label in (self.reason, self.state):
            label.classes(colour, remove="failed faint")
        words = text.UNSKIP if file.state == "skipped" else text.SKIP
        self.button.set_text(words)
        self.button.props["aria-label"] = f"{words} {shown(file.key)}"
        self.button.set_visibility(running and file.state in ("waiting", "skipped"))


def finished(desk: Desk, job: Job, problems: Callable[[], object]) -> None:
    """Show what came of it, and what to do next; `problems` lists the files that are not protected."""
    result, output = job.result, Path(job.spec["output"])
    with card():
        title(text.FINISHED.format(protected=result["protected"]), 2)
        for words, name in ((text.NOT_DONE, "failed"), (text.LEFT_OUT, "skipped")):
            if result.get(name):
                ui.label(words.format(count=result[name])).classes("failed")
        if result.get("failed") or result.get("skipped"):
            ui.button(text.SHOW_PROBLEMS, on_click=problems).props("outline no-caps")
        if result.get("wrong"):
            ui.label(text.CHECK_FAILED.format(count=result["wrong"])).classes("failed")
            for words in result["wrong_names"]:
                ui.label(words).classes("failed")
        elif "checked" in result:
            ui.label(text.CHECKED.format(checked=result["checked"])).classes("held")
        if result.get("weak"):
            ui.label(text.CHECK_WEAK.format(count=result["weak"])).classes("weakened")
            ui.label(", ".join(result["weak_names"])).classes("faint")
        if result["lossy"]:
            ui.label(text.LOSSY.format(count=result["lossy"])).classes("faint")
        ui.label(f"{text.WHERE} {output}").style("overflow-wrap: anywhere")
        ui.label(text.KEEP_MANIFEST).classes("faint")
        with ui.row():

            def open_folder() -> None:
                if not output.is_dir():
                    ui.notify(text.OUTSIDE_GONE.format(folder=output), type="warning")
                else:
                    webbrowser.open(output.as_uri())

            ui.button(text.OPEN_FOLDER, icon="folder_open", on_click=open_folder).props("outline no-caps")
            ui.button(text.DOWNLOAD_ZIP, icon="download", on_click=lambda: ui.navigate.to(f"/zip/{job.id}")).props(
                "outline no-caps"
            )
    with card():
        title(text.DOES_IT_WORK, 2)
        ui.label(text.PROVE_HINT)
        others = ui.input(text.OTHERS).props("outlined dense").classes("w-full")
        pictures = ui.checkbox(text.PICTURES).classes("choice")
        ui.label(text.PICTURES_HINT).classes("faint")
        problem = ui.label().classes("failed note").props("role=alert")

        async def prove() -> None:
            button.disable()
            problem.set_text("")
            try:
                folders = [str(desk.places.inside(others.value))] if (others.value or "").strip() else []
                spec = {
                    "source": job.spec["source"],
                    "protected": str(output),
                    "output": str(output.with_name(f"{output.name}.proof")),
                    "others": folders,
                    "quick": True,
                    "pictures": pictures.value,
                }
                await aside(provable, spec)
            except (ValueError, OSError) as error:
                problem.set_text(sentence(error))
            else:
                ui.navigate.to(f"/job/{desk.manager.add('prove', spec)}")
            button.enable()

        button = ui.button(text.PROVE, icon="fact_check", on_click=prove).props("unelevated no-caps")


def provable(spec: Mapping[str, Any]) -> None:
    """Look whether the folders of a proof have enough photos, without reading them.

    Raises:
        ValueError: they do not; the message says what to do.
    """
    from unlearnable.jobs.proving import ProveJob

    others = [Path(folder) for folder in spec["others"]]
    ProveJob(source=Path(spec["source"]), protected=Path(spec["protected"]), others=others).check()
