"""Look at three protected photos before anything is written."""

import shutil
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

from nicegui import ui

from unlearnable._words import sentence, spoken
from unlearnable.app import text
from unlearnable.app.desk import Desk
from unlearnable.app.pages.frame import aside, card, size, title
from unlearnable.app.paths import OutsideError
from unlearnable.app.pictures import Sample, samples
from unlearnable.jobs.owner import usable_cores
from unlearnable.jobs.protecting import ProtectJob, prepare
from unlearnable.media import Target
from unlearnable.protect import MANIFEST, Strength

FEW_SECONDS = 10
"""Below it, no number is said."""


@dataclass
class _Choices:
    """What the person has chosen on the page."""

    output: str
    strength: Strength = "medium"
    format: Target = "keep"
    by: Literal["folder", "one", "list"] = "folder"
    name: str = "me"
    list: str = ""
    pack: str = "photos-64"
    optout: bool = False

    @property
    def category(self) -> str | None:
        """One name for all photos, or nothing."""
        return self.name if self.by == "one" else None


async def look_page(desk: Desk, source: str) -> None:
    """Show the choices and three samples of the folder `source`, and start the job."""
    try:
        folder = desk.places.inside(source)
    except OutsideError as error:
        _stop(str(error))
        return
    if not folder.is_dir():
        _stop(text.OUTSIDE_GONE.format(folder=source))
        return
    choices = _Choices(output=str(_free_folder(folder, desk)))
    ui.label(text.PROMISE).classes("promise")
    facts = ui.label(text.READING).props("role=status")
    problem = ui.label().classes("failed note").props("role=alert")
    shown = ui.element("div").classes("samples")
    with card():
        title(text.STRENGTH, 2)
        ui.radio(dict(text.STRENGTHS)).bind_value(choices, "strength").classes("choice").on_value_change(lambda: look())
        title(text.CATEGORY, 2)
        kinds = ui.radio({"folder": text.BY_FOLDER, "one": text.ONE, "list": text.BY_LIST}).bind_value(choices, "by")
        kinds.classes("choice").on_value_change(lambda: look())
        name = ui.input(text.ONE_NAME).bind_value(choices, "name").props("outlined dense")
        name.bind_visibility_from(choices, "by", value="one")
        labels = ui.input(text.LIST_FILE).bind_value(choices, "list").props("outlined dense").classes("w-full")
        labels.bind_visibility_from(choices, "by", value="list")
        ui.label(text.LIST_HINT).classes("faint").bind_visibility_from(choices, "by", value="list")
        title(text.FORMAT, 2)
        ui.radio(dict(text.FORMATS)).bind_value(choices, "format").classes("choice").on_value_change(lambda: look())
        ui.checkbox(text.OPTOUT).bind_value(choices, "optout").classes("choice")
        ui.label(text.OPTOUT_HINT).classes("faint")
        ui.input(text.OUTPUT).bind_value(choices, "output").props("outlined dense").classes("w-full")
    estimate = ui.label().props("role=status")
    start = ui.button("").props("unelevated size=lg disable")

    def ready() -> ProtectJob:
        target = desk.places.inside(choices.output)
        return prepare(
            [folder],
            target,
            strength=choices.strength,
            output_format=choices.format,
            category=choices.category,
            labels=desk.places.inside(choices.list) if choices.by == "list" else None,
            pack=choices.pack,
            optout="ai" if choices.optout else None,
        )

    async def look() -> None:
        start.props("disable")
        problem.set_text("")
        try:
            job = await aside(ready)
        except (ValueError, OSError, KeyError) as error:
            facts.set_text("")
            start.set_text(text.PROTECT.format(count=0))
            problem.set_text(sentence(error))
            return
        count, kinds = len(job.plan.items), job.plan.categories
        words = f"{len(kinds)} categories" if len(kinds) > 1 else "one category"
        facts.set_text(text.FOUND.format(count=count, size=size(job.plan.bytes), categories=words))
        start.set_text(text.PROTECT_ONE if count == 1 else text.PROTECT.format(count=count))
        shown.clear()
        with shown:
            ui.label(text.MAKING_PREVIEW).classes("faint").props("role=status")
        try:
            made, failed = await aside(samples, job, desk.gallery)
        except (ValueError, OSError, MemoryError) as error:
            made, failed = [], [sentence(error)]
        shown.clear()
        with shown:
            _samples(made, failed)
        if made:
            each = sum(sample.seconds for sample in made) / len(made)
            cores = usable_cores()
            total = each * count / min(cores, count)
            words = text.ESTIMATE.format(time=spoken(total), seconds=each, cores=cores)
            if total < FEW_SECONDS:
                words = text.SOON
            free = shutil.disk_usage(_existing(job.plan.output)).free
            if free < 2 * job.plan.bytes:
                words += " " + text.NO_SPACE.format(need=size(2 * job.plan.bytes), free=size(free))
            estimate.set_text(words)
        start.props(remove="disable")

    async def begin() -> None:
        try:
            job = await aside(ready)
            job.plan.output.parent.mkdir(parents=True, exist_ok=True)
        except (ValueError, OSError, KeyError) as error:
            problem.set_text(sentence(error))
            return
        spec = {
            "source": str(folder),
            "output": str(job.plan.output),
            "strength": choices.strength,
            "format": choices.format,
            "category": choices.category,
            "labels": str(job.plan.options.labels) if job.plan.options.labels else None,
            "pack": choices.pack,
            "optout": "ai" if choices.optout else None,
        }
        ui.navigate.to(f"/job/{desk.manager.add('protect', spec)}")

    start.on_click(begin)
    name.on("blur", look)
    labels.on("blur", look)
    ui.timer(0.05, look, once=True)


def _stop(words: str) -> None:
    ui.label(words).classes("failed").props("role=alert")
    ui.link(text.CHOOSE, "/")


def _free_folder(folder: Path, desk: Desk) -> Path:
    """Return a folder beside the photos that is not there yet, or holds an earlier run of theirs.

    Where the app may not write beside them (a folder allowed by itself), it is in the user's home.
    """
    try:
        parent = desk.places.inside(str(folder.parent))
    except OutsideError:
        parent = Path.home()
    place = parent / f"{folder.name}.protected"
    number = 2
    while place.exists() and not (place / MANIFEST).is_file() and any(place.iterdir()):
        place = parent / f"{folder.name}.protected-{number}"
        number += 1
    return place


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _samples(made: list[Sample], failed: list[str]) -> None:
    for words in failed:
        ui.label(words).classes("failed")
    for sample in made:
        with card():
            title(sample.name, 2)
            holder = ui.element("div").classes("w-full")
            view = ui.toggle(
                {"compare": text.COMPARE, "actual": text.ACTUAL, "difference": text.DIFFERENCE}, value="compare"
            ).props("unelevated no-caps")
            words = next(sentence for least, sentence in text.SEEN if sample.psnr >= least)
            ui.label(f"{words} PSNR {sample.psnr:.1f} dB, SSIM {sample.ssim:.3f}.").classes("faint")

            def draw(sample: Sample = sample, holder: ui.element = holder, view: ui.toggle = view) -> None:
                holder.clear()
                with holder:
                    ui.html(_picture(sample, view.value), sanitize=False).classes("w-full")

            view.on_value_change(draw)
            draw()


def _picture(sample: Sample, view: str) -> str:
    name = escape(sample.name, quote=True)
    if view == "difference":
        source = f"/photo/{sample.difference}"
        alt = f"{text.DIFFERENCE}: {name}"
        return f'<div class="compare"><img src="{source}" alt="{alt}"></div>'
    width, height = sample.size
    slider = (
        f'<div class="compare"><img src="/photo/{sample.before}" alt="{text.BEFORE}: {name}" '
        f'width="{width}" height="{height}">'
        f'<div class="over"><img src="/photo/{sample.after}" alt="{text.AFTER}: {name}"></div>'
        f'<span class="handle"></span><span class="tag left">{text.BEFORE}</span>'
        f'<span class="tag right">{text.AFTER}</span>'
        f'<input type="range" min="0" max="100" value="50" aria-label="{escape(text.SLIDE)}: {name}"></div>'
    )
    if view == "actual":
        return f'<div class="actual" tabindex="0" role="region" aria-label="{name}">{slider}</div>'
    return slider
