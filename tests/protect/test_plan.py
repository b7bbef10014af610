"""Plans: which files, where to, in which category, and every refusal before anything is written."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import TypeCheckError
from PIL import Image

from unlearnable.protect import ProtectOptions, plan


def photo(path: Path, seed=0, size=(24, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(40, 216, (size[1], size[0], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def categories(job):
    return {item.source.key: item.category for item in job.items}


def outputs(job):
    return {item.source.key: item.output for item in job.items}


def test_sub_folders_are_categories_and_the_tree_is_mirrored(tmp_path):
    for name in ("top.png", "cats/a.png", "cats/deep/b.png", "dogs/c.png"):
        photo(tmp_path / "Photos" / name)
    job = plan([tmp_path / "Photos"], tmp_path / "out", ProtectOptions())
    assert categories(job) == {
        "top.png": "Photos",
        "cats/a.png": "cats",
        "cats/deep/b.png": "cats",
        "dogs/c.png": "dogs",
    }
    assert outputs(job) == {key: key for key in categories(job)}
    assert job.categories == {"Photos": 1, "cats": 2, "dogs": 1}
    assert not (tmp_path / "out").exists()


def test_several_inputs_keep_apart(tmp_path):
    photo(tmp_path / "a" / "x" / "1.png")
    photo(tmp_path / "b" / "x" / "1.png")
    single = photo(tmp_path / "c" / "2.png")
    job = plan([tmp_path / "a" / "x", tmp_path / "b" / "x", single], tmp_path / "out", ProtectOptions())
    assert categories(job) == {"x/1.png": "x", "x-2/1.png": "x", "2.png": "c"}


def test_one_category_for_all(tmp_path):
    photo(tmp_path / "in" / "a" / "1.png")
    photo(tmp_path / "in" / "2.png")
    job = plan([tmp_path / "in"], tmp_path / "out", ProtectOptions(category="me"))
    assert set(categories(job).values()) == {"me"}


def test_labels_decide_and_say_what_they_miss(tmp_path):
    for name in ("a/1.png", "2.png", "3.png"):
        photo(tmp_path / "in" / name)
    labels = tmp_path / "labels.csv"
    labels.write_text('\ufefffile,category\na/1.png,cat\n"2.png","dog, large"\ngone.png,cat\n', encoding="utf-8")
    job = plan([tmp_path / "in"], tmp_path / "out", ProtectOptions(labels=labels))
    assert categories(job) == {"a/1.png": "cat", "2.png": "dog, large"}
    assert [failure.path.name for failure in job.failures] == ["3.png"]
    assert len(job.warnings) == 1
    assert "gone.png" in job.warnings[0]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a.png\n", "file,category"),
        ("a.png,x\na.png,y\n", "two categories"),
        ("file,category\n", "names no files"),
        ('a.png,"' + "x" * 140000, "quote that is not closed"),
    ],
)
def test_unusable_labels_are_usage_errors(tmp_path, text, word):
    photo(tmp_path / "in" / "a.png")
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(ValueError, match=word):
        plan([tmp_path / "in"], tmp_path / "out", ProtectOptions(labels=tmp_path / "labels.csv"))
    with pytest.raises(ValueError, match="cannot be read"):
        plan([tmp_path / "in"], tmp_path / "out", ProtectOptions(labels=tmp_path / "none.csv"))


@pytest.mark.parametrize("order", [1, -1])
def test_two_photos_never_want_one_output(tmp_path, order):
    names = ["a.jpg", "a.png", "a.jpg.png", "b.jpg", "c.jpg", "c.jpeg"][::order]
    for name in names:
        photo(tmp_path / "in" / name)
    job = plan([tmp_path / "in"], tmp_path / "out", ProtectOptions(output_format="png"))
    places = outputs(job)
    assert len(set(places.values())) == len(names)
    assert places["a.png"] == "a.png"
    assert places["a.jpg.png"] == "a.jpg.png"
    assert places["a.jpg"] == "a.jpg-2.png"
    assert places["b.jpg"] == "b.png"
    assert (places["c.jpg"], places["c.jpeg"]) == ("c.jpg.png", "c.jpeg.png")


def test_hidden_files_are_passed_over_and_special_files_are_named(tmp_path):
    photo(tmp_path / "in" / "a.png")
    photo(tmp_path / "in" / ".cache" / "b.png")
    photo(tmp_path / "in" / ".b.png")
    (tmp_path / "in" / "Thumbs.db").write_bytes(b"x")
    os.mkfifo(tmp_path / "in" / "pipe.png")
    job = plan([tmp_path / "in"], tmp_path / "out", ProtectOptions())
    assert list(categories(job)) == ["a.png"]
    assert [(failure.path.name, failure.reason) for failure in job.failures] == [
        ("pipe.png", "it is not a regular file")
    ]


def test_folder_loops_end_and_links_to_the_output_are_passed_over(tmp_path):
    photo(tmp_path / "in" / "a" / "1.png")
    (tmp_path / "in" / "a" / "up").symlink_to(tmp_path / "in", target_is_directory=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "results").symlink_to(tmp_path / "out", target_is_directory=True)
    job = plan([tmp_path / "in"], tmp_path / "out", ProtectOptions())
    assert [item.source.path.resolve() for item in job.items] == [tmp_path / "in" / "a" / "1.png"]


def overlap(tmp_path, kind):
    inside = tmp_path / "in"
    photo(inside / "a" / "1.png")
    (tmp_path / "link").symlink_to(inside, target_is_directory=True)
    return {
        "same": ([inside], inside),
        "inside": ([inside], inside / "out"),
        "around": ([inside], tmp_path),
        "by link": ([inside], tmp_path / "link" / "out"),
        "dots": ([inside], inside / "a" / ".." / "out"),
        "of a file": ([inside / "a" / "1.png"], inside / "a"),
    }[kind]


@pytest.mark.parametrize("kind", ["same", "inside", "around", "by link", "dots", "of a file"])
def test_overlapping_paths_are_refused(tmp_path, kind):
    inputs, output = overlap(tmp_path, kind)
    with pytest.raises(ValueError, match="overlaps|inside the output"):
        plan(inputs, output, ProtectOptions())


def test_foreign_outputs_and_missing_inputs_are_refused(tmp_path):
    photo(tmp_path / "in" / "a.png")
    photo(tmp_path / "mine" / "b.png")
    (tmp_path / "file").write_text("x")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear reader")
    options = ProtectOptions()
    with pytest.raises(ValueError, match="files of its own"):
        plan([tmp_path / "in"], tmp_path / "mine", options)
    with pytest.raises(ValueError, match="is a file"):
        plan([tmp_path / "in"], tmp_path / "file", options)
    with pytest.raises(ValueError, match="no file or folder"):
        plan([tmp_path / "gone"], tmp_path / "out", options)
    with pytest.raises(ValueError, match="no photos found"):
        plan([tmp_path / "letters"], tmp_path / "out", options)
    with pytest.raises(ValueError, match="at least one"):
        plan([], tmp_path / "out", options)


def test_where_there_are_no_photos_it_is_said_what_was_in_the_way(tmp_path, monkeypatch):
    def denied(folder):
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("dear reader")
    with pytest.raises(ValueError, match=r"no photos found in .*in \(.*a\.txt: it is not a picture\)"):
        plan([tmp_path / "in"], tmp_path / "out", ProtectOptions())
    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(ValueError, match="the folder cannot be read: Permission denied"):
        plan([tmp_path / "in"], tmp_path / "out", ProtectOptions())


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": 0.0},
        {"epsilon": float("nan")},
        {"output_format": "gif"},
        {"category": " "},
        {"category": "a", "labels": Path("l.csv")},
    ],
)
def test_unusable_options_are_refused(wrong):
    # in the test run the type checker is quicker than the validation of a Literal
    with pytest.raises((ValueError, TypeCheckError), match="got|empty|Literal"):
        ProtectOptions(**wrong)


def test_a_link_to_itself_is_one_failure_and_the_rest_goes_on(tmp_path):
    photo(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "self").symlink_to(tmp_path / "in" / "self")
    job = plan([tmp_path / "in"], tmp_path / "out", ProtectOptions())
    assert categories(job) == {"a.png": "in"}
    assert [(failure.path.name, "cannot be read" in failure.reason) for failure in job.failures] == [("self", True)]
