"""What every page has around it, and words it is made of."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, TypeVar

from nicegui import ui

from unlearnable.app import text
from unlearnable.app.desk import Desk
from unlearnable.app.store import Job

T = TypeVar("T")


class Frame:
    """The page around the content: navigation, title, and the promise."""

    def __init__(self, desk: Desk, words: str) -> None:
        self.desk, self.words = desk, words

    def __enter__(self) -> None:
        ui.add_head_html('<link rel="stylesheet" href="/assets/style.css">')
        ui.add_head_html('<script src="/assets/compare.js" defer></script>')
        ui.add_body_html(f'<noscript><p style="padding:1rem">{escape(text.NO_SCRIPT)}</p></noscript>')
        ui.colors(primary="#17694a")
        ui.page_title(f"{self.words} · {text.NAME}")
        dark = ui.dark_mode(value=self.desk.look.get("dark"))
        with ui.header().classes("top items-center"):
            ui.link(text.NAME, "/").classes("brand")
            ui.link(text.HISTORY, "/history")
            ui.link(text.LAB, "/lab")
            ui.space()

            def turn() -> None:
                # as the system has it, dark, light
                self.desk.look["dark"] = {None: True, True: False, False: None}[dark.value]
                dark.set_value(self.desk.look["dark"])

            ui.button(icon="contrast", on_click=turn).props(f'flat round dense aria-label="{text.DARK}"').style(
                "color: var(--ink)"
            )
        self.column = ui.column().classes("page").props("role=main")
        self.column.__enter__()
        title(self.words, 1)

    def __exit__(self, *error: object) -> None:
        self.column.__exit__(None, None, None)


def title(words: str, level: int) -> None:
    """Show a heading of a level, 1 or 2."""
    ui.html(escape(words), sanitize=False, tag=f"h{level}")


def card() -> ui.column:
    """Return a box for things that belong together."""
    return ui.column().classes("card")


def size(count: float) -> str:
    """Say how many bytes."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def job_line(job: Job) -> None:
    """Show one job as a link, with its day and state."""
    what = Path(job.spec.get("source", "")).name or job.spec.get("source", "")
    when = datetime.fromtimestamp(job.created).strftime("%d %B, %H:%M")
    with ui.row().classes("items-center w-full"):
        ui.link(f"{text.KINDS[job.kind]}: {what}", f"/job/{job.id}")
        ui.label(f"{when}, {text.STATES[job.state]}").classes("faint")


async def aside(function: Callable[..., T], *values: Any) -> T:
    """Do something in a thread, so that the pages stay responsive."""
    return await asyncio.get_running_loop().run_in_executor(None, lambda: function(*values))
