"""Look at three protected photos before anything is written."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from nicegui import ui

from unlearnable._words import sentence
from unlearnable.app import text
from unlearnable.app.desk import Desk
from unlearnable.app.pages.frame import aside, card, size, title
from unlearnable.app.pages.samples import estimate_of, left_out, show_samples
from unlearnable.app.paths import OutsideError
from unlearnable.app.pictures import samples
from unlearnable.jobs.protecting import ProtectJob, prepare
from unlearnable.media import Target
from unlearnable.protect import MANIFEST, Strength

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
            left_out(job.plan, folder)
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
            show_samples(made, failed)
        if made:
            estimate.set_text(estimate_of(made, job.plan))
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
