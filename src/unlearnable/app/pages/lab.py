"""The noise lab: any poison on a small data set."""

from html import escape
from typing import Any

from nicegui import ui

from unlearnable._words import sentence
from unlearnable.app import text
from unlearnable.app.desk import Desk
from unlearnable.app.pages.frame import aside, card, title
from unlearnable.app.pages.proof import CurvePage
from unlearnable.app.store import Job


async def lab_page(desk: Desk) -> None:
    """Show the form of a method, and start it."""
    ui.label(text.LAB_HINT)
    waiting = ui.label(text.LAB_LOADING).props("role=status")
    # the methods bring torch with them, which takes seconds, on a cold disk more than a page may take to be built
    await ui.context.client.connected()
    lab = await aside(_lab)
    waiting.delete()
    names = lab.methods()
    values: dict[str, Any] = {}
    problem = ui.label().classes("failed note").props("role=alert")
    with card():
        chosen = ui.select({name: f"{name}: {words}" for name, words in names.items()}, label=text.LAB_METHOD)
        chosen.set_value("error-min")
        chosen.props("outlined dense").classes("w-full")
        with ui.element("div").classes("pair"):
            data = ui.select(list(lab.DATA), value="digits", label=text.LAB_DATA).props("outlined dense")
            per_class = ui.number(text.LAB_PER_CLASS, value=100, min=2, precision=0).props("outlined dense")
            against = ui.input(text.LAB_AGAINST, value="none").props("outlined dense")
        title(text.LAB_SETTINGS, 2)
        holder = ui.element("div").classes("pair")

    async def fill() -> None:
        settings = await aside(lab.form, chosen.value)
        values.clear()
        values.update({each.name: each.default for each in settings})
        holder.clear()
        with holder:
            for each in settings:
                if each.kind == "choice":
                    ui.select(list(each.choices), label=each.name).bind_value(values, each.name).props("outlined dense")
                else:
                    ui.input(each.name).bind_value(values, each.name).props("outlined dense")

    async def begin() -> None:
        spec = {
            "source": chosen.value,
            "method": chosen.value,
            "settings": {name: str(value) for name, value in values.items()},
            "data": data.value,
            "per_class": int(per_class.value or 0),
            "countermeasure": against.value.strip() or "none",
        }
        try:
            await aside(_checked, spec)
        except (ValueError, TypeError) as error:
            problem.set_text(sentence(error))
            return
        ui.navigate.to(f"/job/{desk.manager.add('lab', spec)}")

    chosen.on_value_change(fill)
    ui.button(text.LAB_START, icon="science", on_click=begin).props("unelevated no-caps")
    await fill()


def _lab() -> Any:
    from unlearnable.jobs import lab

    return lab


def _checked(spec: dict[str, Any]) -> None:
    from pathlib import Path

    lab = _lab()
    poison = lab.made(spec["method"], spec["settings"])
    settings = {name: spec[name] for name in ("data", "per_class", "countermeasure")}
    lab.LabJob(poison=poison, folder=Path(), **settings)


class LabPage(CurvePage):
    """Follows a try."""

    unit = "steps"

    def before(self) -> None:
        """Say what is tried."""
        spec = self._job().spec
        given = ", ".join(f"{name} = {value}" for name, value in spec["settings"].items() if value)
        where = f"{spec['data']}, {spec['per_class']} per class, against {spec['countermeasure']}"
        ui.label(f"{where}; {given}").classes("faint").style("overflow-wrap: anywhere")

    def outcome(self, job: Job) -> None:
        """Show numbers and pictures, and hand out the noise."""
        with card():
            for name, row in job.result["rows"].items():
                ui.label(f"{name}: best epoch {row['best']:.1f} %, last {row['last']:.1f} %")
            ui.label(text.LAB_CRAFTED.format(seconds=job.result["seconds"])).classes("faint")
            alt = escape(text.LAB_PICTURE, quote=True)
            picture = f'<img src="/lab/{self.name}/picture.png" alt="{alt}" style="max-width:100%;height:auto">'
            ui.html(picture, sanitize=False).classes("w-full")
            ui.label(text.LAB_PICTURE).classes("faint")
            address = f"/lab/{self.name}/noise.safetensors"
            button = ui.button(text.LAB_DOWNLOAD, icon="download", on_click=lambda: ui.navigate.to(address))
            button.props("outline no-caps")
