"""The verbs, listed without importing them."""

import os
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App, CycloptsError, Group

from unlearnable import __version__
from unlearnable._words import sentence
from unlearnable.cli._streams import write

TRACE = "UNLEARNABLE_TRACE"
OK, SOME_FAILED, WRONG_USE, STOPPED = 0, 1, 2, 130

_MINE, _PACKS = Group("Your photos", sort_key=0), Group("Noise and machine", sort_key=1)
_RESEARCH = Group("Research", sort_key=2)

app = App(
    name="unlearnable",
    version=__version__,
    help="Protect photos with error-minimizing noise, and prove by training that it works.",
    group_commands=Group("Options", sort_key=3),
    suppress_keyboard_interrupt=False,
    help_epilogue="It raises the cost for someone who trains on these files as they are; it never promises more.",
)
app.command(
    "unlearnable.cli.protect:protect", name="protect", group=_MINE, help="Write protected copies of a folder of photos."
)
app.command("unlearnable.cli.check:check", name="check", group=_MINE, help="Re-read every protected file.")
app.command(
    "unlearnable.cli.prove:prove", name="prove", group=_MINE, help="Train on the protected files; HTML and JSON report."
)
app.command(
    "unlearnable.cli.optout:app", name="optout", group=_MINE, help="Requests not to train: read them, or for a website."
)
app.command("unlearnable.cli.app:app", name="app", group=_MINE, help="The same in your browser, on this computer.")
app.command("unlearnable.cli.demo:demo", name="demo", group=_MINE, help="A first look, offline.")
app.command("unlearnable.cli.pack:app", name="pack", group=_PACKS, help="Class-wise noise ready for new photos.")
app.command("unlearnable.cli.craft:app", name="craft", group=_RESEARCH, help="A perturbation by one of many methods.")
app.command(
    "unlearnable.cli.apply:apply", name="apply", group=_RESEARCH, help="A protected dataset, for any training code."
)
app.command("unlearnable.cli.craft:cite", name="cite", group=_RESEARCH, help="BibTeX of methods.")
app.command("unlearnable.cli.bench:app", name="bench", group=_RESEARCH, help="Poisons against countermeasures.")
app.command("unlearnable.cli.doctor:doctor", name="doctor", group=_PACKS, help="Device, formats, measured speed.")


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; problems are one sentence on the error stream."""
    try:
        result = app(
            [_at_home(word) for word in arguments], exit_on_error=False, print_error=False, result_action="return_value"
        )
    except CycloptsError as error:
        return _refuse(" ".join(str(error).split()), "run `unlearnable --help` for the options")
    except KeyboardInterrupt:
        say("Stopped. The same command goes on where its work is kept, and begins anew where it is not.")
        return STOPPED
    except (ValueError, KeyError, OSError, RuntimeError, ImportError, MemoryError) as error:
        if isinstance(error, BrokenPipeError):
            return OK
        return _refuse(sentence(error))
    except Exception as error:  # a mistake of this package, or of a file that it was given
        if os.environ.get(TRACE):
            raise
        return _refuse(f"{type(error).__name__}: {sentence(error)}", f"{TRACE}=1 shows where")
    return result if isinstance(result, int) else OK


def _at_home(word: str) -> str:
    """Read `--output=~/x` as shells read `--output ~/x`: most leave a ~ inside a word alone."""
    name, _, value = word.partition("=")
    return f"{name}={Path(value).expanduser()}" if name.startswith("-") and f"{value}/".startswith("~/") else word


def say(text: str) -> None:
    """Tell a person, on the error stream."""
    write("stderr", f"{text}\n")


def _refuse(text: str, way_out: str = "") -> int:
    say(f"unlearnable: {text}" + (f" ({way_out})" if way_out else ""))
    return WRONG_USE
