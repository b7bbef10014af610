"""Jobs in one sqlite file: what was asked for, how far it is, what became of each file."""

import json
import os
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from unlearnable._words import shown

State = Literal["waiting", "running", "paused", "done", "failed"]
Wish = Literal["run", "pause", "quit"]
FileState = Literal["waiting", "protected", "kept", "failed", "skipped", "other"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, spec TEXT NOT NULL, state TEXT NOT NULL, wish TEXT NOT NULL,
    created REAL NOT NULL, finished REAL, done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
    seconds_left REAL, note TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '',
    result TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS files (
    job TEXT NOT NULL, place INTEGER NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL, output TEXT NOT NULL,
    category TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', skip INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job, place)
);
CREATE INDEX IF NOT EXISTS files_by_path ON files (job, path);
CREATE TABLE IF NOT EXISTS epochs (
    job TEXT NOT NULL, row TEXT NOT NULL, seed INTEGER NOT NULL, epoch INTEGER NOT NULL, accuracy REAL NOT NULL,
    PRIMARY KEY (job, row, seed, epoch)
);
"""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job as it is now.

    Args:
        id: its name, random.
        kind: `protect` or `prove`.
        spec: what was asked for, JSON.
        state: waiting, running, paused, done or failed.
        wish: what its process is asked to do: run, pause, or quit and go on at the next start.
        created: when it was asked for, seconds since 1970.
        finished: when it ended, if it did.
        done: files or epochs finished.
        total: of how many.
        seconds_left: from the speed measured so far.
        note: what it is doing.
        message: why it failed, in one sentence.
        result: what came of it, JSON.
    """

    id: str
    kind: str
    spec: dict[str, Any]
    state: State
    wish: Wish
    created: float
    finished: float | None
    done: int
    total: int
    seconds_left: float | None
    note: str
    message: str
    result: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a job."""

    place: int
    key: str
    path: Path
    output: str
    category: str
    state: FileState
    reason: str
    skip: bool


def _stored(name: str) -> str | bytes:
    """Return a path as sqlite can hold it: bytes where it is no text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name)
    return name


class Store:
    """The sqlite file; every call opens it anew, so that threads and processes can share it.

    Args:
        folder: where `jobs.sqlite` lies; it is made.

    Raises:
        ValueError: the file is something else, or cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "jobs.sqlite"
        try:
            with self._open() as database:
                database.execute("PRAGMA journal_mode=WAL")
                database.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise ValueError(
                f"{self.path} cannot be used ({error}); move it away, and the history of jobs begins anew"
            ) from error

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=30)) as database, database:
            database.row_factory = sqlite3.Row
            yield database

    def add(self, kind: str, spec: Mapping[str, Any]) -> str:
        """Add a job that waits to be run, and return its id."""
        name = uuid.uuid4().hex
        with self._open() as database:
            database.execute(
                "INSERT INTO jobs (id, kind, spec, state, wish, created) VALUES (?, ?, ?, 'waiting', 'run', ?)",
                (name, kind, json.dumps(dict(spec)), time.time()),
            )
        return name

    def job(self, name: str) -> Job | None:
        """Return a job, or nothing if there is none of that id."""
        with self._open() as database:
            row = database.execute("SELECT * FROM jobs WHERE id = ?", (name,)).fetchone()
        return None if row is None else _job(row)

    def jobs(self) -> list[Job]:
        """Return all jobs, the newest first."""
        with self._open() as database:
            return [_job(row) for row in database.execute("SELECT * FROM jobs ORDER BY created DESC")]

    def change(self, name: str, **values: Any) -> None:
        """Set columns of a job."""
        if "result" in values:
            values["result"] = json.dumps(values["result"])
        values = {column: shown(value) if isinstance(value, str) else value for column, value in values.items()}
        columns = ", ".join(f"{column} = ?" for column in values)
        with self._open() as database:
            database.execute(f"UPDATE jobs SET {columns} WHERE id = ?", (*values.values(), name))  # noqa: S608 - our own names

    def delete(self, name: str) -> None:
        """Forget a job; its files stay where they are."""
        with self._open() as database:
            for table in ("files", "epochs"):
                database.execute(f"DELETE FROM {table} WHERE job = ?", (name,))  # noqa: S608 - our own names
            database.execute("DELETE FROM jobs WHERE id = ?", (name,))

    def plan_files(self, name: str, files: Iterable[tuple[str, str, str, str]]) -> None:
        """Set the files of a job: key, path, output and category each; skips stay as they were."""
        with self._open() as database:
            skipped = {
                row["path"] for row in database.execute("SELECT path FROM files WHERE job = ? AND skip = 1", (name,))
            }
            database.execute("DELETE FROM files WHERE job = ?", (name,))
            database.executemany(
                "INSERT INTO files (job, place, key, path, output, category, state, skip) VALUES (?,?,?,?,?,?,?,?)",
                (
                    (
                        name,
                        place,
                        *map(_stored, values),
                        "skipped" if _stored(values[1]) in skipped else "waiting",
                        int(_stored(values[1]) in skipped),
                    )
                    for place, values in enumerate(files)
                ),
            )

    def end_files(self, name: str, ended: Iterable[tuple[str, FileState, str]]) -> None:
        """Record what became of files: path, state and reason each."""
        with self._open() as database:
            database.executemany(
                "UPDATE files SET state = ?, reason = ? WHERE job = ? AND path = ?",
                ((state, shown(reason), name, _stored(path)) for path, state, reason in ended),
            )

    def fail_files(self, name: str, files: Iterable[tuple[str, str, str, FileState]]) -> None:
        """Add files that could not even be planned: key, path, reason and state each."""
        with self._open() as database:
            (first,) = database.execute(
                "SELECT coalesce(max(place), -1) + 1 FROM files WHERE job = ?", (name,)
            ).fetchone()
            database.executemany(
                "INSERT INTO files (job, place, key, path, output, category, reason, state) "
                "VALUES (?, ?, ?, ?, '', '', ?, ?)",
                (
                    (name, place, _stored(key), _stored(path), shown(reason), state)
                    for place, (key, path, reason, state) in enumerate(files, first)
                ),
            )

    def skip(self, name: str, place: int, *, skip: bool = True) -> None:
        """Leave a file out, or take it in again, if nothing has become of it yet."""
        with self._open() as database:
            database.execute(
                "UPDATE files SET skip = ?, state = ? WHERE job = ? AND place = ? AND state IN ('waiting', 'skipped')",
                (int(skip), "skipped" if skip else "waiting", name, place),
            )

    def skipped(self, name: str) -> set[str]:
        """Return the keys of the files to leave out."""
        with self._open() as database:
            return {
                os.fsdecode(row["key"])
                for row in database.execute("SELECT key FROM files WHERE job = ? AND skip", (name,))
            }

    def files(self, name: str, *, states: Iterable[FileState] = (), start: int = 0, count: int = 50) -> list[File]:
        """Return some of a job's files in order, of certain states if any are named."""
        wanted = list(states)
        filtered = f"AND state IN ({', '.join('?' * len(wanted))})" if wanted else ""
        query = f"SELECT * FROM files WHERE job = ? {filtered} ORDER BY place LIMIT ? OFFSET ?"  # noqa: S608 - our names
        with self._open() as database:
            return [_file(row) for row in database.execute(query, (name, *wanted, count, start))]

    def file(self, name: str, place: int) -> File | None:
        """Return one file of a job, if it is there."""
        with self._open() as database:
            row = database.execute("SELECT * FROM files WHERE job = ? AND place = ?", (name, place)).fetchone()
        return None if row is None else _file(row)

    def counts(self, name: str) -> dict[str, int]:
        """Return how many files of a job are in each state."""
        with self._open() as database:
            rows = database.execute("SELECT state, count(*) AS n FROM files WHERE job = ? GROUP BY state", (name,))
            return {row["state"]: row["n"] for row in rows}

    def add_epoch(self, name: str, row: str, seed: int, epoch: int, accuracy: float) -> None:
        """Record an epoch of a proof."""
        with self._open() as database:
            database.execute("INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?)", (name, row, seed, epoch, accuracy))

    def epochs(self, name: str) -> dict[tuple[str, int], list[tuple[int, float]]]:
        """Return the curves of a proof by row and seed: epoch and percent of clean test images."""
        curves: dict[tuple[str, int], list[tuple[int, float]]] = {}
        with self._open() as database:
            for row in database.execute("SELECT * FROM epochs WHERE job = ? ORDER BY rowid", (name,)):
                curves.setdefault((row["row"], row["seed"]), []).append((row["epoch"], row["accuracy"]))
        return curves


def _job(row: sqlite3.Row) -> Job:
    return Job(**{**dict(row), "spec": json.loads(row["spec"]), "result": json.loads(row["result"])})


def _file(row: sqlite3.Row) -> File:
    return File(
        place=row["place"],
        key=os.fsdecode(row["key"]),
        path=Path(os.fsdecode(row["path"])),
        output=os.fsdecode(row["output"]),
        category=os.fsdecode(row["category"]),
        state=row["state"],
        reason=row["reason"],
        skip=bool(row["skip"]),
    )
