"""Small pictures and samples."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from app.conftest import picture
from unlearnable.app.pictures import Gallery, chosen, samples, thumbnail
from unlearnable.jobs.protecting import prepare


def test_samples_are_of_different_categories_and_evenly_spread(tmp_path: Path) -> None:
    for person in range(5):
        for number in range(2):
            picture(tmp_path / "in" / f"p{person}" / f"{number}.png", 10 * person + number)
    job = prepare([tmp_path / "in"], tmp_path / "out")
    assert [item.category for item in chosen(job.plan.items)] == ["p0", "p1", "p3"]
    one = [replace(item, category="all") for item in job.plan.items]
    assert [item.source.key for item in chosen(one)] == ["p0/0.png", "p0/1.png", "p2/1.png"]
    assert len(chosen(one[:2])) == 2


def test_samples_show_the_very_files_and_say_what_could_not_be_protected(tmp_path: Path, photos: Path) -> None:
    gallery = Gallery()
    broken = photos / "ann" / "0.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n broken")
    made, problems = samples(prepare([photos], tmp_path / "out"), gallery)
    assert len(problems) == 1
    assert problems[0].startswith("ann/0.png: ")
    assert len(made) == 3, "others take their places"
    assert not (tmp_path / "out").exists(), "nothing is written where the copies will be"
    for sample in made:
        assert sample.checking > 0, "the check takes time too"
        content, kind = gallery.get(sample.before) or (b"", "")
        assert content == (photos / sample.name).read_bytes()
        assert kind in ("image/png", "image/jpeg")
        with Image.open(io.BytesIO((gallery.get(sample.difference) or (b"", ""))[0])) as drawn:
            assert np.asarray(drawn).std() > 5


def test_a_type_that_browsers_cannot_show_is_shown_without_loss(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "x.tiff", 0)
    gallery = Gallery()
    made, problems = samples(prepare([tmp_path / "in"], tmp_path / "out"), gallery)
    assert problems == []
    content, kind = gallery.get(made[0].before) or (b"", "")
    assert kind == "image/webp"
    with Image.open(io.BytesIO(content)) as shown, Image.open(tmp_path / "in" / "x.tiff") as original:
        assert np.array_equal(np.asarray(shown), np.asarray(original))


def test_old_pictures_are_forgotten() -> None:
    gallery = Gallery(most=2)
    keys = [gallery.add(bytes([number]), "image/png") for number in range(3)]
    assert gallery.get(keys[0]) is None
    assert gallery.get(keys[2]) == (b"\x02", "image/png")
    assert len(set(keys)) == 3


def test_a_thumbnail_of_a_large_photo_decodes_little_or_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path / "x.jpg", 0, (1600, 1200))
    decoded: list[tuple[int, int]] = []
    transposed = ImageOps.exif_transpose

    def watched(image: Image.Image) -> Image.Image:
        decoded.append(image.size)
        return transposed(image)

    monkeypatch.setattr(ImageOps, "exif_transpose", watched)
    with Image.open(io.BytesIO(thumbnail(tmp_path / "x.jpg", 0.0))) as small:
        assert small.size == (96, 72)
    assert decoded == [(400, 300)]
    monkeypatch.setattr("unlearnable.app.pictures.MOST_PIXELS", 1_000_000)
    with pytest.raises(ValueError, match="too large"):
        thumbnail(tmp_path / "x.jpg", 1.0)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match="exceeds limit"):
        thumbnail(tmp_path / "x.jpg", 2.0)


def test_a_thumbnail_is_small_and_upright(tmp_path: Path) -> None:
    picture(tmp_path / "x.jpg", 0, (400, 300))
    with Image.open(tmp_path / "x.jpg") as opened:
        exif = Image.Exif()
        exif[0x0112] = 6
        opened.save(tmp_path / "turned.jpg", exif=exif)
    with Image.open(io.BytesIO(thumbnail(tmp_path / "turned.jpg", 0.0))) as small:
        assert small.size == (72, 96)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises((ValueError, OSError)):
        thumbnail(tmp_path / "broken.jpg", 0.0)
