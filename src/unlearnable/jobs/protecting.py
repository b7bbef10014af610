"""Protect folders of photos with a pack: plan, codes, noise, run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int8

from unlearnable.jobs.owner import owner_key, usable_cores
from unlearnable.media import OptOut, Signer, Target
from unlearnable.packs import assign, load_pack, noise_of
from unlearnable.protect import MANIFEST, STRENGTHS, Plan, Progress, ProtectOptions, Strength, Summary, ledger, plan
from unlearnable.protect import protect as run


@dataclass(frozen=True, kw_only=True)
class ProtectJob:
    """A checked job that has written nothing yet.

    Args:
        plan: which files, where to, in which category.
        noise: of each category, in levels at the pack's ε.
        codes: of each category, for the manifest.
    """

    plan: Plan
    noise: Mapping[str, Int8[np.ndarray, "c s s"]]
    codes: Mapping[str, int]

    def run(
        self,
        *,
        workers: int | None = None,
        progress: Callable[[Progress], None] = lambda progress: None,
        stop: Callable[[], bool] = lambda: False,
        skip: Callable[[str], bool] = lambda key: False,
    ) -> Summary:
        """Write what is missing; see `unlearnable.protect.protect`.

        Args:
            workers: processes; by default one per usable core.
            progress: called after each file.
            stop: asked before each file.
            skip: asked for each file's key: files to leave out.
        """
        count = usable_cores() if workers is None else workers
        return run(self.plan, self.noise, self.codes, jobs=count, progress=progress, stop=stop, skip=skip)


def prepare(
    inputs: Sequence[Path],
    output: Path,
    *,
    strength: Strength = "medium",
    output_format: Target = "keep",
    category: str | None = None,
    labels: Path | None = None,
    pack: str = "photos-64",
    owner_key_file: Path | None = None,
    optout: OptOut | None = None,
    signer: Signer | None = None,
    dry: bool = False,
) -> ProtectJob:
    """Plan the protection of photos. Categories that the output has already keep their noise.

    Args:
        inputs: photos and folders of photos.
        output: the folder to write.
        strength: low, medium or high.
        output_format: keep, png or webp.
        category: one for all photos; by default the sub-folder's name.
        labels: a CSV of file name and category instead.
        pack: a name or a file.
        owner_key_file: where the owner's secret is; by default this user's.
        optout: a request not to train, for the metadata: ai, genai or all.
        signer: who signs it as Content Credentials.
        dry: write nothing, not even an owner's secret; then the job is for looking only.

    Raises:
        ValueError: what cannot be done, in one sentence.
    """
    chosen = load_pack(pack)
    options = ProtectOptions(
        epsilon=STRENGTHS[strength],
        output_format=output_format,
        category=category,
        labels=labels,
        optout=optout,
        signer=signer,
        pack=chosen.name,
        pack_hash=chosen.noise.checksum(),
        pack_epsilon=chosen.noise.budget.epsilon,
    )
    job = plan(inputs, output, options)
    taken = {}
    if (output / MANIFEST).exists():
        taken = {entry.category: entry.code for entry in ledger.read(output).values()}
    codes = assign(
        list(job.categories), owner_key=owner_key(owner_key_file, make=not dry), slots=chosen.slots, taken=taken
    )
    return ProtectJob(plan=job, noise={name: noise_of(chosen, codes[name]) for name in job.categories}, codes=codes)
