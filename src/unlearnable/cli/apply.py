"""`unlearnable apply`: a crafted perturbation on a dataset, as files that other training code reads."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unlearnable._words import spoken
from unlearnable.cli._app import OK, say
from unlearnable.cli._data import Data, PerClass, Size, loaded, made_room
from unlearnable.cli._options import Quiet
from unlearnable.cli._progress import progress


def apply(
    noise: Annotated[Path, Parameter(help="What `unlearnable craft` wrote, .safetensors.")],
    data: Data,
    /,
    *,
    output: Annotated[
        Path, Parameter(name=["--output", "-o"], help="NAME.parquet, or a new folder of PNG files, one per category.")
    ],
    per_class: PerClass = None,
    size: Size = None,
    quiet: Quiet = False,
) -> int:
    """Write a protected dataset for any training code, without loss.

    The images are those that crafting saw, at its size, pixel for pixel what the benchmark trains on. Photos that
    should stay what they are, with their size, type and metadata, are for `unlearnable protect`.
    """
    import time

    from unlearnable.datasets.export import write
    from unlearnable.perturbation import load_perturbation

    if output.exists():  # before the work
        raise ValueError(f"{output} is there already: name another")
    if Path(data).is_dir() and output.resolve().is_relative_to(Path(data).resolve()):
        raise ValueError(f"the output {output} overlaps the input {data}: choose a place beside it")
    started = time.monotonic()
    perturbation = load_perturbation(noise)
    made_room(output)
    images = loaded(data, per_class, size, quiet=quiet)
    with progress("applying", quiet=quiet) as report:
        write(perturbation.apply(images), output, report)
    if not quiet:
        say(f"{len(images)} images with {perturbation!r} in {spoken(time.monotonic() - started)}: {output}")
    return OK
