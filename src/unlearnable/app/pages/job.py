"""A page that follows a job."""

from abc import ABC, abstractmethod

from nicegui import ui

from unlearnable._words import spoken
from unlearnable.app import text
from unlearnable.app.desk import Desk
from unlearnable.app.pages.frame import card
from unlearnable.app.store import Job

REFRESH = 0.5
"""Seconds between two looks into the store."""


class JobPage(ABC):
    """A page that follows a job: it looks into the store twice a second and changes what changed."""

    def __init__(self, desk: Desk, name: str) -> None:
        self.desk, self.name = desk, name
        self.store = desk.manager.store

    @abstractmethod
    def show(self) -> None:
        """Show the page."""

    def head(self) -> None:
        """Show where, how far, and the buttons."""
        job = self._job()
        ui.label(str(job.spec["source"])).classes("faint").style("overflow-wrap: anywhere")
        with card():
            self.status = ui.label()
            self.told = ui.label().classes("unseen").props("role=status")
            self.bar = ui.html("", sanitize=False).classes("w-full")
            self.note = ui.label().classes("faint note").style("overflow-wrap: anywhere")
            self.problem = ui.label().classes("failed note").props("role=alert")
            with ui.row():
                self.pause = ui.button(text.PAUSE, icon="pause", on_click=self._pause).props("outline no-caps")
                self.resume = ui.button(text.RESUME, icon="play_arrow", on_click=self._resume).props(
                    "unelevated no-caps"
                )
            self.safe = ui.label(text.CLOSE_SAFELY).classes("faint")

    def _job(self) -> Job:
        job = self.store.job(self.name)
        if job is None:
            raise ValueError("this job is not in the history any more")
        return job

    def _pause(self) -> None:
        self.desk.manager.pause(self.name)
        self.refresh()

    def _resume(self) -> None:
        self.desk.manager.go_on(self.name)
        self.refresh()

    def follow(self) -> None:
        """Refresh now, and then again and again."""
        self.refresh()
        ui.timer(REFRESH, self.refresh)

    def refresh(self) -> None:
        """Change what changed."""
        job = self.store.job(self.name)
        if job is None:
            return
        share = 100 if job.state == "done" else 100 * job.done / job.total if job.total else 0
        pausing = job.state == "running" and job.wish == "pause"
        state = "pausing" if pausing else text.STATES[job.state]
        left = f", about {spoken(job.seconds_left)} left" if job.seconds_left and job.state == "running" else ""
        self.status.set_text(f"{job.done} of {job.total} {self.unit}, {state}{left}" if job.total else state)
        # what is read aloud changes every tenth, not with every file
        self.told.set_text(f"{state}, {share // 10 * 10:.0f} %" if job.total else state)
        self.bar.set_content(
            f'<div class="bar" role="progressbar" aria-label="{text.KINDS[job.kind]}" aria-valuemin="0" '
            f'aria-valuemax="100" aria-valuenow="{share:.0f}"><div style="width:{share:.1f}%"></div></div>'
        )
        self.note.set_text(job.note)
        self.problem.set_text(f"It stopped: {job.message}." if job.message else "")
        self.pause.set_visibility(job.state in ("running", "waiting") and not pausing)
        self.resume.set_visibility(job.state in ("paused", "failed"))
        self.resume.set_text(text.TRY_AGAIN if job.state == "failed" else text.RESUME)
        self.safe.set_visibility(job.state in ("running", "waiting"))
        self.update(job)

    unit = "files"

    @abstractmethod
    def update(self, job: Job) -> None:
        """Change what this kind of page has of its own."""
