"""The command line: one file per verb, imported when it is called."""

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `unlearnable` and exit: 0 ok, 1 some files failed, 2 wrong use, 130 stopped by Ctrl-C.

    Threads that wait for each other sleep, unless the caller's OMP_WAIT_POLICY says otherwise: where they spin,
    training beside other work that fills the cores nearly stands still (benchmarks/busy.md). It has to be set before
    torch is loaded, and processes started from here inherit it.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from unlearnable.cli._streams import prepare

    prepare()
    from unlearnable.cli._app import run

    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))
