"""The noise is still there after what platforms do: a downscale to the pack's resolution, and a JPEG."""

import io

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from corpus.makers import saved, scene
from unlearnable.media import add, decode, encode, fit, is_grey, measure


def share_left(clean, protected, noise, resample=Image.Resampling.BOX):
    """<small(protected) - small(clean), δ> / <δ, δ> after both went through a downscale and JPEG 75."""
    small = []
    for pixels in (clean, protected):
        image = Image.fromarray(pixels).resize(noise.shape[:0:-1], resample)
        small.append(np.asarray(Image.open(io.BytesIO(saved(image, "JPEG", quality=75)))).astype(float))
    levels = noise.transpose(1, 2, 0).astype(float)
    return float(((small[1] - small[0]) * levels).sum() / (levels * levels).sum())


def smooth_noise(rng, side=64, cells=16):
    """±8 in cells of 4 x 4 pixels of the pack: what crafted class noise looks like to a JPEG."""
    return rng.choice(np.array([-8, 8], np.int8), (3, cells, cells)).repeat(side // cells, 1).repeat(side // cells, 2)


@pytest.mark.parametrize("resample", [Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS])
@pytest.mark.parametrize("target", ["keep", "png"])
def test_noise_survives_the_file_a_downscale_and_a_jpeg(rng, resample, target):
    original = decode(saved(scene(rng, size=(1200, 900)), "JPEG", quality=85, subsampling=2))
    noise = smooth_noise(rng)
    pattern = fit(noise, original.size, "RGB", grey=False)
    changed = type(original)(**{**vars(original), "pixels": add(original.pixels, pattern)})
    again = decode(encode(changed, target)[0])
    assert measure(original.pixels, again.pixels, pattern).survival > 0.95
    assert share_left(original.pixels, again.pixels, noise, resample) > 0.6


def test_real_photos_keep_most_of_the_noise(shared_data, rng):
    table = pyarrow.parquet.read_table(shared_data / "photos-caltech20.parquet", columns=["image"])
    noise = smooth_noise(rng)
    shares = []
    for index in rng.choice(table.num_rows, 40, replace=False):
        original = decode(table["image"][int(index)]["bytes"].as_py())
        pattern = fit(noise, original.size, original.mode, grey=is_grey(original.pixels))
        changed = type(original)(**{**vars(original), "pixels": add(original.pixels, pattern)})
        again = decode(encode(changed, "keep")[0])
        measured = measure(original.pixels, again.pixels, pattern)
        shares.append(measured.survival)
        assert measured.ssim > 0.5
        assert measured.psnr > 25
    assert np.median(shares) > 0.8
