"""A proof on photo files, from folders to a trained verdict."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unlearnable import Runtime
from unlearnable._types import Progress
from unlearnable.app.work import READING
from unlearnable.evaluation import published
from unlearnable.evaluation.photos import EXPORTS, PhotoProof, TooFewPhotosError
from unlearnable.evaluation.proof import prove
from unlearnable.evaluation.published import Pair
from unlearnable.exploiters import countermeasure
from unlearnable.training.recipes import recipe

QUICK = replace(recipe("tiny"), epochs=3, batch_size=16, image_size=24)


def make(root: Path, name: str, colour: tuple[int, int, int], count: int, seed: int) -> list[Pair]:
    """Photos of one category: a colour under noise; the `protected` copies are shifted by 5 levels."""
    generator = np.random.default_rng(seed)
    pairs = []
    for number in range(count):
        pixels = np.clip(np.array(colour) + generator.integers(-40, 41, (40, 60, 3)), 5, 250).astype(np.uint8)
        files = []
        for kind, shift in (("clean", 0), ("protected", 5)):
            file = root / kind / name / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels + np.uint8(shift)).save(file)
            files.append(file)
        pairs.append(Pair(key=f"{name}/{number}.png", category=name, clean=files[0], protected=files[1]))
    return pairs


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    return make(tmp_path, "red", (160, 90, 90), 16, 0) + make(tmp_path, "blue", (90, 90, 160), 16, 1)


def test_rows_hold_the_published_files(pairs: list[Pair]) -> None:
    plan = PhotoProof(recipe=QUICK, seeds=(0,)).plan(pairs, about={"name": "x", "noun": "photos"})
    rows = {row.name: row for row in plan.rows}
    assert list(rows) == [
        "clean",
        "random",
        "smooth",
        "protected",
        "gray",
        "resize:0.5",
        "jpeg:75",
        "jpeg:10",
        "orthogonal-projection",
    ]
    assert len(plan.test) == 8
    assert len(rows["clean"].train) == 24
    shift = rows["protected"].train.pixels.astype(int) - rows["clean"].train.pixels
    assert np.abs(shift - 5).max() <= 1
    gray = rows["gray"].train.pixels
    assert (gray[:, 0] == gray[:, 1]).all()
    assert (rows["jpeg:10"].train.pixels != rows["protected"].train.pixels).any()
    random = rows["random"].train.pixels.astype(int) - rows["clean"].train.pixels
    assert 4 <= np.abs(random).max() <= 8
    assert all(
        row.treated_test is not None for row in plan.rows if row.kind == "countermeasure" and row.name in EXPORTS
    )
    projected = rows["orthogonal-projection"]
    assert projected.countermeasure == "orthogonal-projection"
    assert (projected.train.pixels == rows["protected"].train.pixels).all()
    assert plan.test.pixels.shape[2:] == (27, 27)
    smooth = rows["smooth"].train.pixels.astype(int) - rows["clean"].train.pixels
    assert np.abs(smooth).max() == 8
    ceilings = {row.name: row for row in plan.ceilings}
    assert list(ceilings) == [*EXPORTS, "orthogonal-projection"]
    clean = ceilings["gray"].train.pixels
    assert (clean[:, 0] == clean[:, 1]).all()
    assert np.abs(clean[:, 0].astype(int) + 5 - gray[:, 0]).max() <= 1
    assert ceilings["gray"].treated_test is rows["gray"].treated_test
    assert ceilings["orthogonal-projection"].countermeasure == "orthogonal-projection"
    assert (ceilings["orthogonal-projection"].train.pixels == rows["clean"].train.pixels).all()


def test_large_photos_are_treated_at_the_size_that_sites_show(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    files = []
    for number, size in enumerate([(720, 730), (1500, 1440)]):
        files.append(tmp_path / f"{number}.png")
        small = Image.fromarray(generator.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        small.resize(size, Image.Resampling.BICUBIC).save(files[-1])
    seen = []

    def sanitize(self: object, pixels: np.ndarray, labels: np.ndarray, runtime: Runtime) -> np.ndarray:
        seen.append(pixels.shape[2:])
        return pixels

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(countermeasure("gray")), "sanitize", sanitize)
        published.load_files(files, size=16, sanitise=["gray"])
    assert sorted(seen) == [(720, 750), (730, 720)]


def test_reading_counts_every_photo_once_towards_one_total(pairs: list[Pair], tmp_path: Path) -> None:
    helpers = make(tmp_path / "others", "with green", (90, 160, 90), 10, 2)
    told: list[Progress] = []
    PhotoProof(recipe=QUICK, exports=("gray",)).plan(pairs, helpers=helpers, about={}, report=told.append)
    assert [now.done for now in told] == list(range(1, 24 + 24 + 8 + 10 + 1))
    assert {(now.total, now.note) for now in told} == {(66, READING)}


def test_a_proof_on_photos_runs_to_a_verdict(pairs: list[Pair]) -> None:
    layout = PhotoProof(recipe=QUICK, seeds=(0,), exports=("gray",), loaded=("mean-shift",))
    proof = prove(layout.plan(pairs, about={"name": "x", "noun": "photos"}), runtime=Runtime.auto("cpu"))
    assert [row["name"] for row in proof["rows"]] == ["clean", "random", "smooth", "protected", "gray", "mean-shift"]
    assert proof["about"]["photos"] == 32
    assert proof["rows"][0]["best"] > 90


def test_other_peoples_photos_stay_clean_and_are_not_tested(tmp_path: Path, pairs: list[Pair]) -> None:
    mine = [pair for pair in pairs if pair.category == "red"]
    with pytest.raises(TooFewPhotosError, match="10 photos or more; add photos of yours, or name a folder of other"):
        PhotoProof(recipe=QUICK).plan(mine, about={})
    helpers = make(tmp_path / "others", "with green", (90, 160, 90), 20, 2)
    plan = PhotoProof(recipe=QUICK).plan(mine, helpers=helpers, about={})
    assert {plan.test.classes[label] for label in plan.test.labels} == {"red"}
    treated = set()
    for row in (*plan.rows, *plan.ceilings):
        kept = row.train.subset([key.startswith("with/") for key in row.train.keys])
        assert len(kept) == 20
        clean = plan.rows[0].train.by_keys(kept.keys)
        if (kept.pixels != clean.pixels).any():
            treated.add(row.name)
        if row.name == "gray":  # as the owner's are: grey alone would say whose a photo is
            assert (kept.pixels[:, 0] == kept.pixels[:, 1]).all()
    assert treated == set(EXPORTS)
    assert plan.chance == pytest.approx(100 * 12 / 32)


def test_small_categories_are_left_out_and_named(tmp_path: Path, pairs: list[Pair]) -> None:
    few = make(tmp_path / "few", "tiny", (0, 0, 0), 3, 3)
    plan = PhotoProof(recipe=QUICK).plan(pairs + few, about={})
    assert plan.about["categories_left_out"] == ["tiny"]
    said = "3 protected photos in 1 category, 1 of them with fewer than 10 .* add photos of yours$"
    with pytest.raises(TooFewPhotosError, match=said):
        PhotoProof(recipe=QUICK).plan(few, about={})


def test_the_limit_draws_evenly(tmp_path: Path) -> None:
    many = make(tmp_path, "a", (90, 90, 90), 40, 0) + make(tmp_path, "b", (90, 90, 160), 20, 1)
    plan = PhotoProof(recipe=QUICK, limit=30, exports=()).plan(many, about={})
    assert plan.about["photos"] == 30
    assert plan.about["photos_given"] == 60


def test_a_broken_published_file_is_named(pairs: list[Pair]) -> None:
    for pair in pairs:
        pair.protected.write_bytes(b"\x89PNG broken")
    with pytest.raises(ValueError, match=r"protected.*\.png is not a readable image"):
        PhotoProof(recipe=QUICK).plan(pairs, about={})
