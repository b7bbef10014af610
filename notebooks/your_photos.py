# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Protect your own photos, and prove it
#
# Set `PHOTOS` to a folder with one sub-folder for each person or kind of thing. Originals are only read.
#
# Without one, this notebook takes faces of 24 people if that file is on this computer, and scanned digits otherwise.

# %%
import json
import os
import shlex
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from unlearnable import load

PHOTOS = Path("~/Pictures/people").expanduser()
SMALL = bool(os.environ.get("UNLEARNABLE_SMALL"))
work = Path(tempfile.mkdtemp())
python = shlex.quote(sys.executable)  # for the lines that begin with an exclamation mark
protected, report = work / "protected", work / "proof"

if SMALL or not PHOTOS.is_dir():
    PHOTOS = work / "photos"
    faces = Path(os.environ.get("UNLEARNABLE_DATA", "../../shared/data")) / "faces-celeb24-color.parquet"
    images = load("parquet", path=faces) if faces.is_file() and not SMALL else load("digits", split="test")
    images = images.subset(range(0, len(images), 5)) if SMALL else images
    for number, (pixels, label) in enumerate(zip(images.pixels, images.labels, strict=True)):
        file = PHOTOS / f"category-{label:02d}" / f"{number:04d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        (picture.resize((64, 64)) if picture.width < 64 else picture).save(file)
print(sum(1 for _ in PHOTOS.rglob("*.*")), "photos")

# %% [markdown]
# ## Protect
# Same names, same folders, same file types. The same command line works in a terminal: `unlearnable protect …`.

# %%
# !{python} -m unlearnable.cli protect "{PHOTOS}" -o "{protected}" --quiet && echo done

# %% [markdown]
# ## Check
# Reads every file again: is it the one that was written, how much changed, how much of the noise is in it?

# %%
# !{python} -m unlearnable.cli check "{PHOTOS}" "{protected}" --quiet && echo all as they should be

# %% [markdown]
# ## Prove
# Trains a network on clean, randomly changed and protected photos, and against countermeasures; a minute for each row.
# `--quick` is one training per row of half the length.

# %%
# !{python} -m unlearnable.cli prove "{PHOTOS}" "{protected}" -o "{report}" --no-pictures --quiet --quick

# %%
proof = json.loads((report / "report.json").read_text())
print(f"guessing gives {proof['chance']:.1f} %")
for row in proof["rows"]:
    print(f"{row['title']:34s} last {row['last']:5.1f} %   best {row['best']:5.1f} %   {row.get('verdict', 'control')}")

# %% [markdown]
# Believe the worst line, not the best. A protection says nothing about photos that were copied before, it does not last
# for ever, and it does not hide a face from a search that was trained on other photos.
