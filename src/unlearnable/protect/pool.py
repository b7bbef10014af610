"""Worker processes: each does one task at a time, and a crash costs one file.

Started with `spawn`, so a worker imports a codec and numpy and nothing else. A worker ends by itself when its
parent is gone, however that died.
"""

import multiprocessing
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from unlearnable.protect.worker import Outcome, Task, work


def serve(connection: Connection) -> None:
    """Body of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    try:
        connection.send("ready")
        while True:
            connection.send(work(connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


class _Worker:
    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        try:
            self.connection.recv()
        except EOFError as error:
            raise RuntimeError(
                "a worker process could not start: call protect() under `if __name__ == '__main__':` or use jobs=1"
            ) from error
        self.task: Task | None = None


def run(tasks: Iterator[Task], jobs: int) -> Iterator[tuple[Task, Outcome]]:
    """Outcomes as they come, in no order; closing the iterator waits for the files under way and drops the rest.

    Raises RuntimeError if worker processes cannot be started.
    """
    workers: list[_Worker] = []
    try:
        for _ in range(jobs):
            task = next(tasks, None)
            if task is None:
                break
            workers.append(_Worker())
            _give(workers[-1], task)
        while busy := [worker for worker in workers if worker.task is not None]:
            for ready in wait([worker.connection for worker in busy]):
                place = next(index for index, worker in enumerate(workers) if worker.connection is ready)
                done, outcome = _take(workers[place])
                if outcome is None:
                    outcome = Outcome(failure="it made the decoder crash")
                    workers[place] = _Worker()
                task = next(tasks, None)
                if task is not None:
                    _give(workers[place], task)
                yield done, outcome
    finally:
        for worker in workers:
            if worker.task is not None:
                _take(worker)
            worker.connection.close()
        for worker in workers:
            worker.process.join(timeout=60)


def _give(worker: _Worker, task: Task) -> None:
    worker.task = task
    worker.connection.send(task)


def _take(worker: _Worker) -> tuple[Task, Outcome | None]:
    task, worker.task = worker.task, None
    assert task is not None
    try:
        return task, worker.connection.recv()
    except (EOFError, ConnectionResetError):
        return task, None
