"""What was done, and how to forget it."""

from pathlib import Path

from nicegui import ui

from unlearnable._words import sentence
from unlearnable.app import text
from unlearnable.app.desk import Desk
from unlearnable.app.pages.frame import aside, card, job_line
from unlearnable.app.store import Job
from unlearnable.protect import MANIFEST, ledger


def history_page(desk: Desk) -> None:
    """Show all jobs."""
    holder = ui.column().classes("w-full")

    def draw() -> None:
        holder.clear()
        with holder:
            jobs = desk.manager.store.jobs()
            if not jobs:
                ui.label(text.NO_JOBS).classes("faint")
            for job in jobs:
                with card(), ui.row().classes("items-center w-full"):
                    job_line(job)
                    ui.space()
                    words = f"{text.DELETE} {text.KINDS[job.kind]} {Path(job.spec.get('source', '')).name}"
                    button = ui.button(icon="delete", on_click=lambda job=job: ask(job)).props("flat round")
                    button.props["aria-label"] = words

    async def ask(job: Job) -> None:
        with ui.dialog() as dialog, ui.card().classes("card"):
            ui.label(text.DELETE_ASK)
            if desk.manager.uploaded(job):
                ui.label(text.DELETE_UPLOADS)
            files = ui.checkbox(text.DELETE_FILES, value=False)
            files.set_visibility(job.kind == "protect")
            with ui.row():
                ui.button(text.DELETE, on_click=lambda: dialog.submit(True)).props("unelevated color=negative no-caps")
                ui.button(text.CANCEL, on_click=lambda: dialog.submit(False)).props("flat no-caps")
        if not await dialog:
            return
        try:
            if files.value and not await aside(_delete_copies, desk, job):
                ui.notify(text.NO_COPIES.format(folder=job.spec["output"]), type="warning")
            await aside(desk.manager.delete, job.id)
        except (ValueError, OSError) as error:
            ui.notify(sentence(error), type="negative")
        draw()

    draw()


def _delete_copies(desk: Desk, job: Job) -> bool:
    """Delete the files that the manifest names, and nothing else; False if there is no manifest.

    Raises:
        ValueError: the job runs, or another one writes there too.
    """
    folder = desk.places.inside(job.spec["output"])
    for other in desk.manager.store.jobs():
        if other.id != job.id and other.kind == "protect" and Path(other.spec["output"]).resolve() == folder:
            raise ValueError(text.SHARED_OUTPUT.format(folder=folder))
    now = desk.manager.store.job(job.id)
    if now is not None and now.state == "running":
        raise ValueError("it is running: pause it first")
    if not (folder / MANIFEST).is_file():
        return False
    with ledger.Ledger(folder):  # nobody else writes there meanwhile
        for name in ledger.read(folder):
            path = (folder / name).resolve()
            if folder in path.parents:
                path.unlink(missing_ok=True)
    (folder / MANIFEST).unlink()
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()
    if not any(folder.iterdir()):
        folder.rmdir()
    return True
