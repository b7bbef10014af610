"""What the person asked of a job meanwhile, read by the process that does it."""

import threading
import time

from unlearnable.app.store import Store

TOLD = 0.25
"""Seconds between two writes of progress."""

ENDING = threading.Event()
"""Set when this process is asked to end, as all are when the computer is shut down."""


class Wishes:
    """What the person asked for meanwhile, read from the store a few times a second."""

    def __init__(self, store: Store, name: str) -> None:
        self.store, self.name = store, name
        self.last = -TOLD
        self.wish, self.left_out = "run", set[str]()

    def _look(self) -> None:
        if ENDING.is_set() and self.wish == "run":
            self.wish = "quit"
            self.store.change(self.name, wish="quit")
        if time.monotonic() - self.last < TOLD:
            return
        self.last = time.monotonic()
        job = self.store.job(self.name)
        self.wish = "pause" if job is None else job.wish
        self.left_out = self.store.skipped(self.name)

    def stop(self) -> bool:
        """Return whether to stop."""
        self._look()
        return self.wish != "run"

    def skip(self, key: str) -> bool:
        """Return whether to leave a file out."""
        self._look()
        return key in self.left_out


class Paused(Exception):
    """The person asked to pause."""


def leave(store: Store, name: str) -> None:
    """Leave the job paused; or waiting for the app's next start, if the app was closed."""
    job = store.job(name)
    if job is not None:
        state = "waiting" if job.wish == "quit" else "paused"
        store.change(name, state=state, note="", seconds_left=None, wish="run" if job.wish == "quit" else job.wish)
