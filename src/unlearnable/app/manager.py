"""One job at a time, each in a process of its own that outlives the page, and the app if it is killed."""

import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from unlearnable.app.store import Job, Store
from unlearnable.app.work import alive

UPLOADED = re.compile(r"photos-\d{4}-\d{2}-\d{2}-\d{6}-\d{6}")
"""How a folder of photos is called that were dropped into the page."""

KEPT_DAYS = 7
"""How long dropped photos are kept that no job came of: the page of three samples may still be open."""


class Manager:
    """Starts what waits, when nothing else runs.

    Args:
        folder: where jobs, locks and logs are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.lock = threading.Lock()
        (folder / "logs").mkdir(exist_ok=True)

    def add(self, kind: str, spec: Mapping[str, Any]) -> str:
        """Add a job, start it if nothing runs, and return its id."""
        name = self.store.add(kind, spec)
        self.tick()
        return name

    def tick(self) -> None:
        """Look after the jobs: who died goes back in line, and the oldest in line starts if nobody works.

        A process that died twice without a word, and without getting further, is not started a third time. One that
        was asked to quit, as when the computer is shut down, did not die.
        """
        with self.lock:  # a page and the keeper may ask at once
            self._tick()

    def _tick(self) -> None:
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                del self.processes[name]
        jobs = self.store.jobs()
        for job in jobs:
            if job.state == "running" and job.id not in self.processes and not alive(self.folder, job.id):
                further = job.done > int(job.result.get("reached", 0))
                tries = (0 if further else int(job.result.get("tries", 0))) + (job.wish != "quit")
                if tries > 2:
                    self.store.change(
                        job.id,
                        state="failed",
                        message="its process was ended twice, maybe for lack of memory; what is written is kept",
                    )
                else:
                    result = {**job.result, "tries": tries, "reached": job.done}
                    self.store.change(job.id, state="waiting", result=result)
        jobs = self.store.jobs()
        if any(job.state == "running" for job in jobs) or self.processes:
            return
        waiting = [job for job in jobs if job.state == "waiting"]
        if waiting:
            self._start(waiting[-1])

    def _start(self, job: Job) -> None:
        self.store.change(job.id, wish="run", state="running")
        with (self.folder / "logs" / f"{job.id}.log").open("ab") as log:
            self.processes[job.id] = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "unlearnable.app.work", str(self.folder), job.id],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def pause(self, name: str) -> None:
        """Ask a job to pause: the files under way are finished first."""
        job = self.store.job(name)
        if job is not None and job.state == "waiting":
            self.store.change(name, state="paused")
        self.store.change(name, wish="pause")

    def go_on(self, name: str) -> None:
        """Put a paused or failed job in line again."""
        job = self.store.job(name)
        if job is not None and job.state in ("paused", "failed"):
            self.store.change(name, state="waiting", wish="run", message="", result={})
        self.tick()

    def delete(self, name: str) -> None:
        """Forget a job that does not run, and what this app alone has of it; other photos stay where they are.

        Raises:
            ValueError: it runs.
        """
        job = self.store.job(name)
        if job is not None and job.state == "running":
            raise ValueError("it is running: pause it first")
        for place in (None if job is None else self.uploaded(job), self.folder / "lab" / name):
            if place is not None and place.is_dir():
                shutil.rmtree(place)
        self.store.delete(name)
        (self.folder / "logs" / f"{name}.log").unlink(missing_ok=True)

    def uploaded(self, job: Job) -> Path | None:
        """Return the folder of the photos that were dropped into the page for a job and for no other."""
        place = Path(job.spec.get("source", ""))
        return place if self._ours(place) and not self._wanted(place, but=job.id) else None

    def _ours(self, place: Path) -> bool:
        """Return whether this app made the folder, for photos that were dropped."""
        named = place.parent == (self.folder / "uploads").resolve() and UPLOADED.fullmatch(place.name)
        return bool(named) and not place.is_symlink()

    def _wanted(self, place: Path, but: str = "") -> bool:
        """Return whether a job other than `but` has to do with a folder or what is in it."""
        specs = [job.spec for job in self.store.jobs() if job.id != but]
        paths = [Path(spec[name]) for spec in specs for name in ("source", "output", "protected") if name in spec]
        return any(place == path or place in path.parents for path in paths)

    def tidy(self) -> None:
        """Remove photos that were dropped into the page more than KEPT_DAYS ago and that no job came of."""
        for place in sorted((self.folder / "uploads").resolve().glob("photos-*")):
            with suppress(OSError):  # the next start tries again
                old = time.time() - place.stat().st_mtime > KEPT_DAYS * 24 * 3600
                if old and place.is_dir() and self._ours(place) and not self._wanted(place):
                    shutil.rmtree(place)

    def close(self, seconds: float = 20.0) -> None:
        """Ask what runs to stop where it is and to go on at the next start; wait for it."""
        # work that an earlier launch has left running is asked too
        for job in self.store.jobs():
            if job.state == "running":
                self.store.change(job.id, wish="quit")
        for process in self.processes.values():
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.terminate()
