"""Choose a folder, or drop photos."""

import asyncio
from collections import Counter
from datetime import datetime
from html import escape
from pathlib import Path
from urllib.parse import urlencode

from nicegui import events, ui

from unlearnable._words import sentence
from unlearnable.app import text
from unlearnable.app.desk import Desk
from unlearnable.app.pages.frame import card, job_line, size, title
from unlearnable.app.pages.look import free_folder
from unlearnable.app.paths import OutsideError, safe_name

ACCEPTED = "image/*,.heic,.heif,.avif,.tif,.tiff"
"""Kinds that can be dropped; some browsers do not know that the named ones are images."""

UPLOAD_FILES, UPLOAD_BYTES, UPLOAD_TOTAL = 500, 100 << 20, 2 << 30
LIMITS = text.UPLOAD_REFUSED.format(count=UPLOAD_FILES, size=size(UPLOAD_BYTES), total=size(UPLOAD_TOTAL))


def home_page(desk: Desk) -> None:
    """Show the ways in, and the last jobs."""
    ui.label(text.PROMISE).classes("promise")
    ui.html(f"<p>{escape(text.WHAT)}</p>", sanitize=False)
    with ui.element("div").classes("pair"):
        with card():
            title(text.CHOOSE, 2)
            ui.label(text.CHOOSE_HINT).classes("faint")
            ui.button(text.CHOOSE, on_click=lambda: _pick(desk)).props("unelevated")
        with card():
            title(text.DROP, 2)
            ui.label(text.DROP_HINT).classes("faint")
            _drop(desk)
    with card():
        title(text.RECENT, 2)
        jobs = desk.manager.store.jobs()[:5]
        if not jobs:
            ui.label(text.NO_JOBS).classes("faint")
        for job in jobs:
            job_line(job)


def _drop(desk: Desk) -> None:
    folder: list[Path] = []
    problems: list[str] = []
    saving, finished = [0], [False]

    def begin() -> None:
        if finished[0]:
            finished[0] = False
            say()

    async def keep(event: events.UploadEventArguments) -> None:
        saving[0] += 1
        try:
            if not folder:
                place = desk.folder / "uploads" / datetime.now().strftime("photos-%Y-%m-%d-%H%M%S-%f")
                place.mkdir(parents=True)
                folder.append(place)
            within_limits(folder[0], event.file.size())
            path = reserved(folder[0] / safe_name(event.file.name))
            try:
                await event.file.save(path)
            except OSError:
                path.unlink(missing_ok=True)
                raise
        except (ValueError, OSError) as error:
            problems.append(sentence(error))
        finally:
            saving[0] -= 1

    def say() -> None:
        """Show what was left out; it stays until the person goes on."""
        said.clear()
        with said:
            for words, count in Counter(problems).items():
                ui.label(words if count == 1 else f"{words} ({count} times)").classes("failed").props("role=alert")
            kept = len(list(folder[0].iterdir())) if folder and finished[0] else 0
            if kept:
                ui.button(text.GO_ON.format(count=kept), on_click=go_on).props("unelevated")

    def go_on() -> None:
        ui.navigate.to(f"/new?{urlencode({'source': str(folder[0])})}")

    def reject(event: events.GenericEventArguments) -> None:
        for reason, count in Counter(event.args).items():
            problems.append(text.REJECTED.get(reason, LIMITS).format(count=count))
        say()

    async def finish() -> None:
        while saving[0]:
            await asyncio.sleep(0.05)
        finished[0] = True
        if problems:
            say()
        elif folder:
            go_on()

    upload = ui.upload(
        multiple=True,
        auto_upload=True,
        label=text.ADD,
        max_files=UPLOAD_FILES,
        max_file_size=UPLOAD_BYTES,
        max_total_size=UPLOAD_TOTAL,
        on_begin_upload=begin,
        on_upload=keep,
    )
    # its own buttons are icons without names
    upload.add_slot(
        "header",
        f'''<div class="row items-center q-pa-sm">
        <q-btn outline no-caps color="primary" icon="add_photo_alternate" label="{text.ADD}" @click="props.pickFiles">
        </q-btn><span style="display: none"><q-uploader-add-trigger></q-uploader-add-trigger></span>
        <span class="q-ml-md" v-if="props.isUploading">{{{{ props.uploadProgressLabel }}}}</span></div>''',
    )
    upload.on("finish", finish)
    upload.on("rejected", reject, js_handler="(files) => emit(files.map((each) => each.failedPropValidation))")
    upload.props(f'flat bordered accept="{ACCEPTED}"').classes("w-full")
    said = ui.column()


def within_limits(folder: Path, size: int) -> None:
    """Check one more file against the limits; the page asks the browser to keep them, and does not trust it.

    Raises:
        ValueError: it is too large, or there are too many.
    """
    sizes = [path.stat().st_size for path in folder.iterdir()]
    if size > UPLOAD_BYTES or len(sizes) >= UPLOAD_FILES or sum(sizes) + size > UPLOAD_TOTAL:
        raise ValueError(LIMITS)


def reserved(path: Path) -> Path:
    """Make an empty file of that name, or of the next one that nobody has, and return its path."""
    number, place = 2, path
    while True:
        try:
            place.open("xb").close()
        except FileExistsError:
            place = path.with_name(f"{path.stem}-{number}{path.suffix}")
            number += 1
        else:
            return place


def _pick(desk: Desk) -> None:
    """Show the folders of this computer that may be seen, one level at a time."""
    at = [Path.home().resolve()]
    with ui.dialog(value=True) as dialog, ui.card().classes("card").style("max-width: 640px"):
        title(text.CHOOSE, 2)
        typed = ui.input(text.OPEN_PATH).props("outlined dense").classes("w-full")
        problem = ui.label().classes("failed note").props("role=alert")
        inside = ui.column().classes("folders")
        with ui.row():
            ui.button(text.USE, on_click=lambda: use()).props("unelevated")
            ui.button(text.CANCEL, on_click=dialog.close).props("flat")

    def show(folder: Path) -> None:
        try:
            found = desk.places.folders(folder)
        except OutsideError as error:
            problem.set_text(str(error))
            return
        problem.set_text("")
        at[0] = folder.resolve()
        typed.set_value(str(at[0]))
        inside.clear()
        with inside:
            above = at[0].parent
            if any(above == root or root in above.parents for root in desk.places.roots):
                ui.button(text.UP, icon="arrow_upward", on_click=lambda: show(above)).props("flat align=left")
            for path in found:
                button = ui.button(path.name, icon="folder", on_click=lambda path=path: show(path))
                button.props("flat align=left no-caps")

    def use() -> None:
        try:
            real = desk.places.inside(typed.value)
            free_folder(real, desk)
        except OutsideError as error:
            problem.set_text(str(error))
            return
        if not real.is_dir():
            problem.set_text(text.OUTSIDE_GONE.format(folder=typed.value))
            return
        dialog.close()
        ui.navigate.to(f"/new?{urlencode({'source': str(real)})}")

    typed.on("keydown.enter", lambda: show(Path(typed.value)))
    show(at[0])
