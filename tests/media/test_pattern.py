"""Noise laid over photos: inside the budget, exact under a downscale, blind to transparent pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearnable.media import add, fit, measure


def random_noise(rng, channels=3, side=8, epsilon=8):
    return rng.integers(-epsilon, epsilon + 1, (channels, side, side)).astype(np.int8)


def full(pattern, height):
    result = np.zeros((height, *pattern.rows.shape[1:]), dtype=int)
    for band, row in pattern.bands():
        result[band] = row
    return result


@given(
    width=st.integers(1, 60),
    height=st.integers(1, 60),
    side=st.integers(1, 20),
    mode=st.sampled_from(["L", "RGB", "CMYK"]),
    scale=st.sampled_from([0.5, 1.0, 2.0]),
    seed=st.integers(0, 99),
)
def test_noise_covers_every_pixel_and_stays_inside_the_budget(width, height, side, mode, scale, seed):
    rng = np.random.default_rng(seed)
    pattern = fit(random_noise(rng, side=side), (width, height), mode, grey=mode == "L", scale=scale)
    rows = [row for band, _ in pattern.bands() for row in range(band.start, band.stop)]
    assert rows == list(range(height))
    assert np.abs(full(pattern, height)).max() <= 8 * scale


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_added_noise_is_the_clipped_sum(rng, dtype):
    top = np.iinfo(dtype).max
    level = 1 if dtype is np.uint8 else 257
    pixels = rng.integers(0, top + 1, (70, 90, 3)).astype(dtype)
    pixels[:10], pixels[10:20] = 0, top
    pattern = fit(random_noise(rng, epsilon=16), (90, 70), "RGB", grey=False)
    expected = (pixels.astype(int) + full(pattern, 70) * level).clip(0, top)
    np.testing.assert_array_equal(add(pixels, pattern), expected)


def test_a_fourth_channel_is_for_photos_without_colour(rng):
    noise = random_noise(rng, channels=4)
    colour = full(fit(noise, (8, 8), "RGB", grey=False), 8)
    np.testing.assert_array_equal(colour, noise[:3].transpose(1, 2, 0))
    np.testing.assert_array_equal(full(fit(noise, (8, 8), "L", grey=True), 8)[..., 0], noise[3])
    np.testing.assert_array_equal(full(fit(noise, (8, 8), "RGB", grey=True), 8), noise[3, ..., None].repeat(3, 2))
    luma = np.tensordot((0.299, 0.587, 0.114), noise[:3].astype(float), axes=1)
    np.testing.assert_array_equal(full(fit(noise[:3], (8, 8), "L", grey=True), 8)[..., 0], np.rint(luma))


def test_noise_of_the_photos_own_size_is_laid_on_as_it_is(rng):
    noise = random_noise(rng)
    np.testing.assert_array_equal(full(fit(noise, (8, 8), "RGB", grey=False), 8), noise.transpose(1, 2, 0))


def test_enlarged_noise_has_no_steps_and_survives_a_downscale(rng):
    smooth = np.rint(
        8 * np.sin(np.arange(8)[None, :, None] + np.arange(8)[None, None, :] / 2 + np.arange(3)[:, None, None])
    )
    enlarged = full(fit(smooth.astype(np.int8), (400, 800), "RGB", grey=False), 800)
    assert np.abs(np.diff(enlarged, axis=0)).max() <= 2
    assert np.abs(np.diff(enlarged, axis=1)).max() <= 1
    means = enlarged.reshape(8, 100, 8, 50, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    assert (means * smooth).sum() / (smooth * smooth).sum() > 0.9


def test_photos_smaller_than_the_noise_get_its_area_average():
    noise = np.array([[[8, 0], [0, 0]]] * 3, dtype=np.int8)
    assert full(fit(noise, (1, 1), "RGB", grey=False), 1).tolist() == [[[2, 2, 2]]]


def test_grey_noise_is_luma_and_equal_in_all_channels(rng):
    noise = random_noise(rng)
    luma = np.rint(np.tensordot([0.299, 0.587, 0.114], noise, axes=1))
    one = full(fit(noise, (8, 8), "L", grey=True), 8)
    three = full(fit(noise, (8, 8), "RGB", grey=True), 8)
    np.testing.assert_array_equal(one[..., 0], luma)
    np.testing.assert_array_equal(three, np.repeat(one, 3, axis=2))


def test_ink_gets_the_negative_and_black_ink_nothing(rng):
    noise = random_noise(rng)
    ink = full(fit(noise, (8, 8), "CMYK", grey=False), 8)
    np.testing.assert_array_equal(ink[..., :3], -noise.transpose(1, 2, 0))
    assert not ink[..., 3].any()


def test_transparent_pixels_are_left_alone(rng):
    pixels = rng.integers(50, 200, (20, 20, 3)).astype(np.uint8)
    alpha = np.zeros((20, 20), dtype=np.uint8)
    alpha[5:15, 5:15] = 1
    pattern = fit(np.full((3, 2, 2), 8, np.int8), (20, 20), "RGB", grey=False)
    changed = (add(pixels, pattern, alpha) != pixels).any(axis=2)
    np.testing.assert_array_equal(changed, alpha == 1)


def test_measurement_of_known_changes(rng):
    pixels = rng.integers(50, 200, (64, 64, 3)).astype(np.uint8)
    pattern = fit(random_noise(rng), (64, 64), "RGB", grey=False)
    protected = add(pixels, pattern)
    exact = measure(pixels, protected, pattern)
    assert exact.linf == 8
    assert exact.survival == pytest.approx(1)
    difference = protected.astype(float) - pixels
    assert exact.psnr == pytest.approx(10 * np.log10(255**2 / np.mean(difference**2)), rel=1e-5)
    assert measure(pixels, pixels, pattern).survival == 0
    assert measure(pixels, pixels, pattern).ssim == pytest.approx(1)
    half = (pixels.astype(int) + full(pattern, 64) // 2).astype(np.uint8)
    assert 0.4 < measure(pixels, half, pattern).survival < 0.6


def test_one_changed_pixel_in_a_large_picture_is_seen(rng):
    pixels = rng.integers(50, 200, (1100, 1000, 3)).astype(np.uint8)
    pattern = fit(random_noise(rng), (1000, 1100), "RGB", grey=False)
    protected = add(pixels, pattern)
    protected[1037, 500, 1] = 255
    assert measure(pixels, protected, pattern).linf == 255 - pixels[1037, 500, 1]
    assert measure(pixels, protected, pattern).survival == pytest.approx(1, abs=0.01)


def test_survival_counts_visible_pixels_only(rng):
    pixels = rng.integers(50, 200, (40, 40, 1)).astype(np.uint8)
    alpha = np.repeat(np.array([0, 255], np.uint8), 20)[None].repeat(40, axis=0)
    pattern = fit(random_noise(rng, channels=1), (40, 40), "L", grey=True)
    assert measure(pixels, add(pixels, pattern, alpha), pattern, alpha).survival == pytest.approx(1)
    assert measure(pixels, pixels, pattern, np.zeros_like(alpha)).survival == 1


def test_sixteen_bit_changes_are_reported_in_levels(rng):
    pixels = rng.integers(9_000, 50_000, (30, 30, 1)).astype(np.uint16)
    pattern = fit(np.full((1, 2, 2), 8, np.int8), (30, 30), "L", grey=True)
    measured = measure(pixels, add(pixels, pattern), pattern)
    assert measured.linf == 8
    assert measured.survival == pytest.approx(1)
    assert measured.psnr == pytest.approx(20 * np.log10(255 / 8), rel=1e-6)


def test_ssim_agrees_with_its_definition_on_one_window(rng):
    x, y = (rng.integers(0, 256, (8, 8, 1)).astype(np.uint8) for _ in range(2))
    a, b = x.astype(float).ravel(), y.astype(float).ravel()
    small_1, small_2 = 2.55**2, 7.65**2
    both = np.mean((a - a.mean()) * (b - b.mean()))
    expected = (2 * a.mean() * b.mean() + small_1) * (2 * both + small_2)
    expected /= (a.mean() ** 2 + b.mean() ** 2 + small_1) * (a.var() + b.var() + small_2)
    pattern = fit(np.zeros((1, 2, 2), np.int8), (8, 8), "L", grey=True)
    assert measure(x, y, pattern).ssim == pytest.approx(expected, rel=1e-4)
