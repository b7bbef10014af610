"""The whole corpus through plan, protect and check: nothing lost, nothing leaked, nothing raised."""

import errno
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from corpus.makers import build, camera_jpeg, good_files, multi_picture_jpeg
from unlearnable.protect import ProtectOptions, check, ledger, plan, protect, worker


def noise_and_codes(job, seed=0):
    rng = np.random.default_rng(seed)
    noise = {name: rng.choice(np.array([-8, 8], np.int8), (3, 16, 16)) for name in job.categories}
    return noise, {name: slot for slot, name in enumerate(job.categories)}


def snapshot(root):
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            status = path.lstat()
            content = b"" if stat.S_ISLNK(status.st_mode) else path.read_bytes()
            found[os.path.relpath(path, root)] = (content, status.st_mtime_ns, status.st_mode)
    return found


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpus") / "photos"
    root.mkdir()
    return root, *build(root, np.random.default_rng(0))


def test_the_corpus_is_large(corpus):
    _, good, bad = corpus
    assert len(good) + len(bad) > 100


@pytest.mark.parametrize("target", ["keep", "png", "webp"])
def test_every_file_is_protected_or_named_with_its_reason(corpus, tmp_path, target):
    root, good, bad = corpus
    if target != "keep":
        cannot = {"png": ("CMYK",), "webp": ("CMYK", "16 bits")}[target]
        lost = {name for name in good if "cmyk" in name.lower() or (target == "webp" and name.startswith("deep/"))}
        bad = {**bad, **dict.fromkeys(lost, "|".join(cannot))}
        good = good - lost
    before = snapshot(root)
    output = tmp_path / "out"
    job = plan([root], output, ProtectOptions(output_format=target))
    noise, codes = noise_and_codes(job)
    summary = protect(job, noise, codes, jobs=2 if target == "keep" else 1)

    assert snapshot(root) == before
    assert summary.exit_code == 1
    failed = {os.path.relpath(failure.path, root): failure.reason for failure in summary.failures}
    assert set(failed) == set(bad)
    for name, reason in failed.items():
        assert any(part in reason for part in bad[name].split("|")), (name, reason)
        assert "Error" not in reason
        assert "\n" not in reason
        assert len(reason) < 160
    entries = ledger.read(output)
    assert {entry.source for entry in entries.values()} == good
    assert len(entries) == summary.protected == len(good)
    on_disk = {
        os.path.relpath(os.path.join(folder, name), output) for folder, _, names in os.walk(output) for name in names
    }
    assert on_disk == set(entries) | {"manifest.jsonl"}
    if target == "keep":
        assert set(entries) == good
    for entry in entries.values():
        path = output / entry.output
        assert path.is_file()
        assert not path.is_symlink()
        assert path.stat().st_mtime_ns == (root / entry.source).stat().st_mtime_ns
        assert not entry.lossless or entry.measured["linf"] <= 8

    report = check(root, output, noise_for=noise)
    named = {row.source: row.problems for row in report.problems if row.output}
    weak = {entry.source for entry in entries.values() if entry.measured["survival"] < 0.6}
    assert set(named) == weak
    assert all("survival" in problem for problems in named.values() for problem in problems)
    again = protect(plan([root], output, ProtectOptions(output_format=target)), noise, codes)
    assert (again.protected, again.kept) == (0, len(good))


def test_no_clean_preview_reaches_any_output(tmp_path, rng):
    root, output = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    camera, secrets = camera_jpeg(rng)
    pair, second = multi_picture_jpeg(rng)
    (root / "camera.jpg").write_bytes(camera)
    (root / "pair.jpg").write_bytes(pair)
    with Image.open(root / "camera.jpg") as image:
        for suffix in ("png", "webp", "tif", "avif"):
            image.save(root / f"copy.{suffix}", exif=image.info["exif"], xmp=image.info["xmp"])
    for target in ("keep", "png", "webp"):
        job = plan([root], output / target, ProtectOptions(output_format=target))
        assert protect(job, *noise_and_codes(job)).protected == len(job.items)
    for folder, _, names in os.walk(output):
        for name in names:
            data = Path(folder, name).read_bytes()
            assert not any(part in data for part in (*secrets, second)), name


def test_read_only_sources_are_enough(tmp_path, rng):
    root = tmp_path / "in"
    root.mkdir()
    (root / "a.png").write_bytes(good_files(rng)["top.png"])
    (root / "a.png").chmod(0o400)
    root.chmod(0o500)
    try:
        job = plan([root], tmp_path / "out", ProtectOptions())
        assert protect(job, *noise_and_codes(job)).exit_code == 0
    finally:
        root.chmod(0o700)
    (tmp_path / "out" / "a.png").write_bytes(b"")  # the copy is the owner's, not read-only


def test_a_full_disk_stops_cleanly_and_the_next_run_goes_on(tmp_path, rng, monkeypatch):
    root, output = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    for number in range(5):
        (root / f"{number}.png").write_bytes(good_files(rng)["top.png"])
    job = plan([root], output, ProtectOptions())
    noise, codes = noise_and_codes(job)
    real, written = worker._write, []

    def full(path, data):
        written.append(path)
        if len(written) > 2:
            path.write_bytes(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        real(path, data)

    monkeypatch.setattr(worker, "_write", full)
    summary = protect(job, noise, codes)
    assert (summary.protected, summary.stopped, summary.not_reached) == (2, "the disk is full", 2)
    assert [failure.reason for failure in summary.failures] == ["the disk is full"]
    assert sorted(os.listdir(output)) == ["0.png", "1.png", "manifest.jsonl"]
    monkeypatch.undo()
    summary = protect(plan([root], output, ProtectOptions()), noise, codes)
    assert (summary.protected, summary.kept, summary.exit_code) == (3, 2, 0)


def test_a_full_disk_under_the_manifest_stops_cleanly_too(tmp_path, rng, monkeypatch):
    root, output = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    for number in range(3):
        (root / f"{number}.png").write_bytes(good_files(rng)["top.png"])
    job = plan([root], output, ProtectOptions())
    noise, codes = noise_and_codes(job)

    def full(self, entry):
        self._file.write(b'{"kind": "fi')
        self._file.flush()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ledger.Ledger, "add", full)
    summary = protect(job, noise, codes)
    assert (summary.stopped, summary.exit_code) == ("the disk is full", 1)
    monkeypatch.undo()
    summary = protect(plan([root], output, ProtectOptions()), noise, codes)
    assert (summary.protected, summary.exit_code) == (3, 0)
    assert all(json.loads(line) for line in (output / "manifest.jsonl").read_bytes().splitlines())
