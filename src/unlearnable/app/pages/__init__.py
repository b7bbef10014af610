"""The pages, by address."""

from collections.abc import Callable

from fastapi import Request
from nicegui import ui

from unlearnable.app import text
from unlearnable.app.desk import Desk
from unlearnable.app.pages.frame import Frame
from unlearnable.app.pages.history import history_page
from unlearnable.app.pages.home import home_page
from unlearnable.app.pages.job import JobPage
from unlearnable.app.pages.lab import LabPage, lab_page
from unlearnable.app.pages.look import look_page
from unlearnable.app.pages.proof import ProofPage
from unlearnable.app.pages.protecting import ProtectPage


def pages(desk: Desk) -> None:
    """Register every page."""

    @ui.page("/")
    def home() -> None:
        with Frame(desk, text.TITLE):
            home_page(desk)

    @ui.page("/new")
    async def new(request: Request, source: str = "") -> None:
        with Frame(desk, text.LOOK_FIRST):
            await look_page(desk, source, request.query_params)

    @ui.page("/job/{name}")
    def job(name: str) -> None:
        found = desk.manager.store.job(name)
        with Frame(desk, text.TITLE if found is None else text.KINDS[found.kind]):
            if found is None:
                ui.label("This job is not in the history any more.")
            else:
                kinds: dict[str, Callable[[Desk, str], JobPage]] = {
                    "protect": ProtectPage,
                    "prove": ProofPage,
                    "lab": LabPage,
                }
                kinds[found.kind](desk, name).show()

    @ui.page("/lab")
    async def lab() -> None:
        with Frame(desk, text.LAB):
            await lab_page(desk)

    @ui.page("/history")
    def history() -> None:
        with Frame(desk, text.HISTORY):
            history_page(desk)
