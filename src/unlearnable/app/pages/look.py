"""Look at three protected photos before anything is written."""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from nicegui import ui

from unlearnable._words import sentence, shown, spoken
from unlearnable.app import text
from unlearnable.app.desk import Desk
from unlearnable.app.pages.frame import aside, card, size, title
from unlearnable.app.paths import OutsideError
from unlearnable.app.pictures import Sample, samples
from unlearnable.app.work import NO_PICTURE
from unlearnable.jobs.owner import usable_cores
from unlearnable.jobs.protecting import ProtectJob, prepare
from unlearnable.media import Target
from unlearnable.protect import MANIFEST, Plan, Strength

FEW_SECONDS = 10
"""Below it, no number is said."""

NAMED = 5
"""Files with problems that are named, of all that are counted."""

ROOM = 1.2
"""Free bytes that are wanted for each byte that the samples let expect."""

By = Literal["folder", "one", "list"]


@dataclass
class _Choices:
    """What the person has chosen on the page."""

    output: str
    strength: Strength = "medium"
    format: Target = "keep"
    by: By = "folder"
    name: str = "me"
    list: str = ""
    pack: str = "photos-64"
    optout: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str], output: str) -> "_Choices":
        """Return what an address holds of an earlier look, and otherwise what is proposed."""
        known: dict[str, Any] = {name: query[name] for name in ("output", "name", "list") if name in query}
        known |= {name: query[name] for name, values in CHOICES.items() if query.get(name) in values}
        return cls(**{"output": output, "optout": query.get("optout") == "True", **known})

    def query(self, output: str) -> dict[str, Any]:
        """Return what was chosen and is not proposed anyway."""
        proposed = asdict(_Choices(output=output))
        return {name: value for name, value in asdict(self).items() if value != proposed[name]}

    @property
    def category(self) -> str | None:
        """One name for all photos, or nothing."""
        return self.name if self.by == "one" else None


CHOICES = {"strength": get_args(Strength), "format": get_args(Target), "by": get_args(By)}


async def look_page(desk: Desk, source: str, query: Mapping[str, str]) -> None:
    """Show the choices and three samples of the folder `source`, and start the job.

    What was chosen is kept in the address, so that it is there again after a reload and on the way back.
    """
    try:
        folder = desk.places.inside(source)
    except OutsideError as error:
        _stop(str(error))
        return
    if not folder.is_dir():
        _stop(text.OUTSIDE_GONE.format(folder=source))
        return
    try:
        proposed = str(free_folder(folder, desk))
    except OutsideError as error:
        _stop(str(error))
        return
    choices = _Choices.of(query, proposed)
    newest, looked, begun = [0], [replace(choices)], [False]
    ui.label(text.PROMISE).classes("promise")
    facts = ui.label(text.READING).props("role=status")
    problem = ui.label().classes("failed note").props("role=alert")
    beside = ui.column().style("gap: 0")
    preview = ui.element("div").classes("samples")
    with card():
        title(text.STRENGTH, 2)
        strengths = ui.radio(dict(text.STRENGTHS)).bind_value(choices, "strength")
        ui.label(text.STRENGTH_HINT).classes("faint")
        title(text.CATEGORY, 2)
        kinds = ui.radio({"folder": text.BY_FOLDER, "one": text.ONE, "list": text.BY_LIST}).bind_value(choices, "by")
        name = ui.input(text.ONE_NAME).bind_value(choices, "name").props("outlined dense")
        name.bind_visibility_from(choices, "by", value="one")
        labels = ui.input(text.LIST_FILE).bind_value(choices, "list").props("outlined dense").classes("w-full")
        labels.bind_visibility_from(choices, "by", value="list")
        ui.label(text.LIST_HINT).classes("faint").bind_visibility_from(choices, "by", value="list")
        title(text.FORMAT, 2)
        formats = ui.radio(dict(text.FORMATS)).bind_value(choices, "format")
        optout = ui.checkbox(text.OPTOUT).bind_value(choices, "optout").classes("choice")
        ui.label(text.OPTOUT_HINT).classes("faint")
        output = ui.input(text.OUTPUT).bind_value(choices, "output").props("outlined dense").classes("w-full")
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

    def remember() -> None:
        ui.navigate.history.replace(f"/new?{urlencode({'source': source, **choices.query(proposed)})}")

    def empty(words: str) -> None:
        facts.set_text("")
        estimate.set_text("")
        for holder in (beside, preview):
            holder.clear()
        start.set_text(text.PROTECT.format(count=0))
        start.props("disable")
        problem.set_text(words)

    async def look() -> None:
        newest[0] += 1
        mine, looked[0] = newest[0], replace(choices)
        remember()
        if choices.by == "list" and not choices.list.strip():
            empty("")
            return
        try:
            job = await aside(ready)
        except (ValueError, OSError, KeyError) as error:
            if mine == newest[0]:
                empty(sentence(error))
            return
        if mine != newest[0]:
            return
        problem.set_text("")
        estimate.set_text("")
        count, kinds = len(job.plan.items), job.plan.categories
        words = f"{len(kinds)} categories" if len(kinds) > 1 else "one category"
        facts.set_text(text.FOUND.format(count=count, size=size(job.plan.bytes), categories=words))
        start.set_text(text.PROTECT_ONE if count == 1 else text.PROTECT.format(count=count))
        beside.clear()
        with beside:
            _left_out(job.plan, folder)
        preview.clear()
        with preview:
            ui.label(text.MAKING_PREVIEW).classes("faint").props("role=status")
        try:
            made, failed = await aside(samples, job, desk.gallery, lambda: mine != newest[0])
        except (ValueError, OSError, MemoryError) as error:
            made, failed = [], [sentence(error)]
        if mine != newest[0]:
            return
        preview.clear()
        with preview:
            _samples(made, failed)
        if made:
            estimate.set_text(_estimate(made, job.plan))
        if not begun[0]:
            start.props(remove="disable")

    async def typed() -> None:
        if choices != looked[0]:
            await look()

    async def begin() -> None:
        if begun[0]:
            return
        begun[0] = True
        start.props("disable")
        try:
            job = await aside(ready)
            job.plan.output.parent.mkdir(parents=True, exist_ok=True)
        except (ValueError, OSError, KeyError) as error:
            problem.set_text(sentence(error))
            begun[0] = False
            start.props(remove="disable")
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
    for radio, words in ((strengths, text.STRENGTH), (kinds, text.CATEGORY), (formats, text.FORMAT)):
        radio.classes("choice").on_value_change(look)
        radio.props["aria-label"] = words
    for field in (name, labels, output):
        field.on("blur", typed)
    optout.on_value_change(remember)
    ui.timer(0.05, look, once=True)


def _stop(words: str) -> None:
    ui.label(words).classes("failed").props("role=alert")
    ui.link(text.CHOOSE, "/")


def free_folder(folder: Path, desk: Desk) -> Path:
    """Return a folder beside the photos that is not there yet, or holds an earlier run of theirs.

    Where the app may not write beside them (a folder allowed by itself), it is in the user's home.

    Raises:
        OutsideError: every such folder lies among the photos.
    """
    try:
        parent = desk.places.inside(str(folder.parent))
    except OutsideError:
        parent = Path.home().resolve()
    if folder == parent or folder in parent.parents:
        raise OutsideError(text.CHOOSE_INSIDE)
    place = parent / f"{folder.name}.protected"
    number = 2
    while not _usable(place):
        place = parent / f"{folder.name}.protected-{number}"
        number += 1
    return place


def _usable(place: Path) -> bool:
    """Return whether copies can be written there: nothing is there, or an empty folder, or an earlier run."""
    try:
        return not place.exists() or (place / MANIFEST).is_file() or not any(place.iterdir())
    except OSError:  # a file, or a folder that may not be looked into
        return False


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _left_out(plan: Plan, folder: Path) -> None:
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


def _estimate(made: list[Sample], plan: Plan) -> str:
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
