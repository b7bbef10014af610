"""`unlearnable craft`: one command per poison, listed without importing any of them."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console

from unlearnable._words import spoken
from unlearnable.cli._app import OK, say
from unlearnable.cli._data import SIZE, Data, PerClass, Size, loaded, made_room
from unlearnable.cli._options import Device, Quiet
from unlearnable.cli._progress import progress
from unlearnable.poisons import POISONS

SUFFIX = ".safetensors"

app = App(name="craft", help="Craft a perturbation for a dataset, by one of many methods.")
for _name in POISONS:
    app.command(
        f"{__name__}:craft_{_name}",
        name=_name,
        help=f"{POISONS.entry(_name).summary[0].upper()}{POISONS.entry(_name).summary[1:]}.",
    )

Written = Annotated[Path, Parameter(name=["--output", "-o"], help="The file to write, .safetensors.")]


def __getattr__(name: str) -> Any:
    """Make the command of one method when it is asked for: its flags are the fields of its dataclass."""
    method = name.removeprefix("craft_")
    if method == name or method not in POISONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _command(method)


def _command(method: str) -> Callable[..., int]:
    kind = POISONS.get(method)

    def craft(
        data: Data,
        /,
        *,
        output: Written,
        settings: Any = kind(),  # noqa: B008 - frozen
        per_class: PerClass = None,
        size: Size = None,
        device: Device = "auto",
        quiet: Quiet = False,
    ) -> int:
        return _craft(settings, data, output, per_class, size, device, quiet)

    craft.__annotations__["settings"] = Annotated[kind, Parameter(name="*")]
    if any(field.name == "size" for field in fields(kind)):  # then --size is the method's own
        craft.__annotations__["size"] = Annotated[int | None, Parameter(name="--image-size", help=SIZE)]
    craft.__doc__ = kind.__doc__.split("\n\n")[0]
    return craft


def _craft(
    poison: Any, data: str, output: Path, per_class: int | None, size: int | None, device: str, quiet: bool
) -> int:
    import time
    from dataclasses import replace

    from unlearnable._runtime import Runtime

    if output.suffix != SUFFIX:
        raise ValueError(f"--output must end in {SUFFIX}; got {output.name!r}")
    if output.exists():
        raise ValueError(f"{output} is there already: name another file")
    made_room(output)  # before the search: its state is kept there
    images = loaded(data, per_class, size, quiet=quiet)
    kept = output.with_name(f".{output.name}.partial")
    runtime = replace(Runtime.auto(device), checkpoint=kept)
    if kept.exists() and not quiet:
        say("Going on with the search that was stopped, if it was the same one.")
    started = time.monotonic()
    with progress(f"crafting {poison.method}", quiet=quiet) as report:
        made = poison.craft(images, runtime, report)
    made.save(output)
    kept.unlink(missing_ok=True)
    if not quiet:
        say(f"{made!r} for {len(images)} images in {spoken(time.monotonic() - started)}: {output}")
    return OK


def cite(
    methods: Annotated[tuple[str, ...], Parameter(help="Methods; all when none is named.")] = (),
    /,
) -> int:
    """Print BibTeX for methods."""
    chosen = methods or tuple(POISONS)
    entries = {name: POISONS.get(name).citation for name in chosen}
    for name in methods:
        if not entries[name]:
            say(f"{name} is this package's own; cite the package (CITATION.cff)")
    console = Console(highlight=False, soft_wrap=True)
    papers = (paper for each in entries.values() if each for paper in each.split("\n\n"))
    for entry in dict.fromkeys(papers):
        console.print(entry, markup=False, emoji=False)
        console.print()
    return OK
