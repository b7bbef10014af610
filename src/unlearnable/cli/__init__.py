"""The command line: one file per verb, imported when it is called."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `unlearnable` and exit: 0 ok, 1 some files failed, 2 wrong use, 130 stopped by Ctrl-C."""
    from unlearnable.cli._app import run

    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))
