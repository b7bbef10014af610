"""What the look at three photos shows: the pictures, what is left out, and how long all of it will take."""

import shutil
from html import escape
from pathlib import Path

from nicegui import ui

from unlearnable._words import shown, spoken
from unlearnable.app import text
from unlearnable.app.pages.frame import card, size, title
from unlearnable.app.pictures import Sample
from unlearnable.app.work import NO_PICTURE
from unlearnable.jobs.owner import usable_cores
from unlearnable.protect import Plan

FEW_SECONDS = 10
"""Below it, no number is said."""

NAMED = 5
"""Files with problems that are named, of all that are counted."""

ROOM = 1.2
"""Free bytes that are wanted for each byte that the samples let expect."""


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def left_out(plan: Plan, folder: Path) -> None:
    """Say what is there besides the photos, and what of the list does not fit."""
    cannot = [each for each in plan.failures if each.reason != NO_PICTURE]
    if others := len(plan.failures) - len(cannot):
        ui.label(text.NO_PICTURES.format(count=others)).classes("faint")
    lines = [f"{shown(str(each.path.relative_to(folder)))}: {each.reason}" for each in cannot]
    for words, rows in ((text.CANNOT.format(count=len(lines)), lines), (text.UNMATCHED, plan.warnings)):
        if rows:
            more = [text.AND_MORE.format(count=len(rows) - NAMED)] if len(rows) > NAMED else []
            for row in (words, *rows[:NAMED], *more):
                ui.label(row).classes("failed").style("overflow-wrap: anywhere")


def estimate_of(made: list[Sample], plan: Plan) -> str:
    """Say how long all photos will take, and whether the disk has room for them, as the samples let expect."""
    count, cores = len(plan.items), usable_cores()
    each, check = (sum(getattr(one, name) for one in made) / len(made) for name in ("seconds", "checking"))
    total = each * count / min(cores, count) + check * count
    words = text.SOON
    if total >= FEW_SECONDS:
        words = text.ESTIMATE.format(time=spoken(total), seconds=each, cores=cores, check=check)
    read, written = (sum(one.bytes[place] for one in made) for place in (0, 1))
    need, free = ROOM * plan.bytes * written / read, shutil.disk_usage(_existing(plan.output)).free
    return f"{words} {text.NO_SPACE.format(need=size(need), free=size(free))}" if free < need else words


def show_samples(made: list[Sample], failed: list[str]) -> None:
    """Draw each sample with its slider, and say what could not be made."""
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
            moved = text.MOVED.format(psnr=sample.psnr, ssim=sample.ssim, linf=sample.linf)
            ui.label(f"{words} {moved}").classes("faint")

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
