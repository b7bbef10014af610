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
# # Unlearnable examples in five minutes
#
# Make noise, look at it, train on it, break it, share it: *Unlearnable Examples: Making Personal Data Unexploitable*
# (Huang, Ma, Erfani, Bailey, Wang; ICLR 2021) on 2,000 photos of CIFAR-10, on two cores. So few photos train a weak
# network; [the leaderboard](../docs/leaderboard.md) has 10,000 and 50,000.
#
# Where CIFAR-10 is not on this computer, 1,797 scanned digits stand in for it: the steps are the same, the numbers are
# not.

# %%
import os
import time
from dataclasses import replace

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait sleep: much faster beside other work

import matplotlib.pyplot as plt
import numpy as np
import torch

from unlearnable import ErrorMin, RandomNoise, Runtime, load
from unlearnable.exploiters import countermeasure
from unlearnable.perturbation import load_perturbation
from unlearnable.training import fit, recipe

started = time.perf_counter()
SMALL = bool(os.environ.get("UNLEARNABLE_SMALL"))
runtime = Runtime.auto()
runtime

# %% [markdown]
# ## Load
# Images stay as they are stored: 8 bits, channels first. Every image has a key, every class a name. A tenth of the test
# images is enough here: it knows an accuracy to within three points.

# %%
try:
    if SMALL:
        raise FileNotFoundError
    whole, test = load("cifar10"), load("cifar10", split="test")
    rows = [np.flatnonzero(whole.labels == label)[:200] for label in range(10)]
    train, test = whole.subset(np.sort(np.concatenate(rows))), test.subset(np.arange(1000))
    epsilon, settings = 8, {"batch_size": 250}
    exploiter = replace(recipe("fast"), architecture="fast-small", epochs=6, batch_size=200, learning_rate=0.3)
except FileNotFoundError:
    train, test = load("digits").split(0.7)
    epsilon, settings = 32, {"cycles": 16, "batch_size": 100, "steps": 60}
    exploiter = replace(recipe("tiny"), epochs=3)
train, test

# %% [markdown]
# ## Craft
# **Class-wise** noise is one pattern per class; **sample-wise** noise is made for each image. Both make the loss of a
# network small before it has learned anything, within ±ε levels of 255.

# %%
noises = {
    "class-wise": ErrorMin(epsilon=epsilon, **settings).craft(train, runtime),
    "sample-wise": ErrorMin(
        epsilon=epsilon, scope="sample-wise", **{name: settings[name] for name in settings if name != "steps"}
    ).craft(train, runtime),
    "random, sample-wise": RandomNoise(epsilon=epsilon, scope="sample-wise").craft(train),
}
published = {name: noise.apply(train) for name, noise in noises.items()}
noises

# %% [markdown]
# ## Look
# Original, noise (scaled up), published. What you see is what an exploiter gets: the stored bytes.


# %% tags=["pictures"]
def shown(pixels):
    """Return an image as matplotlib wants it."""
    image = pixels.transpose(1, 2, 0)
    return image.repeat(3, axis=2) if image.shape[2] == 1 else image


some = [int(np.flatnonzero(train.labels == label)[3]) for label in range(10)]
figure, axes = plt.subplots(5, 10, figsize=(12, 6.4))
for column, row in enumerate(some):
    pictures = [shown(train.pixels[row])]
    for name in ("class-wise", "sample-wise"):
        changed = published[name].pixels[row]
        difference = changed.astype(int) - train.pixels[row]
        pictures += [shown(np.clip(127.5 + difference * 127 / epsilon, 0, 255).astype(np.uint8)), shown(changed)]
    for place, picture in enumerate(pictures):
        axes[place, column].imshow(picture)
        axes[place, column].axis("off")
    axes[0, column].set_title(train.classes[train.labels[row]], fontsize=9)
plt.show()

# %% [markdown]
# ## Train
# The same small network from scratch on each training set; tested on clean images after every epoch.

# %%
sets = {"clean": train, **published}
histories = {name: fit(images, test=test, recipe=exploiter, runtime=runtime, seed=100) for name, images in sets.items()}
for name, history in histories.items():
    print(f"{name:20s} last epoch {history.last.test_acc:5.1f} %   best {history.best.test_acc:5.1f} %")

# %% tags=["curves"]
figure, axes = plt.subplots(figsize=(7, 3.4))
for name, history in histories.items():
    axes.plot([epoch.epoch for epoch in history.epochs], [epoch.test_acc for epoch in history.epochs], "o-", label=name)
axes.axhline(10, color="black", linestyle="--", linewidth=1)
axes.set(xlabel="epoch", ylabel="clean test images recognised, %", ylim=(0, 100))
axes.legend()
plt.show()

# %% [markdown]
# ## Break it
# An exploiter who turns the photos grey gets back nearly all that class-wise noise kept from him, one who saves them as
# JPEG nearly all that sample-wise noise did, and both lose little. Never believe what was not tried against
# what is known: [the leaderboard](../docs/leaderboard.md) has thirty such countermeasures.

# %%
for attack in ("gray", "jpeg:75") if train.pixels.shape[1] == 3 else ("jpeg:75", "orthogonal-projection"):
    hook = countermeasure(attack)
    tests = {"as they are": test}
    if hook.treats_test:  # who trains in grey also looks at new photos in grey
        tests["treated"] = test.with_pixels(hook.sanitize(test.pixels, test.labels, runtime))
    for name in ("clean", "class-wise" if attack == "gray" else "sample-wise"):
        broken = fit(sets[name], test=tests, recipe=exploiter, runtime=runtime, seed=100, countermeasure=hook)
        best = max(max(epoch.test_accs.values()) for epoch in broken.epochs)
        print(f"{attack}: {name:12s} best epoch {best:5.1f} %")

# %% [markdown]
# ## Save and share
# One file, a few kilobytes for class-wise noise, without any code in it. It finds its images by class name or key, not
# by their order, and protects photos of the same classes that did not exist when it was made.

# %%
noises["class-wise"].save("class-wise.safetensors")
shared = load_perturbation("class-wise.safetensors")
assert shared.checksum() == noises["class-wise"].checksum()
new_photos = test.subset(np.arange(200))
print(os.path.getsize("class-wise.safetensors"), "bytes,", "now on", shared.apply(new_photos))
os.remove("class-wise.safetensors")

# %%
print(f"All of this took {time.perf_counter() - started:.0f} s on {torch.get_num_threads()} threads.")
