"""A worker that is killed by one of its files, as a faulty codec would."""

import os
import signal

from unlearnable.protect import pool, worker


def work(task):
    if task.output.endswith("1.png"):
        os.kill(os.getpid(), signal.SIGKILL)
    return worker.work(task)


def serve(connection):
    pool.work = work
    real_serve(connection)


real_serve = pool.serve
