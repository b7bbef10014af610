"""Every option of `protect` and `prove` changes what it says it changes."""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unlearnable.cli._app import run
from unlearnable.evaluation.photos import PhotoProof
from unlearnable.evaluation.proof import Plan
from unlearnable.jobs import proving
from unlearnable.jobs.owner import OWNER_KEY
from unlearnable.jobs.pairs import read_helpers, read_pairs
from unlearnable.protect import Entry, ledger

REPORT = Path(__file__).resolve().parents[2] / "results" / "proofs" / "photos-caltech20" / "photos-64" / "report.json"


def photographs(root: Path, categories: dict[str, int], seed: int = 0) -> Path:
    generator = np.random.default_rng(seed)
    for name, count in categories.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            small = Image.fromarray(generator.integers(60, 200, (6, 8, 3), dtype=np.uint8))
            small.resize((80, 60), Image.Resampling.BICUBIC).save(root / name / f"{name}-{number}.jpg", quality=95)
    return root


@pytest.fixture(autouse=True)
def _a_known_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OWNER_KEY, "test")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return photographs(tmp_path / "photos", {"ann": 3, "bob": 2})


def protected(photos: Path, name: str, *options: str) -> dict[str, Entry]:
    target = photos.with_name(name)
    assert run(["protect", str(photos), "-o", str(target), "--jobs", "1", "-q", *options]) == 0
    return {entry.source: entry for entry in ledger.read(target).values()}


def largest_change(photos: Path, entries: dict[str, Entry], name: str) -> int:
    changes = [
        np.asarray(Image.open(photos.with_name(name) / entry.output)).astype(int)
        - np.asarray(Image.open(photos / entry.source)).astype(int)
        for entry in entries.values()
    ]
    return max(int(abs(change).max()) for change in changes)


@pytest.mark.parametrize(("strength", "levels"), [("low", 4), ("medium", 8), ("high", 16)])
def test_strength_is_how_much_a_pixel_changes(photos: Path, strength: str, levels: int) -> None:
    entries = protected(photos, "out", "--strength", strength, "--format", "png")
    assert {entry.parameters["epsilon"] for entry in entries.values()} == {levels}
    assert largest_change(photos, entries, "out") == levels


@pytest.mark.parametrize(
    ("format", "kind", "lossless"), [("keep", "JPEG", False), ("png", "PNG", True), ("webp", "WEBP", True)]
)
def test_format_is_the_type_of_the_files(photos: Path, format: str, kind: str, lossless: bool) -> None:
    entries = protected(photos, "out", "--format", format)
    assert len(entries) == 5
    for entry in entries.values():
        assert Image.open(photos.with_name("out") / entry.output).format == kind
        assert entry.lossless == lossless


def test_labels_name_the_categories(photos: Path) -> None:
    labels = photos.with_name("labels.csv")
    labels.write_text(
        "file_name,category\n"
        + "".join(f"{'ann'}/ann-{n}.jpg,me\n" for n in range(3))
        + "bob/bob-0.jpg,me\nbob/bob-1.jpg,you\n"
    )
    entries = protected(photos, "out", "--labels", str(labels))
    assert sorted(entry.category for entry in entries.values()) == ["me"] * 4 + ["you"]
    assert entries["bob/bob-1.jpg"].category == "you"


def test_the_owners_secret_chooses_the_noise(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def codes(name: str, *options: str) -> list[int]:
        return [entry.code for _, entry in sorted(protected(photos, name, *options).items())]

    files = []
    for secret in ("test", "another"):
        files.append(photos.with_name(f"{secret}.key"))
        files[-1].write_text(secret)
    usual = codes("usual")
    assert codes("same", "--owner-key", str(files[0])) == usual
    assert codes("other", "--owner-key", str(files[1])) != usual
    monkeypatch.setenv(OWNER_KEY, "another")
    assert codes("environment") != usual


def test_a_category_that_is_there_keeps_its_noise_whoever_adds_another(photos: Path) -> None:
    before = protected(photos, "out")
    photographs(photos, {"eve": 2}, seed=1)
    other = photos.with_name("other.key")
    other.write_text("another")
    after = protected(photos, "out", "--owner-key", str(other))
    assert {name: after[name].code for name in before} == {name: entry.code for name, entry in before.items()}
    assert len({entry.code for entry in after.values()}) == 3


@dataclass
class Trained:
    plans: list[Plan] = field(default_factory=list)

    def __call__(self, plan: Plan, **options: Any) -> dict[str, Any]:
        self.plans.append(plan)
        proof: dict[str, Any] = json.loads(REPORT.read_text(encoding="utf-8"))
        return proof


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Trained:
    """Stands in for the trainings, which have tests of their own."""
    found = Trained()
    monkeypatch.setattr(proving, "prove", found)
    return found


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    photos = photographs(tmp_path / "mine", {"ann": 12, "bob": 12})
    protected(photos, "mine.protected")
    return [str(photos), str(photos.with_name("mine.protected"))]


def test_prove_takes_its_options(trained: Trained, pair: list[str], tmp_path: Path) -> None:
    others = photographs(tmp_path / "others", {"carl": 10, "dora": 10}, seed=2)
    options = [
        "--seeds",
        "3",
        "--epochs",
        "4",
        "--category",
        "me",
        "--with",
        str(others),
        "-o",
        str(tmp_path / "there"),
    ]
    assert run(["prove", *pair, "-q", *options]) == 0
    (plan,) = trained.plans
    assert (plan.seeds, plan.recipe.epochs) == ((0, 1, 2), 4)
    assert plan.test.classes == ("me", "with carl", "with dora")
    assert {plan.test.classes[label] for label in plan.test.labels} == {"me"}
    helpers = [key for key in plan.rows[0].train.keys if key.startswith("with/")]
    assert len(helpers) == 20
    assert (tmp_path / "there" / "report.html").is_file()


def test_quick_is_one_short_training_of_each(trained: Trained, pair: list[str]) -> None:
    assert run(["prove", *pair, "-q", "--quick"]) == 0
    assert run(["prove", *pair, "-q", "--limit", "22"]) == 0
    quick, limited = trained.plans
    assert (quick.seeds, quick.recipe.epochs) == ((0,), proving.QUICK_EPOCHS)
    assert quick.about["photos"] == 24
    assert limited.about["photos"] == 22
    assert limited.recipe.epochs > proving.QUICK_EPOCHS


def test_a_report_without_pictures_has_none(trained: Trained, pair: list[str]) -> None:
    page = Path(pair[1] + ".proof") / "report.html"
    assert run(["prove", *pair, "-q"]) == 0
    assert "data:image/" in page.read_text(encoding="utf-8")
    assert "ann-" in page.read_text(encoding="utf-8")
    assert run(["prove", *pair, "-q", "--no-pictures"]) == 0
    assert "data:image/" not in page.read_text(encoding="utf-8")
    assert "ann-" not in page.read_text(encoding="utf-8")


def test_photos_that_another_tool_protected_are_paired_by_their_paths(tmp_path: Path) -> None:
    photos = photographs(tmp_path / "mine", {"ann": 2, "bob": 2})
    theirs = photographs(tmp_path / "theirs", {"ann": 1, "bob": 2}, seed=1)
    pairs, entries = read_pairs([photos], theirs, None)
    assert entries == []
    assert [(pair.key, pair.category) for pair in pairs] == [
        ("ann/ann-0.jpg", "ann"),
        ("bob/bob-0.jpg", "bob"),
        ("bob/bob-1.jpg", "bob"),
    ]
    assert all(pair.clean == photos / pair.key and pair.protected == theirs / pair.key for pair in pairs)
    assert {pair.category for pair in read_pairs([photos], theirs, "me")[0]} == {"me"}


def test_helpers_are_named_apart_and_need_sub_folders(tmp_path: Path) -> None:
    others = photographs(tmp_path / "others", {"ann": 2})
    pairs = read_helpers([others])
    assert {(pair.category, pair.protected) for pair in pairs} == {("with ann", pair.clean) for pair in pairs}
    assert [pair.key for pair in pairs] == ["others/ann/ann-0.jpg", "others/ann/ann-1.jpg"]
    with pytest.raises(ValueError, match="has no sub-folders of photos"):
        read_helpers([others / "ann"])
    with pytest.raises(ValueError, match="there is no folder .*gone of other people's photos"):
        read_helpers([tmp_path / "gone"])


def test_a_proof_of_names_that_are_no_text_has_a_report(trained: Trained, tmp_path: Path) -> None:
    if sys.platform == "darwin":
        pytest.skip("this system has no names that are no text")
    photos = photographs(tmp_path / "mine", {"ann": 10})
    odd = Path(os.fsdecode(os.fsencode(photos) + b"/b\xff"))
    for number, file in enumerate(sorted((photos / "ann").glob("*.jpg"))):
        odd.mkdir(exist_ok=True)
        (odd / f"{number}.jpg").write_bytes(file.read_bytes())
    protected(photos, "out")
    assert run(["prove", str(photos), str(photos.with_name("out")), "-q"]) == 0
    assert "b\\udcff" in (tmp_path / "out.proof" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("place", ["mine", "mine/inside", "mine.protected", "mine.protected/proof"])
def test_a_report_does_not_lie_among_photos(
    pair: list[str], tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["prove", *pair, "-o", str(tmp_path / place)]) == 2
    assert "the report would lie among the photos of" in capsys.readouterr().err
    assert not list(tmp_path.rglob("report*"))


def test_what_cannot_be_written_or_used_is_said_before_anything_is_read(
    trained: Trained,
    pair: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PhotoProof, "plan", None)
    (tmp_path / "file.csv").write_text("mine")
    assert run(["prove", *pair, "-o", str(tmp_path / "file.csv")]) == 2
    assert run(["prove", *pair, "--device", "abacus"]) == 2
    said = capsys.readouterr().err
    assert "file.csv" in said
    assert "device must be auto" in said


def test_a_proof_that_cannot_be_leaves_no_folder(pair: list[str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run(["prove", pair[0], str(tmp_path / "empty")]) == 2
    assert run(["prove", pair[0], str(tmp_path / "absent")]) == 2
    assert not list(tmp_path.glob("*.proof"))


def test_the_folder_one_stands_in_has_a_name_too(
    trained: Trained, pair: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pair[1])
    assert run(["prove", "../mine", ".", "-q"]) == 0
    assert Path(pair[1] + ".proof", "report.html").is_file()
