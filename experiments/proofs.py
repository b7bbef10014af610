"""The proofs on real photos: export, protect, check and prove, as a person would, and keep the reports.

    OMP_NUM_THREADS=1 python -m experiments.proofs photos-caltech20 --work /tmp/proofs
    OMP_NUM_THREADS=1 python -m experiments.proofs faces-celeb24-color --work /tmp/proofs

Writes results/proofs/DATA/PACK/report.json and report.html (without pictures of faces, which may not be published).
A killed run goes on where it was, if it gets the same --work folder. Needs UNLEARNABLE_DATA.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from experiments.export import export
from unlearnable.cli._app import run
from unlearnable.jobs.owner import OWNER_KEY

RESULTS = Path(__file__).resolve().parents[1] / "results" / "proofs"
PUBLISHABLE = ("photos-caltech20",)


def prove(data: str, pack: str, work: Path, extra: list[str]) -> int:
    """Run the whole journey on one Parquet file and return the exit code of `prove`."""
    os.environ.setdefault(OWNER_KEY, "results")
    source = Path(os.environ.get("UNLEARNABLE_DATA", "../shared/data")) / f"{data}.parquet"
    photos, protected, report = work / data, work / f"{data}.{pack}", work / f"{data}.{pack}.proof"
    if not photos.exists():
        half = photos.with_name(f".{photos.name}.partial")
        shutil.rmtree(half, ignore_errors=True)  # of a run that was killed
        export(source, half)
        half.rename(photos)
    if code := run(["protect", str(photos), "-o", str(protected), "-q", "--pack", pack]):
        return code
    run(["check", str(photos), str(protected), "-q"])  # says where little noise survived, which stops nothing
    pictures = [] if data in PUBLISHABLE else ["--no-pictures"]
    code = run(["prove", str(photos), str(protected), "-o", str(report), *pictures, *extra])
    if code == 0:
        target = RESULTS / data / pack
        target.mkdir(parents=True, exist_ok=True)
        for name in ("report.json", "report.html"):
            shutil.copyfile(report / name, target / name)
    return code


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=["photos-caltech20", "faces-celeb24-color"])
    parser.add_argument("--pack", default="photos-64")
    parser.add_argument("--work", type=Path, required=True)
    arguments, extra = parser.parse_known_args()
    sys.exit(prove(arguments.data, arguments.pack, arguments.work, extra))
