"""`unlearnable pack`: class-wise noise, ready to be laid over new photos."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from unlearnable.cli._app import OK, say
from unlearnable.cli._data import made_room
from unlearnable.cli._options import AsJson, Device, Quiet, emit
from unlearnable.cli._progress import progress

GREY_STEPS = 600

app = App(name="pack", help="Class-wise noise ready for new photos.")


@app.command(name="list")
def list_packs(*, as_json: AsJson = False) -> int:
    """List the packs that come with this package."""
    from unlearnable.packs import bundled, load_pack

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "slots", "codes", "size", "ε", "made on", "licence"):
        table.add_column(column)
    for name in bundled():
        pack = load_pack(name)
        side = "x".join(str(length) for length in pack.noise.bank.shape[2:])
        epsilon = f"{pack.noise.budget.epsilon:g}"
        if as_json:
            emit(
                {
                    "name": name,
                    "slots": pack.slots,
                    "codes": pack.codes,
                    "size": side,
                    "epsilon": pack.noise.budget.epsilon,
                }
            )
        table.add_row(name, str(pack.slots), str(pack.codes), side, epsilon, Text(pack.source), Text(pack.licence))
    if not as_json:
        Console(highlight=False).print(table)
    return OK


@app.command
def show(
    pack: Annotated[str, Parameter(help="A name of `pack list`, or a file.")], /, *, as_json: AsJson = False
) -> int:
    """Show what a pack is and how it was made."""
    from unlearnable.packs import SYMMETRIES, load_pack

    chosen = load_pack(pack)
    noise = chosen.noise
    facts = {
        "name": chosen.name,
        "codes": f"{chosen.codes}: {chosen.slots} slots, each in {SYMMETRIES} symmetries",
        "noise": f"{len(noise.bank)} slots of {'x'.join(str(side) for side in noise.bank.shape[1:])}, int8",
        "budget": f"ε = {noise.budget.epsilon:g} levels, {noise.budget.norm}",
        "method": noise.method,
        **{f"  {name}": value for name, value in noise.parameters.items()},
        "seed": noise.seed,
        "for photos without colour": "a fourth channel" if noise.bank.shape[1] == 4 else "the luma of the colours",
        "made on": chosen.source,
        "licence": chosen.licence,
        "created": chosen.created,
        "checksum": noise.checksum(),
        "versions": ", ".join(f"{name} {value}" for name, value in noise.versions.items()),
    }
    if as_json:
        emit(facts)
        return OK
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in facts.items():
        table.add_row(name, Text(str(value)))
    Console(highlight=False).print(table)
    return OK


@app.command
def build(
    photos: Annotated[Path, Parameter(help="A folder of public photos, or a Parquet file; labels are not used.")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The pack to write, .safetensors.")],
    grey: Annotated[
        bool, Parameter(negative="", help="Search in grey first: works when turned grey too, and less well in colour.")
    ] = False,
    slots: Annotated[int, Parameter(help="How many categories it can tell apart.")] = 64,
    source: Annotated[
        str | None, Parameter(help="What the photos are, for the record; default: the folder's name.")
    ] = None,
    licence: Annotated[str, Parameter(help="Licence of the photos, for the record.")] = "unknown",
    seed: int = 0,
    device: Device = "auto",
    quiet: Quiet = False,
) -> int:
    """Make a pack from any photos: minutes on a laptop; what was stopped goes on with the same command."""
    from dataclasses import replace

    from unlearnable._runtime import Runtime
    from unlearnable.packs import save_pack
    from unlearnable.poisons._slots import in_grey, load_photos
    from unlearnable.poisons.slots import SlotNoise

    if output.suffix != ".safetensors":
        raise ValueError(f"--output must end in .safetensors; got {output.name!r}")
    if output.exists():
        raise ValueError(f"{output} is there already: name another file")
    made_room(output)  # before the search: its state is kept there
    kept = [output.with_name(f".{output.name}.{part}.partial") for part in ("first", "without-colour")]
    if any(each.exists() for each in kept) and not quiet:
        say("Going on with the search that was stopped, if it was the same one.")
    runtime = Runtime.auto(device)
    with progress("reading", quiet=quiet) as report:
        data = load_photos(photos, slots, report=report)
    with progress("crafting", quiet=quiet) as report:
        search = SlotNoise(grey_steps=GREY_STEPS if grey else 0, seed=seed)
        noise = search.craft(data, replace(runtime, checkpoint=kept[0]), report)
    without_colour = None
    if not grey:
        with progress("crafting for photos without colour", quiet=quiet) as report:
            search = SlotNoise(steps=GREY_STEPS, seed=seed)
            without_colour = search.craft(in_grey(data), replace(runtime, checkpoint=kept[1]), report)
    save_pack(output, noise, source=source or data.name, licence=licence, grey=without_colour)
    for each in kept:
        each.unlink(missing_ok=True)
    if not quiet:
        say(f"{slots} slots written to {output}; use it with: unlearnable protect … --pack {output}")
    return OK
